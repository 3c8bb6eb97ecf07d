/** Counting requests per key in fixed windows, in this process's memory. */
import type { Clock } from '#core/clock'
import { rateLimited } from '#core/errors'

export type Limit = { max: number; windowMs: number }

export type Allowance = {
  limit: number
  remaining: number
  /** Seconds until the window ends. */
  resetSeconds: number
}

/** Keys at most; when there are more, the oldest windows go first. */
const MAX_KEYS = 100_000

export class RateLimiter {
  readonly #clock: Clock
  readonly #windows = new Map<string, { count: number; endsAt: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts one request. @throws `rate_limited` rate_limit_exceeded with `retryAfter` */
  take(key: string, { max, windowMs }: Limit): Allowance {
    const now = this.#clock().getTime()
    const window = this.#window(key, now, windowMs)
    window.count += 1
    const resetSeconds = Math.max(1, Math.ceil((window.endsAt - now) / 1000))
    const allowance = { limit: max, remaining: Math.max(0, max - window.count), resetSeconds }
    if (window.count <= max) return allowance
    throw rateLimited(
      'rate_limit_exceeded',
      `Rate limit exceeded, retry in ${resetSeconds} seconds`,
      {
        retryAfter: resetSeconds,
        details: allowance,
        hint: 'Wait for as long as Retry-After says, then send fewer requests.',
      },
    )
  }

  #window(key: string, now: number, windowMs: number): { count: number; endsAt: number } {
    const known = this.#windows.get(key)
    if (known && known.endsAt > now) return known
    this.#windows.delete(key)
    if (this.#windows.size >= MAX_KEYS)
      this.#windows.delete(this.#windows.keys().next().value ?? '')
    const fresh = { count: 0, endsAt: now + windowMs }
    this.#windows.set(key, fresh)
    return fresh
  }
}
