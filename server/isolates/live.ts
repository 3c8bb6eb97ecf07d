/** One invocation as the server sees it: outcome, report, deadlines. */
import { randomToken } from '#core/ids'
import type { Log } from '#core/log'
import type { BodyPlace, FromIsolate, ToIsolate } from '../../runtime/protocol.ts'
import { CallDesk } from './calls.ts'
import { ResponseBody } from './response-body.ts'
import type {
  Answered,
  ConsoleEntry,
  FailureReason,
  HeaderList,
  Invocation,
  LogLevel,
  Outcome,
  Report,
  StartKind,
} from './types.ts'

export const WAIT_UNTIL_MS = 30_000
/** What a stream may take when the timeout is shorter. */
const STREAM_MS = 30_000
/** The isolate counts `waitUntil` itself; this is for one that does not. */
const GRACE_MS = 1_000
export const LOG_ENTRIES = 100
export const LOG_CHARS = 10_000
const LEVELS = new Set<string>(['log', 'info', 'warn', 'error', 'debug'] satisfies LogLevel[])

/** What an invocation needs of the process it runs in. */
export type Host = {
  send(frame: ToIsolate, body?: Uint8Array): void
  /** The time is over: if the process does not answer at once, it is ended. */
  expectLife(message: string): void
  /** The invocation has ended for good. */
  release(live: Live): void
  memoryMb(): number
}

export type LiveOptions = {
  invocation: Invocation
  host: Host
  start: StartKind
  log: Log
  since: number
}

export class Live {
  /** The isolate's right to speak for this invocation. */
  readonly capability = randomToken(16)
  readonly invocation: Invocation
  readonly outcome: Promise<Outcome>
  readonly #host: Host
  readonly #desk: CallDesk
  readonly #start: StartKind
  readonly #since: number
  readonly #entries: ConsoleEntry[] = []
  readonly #report: Promise<Report>
  #answer!: (outcome: Outcome) => void
  #finish!: (report: Report) => void
  #timer: NodeJS.Timeout | undefined
  #body: ResponseBody | undefined
  #durationMs: number | undefined
  #begunAt: number | undefined
  #failure:
    | { reason: FailureReason; error: { message: string; stack?: string | undefined } }
    | undefined
  #stage: 'running' | 'streaming' | 'settling' | 'ended' = 'running'

