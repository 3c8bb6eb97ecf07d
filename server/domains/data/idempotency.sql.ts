/** Requests that came with a key, and what they were answered. */
import type { Tx } from '#db/database'

export type KeyedRequest = {
  caller: string
  key: string
  /** Method, path and query. */
  request: string
  bodyHash: Buffer
}

export type KeptAnswer = {
  status: number
  headers: Record<string, string>
  body: string | null
}

export type Claim = KeyedRequest & { claim: string; now: Date; until: Date; expiresAt: Date }

/** True when the key is this attempt's now: it was free, expired, or its attempt ran out of time. */
export async function insertClaim(tx: Tx, it: Claim): Promise<boolean> {
  const rows = await tx`
    insert into stead.idempotent_requests as r
      (caller, key, request, body_hash, claim, claimed_until, expires_at)
    values (${it.caller}, ${it.key}, ${it.request}, ${it.bodyHash}, ${it.claim}, ${it.until}, ${it.expiresAt})
    on conflict (caller, key) do update set request = excluded.request, body_hash = excluded.body_hash,
      claim = excluded.claim, claimed_until = excluded.claimed_until, expires_at = excluded.expires_at,
      status = null, headers = null, body = null
    where r.expires_at <= ${it.now} or (r.status is null and r.claimed_until <= ${it.now})
    returning claim`
  return rows.length > 0
}

export type Known = Pick<KeyedRequest, 'request' | 'bodyHash'> & {
  /** Nothing while the attempt is under way. */
  status: number | null
  headers: Record<string, string> | null
  body: string | null
}

export async function selectKnown(
  tx: Tx,
  { caller, key }: KeyedRequest,
): Promise<Known | undefined> {
  const [row] = await tx<Known>`
    select request, body_hash, status, headers, body from stead.idempotent_requests
    where caller = ${caller} and key = ${key}`
  return row
}

/** Does nothing when the attempt lost its claim. */
export async function updateAnswer(tx: Tx, claim: string, it: KeptAnswer): Promise<void> {
  await tx`
    update stead.idempotent_requests set status = ${it.status}, headers = ${JSON.stringify(it.headers)}::jsonb,
      body = ${it.body}
    where claim = ${claim}`
}

export async function deleteClaim(tx: Tx, claim: string): Promise<void> {
  await tx`delete from stead.idempotent_requests where claim = ${claim}`
}

/** A few at a time, so that no request waits long for it. */
export async function deleteExpired(tx: Tx, now: Date): Promise<void> {
  await tx`
    delete from stead.idempotent_requests where (caller, key) in (
      select caller, key from stead.idempotent_requests where expires_at <= ${now} limit 100)`
}
