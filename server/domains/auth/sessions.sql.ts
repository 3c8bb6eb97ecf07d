import type { Tx } from '#db/database'
import { isLockedAt, type User, userColumns } from './users.sql.ts'

export type NewSession = {
  userId: string
  refreshTokenHash: Buffer
  expiresAt: Date
  ip: string | undefined
  userAgent: string | undefined
}

/** @returns the session's id */
export async function insertSession(tx: Tx, session: NewSession): Promise<string> {
  const [row] = await tx<{ id: string }>`
    insert into auth.sessions (user_id, refresh_token_hash, expires_at, ip_address, user_agent)
    values (${session.userId}, ${session.refreshTokenHash}, ${session.expiresAt}, ${session.ip},
      ${session.userAgent?.slice(0, 400)})
    returning id`
  return (row as { id: string }).id
}

/** Ends what has run out and all but the newest `keep`; gives the ids of the ended ones. */
export async function deleteSurplusSessions(
  tx: Tx,
  { userId, keep, now }: { userId: string; keep: number | null; now: Date },
): Promise<string[]> {
  const rows = await tx<{ id: string }>`
    delete from auth.sessions where user_id = ${userId} and (expires_at <= ${now} or id not in (
      select id from auth.sessions where user_id = ${userId} order by created_at desc, id limit ${keep}))
    returning id`
  return rows.map(({ id }) => id)
}

export type Rotation = { old: Buffer; next: Buffer; now: Date; expiresAt: Date }

/**
 * Puts the next token in the place of the old one, if the old one is good: compare and swap in one
 * statement. Nothing when it is not the current token of a live session of a user who is not locked.
 */
export async function rotateSession(
  tx: Tx,
  { old, next, now, expiresAt }: Rotation,
): Promise<(User & { sessionId: string }) | undefined> {
  const [row] = await tx<User & { sessionId: string }>`
    with rotated as (
      update auth.sessions s set refresh_token_hash = ${next}, refreshed_at = ${now}, expires_at = ${expiresAt}
      from auth.users u
      where s.refresh_token_hash = ${old} and s.expires_at > ${now} and u.id = s.user_id
        and not ${isLockedAt(now)}
      returning s.id as session_id, ${userColumns('u')}
    ), spent as (
      insert into auth.spent_refresh_tokens (hash, session_id, spent_at)
      select ${old}::bytea, session_id, ${now}::timestamptz from rotated
    ), pruned as (
      delete from auth.spent_refresh_tokens t using rotated
      where t.session_id = rotated.session_id and t.spent_at < ${now}::timestamptz - interval '30 days'
    )
    select * from rotated`
  return row
}

/** Whose token came back, if it was good once. The first time is kept. */
export async function markReused(
  tx: Tx,
  { hash, now }: { hash: Buffer; now: Date },
): Promise<{ sessionId: string; userId: string } | undefined> {
  const [row] = await tx<{ sessionId: string; userId: string }>`
    update auth.spent_refresh_tokens t set reused_at = coalesce(t.reused_at, ${now})
    from auth.sessions s where t.hash = ${hash} and s.id = t.session_id
    returning s.id as session_id, s.user_id`
  return row
}

export async function sessionLives(
  tx: Tx,
  { id, userId, now }: { id: string; userId: string; now: Date },
): Promise<boolean> {
  const rows = await tx`
    select from auth.sessions where id = ${id} and user_id = ${userId} and expires_at > ${now}`
  return rows.length > 0
}

export async function deleteSession(
  tx: Tx,
  { id, userId }: { id: string; userId: string },
): Promise<void> {
  await tx`delete from auth.sessions where id = ${id} and user_id = ${userId}`
}

/** All sessions of the user but `except`, where that is given. */
export async function deleteSessionsOf(
  tx: Tx,
  { userId, except }: { userId: string; except?: string | undefined },
): Promise<void> {
  await tx`delete from auth.sessions where user_id = ${userId} and id is distinct from ${except}::uuid`
}