  constructor({ invocation, host, start, log, since }: LiveOptions) {
    this.invocation = invocation
    this.#host = host
    this.#start = start
    this.#since = since
    this.#desk = new CallDesk({ host: invocation.host, depth: invocation.depth ?? 0, log })
    this.outcome = new Promise((answer) => (this.#answer = answer))
    this.#report = new Promise((finish) => (this.#finish = finish))
    invocation.signal?.addEventListener('abort', this.clientGone, { once: true })
  }

  get hasEnded(): boolean {
    return this.#stage === 'ended'
  }

  /** The module is there: from now on it is the handler's time. */
  begin(): void {
    if (this.#stage !== 'running' || this.#begunAt !== undefined) return
    this.#begunAt = performance.now()
    this.#deadline(this.invocation.timeoutMs, () => this.#timeOut())
    this.invocation.onBegin?.()
  }

  receive(frame: FromIsolate, body: Buffer): void {
    if (this.#stage === 'ended') return
    if (frame.t === 'head') this.#onHead(frame, body)
    else if (frame.t === 'chunk') this.#body?.push(body)
    else if (frame.t === 'end') this.#onEnd()
    else if (frame.t === 'fail') this.fail('error', readError(frame.error))
    else if (frame.t === 'log') this.addLog(frame, body)
    else if (frame.t === 'call') void this.#onCall(frame, body)
    else if (frame.t === 'done') this.#onDone()
  }

  addLog({ level, at }: { level: unknown; at: unknown }, body: Buffer): void {
    if (this.#entries.length >= LOG_ENTRIES || !LEVELS.has(String(level))) return
    const timestamp = Number.isSafeInteger(at) ? Number(at) : Date.now()
    this.#entries.push({
      level: level as LogLevel,
      message: body.toString().slice(0, LOG_CHARS),
      timestamp,
    })
  }

  /** No response will come, or the rest of its body will not. The first reason stands. */
  fail(reason: FailureReason, error: { message: string; stack?: string | undefined }): void {
    if (this.#stage === 'settling' || this.#stage === 'ended') return
    this.#failure ??= { reason, error }
    this.#durationMs = performance.now() - this.#since
    if (this.#stage === 'streaming') this.#body?.break(new Error(error.message))
    else this.#answer({ ok: false, reason, ...error, done: this.#report })
    this.#settle()
    if (reason !== 'error') this.end()
  }

  /** The capability is void from here on. */
  end(): void {
    if (this.#stage === 'ended') return
    if (this.#stage !== 'settling') {
      return this.fail('crash', {
        message: 'The function process ended before the response was complete',
      })
    }
    this.#stage = 'ended'
    clearTimeout(this.#timer)
    this.invocation.signal?.removeEventListener('abort', this.clientGone)
    this.#desk.end()
    this.#host.release(this)
    this.#finish(this.#makeReport())
  }

  #onHead(frame: FromIsolate & { t: 'head' }, body: Buffer): void {
    if (this.#stage !== 'running') return
    if (!isHead(frame))
      return this.fail('error', { message: 'The function process sent a malformed response' })
    const { status, headers } = frame
    const bad = unsendable(headers)
    if (bad !== undefined) {
      return this.fail('error', {
        message: `The header "${bad}" of the response has a character that HTTP cannot carry`,
      })
    }
    if (frame.body !== 'stream') {
      this.#durationMs = performance.now() - this.#since
      this.#settle()
      return this.#answer(this.#answered(status, headers, frame.body === 'none' ? null : body))
    }
    this.#stage = 'streaming'
    this.#body = new ResponseBody({
      credit: (bytes) => this.#host.send({ t: 'credit', c: this.capability, bytes }),
      cancelled: () => this.#onBodyCancelled(),
      overrun: () => this.#host.expectLife('The function process ignored flow control'),
    })
    this.#deadline(
      Math.max(STREAM_MS, this.invocation.timeoutMs) -
        (performance.now() - (this.#begunAt ?? this.#since)),
      () => this.#timeOut(),
    )
    this.#answer(this.#answered(status, headers, this.#body.stream))
  }

  #answered(status: number, headers: HeaderList, body: Answered['body']): Answered {
    return { ok: true, status, headers, body, done: this.#report }
  }

  #onEnd(): void {
    if (this.#stage !== 'streaming') return
    this.#durationMs = performance.now() - this.#since
    this.#body?.end()
    this.#settle()
  }

  #onBodyCancelled(): void {
    if (this.#stage === 'streaming') this.#host.send({ t: 'abort', c: this.capability })
  }

  /** `request.signal` fires; a handler that goes on may, until its time is over. */
  readonly clientGone = (): void => {
    if (this.#stage === 'ended') return
    this.#host.send({ t: 'abort', c: this.capability })
    if (this.#stage === 'streaming') this.#body?.break(new Error('The client has left'))
  }

  #onDone(): void {
    if (this.#stage === 'running')
      this.fail('error', { message: 'The handler ended without a response' })
    else if (this.#stage === 'streaming') this.#onEnd()
    this.end()
  }

  #timeOut(): void {
    const message = `Function execution timeout (${this.invocation.timeoutMs}ms)`
    this.#host.send({ t: 'abort', c: this.capability })
    this.#host.expectLife(message)
    this.fail('timeout', { message })
  }

  async #onCall({ n, call }: FromIsolate & { t: 'call' }, body: Buffer): Promise<void> {
    const { error, body: answer } = await this.#desk.answer(call, body)
    this.#host.send({ t: 'answer', c: this.capability, n, ...(error && { error }) }, answer)
  }

  #settle(): void {
    this.#stage = 'settling'
    this.#deadline(WAIT_UNTIL_MS + GRACE_MS, () => {
      this.#host.send({ t: 'abort', c: this.capability })
      this.#host.expectLife('The function did not end')
      this.end()
    })
  }

  #deadline(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, Math.max(0, ms))
  }

  #makeReport(): Report {
    return {
      console: this.#entries,
      ...this.#failure,
      durationMs: this.#durationMs ?? performance.now() - this.#since,
      memoryMb: this.#host.memoryMb(),
      start: this.#start,
    }
  }
}

const PLACES = new Set<unknown>(['none', 'whole', 'stream'] satisfies BodyPlace[])
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What HTTP can carry in a header: less than the `Headers` of the web let in. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

type Head = { status: unknown; headers: unknown; body: unknown }

/** It must not be able to break our own HTTP response. */
function isHead({ status, headers, body }: Head): boolean {
  if (!Number.isInteger(status) || Number(status) < 200 || Number(status) > 599) return false
  if (!PLACES.has(body) || !Array.isArray(headers)) return false
  return headers.every(
    (pair: unknown) =>
      Array.isArray(pair) &&
      typeof pair[0] === 'string' &&
      typeof pair[1] === 'string' &&
      TOKEN.test(pair[0]),
  )
}

/** The first header whose value cannot be sent. */
const unsendable = (headers: HeaderList): string | undefined =>
  headers.find(([, value]) => !VALUE.test(value))?.[0]

/** An error as an isolate says it, which may be anything. */
export function readError(said: unknown): { message: string; stack?: string } {
  const { message, stack } = (said ?? {}) as Record<string, unknown>
  const text = typeof message === 'string' ? message.slice(0, LOG_CHARS) : 'The function failed'
  return typeof stack === 'string'
    ? { message: text, stack: stack.slice(0, LOG_CHARS) }
    : { message: text }
}
