import type { Tx } from '#db/database'
import { type Fragment, join, raw, sql } from '#db/sql'

/** Somebody who signs in to the app; never with a secret. */
export type User = {
  id: string
  email: string
  emailVerified: boolean
  /** The application's word, not a role of the database. */
  role: string
  displayName: string | null
  avatarUrl: string | null
  provider: string
  providerUid: string | null
  userMetadata: Record<string, unknown>
  appMetadata: Record<string, unknown>
  lastSignInAt: Date | null
  createdAt: Date
  updatedAt: Date
}

const NAMES = [
  'id',
  'email',
  'email_verified',
  'role',
  'display_name',
  'avatar_url',
  'provider',
  'provider_uid',
  'user_metadata',
  'app_metadata',
  'last_sign_in_at',
  'created_at',
  'updated_at',
]

/** The columns of a User; those of `alias` where a statement joins. */
export const userColumns = (alias = 'users'): Fragment =>
  join(NAMES.map((name) => raw(`${alias}.${name}`)))

/** True for a user row (`u`) that is locked at `now`. */
export const isLockedAt = (now: Date): Fragment =>
  sql`(u.is_locked and (u.locked_until is null or u.locked_until > ${now}))`

export type NewUser = {
  email: string
  passwordHash: string
  displayName: string | null
  userMetadata: Record<string, unknown>
}

/** Nothing when the address is taken. */
export async function insertUser(tx: Tx, user: NewUser): Promise<User | undefined> {
  const [row] = await tx<User>`
    insert into auth.users (email, password_hash, display_name, user_metadata)
    values (${user.email}, ${user.passwordHash}, ${user.displayName}, ${JSON.stringify(user.userMetadata)})
    on conflict (email) do nothing returning ${userColumns()}`
  return row
}

export async function selectUser(tx: Tx, id: string): Promise<User | undefined> {
  const [row] = await tx<User>`select ${userColumns()} from auth.users where id = ${id}`
  return row
}

export type PasswordRow = { id: string; passwordHash: string | null; locked: boolean }

export async function selectPassword(
  tx: Tx,
  { email, now }: { email: string; now: Date },
): Promise<PasswordRow | undefined> {
  const [row] = await tx<PasswordRow>`
    select u.id, u.password_hash, ${isLockedAt(now)} as locked from auth.users u where u.email = ${email}`
  return row
}

export type Failure = { id: string; now: Date; maxFailures: number; lockedUntil: Date }

/** Counts one wrong password; the last one allowed locks. A lock that ran out begins a new count. */
export async function countFailure(
  tx: Tx,
  { id, now, maxFailures, lockedUntil }: Failure,
): Promise<void> {
  const failures = sql`(case when u.locked_until <= ${now} then 1 else u.failed_login_attempts + 1 end)`
  await tx`
    update auth.users u set
      failed_login_attempts = ${failures},
      is_locked = ${failures} >= ${maxFailures}::int,
      locked_until = case when ${failures} >= ${maxFailures}::int then ${lockedUntil}::timestamptz end
    where u.id = ${id} and not ${isLockedAt(now)}`
}

/**
 * A commit like that of `countFailure`, which changes nothing. Without it an address that is unknown, or locked, would
 * be refused sooner than one whose password was wrong, by as much as the disk takes.
 */
export async function countNobody(tx: Tx): Promise<void> {
  await tx`select pg_logical_emit_message(true, 'stead', '')`
}

/** Nothing when the password was changed or the account locked since the password was checked. */
export async function markSignedIn(
  tx: Tx,
  { id, passwordHash, now }: { id: string; passwordHash: string; now: Date },
): Promise<User | undefined> {
  const [row] = await tx<User>`
    update auth.users u set failed_login_attempts = 0, is_locked = false, locked_until = null,
      last_sign_in_at = ${now}
    where u.id = ${id} and u.password_hash = ${passwordHash} and not ${isLockedAt(now)}
    returning ${userColumns('u')}`
  return row
}

/** What a user may change of themselves; what is absent stays. */
export type UserPatch = {
  email?: string | undefined
  passwordHash?: string | undefined
  userMetadata?: Record<string, unknown> | undefined
}

/** A new address is not verified. Fails with a unique violation when it is taken. */
export async function updateUserRow(
  tx: Tx,
  id: string,
  { email, passwordHash, userMetadata }: UserPatch,
): Promise<User | undefined> {
  const metadata = userMetadata === undefined ? null : JSON.stringify(userMetadata)
  const [row] = await tx<User>`
    update auth.users set
      email_verified = email_verified and email = coalesce(${email}, email),
      email = coalesce(${email}, email),
      password_hash = coalesce(${passwordHash}, password_hash),
      user_metadata = coalesce(${metadata}::jsonb, user_metadata),
      updated_at = now()
    where id = ${id} returning ${userColumns()}`
  return row
}

export async function deleteUserRow(tx: Tx, id: string): Promise<{ email: string } | undefined> {
  const [row] = await tx<{ email: string }>`delete from auth.users where id = ${id} returning email`
  return row
}

/** A place in the list: after this user. `createdAt` as PostgreSQL prints it, to the microsecond. */
export type UserPosition = { createdAt: string; id: string }

export type ListedUser = User & { position: string }

/** Newest first. */
export function selectUsers(
  tx: Tx,
  { after, limit }: { after: UserPosition | undefined; limit: number },
): Promise<ListedUser[]> {
  const from = after
    ? sql`where (created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`
    : raw('')
  return tx<ListedUser>`
    select ${userColumns()}, to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') as position
    from auth.users ${from} order by created_at desc, id desc limit ${limit}`
}
