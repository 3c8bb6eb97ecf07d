/** Which process serves which call: one per key, some on standby, idle ones ended. */
import { setTimeout as delay } from 'node:timers/promises'
import { rateLimited, unavailable } from '#core/errors'
import type { Log } from '#core/log'
import { Isolate, type StartLimits } from './isolate.ts'
import { type Launcher, makeLauncher, type Purpose } from './launcher.ts'
import type {
  CheckResult,
  Invocation,
  IsolatePool,
  IsolateSource,
  Outcome,
  PoolOptions,
  PoolStats,
  StartKind,
} from './types.ts'

const DOUBT_LOOK_MS = 2
/** How often the memory of busy processes is looked at. */
const LOOK_MS = 50
/** Every so many looks they are asked for a sign of life. */
const PROBE_EVERY = 4
/** How often idle processes are looked at, or oftener when they may be idle for less. */
const SWEEP_MS = 5_000
const REFILL_MS = 25
const REFILL_AFTER_FAILURE_MS = 2_000
const IDLE = { reason: 'crash', message: 'The function process was idle' } as const

export function createIsolatePool(options: PoolOptions): IsolatePool {
  return new Pool(options)
}

class Pool implements IsolatePool {
  readonly #log: Log
  readonly #launcher: Launcher
  readonly #standbyCount: number
  readonly #standbyMemoryMb: number
  readonly #limits: StartLimits
  readonly #idleMs: number
  readonly #maxConcurrent: number
  readonly #maxIdle: number
  readonly #serving = new Map<string, Isolate[]>()
  readonly #all = new Set<Isolate>()
  #standby: Isolate[] = []
  #active = 0
  #isClosed = false
  #watchTimer: NodeJS.Timeout | undefined
  #refillTimer: NodeJS.Timeout | undefined
  readonly #sweepTimer: NodeJS.Timeout

  constructor(options: PoolOptions) {
    this.#log = options.log
    this.#launcher = makeLauncher(options)
    this.#standbyCount = options.standby
    this.#standbyMemoryMb = options.standbyMemoryMb ?? 128
    this.#limits = { startMs: options.startMs, loadMs: options.loadMs }
    this.#idleMs = options.idleMs
    this.#maxConcurrent = options.maxConcurrent ?? 100
    this.#maxIdle = options.maxIdle ?? 32
    this.#sweepTimer = setInterval(() => this.#sweep(), Math.min(SWEEP_MS, options.idleMs / 4))
    this.#sweepTimer.unref()
    this.#refill()
  }

