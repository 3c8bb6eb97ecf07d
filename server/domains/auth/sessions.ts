/** Sessions: begun by a password, carried on by refresh tokens that are good once, ended at once. */
import { createHash } from 'node:crypto'
import { audit, type UserCaller } from '#domains/accounts'
import { forbidden, unauthenticated } from '#core/errors'
import { randomToken } from '#core/ids'
import type { Tx } from '#db/database'
import type { AuthContext } from './context.ts'
import type { SignInEvent } from './hooks.ts'
import { isPassword } from './passwords.ts'
import { emailIn } from './profile.ts'
import {
  deleteSession,
  deleteSessionsOf,
  deleteSurplusSessions,
  insertSession,
  markReused,
  rotateSession,
} from './sessions.sql.ts'
import { storeOf } from './store.ts'
import { accessTtlMs, MAX_TTL_MS, mintAccessToken, type TokenFamily } from './tokens.ts'
import {
  countFailure,
  countNobody,
  markSignedIn,
  type PasswordRow,
  selectPassword,
  type User,
} from './users.sql.ts'

/** What a client is given to act as a user. */
export type Tokens = {
  user: User
  accessToken: string
  /** 32 characters, good for one refresh. */
  refreshToken: string
  /** Seconds that the access token lives. */
  expiresIn: number
  /** Seconds that the refresh token lives. */
  refreshExpiresIn: number
}

/** What a dialect decides about the sessions it begins. */
export type SessionRules = {
  family: TokenFamily
  /** A new session ends the oldest ones beyond this many. Absent: no limit. */
  maxSessions?: number
}

const DAY_MS = 86_400_000

/** Wrong passwords in a row before the account is locked, and for how long. */
const MAX_FAILURES = 5
const LOCK_MS = 15 * 60_000

/** 24 random bytes are 32 characters. */
const REFRESH_TOKEN_BYTES = 24

/** How a secret that is good once is kept. */
export const hashOfToken = (token: string): Buffer => createHash('sha256').update(token).digest()

/**
 * Signs in by password. An unknown address and a wrong password take as long and fail alike.
 * @throws `unauthenticated` invalid_credentials, `forbidden` account_locked
 */
export async function signIn(
  ctx: AuthContext,
  { email, password }: { email: string; password: string },
  rules: SessionRules,
): Promise<Tokens> {
  const { query } = storeOf(ctx)
  const known = await passwordOf(query, email, ctx.clock())
  const matches = await isPassword(password, known?.passwordHash)
  if (!known || known.locked) {
    await countNobody(query)
    throw known ? accountLocked() : invalidCredentials()
  }
  const { id, passwordHash } = known
  if (!matches || passwordHash === null) {
    const lockedUntil = new Date(ctx.clock().getTime() + LOCK_MS)
    await countFailure(query, { id, now: ctx.clock(), maxFailures: MAX_FAILURES, lockedUntil })
    throw invalidCredentials()
  }
  return startSession(ctx, rules, async (tx) => {
    const user = await markSignedIn(tx, { id, passwordHash, now: ctx.clock() })
    if (user) return { event: 'login', user }
    // While the password was checked, others were wrong too often, or it was changed.
    const again = await passwordOf(tx, email, ctx.clock())
    throw again?.locked ? accountLocked() : invalidCredentials()
  })
}

/** Text that is no address is nobody's. */
async function passwordOf(tx: Tx, text: string, now: Date): Promise<PasswordRow | undefined> {
  const email = emailIn(text)
  return email === undefined ? undefined : selectPassword(tx, { email, now })
}

const invalidCredentials = () => unauthenticated('invalid_credentials', 'Invalid email or password')

const accountLocked = () =>
  forbidden('account_locked', 'The account is locked after too many wrong passwords', {
    hint: 'Wait 15 minutes, then try again.',
  })

/**
 * Begins a session for whom `arrive` finds or makes, in one transaction with it. `arrive` holds the user's
 * row locked, so that sessions of one user begin one after the other and the limit is kept.
 */
