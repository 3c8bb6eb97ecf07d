/** The users of an app: how they come, what they may change, and what the app's owner does with them. */
import { deleteClientKeysOf, type UserCaller } from '#domains/accounts'
import { invalid } from '#core/errors'
import { isUuid } from '#core/ids'
import type { Tx } from '#db/database'
import type { AuthContext } from './context.ts'
import { requireGoodNonce } from './nonces.ts'
import { hashPassword, type PasswordRules, requireGoodPassword } from './passwords.ts'
import { normalEmail, type Profile, requireGoodProfile } from './profile.ts'
import { type SessionRules, startSession, type Tokens } from './sessions.ts'
import { deleteSessionsOf } from './sessions.sql.ts'
import { emailTaken, storeOf } from './store.ts'
import { userGone, userNotFound } from './tokens.ts'
import {
  deleteUserRow,
  insertUser,
  type NewUser,
  selectUser,
  selectUsers,
  updateUserRow,
  type User,
  type UserPatch,
  type UserPosition,
} from './users.sql.ts'

export type SignUp = Profile & { email: string; password: string; passwordRules: PasswordRules }

/**
 * Makes a user, and nothing else.
 * @throws `invalid` invalid_email, weak_password or invalid_profile; `conflict` email_taken
 */
export async function signUp(ctx: AuthContext, request: SignUp): Promise<User> {
  const fresh = await checkedSignUp(request)
  const user = await insertUser(storeOf(ctx).query, fresh)
  if (!user) throw emailTaken()
  ctx.signInHooks.afterSignIn(ctx, { event: 'signup', user })
  return user
}

/** As `signUp`, and the new user is signed in. */
export async function signUpAndIn(
  ctx: AuthContext,
  request: SignUp,
  rules: SessionRules,
): Promise<Tokens> {
  const fresh = await checkedSignUp(request)
  return startSession(ctx, rules, async (tx) => {
    const user = await insertUser(tx, fresh)
    if (!user) throw emailTaken()
    return { event: 'signup', user }
  })
}

/** The password is hashed for taken addresses too, so both answers take as long. */
async function checkedSignUp({ passwordRules, password, ...given }: SignUp): Promise<NewUser> {
  const email = normalEmail(given.email)
  requireGoodPassword(password, passwordRules)
  requireGoodProfile(given)
  const { displayName, userMetadata } = given
  return { email, passwordHash: await hashPassword(password), displayName, userMetadata }
}

/** The user, unless there is none of that id. */
export async function findUser(ctx: AuthContext, id: string): Promise<User | undefined> {
  return isUuid(id) ? selectUser(storeOf(ctx).query, id) : undefined
}

export type UserChanges = {
  email?: string | undefined
  password?: string | undefined
  /** Replaces all of it. */
  userMetadata?: Record<string, unknown> | undefined
  /** A secret that is good once and confirms the change; when given it must be good. */
  nonce?: string | undefined
  passwordRules: PasswordRules
}

/**
 * What users change of themselves. A new password ends their other sessions.
 * @throws `invalid` invalid_email, weak_password, invalid_profile or invalid_nonce;
 *   `conflict` email_taken; `unauthenticated` invalid_token when the user is gone
 */
export async function changeUser(
  ctx: AuthContext,
  caller: UserCaller,
  changes: UserChanges,
): Promise<User> {
  const { password, userMetadata, nonce, passwordRules } = changes
  const email = changes.email === undefined ? undefined : normalEmail(changes.email)
  if (password !== undefined) requireGoodPassword(password, passwordRules)
  requireGoodProfile({ userMetadata: userMetadata ?? {} })
  if (!isUuid(caller.userId)) throw userGone()
  const passwordHash = password === undefined ? undefined : await hashPassword(password)
  const user = await storeOf(ctx).transaction(async (tx) => {
    if (nonce !== undefined) await requireGoodNonce(tx, ctx, { userId: caller.userId, nonce })
    const changed = await updated(tx, caller.userId, { email, passwordHash, userMetadata })
    if (passwordHash !== undefined) {
      await deleteSessionsOf(tx, { userId: caller.userId, except: caller.sessionId })
    }
    return changed
  })
  if (passwordHash !== undefined) await ctx.identifier.ended(ctx.app.id, caller.userId)
  return user
}

async function updated(tx: Tx, id: string, patch: UserPatch): Promise<User> {
  const user = await updateUserRow(tx, id, patch)
  if (!user) throw userGone()
  return user
}

export type UserPage = { users: User[]; nextCursor: string | null }

/**
 * Users, newest first.
 * @param page `cursor` from the page before; `limit` 1 to 200
 * @throws `invalid` bad_cursor
 */
export async function listUsers(
  ctx: AuthContext,
  { cursor, limit }: { cursor: string | undefined; limit: number },
): Promise<UserPage> {
  const after = cursor === undefined ? undefined : readCursor(cursor)
  const rows = await selectUsers(storeOf(ctx).query, { after, limit: limit + 1 })
  const users = rows.slice(0, limit)
  const last = rows.length > limit ? users.at(-1) : undefined
  return { users, nextCursor: last ? writeCursor(last) : null }
}

const writeCursor = ({ position, id }: { position: string; id: string }): string =>
  Buffer.from(`${position} ${id}`).toString('base64url')

const POSITION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

function readCursor(cursor: string): UserPosition {
  const [createdAt = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(' ')
  if (!POSITION.test(createdAt) || Number.isNaN(Date.parse(createdAt)) || !isUuid(id)) {
    throw invalid('bad_cursor', 'cursor: this is not a cursor of this list')
  }
  return { createdAt, id }
}

/** The user with all sessions and client keys, at once. @throws `not_found` user_not_found */
export async function deleteUser(
  ctx: AuthContext,
  id: string,
): Promise<{ id: string; email: string }> {
  const deleted = isUuid(id)
    ? await storeOf(ctx).asService((tx) => deleteUserRow(tx, id))
    : undefined
  if (!deleted) throw userNotFound()
  await ctx.identifier.ended(ctx.app.id, id.toLowerCase())
  await deleteClientKeysOf(ctx, { appId: ctx.app.id, userId: id.toLowerCase() })
  return { id: id.toLowerCase(), email: deleted.email }
}