  async invoke(source: IsolateSource, invocation: Invocation): Promise<Outcome> {
    this.#admit()
    const since = performance.now()
    this.#active++
    this.#watch()
    try {
      while (this.#isInDoubt(source)) await delay(DOUBT_LOOK_MS)
      if (this.#isClosed) throw closed()
      const [isolate, start] = this.#pick(source)
      const live = isolate.run({ invocation, start, since })
      const outcome = await live.outcome
      void outcome.done.then(() => this.#active--)
      return outcome
    } catch (error) {
      this.#active--
      throw error
    }
  }

  async check(code: string): Promise<CheckResult> {
    if (this.#isClosed) throw closed()
    try {
      const [isolate] = this.#take(this.#standbyMemoryMb)
      isolate.load(code)
      const result = await isolate.loaded
      isolate.kill(IDLE)
      return result
    } catch {
      return { ok: false, problem: 'start', message: 'The function process could not be made' }
    }
  }

  retire(keyPrefix: string): void {
    for (const [key, isolates] of this.#serving) {
      if (!key.startsWith(keyPrefix)) continue
      this.#serving.delete(key)
      for (const isolate of isolates) retireIsolate(isolate)
    }
  }

  end(keyPrefix: string, message: string): void {
    for (const isolate of this.#all) {
      if (isolate.key?.startsWith(keyPrefix)) isolate.kill({ reason: 'ended', message })
    }
  }

  keys(): string[] {
    return [...this.#all].flatMap(({ key }) => key ?? [])
  }

  stats(): PoolStats {
    const serving = [...this.#serving.values()].flat()
    return {
      active: this.#active,
      maxConcurrent: this.#maxConcurrent,
      processes: this.#all.size,
      idle: serving.filter(({ active }) => active === 0).length,
      standby: this.#standby.length,
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#sweepTimer)
    clearInterval(this.#watchTimer)
    clearTimeout(this.#refillTimer)
    const all = [...this.#all]
    for (const isolate of all) isolate.kill({ reason: 'crash', message: 'The server is stopping' })
    await Promise.all(all.map(({ exited }) => exited))
    this.#launcher.close()
  }

  #admit(): void {
    if (this.#isClosed) throw closed()
    if (this.#active < this.#maxConcurrent) return
    const details = { active: this.#active, max: this.#maxConcurrent }
    throw rateLimited('concurrency_limit', 'Concurrency limit reached', { details, retryAfter: 5 })
  }

  /** Whether to wait a moment, to learn whether the process that serves these calls is in a loop. */
  #isInDoubt({ key }: IsolateSource): boolean {
    return this.#serving.get(key)?.some((isolate) => isolate.isAlive && isolate.isInDoubt) ?? false
  }

  #pick(source: IsolateSource): [Isolate, StartKind] {
    const serving = this.#serving.get(source.key) ?? []
    const found = serving.find((isolate) => isolate.isAlive && !isolate.isSuspect)
    if (found) return [found, 'warm']
    const [isolate, start] = this.#take(source.memoryMb)
    isolate.key = source.key
    isolate.load(source.code)
    this.#serving.set(source.key, [...serving, isolate])
    isolate.onIdle = () => this.#onIdle(source.key, isolate)
    return [isolate, start]
  }

  /** A process without code: from standby when its limit fits, else a new one. */
  #take(memoryMb: number): [Isolate, StartKind] {
    this.#scheduleRefill(REFILL_MS)
    const waiting = memoryMb === this.#standbyMemoryMb ? this.#standby.shift() : undefined
    return waiting ? [waiting, 'standby'] : [this.#spawn(memoryMb, 'call'), 'cold']
  }

  /** @throws whatever keeps a process from being made; it is in the log */
  #spawn(memoryMb: number, purpose: Purpose): Isolate {
    const launcher = this.#launcher
    const log = this.#log
    try {
      const isolate = new Isolate({ launcher, memoryMb, purpose, log, ...this.#limits })
      this.#all.add(isolate)
      void isolate.exited.then(() => this.#all.delete(isolate))
      return isolate
    } catch (err) {
      log.error({ err }, 'A function process could not be made')
      throw err
    }
  }

  #onIdle(key: string, isolate: Isolate): void {
    if (isolate.isAlive && isolate.isRetired) isolate.kill(IDLE)
    if (isolate.isAlive) return
    const left = (this.#serving.get(key) ?? []).filter((other) => other !== isolate)
    if (left.length > 0) this.#serving.set(key, left)
    else this.#serving.delete(key)
  }

  #scheduleRefill(afterMs: number): void {
    if (this.#refillTimer || this.#isClosed) return
    this.#refillTimer = setTimeout(() => this.#refill(), afterMs)
    this.#refillTimer.unref()
  }

  /** One at a time: starting is work for the processor that a call may be waiting for. */
  #refill(): void {
    this.#refillTimer = undefined
    if (this.#isClosed || this.#standby.length >= this.#standbyCount) return
    const isolate = this.#spawnStandby()
    if (!isolate) return this.#scheduleRefill(REFILL_AFTER_FAILURE_MS)
    this.#standby.push(isolate)
    void isolate.exited.then(() => {
      this.#standby = this.#standby.filter((other) => other !== isolate)
    })
    isolate.ready.then(
      () => this.#scheduleRefill(0),
      () => this.#scheduleRefill(REFILL_AFTER_FAILURE_MS),
    )
  }

  #spawnStandby(): Isolate | undefined {
    try {
      return this.#spawn(this.#standbyMemoryMb, 'standby')
    } catch {
      return undefined
    }
  }

  /** Only while somebody is served. */
  #watch(): void {
    let looks = 0
    this.#watchTimer ??= setInterval(() => {
      const isProbe = ++looks % PROBE_EVERY === 0
      for (const isolate of this.#all) if (isolate.active > 0) lookAfter(isolate, isProbe)
      if (this.#active > 0) return
      clearInterval(this.#watchTimer)
      this.#watchTimer = undefined
    }, LOOK_MS).unref()
  }

  /** Ends what was idle for too long, and the longest idle of too many. */
  #sweep(): void {
    const idle = [...this.#serving.values()].flat().filter(({ active }) => active === 0)
    idle.sort((one, other) => other.idleSince - one.idleSince)
    const oldest = performance.now() - this.#idleMs
    idle.forEach((isolate, rank) => {
      if (rank >= this.#maxIdle || isolate.idleSince < oldest) isolate.kill(IDLE)
      else isolate.checkMemory()
    })
  }
}

const closed = () => unavailable('isolates_closed', 'The server is stopping')

function lookAfter(isolate: Isolate, isProbe: boolean): void {
  if (isolate.checkMemory() && isProbe) isolate.probe()
}

function retireIsolate(isolate: Isolate): void {
  isolate.isRetired = true
  if (isolate.active === 0) isolate.kill(IDLE)
}
