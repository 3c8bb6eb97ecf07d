/** Every dialect and where it is mounted: the table of contents of the HTTP side. */
import { Hono } from 'hono'
import type { Env } from '#http/env'
import { requestIdOf } from '#http/request'
import type { ListedRoute, RouteTable } from '#http/routes'
import type { Services } from '#services'
import { errorRenderer } from './dialects/butterbase/errors.ts'
import { butterbase } from './dialects/butterbase/router.ts'
import { system } from './dialects/system/router.ts'
import { notFound } from '#core/errors'

export type Router = {
  fetch: Hono<Env>['fetch']
  /** Every route of every dialect, with who may call it. */
  routes: readonly ListedRoute[]
}

type Mounted = Pick<RouteTable<Record<string, unknown>>, 'hono' | 'listed'>

export function buildRouter(services: Services): Router {
  const tables: Mounted[] = [system(services), butterbase(services)]
  const hono = new Hono<Env>()
  hono.use(async (c, next) => {
    const requestId = requestIdOf(c.req.header('x-request-id'))
    c.set('requestId', requestId)
    c.header('X-Request-ID', requestId)
    await next()
  })
  for (const table of tables) hono.route('/', table.hono)
  const renderError = errorRenderer(services)
  hono.onError(renderError)
  hono.notFound((c) =>
    renderError(notFound('route_not_found', `There is nothing at ${c.req.path}`), c),
  )
  return { fetch: hono.fetch, routes: tables.flatMap((table) => table.listed) }
}
