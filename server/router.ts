/** Every dialect and where it is mounted: the table of contents of the HTTP side. */
import { Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import type { Log } from '#core/log'
import type { Env, Http } from '#http/env'
import { requestIdOf } from '#http/request'
import type { ListedRoute, RouteTable } from '#http/routes'
import type { Services } from '#services'
import { butterbaseAuth } from './dialects/butterbase/auth.ts'
import { errorRenderer } from './dialects/butterbase/errors.ts'
import type { Metrics } from './process/metrics.ts'
import { butterbase } from './dialects/butterbase/router.ts'
import { fluxbase } from './dialects/fluxbase/router.ts'
import { functionsPart } from './dialects/rest/openapi-functions.ts'
import { rest } from './dialects/rest/router.ts'
import { isBrowsing, nothingAt, nowherePage } from './dialects/system/nowhere.ts'
import { supabaseAnswer } from './dialects/system/supabase.ts'
import { system } from './dialects/system/router.ts'

/** Node's side of a request: what `listen` hands over. */
export type Bindings = Pick<Env['Bindings'], 'incoming' | 'outgoing'>

export type Router = {
  fetch: (request: Request, bindings: Bindings) => Promise<Response>
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
    fluxbase(services, { listed, functionsPart }),
    rest(services),
  ]
  const renderError = errorRenderer(services)
  const missing = nothingAt(listed)
  const notFound = async (c: Http): Promise<Response> =>
    isBrowsing(c)
      ? nowherePage(c, services, missing(c))
      : ((await supabaseAnswer(c)) ?? renderError(missing(c), c))
  const find = byFirstSegment(tables, { renderError, notFound })
  return { fetch: identified(find, services.log, metrics), routes: listed() }
}

type Fetch = Hono<Env>['fetch']

type Mount = { fetch: Fetch; dialect: string }

type Refusals = {
  renderError: ReturnType<typeof errorRenderer>
  notFound: (c: Http) => Promise<Response> | Response
}

/**
 * Which Hono answers a path is told by its first segment, so that a request passes the routes and the
 * middleware of its own dialect only. Where two tables share a segment, one Hono holds both.
 */
function byFirstSegment(
  tables: readonly Mounted[],
  { renderError, notFound }: Refusals,
): (path: string) => Mount {
  const sharing = new Map<string, Set<Hono<Env>>>()
  for (const { hono } of tables) {
    for (const { path } of hono.routes) {
      const segment = firstSegment(path)
      sharing.set(segment, (sharing.get(segment) ?? new Set()).add(hono))
    }
  }
  const finished = (hono: Hono<Env>): Fetch => hono.notFound(notFound).fetch
  const merged = (honos: ReadonlySet<Hono<Env>>): Hono<Env> => {
    const hono = new Hono<Env>()
    hono.onError(renderError)
    for (const one of honos) hono.route('/', one)
    return hono
  }
  const mounts = new Map<string, Mount>()
  for (const [segment, honos] of sharing) {
    const [only, ...others] = honos
    const hono = only && others.length === 0 ? only : merged(honos)
    mounts.set(segment, { fetch: finished(hono), dialect: DIALECTS[segment] ?? 'system' })
  }
  const nowhere = { fetch: finished(new Hono<Env>().onError(renderError)), dialect: 'system' }
  return (path) => mounts.get(firstSegment(path)) ?? nowhere
}

/** `v1` of `/v1/apps`; empty for `/`. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1)
  return end < 0 ? path.slice(1) : path.slice(1, end)
}

/** What the metrics call the first segments. */
const DIALECTS: Readonly<Record<string, string>> = {
  rest: 'rest',
  api: 'fluxbase',
  v1: 'butterbase',
  auth: 'butterbase',
  init: 'butterbase',
  apps: 'butterbase',
  'api-keys': 'butterbase',
}

/** Slower requests than this are told in the log. */
const SLOW_SECONDS = 1

/** Every request has an id that its answer and its log lines carry, and is counted. */
function identified(
  find: (path: string) => Mount,
  log: Log,
  metrics: Metrics | undefined,
): Router['fetch'] {
  return async (request, bindings) => {
    const began = performance.now()
    const requestId = requestIdOf(bindings.incoming.headers['x-request-id'])
    // On Node's own response: a header set on the other one would cost it its quick way out.
    bindings.outgoing.addHeader('X-Request-ID', requestId)
    const path = getPath(request)
    const { fetch, dialect } = find(path)
    const response = await fetch(request, { ...bindings, requestId, log })
    const seconds = (performance.now() - began) / 1000
    const { method } = request
    const { status } = response
    metrics?.observe({ dialect, method, status, seconds })
    const level = status >= 500 || seconds > SLOW_SECONDS ? 'warn' : 'debug'
    if (log.isLevelEnabled(level))
      log[level]({ requestId, method, path, status, seconds }, 'request')
    return response
  }
}
