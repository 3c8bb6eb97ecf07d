/** A pool of wires: a batch takes the first free connection, opens one, or waits its turn. */
import { availableParallelism } from 'node:os'
import type pg from 'pg'
import { unavailable } from '#core/errors'
import type { BatchOptions, BatchResult, BatchStatement } from './batch.ts'
import type { Budget, Holder } from './budget.ts'
import { sharesWire, type WireJob } from './job.ts'
import { type Mend, openMended } from './login.ts'
import { RETRY_MS } from './patience.ts'
import { isExhausted } from './sqlstate.ts'
import { Wire, type WireEvents } from './wire.ts'

export type WiresOptions = {
  config: pg.ClientConfig
  max: number
  idleMs: number
  /** Waiting for a free connection fails after this many milliseconds. */
  acquireMs: number
  /** Of all pools of the cluster; absent = no limit but `max`. */
  budget?: Budget | undefined
  /** What connects; it keeps to the budget. */
  Client: typeof pg.Client
  mend?: Mend | undefined
}

/** While others wait for a connection, an only one serves this long before its place goes on to them. */
const TURN_MS = 100

/** How often wires and queue are looked through. */
const SWEEP_MS = 250

/**
 * Connections that brief work uses before it shares: one processor is this process's own, and more
 * connections at work than the others are would only take turns with it.
 */
const SHARED_LIGHT = Math.max(1, availableParallelism() - 1)

/** The same where PostgreSQL's part is the larger: a connection that waits for its turn costs less than an idle processor. */
const SHARED_WEIGHTY = availableParallelism() + 1

/** Others have waited for so long when a slow reader loses a connection to them. */
const WANTED_MS = 1_000

/** For so long a reader may hold up a connection that others wait for, in all. */
const HELD_UP_MS = 2_000

type Waiting = WireJob & { since: number }

export class Wires {
  readonly #options: WiresOptions
  /** Free ones; the last used is used first, so that the others may close. */
  readonly #free: Wire[] = []
  readonly #all = new Set<Wire>()
  #waiting: Waiting[] = []
  #opening = 0
  #closed = false
  #sweeper: NodeJS.Timeout | undefined

