/** One run of the handler: the request in, the response out, then what `ctx.waitUntil` was given. */
import type { AsyncLocalStorage as Storage } from 'node:async_hooks'
import { builtin } from './builtins.ts'
import { makeContext } from './context.ts'
import { toWireError } from './errors.ts'
import type { HeaderList, ToIsolate, WireContext, WireLimits, WireRequest } from './protocol.ts'
import type { Wire } from './wire.ts'

export type Handler = (request: Request, ctx: object) => unknown

/** What all invocations of this process share. */
export type Isolate = { wire: Wire; limits: WireLimits; handler: Promise<Handler> }

/** One invocation while it lives. */
export type Live = {
  c: string
  entries: number
  isolate: Isolate
  /** A response or a failure was sent: there is no second one. */
  answered: boolean
  abort: AbortController
  requestBody?: ReadableStreamDefaultController<Uint8Array>
  /** Ends the wait for a handler whose invocation has failed elsewhere. */
  giveUp?: () => void
  responseReader?: ReadableStreamDefaultReader<Uint8Array>
  credit: number
  onCredit?: (() => void) | undefined
  waiting: Promise<unknown>[]
}

const { AsyncLocalStorage } = builtin<{ AsyncLocalStorage: new () => Storage<Live> }>(
  'node:async_hooks',
)
export const current = new AsyncLocalStorage()
const lives = new Map<string, Live>()

const { Request, Response, ReadableStream, AbortController, Uint8Array } = globalThis
const isResponse = (value: unknown): value is Response => value instanceof Response
const timer = globalThis.setTimeout
/** Microtask turns in which a body that is already in memory has been read. */
const TURNS = 12
const PIECE_BYTES = 262_144
const NO_BODY = new Set(['GET', 'HEAD'])

type Start = { c: string; request: WireRequest; context: WireContext }

export function startInvocation(isolate: Isolate, start: Start, body: Uint8Array): void {
  const abort = new AbortController()
  const credit = isolate.limits.windowBytes
  const live: Live = {
    c: start.c,
    entries: 0,
    isolate,
    answered: false,
    abort,
    credit,
    waiting: [],
  }
  lives.set(start.c, live)
  const source = start.request.body === 'stream' ? bodyStream(live) : body
  current.run(live, () => void run(live, start, source))
}

async function run(
  live: Live,
  { request, context }: Start,
  body: Uint8Array | ReadableStream,
): Promise<void> {
  try {
    const handler = await live.isolate.handler
    const answer = handler(toRequest(live, request, body), makeContext(live, context))
    const failure = new Promise<void>((giveUp) => (live.giveUp = giveUp))
    const response = await Promise.race([answer, failure])
    await respond(live, response)
  } catch (error) {
    failInvocation(live, error)
  }
  await settle(live)
  if (lives.delete(live.c)) live.isolate.wire.send({ t: 'done', c: live.c })
}

/** Says the failure once: as the answer, or as the breaking of a body already begun. */
export function failInvocation(live: Live, error: unknown): void {
  if (!lives.has(live.c)) return
  live.answered = true
  live.isolate.wire.send({ t: 'fail', c: live.c, error: toWireError(error) })
  live.giveUp?.()
}

/** Frames that concern an invocation already begun. One that has ended is not missed. */
export function continueInvocation(frame: ToIsolate & { c: string }, body: Uint8Array): void {
  const live = lives.get(frame.c)
  if (live) current.run(live, () => advance(live, frame, body))
}

function advance(live: Live, frame: ToIsolate & { c: string }, body: Uint8Array): void {
  if (frame.t === 'chunk') live.requestBody?.enqueue(body)
  else if (frame.t === 'end') endRequestBody(live, frame.broken === true)
  else if (frame.t === 'credit') addCredit(live, frame.bytes)
  else if (frame.t === 'abort') abortInvocation(live)
}

function endRequestBody(live: Live, broken: boolean): void {
  const stream = live.requestBody
  delete live.requestBody
  if (broken) stream?.error(new Error('The client did not send the whole body'))
  else stream?.close()
}

function addCredit(live: Live, bytes: number): void {
  live.credit += bytes
  live.onCredit?.()
  live.onCredit = undefined
}

