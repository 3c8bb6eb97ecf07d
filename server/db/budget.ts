/** How many connections all pools of a cluster may have together: for a new one, the one that rests longest goes. */
import pg from 'pg'
import { unavailable } from '#core/errors'
import { clientOpening } from './client.ts'

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

export class Budget {
  readonly limit: number
  readonly #holders = new Set<Holder>()
  readonly #waiting: Waiting[] = []
  #taken = 0
  #peak = 0
  /** Resting connections that were asked to close and have not yet given their place back. */
  #closing = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Somebody waits for a place: whoever has more connections than needed gives one back. */
  get isShort(): boolean {
    return this.#waiting.length > 0
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
   * @throws `unavailable` database_unavailable when none became free in this time
   */
  take(waitMs: number): Promise<void> {
    if (this.#takeUpTo(this.limit)) return Promise.resolve()
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
    return this.#takeUpTo(Math.floor(this.limit * (1 - SPARE)))
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
    const next = this.#waiting.shift()
    if (!next) {
      this.#taken -= 1
      return
    }
    clearTimeout(next.timer)
    next.resolve()
  }

  #makeRoom(): void {
    if (this.#closing >= this.#waiting.length) return
    let longest: Holder | undefined
    let since = Number.POSITIVE_INFINITY
    for (const holder of this.#holders) {
      const resting = holder.restingSince()
      if (resting === undefined || resting >= since) continue
      longest = holder
      since = resting
    }
    if (!longest) return
    this.#closing += 1
    longest.closeResting()
  }
}

const exhausted = () =>
  unavailable('database_unavailable', 'Every connection to the database is in use', {
    retryAfter: 1,
    hint: 'Try again in a moment.',
  })

/** A client that takes a place before it connects and gives it back when its connection is gone. */
export function clientWithin(budget: Budget | undefined, waitMs: number): typeof pg.Client {
  if (!budget) return pg.Client
  return clientOpening(pg.Client, async (client, connect) => {
    await budget.take(waitMs)
    client.once('end', () => budget.give())
    await connect()
  })
}

/** Lets the budget close what rests in a pool. */
export function holdWithin(budget: Budget, pool: pg.Pool): Holder {
  let since = performance.now()
  const isResting = (): boolean => pool.idleCount > 0 && pool.waitingCount === 0 && !pool.ending
  const holder: Holder = {
    restingSince: () => (isResting() ? since : undefined),
    closeResting: () => {
      if (!isResting()) return
      pool.connect().then(
        (client) => client.release(true),
        () => {},
      )
    },
  }
  pool.on('release', () => {
    since = performance.now()
    if (budget.isShort) setImmediate(holder.closeResting)
  })
  budget.join(holder)
  return holder
}
