/** How many connections all pools of a cluster may have together: for a new one, the one that rests longest goes. */
import pg from 'pg'
import { unavailable } from '#core/errors'
import { clientOpening } from './client.ts'
import { isExhausted } from './sqlstate.ts'

/** Who has connections that may be closed while they rest. */
export type Holder = {
  /** When the one that rests longest came to rest, in ms of the monotonic clock; undefined = none rests. */
  restingSince: () => number | undefined
  /** Closes that one; its place comes back. */
  closeResting: () => void
}

type Waiting = { resolve: () => void; reject: (error: Error) => void; timer: NodeJS.Timeout }

/** What makes nothing quicker at once, such as a listener, leaves this share to those who work. */
const SPARE = 0.25

/** Resting connections that go at once when another process has none. */
const GIVEN_AT_ONCE = 16

/** What has rested for less is only between two requests, and goes when it has had its turn. */
const RESTED_MS = 100

/** For so long we take no more than that left us. */
const YIELD_MS = 2_000

/** However many others ask, this share of our places stays. */
const KEPT = 0.25

/** Others are asked at most so often. */
const ASK_MS = 100

export class Budget {
  readonly limit: number
  /** Called when the cluster has no connection left although we have a place: other processes may have some that rest. */
  onRefused: (() => void) | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  /** Places at most, while another process goes without. */
  #yielded: { most: number; timer: NodeJS.Timeout } | undefined
  readonly #holders = new Set<Holder>()
  readonly #waiting: Waiting[] = []
  #taken = 0
  #peak = 0
  /** Resting connections that were asked to close and have not yet given their place back. */
  #closing = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Somebody waits for a place, here or in another process: whoever has more connections than needed gives one back. */
  get isShort(): boolean {
    return this.#waiting.length > 0 || this.#taken > this.#most()
  }

  stats(): { taken: number; waiting: number; peak: number } {
    return { taken: this.#taken, waiting: this.#waiting.length, peak: this.#peak }
  }

  join(holder: Holder): void {
    this.#holders.add(holder)
  }

  leave(holder: Holder): void {
    this.#holders.delete(holder)
  }

  /**
   * A place for one connection.
   * @throws `unavailable` database_busy when none became free in this time
   */
  take(waitMs: number): Promise<void> {
    if (this.#takeUpTo(this.#most())) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(exhausted())
      }
      const waiting: Waiting = { resolve, reject, timer: setTimeout(giveUp, waitMs).unref() }
      this.#waiting.push(waiting)
      this.#makeRoom()
    })
  }

  /** A place only if there are plenty. */
  takeSpare(): boolean {
    return this.#takeUpTo(Math.floor(this.#most() * (1 - SPARE)))
  }

  #takeUpTo(limit: number): boolean {
    if (this.#taken >= limit) return false
    this.#taken += 1
    this.#peak = Math.max(this.#peak, this.#taken)
    return true
  }

  /** A connection is gone. */
  give(): void {
    this.#closing = Math.max(0, this.#closing - 1)
    this.#taken -= 1
    this.#serve()
    this.#makeRoom()
  }

  /** The cluster had no connection for us: what rests longest here goes, and other processes are asked for theirs. */
  refused(): void {
    if (performance.now() - this.#askedAt < ASK_MS) return
    this.#askedAt = performance.now()
    this.#closeLongest()
    this.onRefused?.()
  }

  /**
   * Another process of the cluster found no connection: what rests here goes, else what comes to rest next, and does
   * not come back at once.
   */
  yieldResting(): void {
    let given = 0
    while (given < GIVEN_AT_ONCE && this.#closeLongest(RESTED_MS)) given++
    clearTimeout(this.#yielded?.timer)
    const most = Math.max(Math.ceil(this.limit * KEPT), this.#taken - Math.max(given, 1))
    const timer = setTimeout(() => {
      this.#yielded = undefined
      this.#serve()
    }, YIELD_MS).unref()
    this.#yielded = { most, timer }
  }

  #most(): number {
    return Math.min(this.limit, this.#yielded?.most ?? this.limit)
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#takeUpTo(this.#most())) {
      const next = this.#waiting.shift()
      clearTimeout(next?.timer)
      next?.resolve()
    }
  }

  #makeRoom(): void {
    if (this.#closing < this.#waiting.length) this.#closeLongest()
  }

  /** False when nothing has rested for so long. */
  #closeLongest(restedMs = 0): boolean {
    let longest: Holder | undefined
    let since = Number.POSITIVE_INFINITY
    for (const holder of this.#holders) {
      const resting = holder.restingSince()
      if (resting === undefined || resting >= since) continue
      longest = holder
      since = resting
    }
    if (!longest || performance.now() - since < restedMs) return false
    this.#closing += 1
    longest.closeResting()
    return true
  }
}

const exhausted = () =>
  unavailable('database_busy', 'Every connection to the database is in use', {
    retryAfter: 1,
    hint: 'Try again in a moment.',
  })

/** A client that takes a place before it connects and gives it back when its connection is gone. */
export function clientWithin(budget: Budget | undefined, waitMs: number): typeof pg.Client {
  if (!budget) return pg.Client
  return clientOpening(pg.Client, async (client, connect) => {
    await budget.take(waitMs)
    client.once('end', () => budget.give())
    await connect().catch((error: unknown) => {
      if (isExhausted(error)) budget.refused()
      throw error
    })
  })
}

/** Lets the budget close what rests in a pool. */
export function holdWithin(budget: Budget, pool: pg.Pool): Holder {
  let since = performance.now()
  /** Asked to go, and still counted among the idle ones. */
  let leaving = 0
  const isResting = (): boolean =>
    pool.idleCount > leaving && pool.waitingCount === 0 && !pool.ending
  const holder: Holder = {
    restingSince: () => (isResting() ? since : undefined),
    closeResting: () => {
      if (!isResting()) return
      leaving += 1
      pool
        .connect()
        .then(
          (client) => client.release(true),
          () => {},
        )
        .finally(() => (leaving -= 1))
    },
  }
  pool.on('release', () => {
    since = performance.now()
    if (budget.isShort) setImmediate(holder.closeResting)
  })
  budget.join(holder)
  return holder
}
