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

/** Keys at most; when there are more, the oldest windows go first. */
const MAX_KEYS = 100_000

export class RateLimiter {
  readonly #clock: Clock
  readonly #windows = new Map<string, { count: number; endsAt: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts one request. */
  count(key: string, { max, windowMs }: Limit): Allowance {
    const now = this.#clock().getTime()
    const window = this.#window(key, now, windowMs)
    window.count += 1
    const resetSeconds = Math.max(1, Math.ceil((window.endsAt - now) / 1000))
    const remaining = Math.max(0, max - window.count)
    return { limit: max, remaining, resetSeconds, exceeded: window.count > max }
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
