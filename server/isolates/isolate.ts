/** One Deno process: loads one module, runs many invocations, and ends when it must. */
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Log } from '#core/log'
import type { FromIsolate, ToIsolate, WireLimits } from '../../runtime/protocol.ts'
import { MAX_FRAME_BYTES, readFrames, sendFrame } from './frames.ts'
import type { Launcher, Purpose } from './launcher.ts'
import { type Host, Live, LOG_CHARS, LOG_ENTRIES, readError, WAIT_UNTIL_MS } from './live.ts'
import { residentMb } from './memory.ts'
import { OutputTail } from './output-tail.ts'
import { sendRequestBody } from './request-body.ts'
import { WINDOW_BYTES } from './response-body.ts'
import type { CheckResult, FailureReason, Invocation, StartKind } from './types.ts'

/** How long a process may be silent after a question before it counts as stuck. */
const SILENCE_MS = 1_000
/** After so long without an answer new invocations go to another process. */
const SUSPECT_MS = 250
/** The same when a call has just run out of time there, which makes a loop likely. */
const DOUBT_MS = 50
/** Beyond the memory limit, for what is not the function's: young generation, compiled code, buffers of the wire. */
const MEMORY_SLACK_MB = 32
/** Deno itself may take so long until it is ready; a machine that is busy needs many times the usual. */
const START_MS = 15_000
/** After that a module may take so long to load. */
const LOAD_MS = 5_000
const INLINE_BODY_BYTES = 1_048_576

const LIMITS: WireLimits = {
  windowBytes: WINDOW_BYTES,
  maxFrameBytes: MAX_FRAME_BYTES,
  logEntries: LOG_ENTRIES,
  logChars: LOG_CHARS,
  waitUntilMs: WAIT_UNTIL_MS,
}

type Ending = { reason: FailureReason; message: string; stack?: string | undefined }
type LogFrame = { frame: FromIsolate & { t: 'log' }; body: Buffer }
export type StartLimits = { startMs?: number | undefined; loadMs?: number | undefined }
export type IsolateOptions = StartLimits & {
  launcher: Launcher
  memoryMb: number
  purpose: Purpose
  log: Log
}
export type RunOptions = { invocation: Invocation; start: StartKind; since: number }

export class Isolate {
  readonly memoryMb: number
  /** The runtime is up. Rejects when the process ends before. */
  readonly ready: Promise<void>
  readonly exited: Promise<void>
  /** What came of loading the module; never rejects. */
  readonly loaded: Promise<CheckResult>
  /** Called when the last invocation has ended, and when the process has. */
  onIdle: () => void = () => undefined
  idleSince = performance.now()
  isRetired = false
  /** Whose code it has, once it has any. */
  key: string | undefined

  readonly #log: Log
  readonly #launcher: Launcher
  readonly #child: ChildProcess
  readonly #output: OutputTail
  readonly #lives = new Map<string, Live>()
  readonly #early: LogFrame[] = []
  readonly #loadMs: number
  #socket: Socket | undefined
  #outbox: [ToIsolate, Uint8Array | undefined][] = []
  #ending: Ending | undefined
  #isDisconnected = false
  #wasReady = false
  #hasLoaded = false
  #startTimer: NodeJS.Timeout | undefined
  #baseMb = 0
  #lastMb = 0
  #measuredAt = 0
  #pings = 0
  #askedAt: number | undefined
  #wasLate = false
  #isReady!: () => void
  #isLoaded!: (result: CheckResult) => void

