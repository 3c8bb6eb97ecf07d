/**
 * Which pages may read Butterbase's answers: those of the app's allowed origins, the console and the
 * app's own hosts. That some other app lists an origin lets nobody in here.
 */
import type { MiddlewareHandler } from 'hono'
import { type App, corsSettingsOf } from '#domains/apps'
import { allowOrigin, type CorsRules, isPreflight, preflight } from '#http/cors'
import { headerOf } from '#http/request'
import type { Env, Http } from '#http/env'
import type { Services } from '#services'

/** Paths of this dialect; the rest has rules of its own. */
const APP = ':app_id{app_[0-9a-z]+}'
export const CORS_PATHS = [
  `/v1/${APP}/*`,
  `/auth/${APP}/*`,
  `/storage/${APP}/*`,
  '/v1/apps/*',
  '/v1/templates/*',
  '/v1/clone-jobs/*',
  '/v1/source-replicas/*',
  '/v1/regions',
  '/init',
  '/apps/*',
  '/api-keys/*',
]

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

const HEADERS = [
  'Content-Type',
  'Authorization',
  'X-Organization-Id',
  'X-Signup-Source',
  'X-Signup-Referrer',
  'X-Butterbase-As-User',
  'X-Butterbase-As-Role',
  'X-Request-ID',
  'Idempotency-Key',
  'apikey',
  'Last-Event-ID',
]

const EXPOSED =
  'X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Content-Range'

export function cors(services: Services): MiddlewareHandler<Env> {
  return async (c, next) => {
    if (headerOf(c, 'origin') === undefined) return next()
    const rules = rulesFor(services, await appIn(services, c))
    if (isPreflight(c)) return preflight(c, rules)
    await next()
    // A function may have answered for itself.
    if (!c.res.headers.has('Access-Control-Allow-Origin')) await allowOrigin(c, rules)
    return undefined
  }
}

/** Whether or not the caller may use the app: a preflight shows no credential. */
async function appIn({ apps }: Services, c: Http): Promise<App | undefined> {
  const [, id] = /^\/(?:v1|auth|storage)\/(app_[0-9a-z]+)(?:\/|$)/.exec(c.req.path) ?? []
  return id === undefined ? undefined : apps.find(id)
}

function rulesFor({ publicUrl, apps }: Services, app: App | undefined): CorsRules {
  const console = new URL(publicUrl).origin
  const own = app ? [...app.allowedOrigins, new URL(apps.urlOf(app)).origin] : []
  const origins = new Set([console, ...own])
  const { methods = [], headers = [] } = app ? corsSettingsOf(app) : {}
  return {
    allows: (origin) => origins.has(origin),
    methods: [...new Set([...METHODS, ...methods])].join(', '),
    headers: [...new Set([...HEADERS, ...headers])].join(', '),
    exposed: EXPOSED,
  }
}
