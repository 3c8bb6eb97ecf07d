/** Every dialect and where it is mounted: the table of contents of the HTTP side. */
import { Hono, type MiddlewareHandler } from 'hono'
import { notFound } from '#core/errors'
import type { Log } from '#core/log'
import type { Env } from '#http/env'
import { requestIdOf } from '#http/request'
import type { ListedRoute, RouteTable } from '#http/routes'
import type { Services } from '#services'
import { butterbaseAuth } from './dialects/butterbase/auth.ts'
import { errorRenderer } from './dialects/butterbase/errors.ts'
import type { Metrics } from './process/metrics.ts'
import { butterbase } from './dialects/butterbase/router.ts'
import { fluxbase } from './dialects/fluxbase/router.ts'
import { rest } from './dialects/rest/router.ts'
import { system } from './dialects/system/router.ts'

export type Router = {
  fetch: Hono<Env>['fetch']
  /** Every route of every dialect, with who may call it. */
  routes: readonly ListedRoute[]
}

type Mounted = Pick<RouteTable<Record<string, unknown>>, 'hono' | 'listed'>

export function buildRouter(services: Services, metrics?: Metrics): Router {
  const listed = (): ListedRoute[] => tables.flatMap((table) => table.listed)
  const tables: Mounted[] = [
    system(services, listed),
    butterbase(services),
    butterbaseAuth(services),
    fluxbase(services, listed),
    rest(services),
  ]
  const hono = new Hono<Env>()
  hono.use(identified(services.log, metrics))
  for (const table of tables) hono.route('/', table.hono)
  const renderError = errorRenderer(services)
  hono.onError(renderError)
  hono.notFound((c) =>
    renderError(notFound('route_not_found', `There is nothing at ${c.req.path}`), c),
  )
  return { fetch: hono.fetch, routes: listed() }
}

/** Slower requests than this are told in the log. */
const SLOW_SECONDS = 1

/** Every request has an id that its answer and its log lines carry, and is counted. */
function identified(log: Log, metrics: Metrics | undefined): MiddlewareHandler<Env> {
  return async (c, next) => {
    const began = performance.now()
    const requestId = requestIdOf(c.req.header('x-request-id'))
    c.set('requestId', requestId)
    c.header('X-Request-ID', requestId)
    await next()
    const seconds = (performance.now() - began) / 1000
    const { method, path } = c.req
    const { status } = c.res
    metrics?.observe({ dialect: dialectOf(path), method, status, seconds })
    const level = status >= 500 || seconds > SLOW_SECONDS ? 'warn' : 'debug'
    if (log.isLevelEnabled(level))
      log[level]({ requestId, method, path, status, seconds }, 'request')
  }
}

const PREFIXES: readonly (readonly [prefix: string, dialect: string])[] = [
  ['/rest/v1', 'rest'],
  ['/api/v1', 'fluxbase'],
  ['/v1', 'butterbase'],
  ['/auth', 'butterbase'],
]

const dialectOf = (path: string): string =>
  PREFIXES.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'system'