  constructor({ launcher, memoryMb, purpose, log, ...limits }: IsolateOptions) {
    this.memoryMb = memoryMb
    this.#log = log
    this.#launcher = launcher
    this.#loadMs = limits.loadMs ?? LOAD_MS
    this.#limitStart('start', limits.startMs ?? START_MS)
    const { child, socket } = launcher.launch(memoryMb, purpose)
    this.#child = child
    this.#output = new OutputTail(child, log)
    this.loaded = new Promise((resolve) => (this.#isLoaded = resolve))
    this.exited = new Promise((resolve) => {
      child.once('error', (err) => this.#onExit(`could not start: ${err.message}`, resolve))
      child.once('close', (code, signal) => this.#onExit(describeExit(code, signal), resolve))
    })
    const up = new Promise<void>((resolve) => (this.#isReady = resolve))
    const failed = this.exited.then(() => Promise.reject(new Error('The Deno process ended')))
    this.ready = Promise.race([up, failed])
    this.ready.catch(() => undefined)
    socket.then(
      (connected) => this.#attach(connected),
      () => undefined,
    )
  }

  get isAlive(): boolean {
    return this.#ending === undefined && !this.#isDisconnected
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get active(): number {
    return this.#lives.size
  }

  /** It was asked something a while ago and is still silent: a loop, most likely. */
  get isSuspect(): boolean {
    return this.#silentMs > (this.#wasLate ? DOUBT_MS : SUSPECT_MS)
  }

  /** A call ran out of time and the process has not answered since; soon it is suspect, or it has. */
  get isInDoubt(): boolean {
    return this.#wasLate && this.#silentMs > 0 && !this.isSuspect
  }

  /** Since the first question that it has not answered. */
  get #silentMs(): number {
    return this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt
  }

  load(code: string): void {
    this.#send({ t: 'load', limits: LIMITS }, Buffer.from(code))
    const begin = () => this.#limitStart('load', this.#loadMs)
    this.ready.then(begin, () => undefined)
  }

  run({ invocation, start, since }: RunOptions): Live {
    const live = new Live({ invocation, start, since, log: this.#log, host: this.#host })
    this.#lives.set(live.capability, live)
    for (const { frame, body } of this.#early.splice(0)) live.addLog(frame, body)
    this.#start(live)
    if (this.#hasLoaded) live.begin()
    if (invocation.signal?.aborted) live.clientGone()
    return live
  }

  /** Ends the process now, and with it everything in it. */
  kill(ending: Ending): void {
    if (this.#ending) return
    this.#ending = ending
    clearTimeout(this.#startTimer)
    this.#child.kill('SIGKILL')
    this.#endLives()
  }

  /**
   * Asks for a sign of life, unless an answer is already waited for. Not before the process has said that it is there:
   * if it has ended meanwhile, a failed write would throw away what it said, and its end would count as a failed start.
   */
  probe(): void {
    if (this.#wasReady && this.#askedAt === undefined) this.#ping()
  }

  /** @returns false when it was over its limit, and has been ended */
  checkMemory(): boolean {
    const used = this.#measure() - this.#baseMb
    if (used <= this.memoryMb + MEMORY_SLACK_MB || !this.isAlive) return true
    this.kill({
      reason: 'memory',
      message: `Function exceeded its memory limit (${this.memoryMb} MB)`,
    })
    return false
  }

  readonly #host: Host = {
    send: (frame, body) => this.#send(frame, body),
    expectLife: (message) => this.#expectLife(message),
    release: (live) => this.#release(live),
    memoryMb: () => this.#recentMb(),
  }

  #start(live: Live): void {
    const { request, context } = live.invocation
    const { body, ...head } = request
    const isWhole = body instanceof Uint8Array && body.length <= INLINE_BODY_BYTES
    const place = body === null ? 'none' : isWhole ? 'whole' : 'stream'
    const c = live.capability
    this.#send(
      { t: 'start', c, request: { ...head, body: place }, context },
      isWhole ? body : undefined,
    )
    if (body === null || isWhole) return
    const send = (frame: ToIsolate, piece?: Uint8Array) => this.#sendPaced(frame, piece)
    void sendRequestBody({ body, capability: c, send, isOver: () => live.hasEnded })
  }

  #attach(socket: Socket): void {
    if (!this.isAlive) return void socket.destroy()
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.once('close', () => this.#onDisconnect())
    readFrames(socket, {
      frame: (frame, body) => this.#receive(frame, body),
      broken: (what) =>
        this.kill({ reason: 'crash', message: `The function process sent ${what}` }),
    })
    for (const [frame, body] of this.#outbox) sendFrame(socket, frame, body)
    this.#outbox = []
  }

  #send(frame: ToIsolate, body?: Uint8Array): boolean {
    if (this.#socket) return this.#socket.destroyed || sendFrame(this.#socket, frame, body)
    if (this.isAlive) this.#outbox.push([frame, body])
    return true
  }

  /** Waits while the process does not read. */
  async #sendPaced(frame: ToIsolate, body?: Uint8Array): Promise<void> {
    await this.ready.catch(() => undefined)
    if (this.#send(frame, body) || !this.#socket || this.#socket.destroyed) return
    const socket = this.#socket
    await new Promise<void>((resolve) => {
      const go = () => {
        socket.off('drain', go)
        socket.off('close', go)
        resolve()
      }
      socket.on('drain', go)
      socket.on('close', go)
    })
  }

  #receive(frame: FromIsolate, body: Buffer): void {
    this.#askedAt = undefined
    this.#wasLate = false
    if (frame.t === 'ready') this.#onReady()
    else if (frame.t === 'loaded') this.#onLoaded(frame)
    else if (frame.t === 'unloadable') this.#onUnloadable(frame)
    else if (frame.t === 'fatal') this.#onFatal(frame)
    else if ('c' in frame && frame.c !== null) this.#toLive(frame, body)
    else if (frame.t === 'log') this.#toAnybody(frame, body)
  }

  /** Its end should follow, with the reason; if not, it is made. */
  #onDisconnect(): void {
    this.#isDisconnected = true
    const message = 'The function process closed its connection'
    setTimeout(() => this.kill({ reason: 'crash', message }), SILENCE_MS).unref()
  }

  /** What no living invocation may say is not heard; a call gets told so. */
  #toLive(frame: FromIsolate & { c: string | null }, body: Buffer): void {
    const live = this.#lives.get(String(frame.c))
    if (live) return live.receive(frame, body)
    if (frame.t !== 'call') return
    const error = {
      name: 'Error',
      message: 'The invocation has ended: its context can no longer be used',
    }
    this.#send({ t: 'answer', c: '', n: frame.n, error })
  }

  #onReady(): void {
    this.#wasReady = true
    clearTimeout(this.#startTimer)
    if (this.#child.pid !== undefined) this.#launcher.yieldNow(this.#child.pid)
    this.#baseMb = this.#measure()
    this.#isReady()
  }

  #onLoaded({ handler }: FromIsolate & { t: 'loaded' }): void {
    if (this.#hasLoaded) return
    this.#hasLoaded = true
    clearTimeout(this.#startTimer)
    this.#isLoaded({ ok: true, hasHandler: handler === true })
    for (const live of this.#lives.values()) live.begin()
  }

  /** Its own time, so that no call pays for it: first for Deno, then for the module. */
  #limitStart(what: 'start' | 'load', ms: number): void {
    if (this.#hasLoaded || this.#ending) return
    const seconds = ms / 1000
    const message =
      what === 'load'
        ? `The module did not finish loading within ${seconds} s`
        : `The function process did not start within ${seconds} s`
    clearTimeout(this.#startTimer)
    this.#startTimer = setTimeout(() => this.kill({ reason: what, message }), ms)
  }

  /** Written while the module loaded: it goes to the invocation that waits for it, or will. */
  #toAnybody(frame: LogFrame['frame'], body: Buffer): void {
    const [first] = this.#lives.values()
    if (first) first.addLog(frame, body)
    else if (this.#early.length < LOG_ENTRIES) this.#early.push({ frame, body })
  }

  #onUnloadable({ syntax, error }: FromIsolate & { t: 'unloadable' }): void {
    const said = readError(error)
    this.#isLoaded({
      ok: false,
      problem: syntax === true ? 'syntax' : 'load',
      message: said.message,
    })
    this.kill({ reason: 'load', ...said })
  }

  /** The process is about to end by itself; this is why. */
  #onFatal({ error }: FromIsolate & { t: 'fatal' }): void {
    this.kill({ reason: 'crash', ...readError(error) })
  }

  #onExit(how: string, done: () => void): void {
    if (this.#child.pid !== undefined) this.#launcher.forget(this.#child.pid)
    clearTimeout(this.#startTimer)
    this.#ending ??= this.#explainExit(how)
    const { reason, message } = this.#ending
    if (reason === 'start')
      this.#log.error({ reason: message, output: this.#output.text }, NO_START)
    this.#socket?.destroy()
    this.#outbox = []
    this.#isLoaded({ ok: false, problem: reason === 'start' ? 'start' : 'load', message })
    this.#endLives()
    done()
  }

  /** A process that ended before it was ready has run nothing of anybody's: it is our own fault. */
  #explainExit(how: string): Ending {
    if (!this.#wasReady) return { reason: 'start', message: `The function process ${how}` }
    return this.#output.saysOutOfMemory
      ? { reason: 'memory', message: `Function exceeded its memory limit (${this.memoryMb} MB)` }
      : { reason: 'crash', message: `The function process ${how}` }
  }

  #endLives(): void {
    const { reason, message, stack } = this.#ending as Ending
    for (const live of this.#lives.values()) {
      live.fail(reason, { message, ...(stack !== undefined && { stack }) })
      live.end()
    }
    this.onIdle()
  }

  #release(live: Live): void {
    this.#lives.delete(live.capability)
    this.idleSince = performance.now()
    if (this.#lives.size === 0) this.onIdle()
  }

  #ping(): void {
    this.#askedAt ??= performance.now()
    this.#send({ t: 'ping', n: ++this.#pings })
  }

  #expectLife(message: string): void {
    if (!this.isAlive) return
    if (!this.#socket) return
    this.#ping()
    this.#wasLate = true
    const asked = this.#askedAt
    const timer = setTimeout(() => {
      const isSilent = asked === undefined || this.#askedAt === asked
      if (isSilent)
        this.kill({ reason: 'crash', message: `The function process was stuck: ${message}` })
    }, SILENCE_MS)
    timer.unref()
  }

  #measure(): number {
    this.#measuredAt = performance.now()
    this.#lastMb = this.#child.pid === undefined ? 0 : residentMb(this.#child.pid)
    return this.#lastMb
  }

  /** Measuring costs more than a warm call, so it is done once a second at most. */
  #recentMb(): number {
    if (this.isAlive && performance.now() - this.#measuredAt > 1_000) this.#measure()
    return Math.max(0, Math.round((this.#lastMb - this.#baseMb) * 100) / 100)
  }
}

const NO_START =
  'Deno cannot start, so no function can: check that its program is there (npm ci), may be run, and that the limits of processes and memory leave room'

const describeExit = (code: number | null, signal: string | null): string =>
  signal ? `was ended by ${signal}` : `ended with code ${code}`
