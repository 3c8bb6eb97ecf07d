/** Requests that are done once, however often they are sent: the key they carry finds the answer of the first time. */
import { createHash, randomUUID } from 'node:crypto'
import { conflict, invalid } from '#core/errors'
import type { Database } from '#db/database'
import {
  deleteClaim,
  deleteExpired,
  insertClaim,
  type KeptAnswer,
  type KeyedRequest,
  type Known,
  selectKnown,
  updateAnswer,
} from './idempotency.sql.ts'

export type { KeptAnswer } from './idempotency.sql.ts'

const KEPT_MS = 24 * 3_600_000

/** Longer than a statement may take with its retries. */
const LEASE_MS = 150_000

const MAX_KEY = 256

/** Answers from here on say nothing of the request but that something failed: another try may do better. */
const FAULTS = 500

export type Once = {
  /** Stead's own connection to the app's database. */
  database: Database
  /** Keys of different callers are different keys. */
  caller: string
  key: string
  /** Method, path and query. */
  request: string
  /** With whatever decides how it is read. */
  body: string
  now: () => Date
  /** Does it. */
  attempt: () => Promise<KeptAnswer>
}

/**
 * The answer of `attempt`, or of the attempt that the same request with this key made before.
 * What throws, and what ends with a fault, is not kept.
 * @throws `invalid` idempotency_key, idempotency_key_mismatch or idempotency_body_mismatch,
 *   `conflict` idempotency_in_progress
 */
export async function once(it: Once): Promise<KeptAnswer & { replayed: boolean }> {
  if (it.key.length === 0 || it.key.length > MAX_KEY) throw badKey()
  const bodyHash = createHash('sha256').update(it.body).digest()
  const keyed: KeyedRequest = { caller: it.caller, key: it.key, request: it.request, bodyHash }
  const claim = await claimed(it, keyed)
  if (claim === undefined) return { ...(await before(it, keyed)), replayed: true }
  return { ...(await attempted(it, claim)), replayed: false }
}

async function claimed(it: Once, keyed: KeyedRequest): Promise<string | undefined> {
  const claim = randomUUID()
  const now = it.now()
  const times = { now, until: later(now, LEASE_MS), expiresAt: later(now, KEPT_MS) }
  return (await insertClaim(it.database.query, { ...keyed, claim, ...times })) ? claim : undefined
}

const later = (time: Date, ms: number): Date => new Date(time.getTime() + ms)

async function before(it: Once, keyed: KeyedRequest): Promise<KeptAnswer> {
  const known = await selectKnown(it.database.query, keyed)
  // Given up a moment ago.
  if (!known) throw inProgress()
  checkSame(known, keyed)
  if (known.status === null) throw inProgress()
  return { status: known.status, headers: known.headers ?? {}, body: known.body }
}

function checkSame(known: Known, { request, bodyHash }: KeyedRequest): void {
  if (known.request !== request) {
    throw invalid('idempotency_key_mismatch', 'This Idempotency-Key was used for another request', {
      hint: 'Take a new key for each request.',
    })
  }
  if (known.bodyHash.equals(bodyHash)) return
  throw invalid('idempotency_body_mismatch', 'This Idempotency-Key was used with another body', {
    hint: 'Take a new key for each request.',
  })
}

const inProgress = () =>
  conflict('idempotency_in_progress', 'A request with this Idempotency-Key is being processed', {
    retryAfter: 1,
    hint: 'Send it again in a moment to get its answer.',
  })

const badKey = () =>
  invalid('idempotency_key', `Idempotency-Key must have 1 to ${MAX_KEY} characters`)

/**
 * Once it was done nothing frees the key but time, and nothing keeps the answer from whoever waits for it: told of an
 * error, they would do it again.
 */
async function attempted(it: Once, claim: string): Promise<KeptAnswer> {
  const { query } = it.database
  const release = () => deleteClaim(query, claim).catch(() => {})
  const answer = await it.attempt().catch(async (error: unknown) => {
    await release()
    throw error
  })
  if (answer.status >= FAULTS) await release()
  else await updateAnswer(query, claim, answer).catch(() => {})
  await deleteExpired(query, it.now()).catch(() => {})
  return answer
}
