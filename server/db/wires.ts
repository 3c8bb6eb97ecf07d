/** A pool of wires: a batch takes the first free connection, opens one, or waits its turn. */
import type pg from 'pg'
import type { BatchOptions, BatchResult, BatchStatement } from './batch.ts'
import { Wire, type WireJob } from './wire.ts'

export type WiresOptions = {
  config: pg.ClientConfig
  max: number
  idleMs: number
  /** Waiting for a free connection fails after this many milliseconds. */
  acquireMs: number
}

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

  constructor(options: WiresOptions) {
    this.#options = options
  }

  run(statements: readonly BatchStatement[], options: BatchOptions): Promise<BatchResult[]> {
    return new Promise((resolve, reject) => {
      const job: WireJob = { statements, options, resolve, reject }
      const wire = this.#free.pop()
      if (wire) wire.run(job)
      else this.#enqueue(job)
    })
  }

  stats(): { total: number; idle: number; waiting: number } {
    return { total: this.#all.size, idle: this.#free.length, waiting: this.#waiting.length }
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#sweeper)
    for (const wire of this.#all) wire.close()
    this.#all.clear()
    this.#free.length = 0
    for (const job of this.#waiting.splice(0)) job.reject(new Error('Connection terminated'))
  }

  #enqueue(job: WireJob): void {
    if (this.#closed) {
      job.reject(new Error('Connection terminated'))
      return
    }
    const { signal } = job.options
    const waiting: Waiting = Object.assign(job, { since: performance.now() })
    this.#waiting.push(waiting)
    signal?.addEventListener('abort', () => this.#giveUp(waiting, abortError()), { once: true })
    this.#sweeper ??= setInterval(() => this.#sweep(), 500).unref()
    if (this.#all.size + this.#opening < this.#options.max) this.#open()
  }

  #open(): void {
    this.#opening++
    Wire.open(this.#options.config, {
      onFree: this.#onFree,
      onEnd: (wire) => this.#forget(wire),
    }).then(
      (wire) => {
        this.#opening--
        this.#all.add(wire)
        if (this.#closed) wire.close()
        else this.#onFree(wire)
      },
      (error: unknown) => {
        this.#opening--
        // Those who wait are told, unless other connections will serve them.
        if (this.#all.size === 0) for (const job of this.#waiting.splice(0)) job.reject(error)
      },
    )
  }

  readonly #onFree = (wire: Wire): void => {
    const job = this.#waiting.shift()
    if (job) wire.run(job)
    else this.#free.push(wire)
  }

  #forget(wire: Wire): void {
    this.#all.delete(wire)
    const at = this.#free.indexOf(wire)
    if (at >= 0) this.#free.splice(at, 1)
    if (this.#waiting.length > 0 && !this.#closed) this.#open()
  }

  #giveUp(job: Waiting, error: Error): void {
    const at = this.#waiting.indexOf(job)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    job.reject(error)
  }

  /** Closes what was idle for long; refuses what waited for too long. */
  #sweep(): void {
    const now = performance.now()
    for (const wire of this.#free.filter((one) => now - one.freeSince > this.#options.idleMs)) {
      this.#forget(wire)
      wire.close()
    }
    for (const job of this.#waiting.filter((one) => now - one.since > this.#options.acquireMs)) {
      this.#giveUp(job, new Error('timeout exceeded when trying to connect'))
    }
  }
}

const abortError = (): Error => new DOMException('The request was cancelled', 'AbortError')