export async function startSession(
  ctx: AuthContext,
  rules: SessionRules,
  arrive: (tx: Tx) => Promise<SignInEvent>,
): Promise<Tokens> {
  const refreshToken = randomToken(REFRESH_TOKEN_BYTES)
  const now = ctx.clock()
  const begun = await storeOf(ctx).transaction(async (tx) => {
    const event = await arrive(tx)
    const sessionId = await insertSession(tx, {
      userId: event.user.id,
      refreshTokenHash: hashOfToken(refreshToken),
      expiresAt: sessionEnd(ctx, now),
      ip: ctx.ip,
      userAgent: ctx.userAgent,
    })
    const keep = rules.maxSessions ?? null
    const ended = await deleteSurplusSessions(tx, { userId: event.user.id, keep, now })
    return { event, sessionId, ended }
  })
  for (const id of begun.ended) await ctx.identifier.ended(ctx.app.id, id)
  ctx.signInHooks.afterSignIn(ctx, begun.event)
  const { sessionId, event } = begun
  return tokensOf(ctx, { user: event.user, sessionId, refreshToken, family: rules.family })
}

/**
 * Takes a refresh token that is good once and gives new tokens of the same session.
 * One that was used before is refused and told as a security event; the session goes on.
 * @throws `unauthenticated` invalid_refresh_token
 */
export async function refreshSession(
  ctx: AuthContext,
  token: string,
  family: TokenFamily,
): Promise<Tokens> {
  const { query } = storeOf(ctx)
  const now = ctx.clock()
  const old = hashOfToken(token)
  const refreshToken = randomToken(REFRESH_TOKEN_BYTES)
  const next = hashOfToken(refreshToken)
  const rotated = await rotateSession(query, { old, next, now, expiresAt: sessionEnd(ctx, now) })
  if (!rotated) {
    await reportReuse(ctx, old)
    throw unauthenticated('invalid_refresh_token', 'Invalid or expired refresh token')
  }
  const { sessionId, ...user } = rotated
  return tokensOf(ctx, { user, sessionId, refreshToken, family })
}

async function reportReuse(ctx: AuthContext, hash: Buffer): Promise<void> {
  const reused = await markReused(storeOf(ctx).query, { hash, now: ctx.clock() })
  if (!reused) return
  const { sessionId, userId } = reused
  ctx.log.warn({ appId: ctx.app.id, sessionId, userId }, 'a spent refresh token was used again')
  await audit(ctx, {
    appId: ctx.app.id,
    category: 'auth',
    eventType: 'auth.refresh_token_reused',
    action: 'denied',
    resourceType: 'session',
    resourceId: sessionId,
    data: { userId },
    success: false,
  })
}

/** Ends the session that the caller's token belongs to; a token without one stays good until it expires. */
export async function signOut(ctx: AuthContext, { sessionId, userId }: UserCaller): Promise<void> {
  if (sessionId === undefined) return
  await deleteSession(storeOf(ctx).query, { id: sessionId, userId })
  await ctx.identifier.ended(ctx.app.id, sessionId)
}

/** Ends every session of the user. */
export async function signOutEverywhere(ctx: AuthContext, userId: string): Promise<void> {
  await deleteSessionsOf(storeOf(ctx).query, { userId })
  await ctx.identifier.ended(ctx.app.id, userId)
}

const refreshTtlMs = ({ app }: AuthContext): number =>
  Math.min(Math.max(1, app.jwtConfig.refreshTokenTtlDays) * DAY_MS, MAX_TTL_MS)

const sessionEnd = (ctx: AuthContext, now: Date): Date =>
  new Date(now.getTime() + refreshTtlMs(ctx))

type Begun = { user: User; sessionId: string; refreshToken: string; family: TokenFamily }

async function tokensOf(ctx: AuthContext, { refreshToken, ...begun }: Begun): Promise<Tokens> {
  const { apps, app, clock } = ctx
  return {
    user: begun.user,
    accessToken: await mintAccessToken({ apps, app, now: clock(), ...begun }),
    refreshToken,
    expiresIn: Math.floor(accessTtlMs(app) / 1000),
    refreshExpiresIn: Math.floor(refreshTtlMs(ctx) / 1000),
  }
}