/** The handler hears of it by `request.signal`, the response's stream by its `cancel`. */
function abortInvocation(live: Live): void {
  const gone = new DOMException('The client has gone or the time is over', 'AbortError')
  live.abort.abort(gone)
  live.responseReader?.cancel(gone).catch(() => undefined)
  addCredit(live, PIECE_BYTES)
}

function toRequest(live: Live, wire: WireRequest, given: Uint8Array | ReadableStream): Request {
  const { method, url, headers } = wire
  const isBodiless = wire.body === 'none' || NO_BODY.has(method.toUpperCase())
  const body = isBodiless ? null : (given as BodyInit)
  const init = { method, headers, body, signal: live.abort.signal, duplex: 'half' }
  return new Request(url, init as RequestInit)
}

function bodyStream(live: Live): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      live.requestBody = controller
    },
    cancel() {
      delete live.requestBody
    },
  })
}

async function respond(live: Live, response: unknown): Promise<void> {
  if (live.answered) return
  if (!isResponse(response)) {
    throw new TypeError(`The handler must return a Response, but returned ${describe(response)}`)
  }
  if (response.status < 200)
    throw new TypeError('The handler returned an error response (Response.error())')
  const head = {
    t: 'head',
    c: live.c,
    status: response.status,
    headers: [...response.headers] as HeaderList,
  } as const
  const { wire } = live.isolate
  if (!response.body) {
    live.answered = true
    return wire.send({ ...head, body: 'none' })
  }
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  live.responseReader = reader
  const first = reader.read()
  const whole = await inMemory(reader, first)
  live.answered = true
  if (whole) return wire.send({ ...head, body: 'whole' }, whole)
  wire.send({ ...head, body: 'stream' })
  await pump(live, reader, first)
  wire.send({ t: 'end', c: live.c })
}

const describe = (value: unknown): string =>
  value === null || typeof value !== 'object'
    ? String(value)
    : `an object (${value.constructor?.name ?? 'no class'})`

type Read = ReadableStreamReadResult<Uint8Array>

/** The body if it is one piece that is already there; a body still being made answers undefined. */
async function inMemory(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  first: Promise<Read>,
): Promise<Uint8Array | undefined> {
  const piece = await soon(first)
  if (!piece) return undefined
  if (piece.done) return new Uint8Array(0)
  if (!(piece.value instanceof Uint8Array) || piece.value.length > PIECE_BYTES) return undefined
  let ended = false
  void reader.closed.then(
    () => (ended = true),
    () => undefined,
  )
  for (let turn = 0; turn < TURNS && !ended; turn++) await null
  return ended ? piece.value : undefined
}

/** The value, or undefined when it takes longer than a few microtasks. A failure so early is thrown. */
async function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  let settled = false
  const settle = () => void (settled = true)
  promise.then(settle, settle)
  for (let turn = 0; turn < TURNS && !settled; turn++) await null
  return settled ? await promise : undefined
}

async function pump(
  live: Live,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  first: Promise<Read>,
): Promise<void> {
  for (let read = await first; !read.done; read = await reader.read()) {
    const bytes = read.value
    if (!(bytes instanceof Uint8Array))
      throw new TypeError('A response body must be made of Uint8Array pieces')
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      await sendPiece(live, bytes.subarray(at, at + PIECE_BYTES))
    }
  }
}

async function sendPiece(live: Live, piece: Uint8Array): Promise<void> {
  while (live.credit <= 0 && !live.abort.signal.aborted) {
    await new Promise<void>((wake) => (live.onCredit = wake))
  }
  live.credit -= piece.length
  live.isolate.wire.send({ t: 'chunk', c: live.c }, piece)
}

/** Waits for what was promised to `ctx.waitUntil`, also for what those promises add. */
async function settle(live: Live): Promise<void> {
  if (live.waiting.length === 0) return
  const deadline = new Promise<'late'>((late) =>
    timer(() => late('late'), live.isolate.limits.waitUntilMs),
  )
  while (live.waiting.length > 0) {
    if ((await Promise.race([Promise.allSettled(live.waiting.splice(0)), deadline])) === 'late')
      return
  }
}
