import type { Tx } from '#db/database'

export type OneTimeToken = { purpose: string; userId: string; hash: Buffer; now: Date }

/**
 * False when there is no such user. What is used up or over goes on this occasion, and of the rest all
 * but the newest `keep`.
 */
export async function insertOneTimeToken(
  tx: Tx,
  token: OneTimeToken & { expiresAt: Date; keep: number },
): Promise<boolean> {
  const { purpose, userId, hash, now, expiresAt, keep } = token
  const rows = await tx`
    with gone as (
      delete from auth.one_time_tokens where user_id = ${userId} and purpose = ${purpose} and id not in (
        select id from auth.one_time_tokens
        where user_id = ${userId} and purpose = ${purpose} and used_at is null and expires_at > ${now}
        order by created_at desc limit ${keep}
      )
    )
    insert into auth.one_time_tokens (purpose, user_id, hash, expires_at)
    select ${purpose}::text, id, ${hash}::bytea, ${expiresAt}::timestamptz from auth.users where id = ${userId}
    returning id`
  return rows.length > 0
}

/** True when it was good; it is not any more. */
export async function consumeOneTimeToken(tx: Tx, token: OneTimeToken): Promise<boolean> {
  const rows = await tx`
    update auth.one_time_tokens set used_at = ${token.now}
    where hash = ${token.hash} and purpose = ${token.purpose} and user_id = ${token.userId}
      and used_at is null and expires_at > ${token.now} returning id`
  return rows.length > 0
}