  readonly #holder: Holder = {
    restingSince: () => this.#free[0]?.freeSince,
    closeResting: () => this.#giveBack(this.#free[0]),
  }

  constructor(options: WiresOptions) {
    this.#options = options
    options.budget?.join(this.#holder)
  }

  run(statements: readonly BatchStatement[], options: BatchOptions): Promise<BatchResult[]> {
    return new Promise((resolve, reject) => {
      this.#send({ statements, options, resolve, reject })
    })
  }

  #send(job: WireJob): void {
    const wire = this.#shared(job) ?? this.#free.pop()
    if (wire) wire.run(job)
    else this.#enqueue(job)
  }

  /** Opens the first connection before it is asked for. */
  warm(): void {
    if (this.#all.size + this.#opening > 0 || this.#closed || this.#options.budget?.isShort) return
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    this.#open()
  }

  stats(): { total: number; idle: number; waiting: number } {
    return { total: this.#all.size, idle: this.#free.length, waiting: this.#waiting.length }
  }

  close(): void {
    this.#closed = true
    this.#options.budget?.leave(this.#holder)
    clearInterval(this.#sweeper)
    for (const wire of this.#all) wire.close()
    this.#all.clear()
    this.#free.length = 0
    for (const job of this.#waiting.splice(0)) job.reject(new Error('Connection terminated'))
  }

  /**
   * The least busy connection at work that lets `job` go behind what it carries. With enough of them at work
   * another one would not make brief work faster: it would cost a write and a wait for a processor more.
   */
  #shared(job: WireJob): Wire | undefined {
    const busy = this.#all.size - this.#free.length
    const enough = job.options.pace?.isWeighty ? SHARED_WEIGHTY : SHARED_LIGHT
    if (busy < enough || this.#waiting.length > 0 || !sharesWire(job)) return undefined
    if (this.#options.budget?.isShort) return undefined
    let best: Wire | undefined
    for (const wire of this.#all) {
      // A free one would have to leave the list of those too.
      if (wire.depth === 0 || (best !== undefined && wire.depth >= best.depth)) continue
      if (wire.accepts(job)) best = wire
    }
    return best
  }

  #enqueue(job: WireJob): void {
    if (this.#closed) {
      job.reject(new Error('Connection terminated'))
      return
    }
    const waiting: Waiting = Object.assign(job, { since: performance.now() })
    this.#waiting.push(waiting)
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    if (this.#all.size + this.#opening < this.#most()) this.#open()
  }

  /** Connections at most: one, while others wait for theirs. */
  #most(): number {
    return this.#options.budget?.isShort ? 1 : this.#options.max
  }

  #open(): void {
    this.#opening++
    const events: WireEvents = {
      onProgress: this.#onProgress,
      atWork: () => this.#all.size - this.#free.length,
      onEnd: (wire) => this.#forget(wire),
      onUnserved: (job) => this.#send(Object.assign(job, { isAgain: true })),
    }
    const { config, Client, mend } = this.#options
    openMended(() => Wire.open(config, events, Client), mend).then(
      (wire) => {
        this.#opening--
        this.#all.add(wire)
        if (this.#closed) wire.close()
        else this.#onProgress(wire)
      },
      (error: unknown) => {
        this.#opening--
        // Those who wait are told, unless other connections will serve them.
        if (this.#all.size > 0) return
        if (isExhausted(error)) this.#openLater()
        else for (const job of this.#waiting.splice(0)) job.reject(error)
      },
    )
  }

  /** The server has no connection left, but another process may give some back before the wait is over. */
  #openLater(): void {
    setTimeout(() => {
      const isWanted = this.#waiting.length > 0 && !this.#closed
      if (isWanted && this.#all.size + this.#opening < this.#most()) this.#open()
    }, RETRY_MS).unref()
  }

  readonly #onProgress = (wire: Wire): void => {
    if (wire.isFree && this.#isOwed(wire)) return this.#giveBack(wire)
    let [next] = this.#waiting
    while (next && (wire.isFree || (!this.#options.budget?.isShort && wire.accepts(next)))) {
      this.#waiting.shift()
      wire.run(next)
      ;[next] = this.#waiting
    }
    if (wire.isFree && !this.#free.includes(wire)) this.#free.push(wire)
    return undefined
  }

  /** Others wait: one connection is enough, and not for ever. */
  #isOwed({ openedAt }: Wire): boolean {
    if (!this.#options.budget?.isShort) return false
    return (
      this.#all.size > 1 || this.#waiting.length === 0 || performance.now() - openedAt > TURN_MS
    )
  }

  #giveBack(wire: Wire | undefined): void {
    if (!wire) return
    this.#forget(wire)
    wire.close()
  }

  #forget(wire: Wire): void {
    this.#all.delete(wire)
    const at = this.#free.indexOf(wire)
    if (at >= 0) this.#free.splice(at, 1)
    if (this.#waiting.length === 0 || this.#closed) return
    if (this.#all.size + this.#opening < this.#most()) this.#open()
  }

  /** Otherwise as many slow readers as there are connections keep everybody else out. */
  #takeFromReaders(now: number): void {
    const [first] = this.#waiting
    const isWanted = first !== undefined && now - first.since > WANTED_MS
    if (!isWanted && !this.#options.budget?.isShort) return
    const held = [...this.#all].map((wire) => ({ wire, ms: wire.heldUpMs(now) }))
    const [longest] = held.filter(({ ms }) => ms > HELD_UP_MS).sort((a, b) => b.ms - a.ms)
    longest?.wire.breakOff(new Error('The reader held up a connection that others waited for'))
  }

  #giveUp(job: Waiting, error: Error): void {
    const at = this.#waiting.indexOf(job)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    job.reject(error)
  }

  /** Closes what was idle for long; refuses what waited for too long; stops what nobody waits for. */
  #sweep(): void {
    const now = performance.now()
    for (const wire of this.#all) wire.lookAfter(now)
    this.#takeFromReaders(now)
    for (const wire of this.#free.filter((one) => now - one.freeSince > this.#options.idleMs)) {
      this.#giveBack(wire)
    }
    for (const job of this.#waiting.filter((one) => now - one.since > this.#options.acquireMs)) {
      this.#giveUp(job, new Error('timeout exceeded when trying to connect'))
    }
    for (const job of this.#waiting.filter((one) => one.options.isAbandoned?.())) {
      this.#giveUp(job, abandoned())
    }
    if (this.#all.size + this.#opening + this.#waiting.length > 0) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}

const abandoned = () => unavailable('request_cancelled', 'The caller went away before the answer')
