/** Which pages may read Fluxbase's answers. */
import type { App } from '#domains/apps'
import { allowOrigin, type CorsRules, isPreflight, preflight } from '#http/cors'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import type { Around } from '#http/routes'
import type { Services } from '#services'

const RULES = {
  methods: 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  headers:
    'Origin, Content-Type, Accept, Authorization, Prefer, apikey, clientkey, x-client-app, X-Request-ID, ' +
    'X-CSRF-Token, X-Impersonation-Token, X-FB-Tenant, X-Client-Key, X-Service-Key, X-Fluxbase-Branch, ' +
    'Idempotency-Key, Range, Range-Unit, Accept-Profile, Content-Profile, X-Client-Info',
  exposed:
    'Content-Range, Content-Encoding, Content-Length, X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, ' +
    'X-RateLimit-Reset, X-Affected-Count, Preference-Applied, Location, ETag, Accept-Ranges, X-Next-Cursor, ' +
    'Idempotency-Replayed',
} as const satisfies Omit<CorsRules, 'allows'>

/** The app that a request turned out to mean; the guards tell it. */
const appOf = new WeakMap<Request, App>()

export function rememberApp(c: Http, app: App): void {
  if (headerOf(c, 'origin') !== undefined) appOf.set(c.req.raw, app)
}

/** A page of this machine, at any port. */
const isLocal = (origin: string): boolean =>
  /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/.test(origin)

/**
 * Pages of the app's allowed origins and of this machine. A preflight carries no credential and so
 * names no app: there, and where no app was found, an origin of any app is enough.
 */
export function cors({ apps }: Services): Required<Around> {
  const rulesFor = (c: Http): CorsRules => ({
    ...RULES,
    allows: (origin) => {
      const app = appOf.get(c.req.raw)
      return (
        isLocal(origin) || (app ? app.allowedOrigins.includes(origin) : apps.allowsOrigin(origin))
      )
    },
  })
  return {
    before: (c) => (isPreflight(c) ? preflight(c, rulesFor(c)) : undefined),
    after: (c) => (headerOf(c, 'origin') === undefined ? undefined : allowOrigin(c, rulesFor(c))),
  }
}
