/** Counting requests per key in fixed windows, in this process's memory. */
import type { Clock } from '#core/clock'
import { type AppError, rateLimited } from '#core/errors'
import type { Http } from './env.ts'
import { addHeader } from './respond.ts'

export type Limit = { max: number; windowMs: number }

export type Allowance = {
  limit: number
  remaining: number
  /** Seconds until the window ends. */
  resetSeconds: number
  /** This request is one too many. */
  exceeded: boolean
}

/** Keys at most of one length of window; when there are more, the oldest windows go first. */
const MAX_KEYS = 100_000

type Window = { count: number; endsAt: number }

/**
 * The windows of one length. Those that began before the last turn stand apart, and a length later they have all ended:
 * they are let go together, so that nobody has to look through them.
 */
class Windows {
  readonly #lengthMs: number
  #turnedAt: number
  #before = new Map<string, Window>()
  #since = new Map<string, Window>()

  constructor(lengthMs: number, now: number) {
    this.#lengthMs = lengthMs
    this.#turnedAt = now
  }

  get size(): number {
    return this.#before.size + this.#since.size
  }

  /** The key's window, a new one when it has none that lasts. */
  at(key: string, now: number): Window {
    const known = this.#since.get(key) ?? this.#before.get(key)
    if (known && known.endsAt > now) return known
    this.#before.delete(key)
    this.#since.delete(key)
    if (this.size >= MAX_KEYS) this.#forgetOldest()
    const fresh = { count: 0, endsAt: now + this.#lengthMs }
    this.#since.set(key, fresh)
    return fresh
  }

  /** @returns whether it was time */
  turn(now: number): boolean {
    const passed = now - this.#turnedAt
    if (passed < this.#lengthMs) return false
    this.#before = passed < 2 * this.#lengthMs ? this.#since : new Map<string, Window>()
    this.#since = new Map<string, Window>()
    this.#turnedAt = now
    return true
  }

  #forgetOldest(): void {
    const oldest = this.#before.size > 0 ? this.#before : this.#since
    oldest.delete(oldest.keys().next().value ?? '')
  }
}

export class RateLimiter {
  readonly #clock: Clock
  /** By their length: the limits know a few. */
  readonly #lengths = new Map<number, Windows>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Windows that are kept. */
  get size(): number {
    return this.#lengths.values().reduce((sum, { size }) => sum + size, 0)
  }

  /** Counts one request. */
  count(key: string, { max, windowMs }: Limit): Allowance {
    const now = this.#clock().getTime()
    const window = this.#of(windowMs, now).at(key, now)
    window.count += 1
    const resetSeconds = Math.max(1, Math.ceil((window.endsAt - now) / 1000))
    const remaining = Math.max(0, max - window.count)
    return { limit: max, remaining, resetSeconds, exceeded: window.count > max }
  }

  #of(lengthMs: number, now: number): Windows {
    const known = this.#lengths.get(lengthMs)
    if (!known) {
      const made = new Windows(lengthMs, now)
      this.#lengths.set(lengthMs, made)
      return made
    }
    // The others too: nobody may ask for them for a long time.
    if (known.turn(now)) for (const windows of this.#lengths.values()) windows.turn(now)
    return known
  }
}

/**
 * Counts the request and tells the caller how much is left, also when it is refused.
 * @throws `rate_limited` rate_limit_exceeded with `retryAfter`
 */
export function limitRequest(
  c: Http,
  limiter: RateLimiter,
  { key, ...limit }: Limit & { key: string },
): void {
  const allowance = limiter.count(key, limit)
  tell(c, allowance)
  if (allowance.exceeded) throw tooMany(allowance)
}

/** Of two limits the answer tells the one that was looked at last: it is the closer one. */
function tell(c: Http, { limit, remaining, resetSeconds }: Allowance): void {
  addHeader(c, 'X-RateLimit-Limit', String(limit))
  addHeader(c, 'X-RateLimit-Remaining', String(remaining))
  addHeader(c, 'X-RateLimit-Reset', String(resetSeconds))
}

const tooMany = ({ limit, remaining, resetSeconds }: Allowance): AppError =>
  rateLimited('rate_limit_exceeded', `Rate limit exceeded, retry in ${resetSeconds} seconds`, {
    retryAfter: resetSeconds,
    details: { limit, remaining, resetSeconds },
    hint: 'Wait for as long as Retry-After says, then send fewer requests.',
  })
