/** How often one address may try the public routes of sign-in. */
import type { Caller } from '#domains/accounts'
import { type App, isOn } from '#domains/apps'
import type { Http } from '#http/env'
import { type Limit, limitRequest } from '#http/rate-limit'
import { clientIp } from '#http/request'
import type { Services } from '#services'

const MINUTE_MS = 60_000

/** Per app and client address. */
const LIMITS: Record<string, Limit> = {
  '/api/v1/auth/signin': { max: 10, windowMs: MINUTE_MS },
  '/api/v1/auth/signup': { max: 10, windowMs: 15 * MINUTE_MS },
}

const PER_REFRESH_TOKEN: Limit = { max: 10, windowMs: MINUTE_MS }

type Attempt = { app: App; path: string }

/** @throws `rate_limited` rate_limit_exceeded */
export function limitSignIn(services: Services, c: Http, { app, path }: Attempt): void {
  const limit = LIMITS[path]
  if (!limit) return
  const ip = clientIp(c, services.trustedProxies)
  take(services, c, { key: `fluxbase ${path} ${app.id} ${ip}`, limit })
}

/**
 * Counts one use of a refresh token.
 * @param hash of the whole token: its beginning would throttle strangers together
 * @throws `rate_limited` rate_limit_exceeded
 */
export function limitRefresh(services: Services, c: Http, hash: string): void {
  take(services, c, { key: `fluxbase refresh ${hash}`, limit: PER_REFRESH_TOKEN })
}

/** Requests in a minute, where the app counts them. Whoever manages it by an account is not counted. */
const PER_MINUTE = { anonymous: 100, user: 500, app_key: 10_000 } as const

/** Beside its own limit, which always holds. */
export const MOST_OF_A_KEY = 1000

type Asking = { app: App; caller: Caller }

/** @throws `rate_limited` rate_limit_exceeded */
export function limitCaller(services: Services, c: Http, { app, caller }: Asking): void {
  if (!isOn(app, 'limitRequests')) return
  // A client key is counted where its scopes are asked for.
  if (caller.kind === 'account' || caller.kind === 'client_key') return
  const max = PER_MINUTE[caller.kind]
  const who = whoIn(caller) || clientIp(c, services.trustedProxies)
  const key = `fluxbase minute ${app.id} ${caller.kind} ${who}`
  limitRequest(c, services.limiter, { key, max, windowMs: MINUTE_MS })
}

/** Nobody in particular has no name. */
function whoIn(caller: Caller): string {
  if (caller.kind === 'user') return caller.userId
  return caller.kind === 'app_key' ? caller.credentialId : ''
}

type Take = { key: string; limit: Limit }

function take({ config, limiter }: Services, c: Http, { key, limit }: Take): void {
  if (config.signInRateLimits === 'off') return
  limitRequest(c, limiter, { key, ...limit })
}
