/** `ctx`: what the server said about the invocation, and the calls that go back to it. */
import { fromWireError } from './errors.ts'
import type { Live } from './invocation.ts'
import type {
  HeaderList,
  WireCall,
  WireContext,
  WireError,
  WireReply,
  WireRole,
  WireRows,
} from './protocol.ts'
import { toParameter, toRows } from './values.ts'
import { fromJson, toBytes, toJson, toText } from './wire.ts'

const { Response, Headers, Uint8Array } = globalThis
const KEY_CHARS = 255

type Answer = { body: Uint8Array; error?: WireError | undefined }
const waiters = new Map<number, (answer: Answer) => void>()
let calls = 0

/**
 * Asks the server on behalf of this invocation; refused once it has ended. An error is made after the wait, in
 * here: its stack then leads to the line of the function that asked.
 */
async function call(live: Live, wanted: WireCall, sent?: Uint8Array): Promise<Uint8Array> {
  const { wire, limits } = live.isolate
  if (sent && sent.length > limits.maxFrameBytes - 65_536) {
    throw new RangeError(`Cannot send ${sent.length} bytes: the limit is ${limits.maxFrameBytes}`)
  }
  const n = ++calls
  const { body, error } = await new Promise<Answer>((resolve) => {
    waiters.set(n, resolve)
    wire.send({ t: 'call', c: live.c, n, call: wanted }, sent)
  })
  if (error) throw fromWireError(error)
  return body
}

export function settleCall(n: number, body: Uint8Array, error?: WireError): void {
  const settle = waiters.get(n)
  waiters.delete(n)
  settle?.({ body, error })
}

export function makeContext(live: Live, context: WireContext): object {
  return {
    ...context,
    db: {
      query: (sql: string, params?: unknown[]) => query(live, { sql, params }),
      asUser: (userId: string, work: Work) => asUser(live, userId, work),
      asAnon: (work: Work) => transaction(live, { kind: 'anon' }, work),
    },
    idempotency: { claim: (key: string, options?: ClaimOptions) => claim(live, key, options) },
    waitUntil: (promise: unknown) => void live.waiting.push(Promise.resolve(promise)),
    invoke: (name: string, body?: unknown, options?: InvokeOptions) =>
      invoke(live, name, toInit(body, options)),
  }
}

type Statement = { sql: string; params?: unknown[] | undefined; tx?: number }
type Db = {
  query(
    sql: string,
    params?: unknown[],
  ): Promise<{ rows: Record<string, unknown>[]; rowCount: number }>
}
type Work = (db: Db) => unknown

async function query(live: Live, { sql, params = [], tx }: Statement) {
  if (typeof sql !== 'string') throw new TypeError('ctx.db.query: sql must be a string')
  if (!Array.isArray(params)) throw new TypeError('ctx.db.query: params must be an array')
  const wanted: WireCall = tx === undefined ? { op: 'query', sql } : { op: 'query', sql, tx }
  const body = await call(live, wanted, toBytes(toJson(params.map(toParameter))))
  const result = fromJson(toText(body)) as WireRows
  return { rows: toRows(result), rowCount: result.rowCount }
}

async function asUser(live: Live, id: string, work: Work): Promise<unknown> {
  if (typeof id !== 'string' || id === '')
    throw new TypeError('ctx.db.asUser: userId must be a non-empty string')
  return await transaction(live, { kind: 'user', id }, work)
}

async function transaction(live: Live, as: WireRole, work: Work): Promise<unknown> {
  if (typeof work !== 'function')
    throw new TypeError('ctx.db: the work of a transaction must be a function')
  const tx = fromJson(toText(await call(live, { op: 'begin', as }))) as number
  let result: unknown
  try {
    result = await work({ query: (sql, params) => query(live, { sql, params, tx }) })
  } catch (error) {
    await call(live, { op: 'rollback', tx }).catch(() => undefined)
    throw error
  }
  await call(live, { op: 'commit', tx })
  return result
}

type ClaimOptions = { scope?: string; ttlSeconds?: number }

async function claim(live: Live, key: string, options: ClaimOptions = {}): Promise<boolean> {
  const { scope = 'default', ttlSeconds } = options
  if (typeof key !== 'string' || key === '') {
    throw new TypeError('ctx.idempotency.claim: key must be a non-empty string')
  }
  if (key.length > KEY_CHARS)
    throw new RangeError('ctx.idempotency.claim: key must be <= 255 chars')
  const ttl = Number(ttlSeconds)
  const wanted: WireCall = {
    op: 'claim',
    key,
    scope: String(scope),
    ttlSeconds: ttl > 0 ? Math.floor(ttl) : null,
  }
  return fromJson(toText(await call(live, wanted))) === true
}

type InvokeOptions = { method?: string; headers?: HeadersInit }
type InvokeInit = { method: string; headers: Headers; body: BodyInit | null }

/** A plain value travels as JSON, anything `fetch` would take as it is. */
function toInit(body: unknown, { method = 'POST', headers }: InvokeOptions = {}): InvokeInit {
  const all = new Headers(headers)
  if (body === undefined || method === 'GET' || method === 'HEAD')
    return { method, headers: all, body: null }
  if (isBodyInit(body)) return { method, headers: all, body }
  if (!all.has('content-type')) all.set('content-type', 'application/json')
  return { method, headers: all, body: toJson(body) }
}

const isBodyInit = (body: unknown): body is BodyInit =>
  typeof body === 'string' ||
  body instanceof ArrayBuffer ||
  ArrayBuffer.isView(body) ||
  body instanceof Blob ||
  body instanceof FormData ||
  body instanceof URLSearchParams ||
  body instanceof ReadableStream

async function invoke(
  live: Live,
  name: string,
  { method, headers, body }: InvokeInit,
): Promise<Response> {
  if (typeof name !== 'string' || name === '')
    throw new TypeError('ctx.invoke: the function name must be a string')
  const carrier = new Response(body)
  const type = carrier.headers.get('content-type')
  if (type && !headers.has('content-type')) headers.set('content-type', type)
  const bytes = new Uint8Array(await carrier.arrayBuffer())
  const list = [...headers] as HeaderList
  const answer = await call(
    live,
    { op: 'invoke', name, method, headers: list, hasBody: body !== null },
    bytes,
  )
  return toResponse(answer)
}

/** `u32 length, WireReply as JSON, bytes`. */
function toResponse(answer: Uint8Array): Response {
  const length = new DataView(answer.buffer as ArrayBuffer, answer.byteOffset).getUint32(0)
  const reply = fromJson(toText(answer.subarray(4, 4 + length))) as WireReply
  const body = reply.hasBody ? (answer.slice(4 + length) as BodyInit) : null
  return new Response(body, { status: reply.status, headers: reply.headers })
}
