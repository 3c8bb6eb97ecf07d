/** PostgREST's language, mounted at /rest/v1. */
import { Hono } from 'hono'
import { methodNotAllowed, notFound } from '#core/errors'
import type { RouteDocs } from '#http/about'
import { isPreflight } from '#http/cors'
import { RememberingRouter } from '#http/remembering-router'
import { originOf } from '#http/request'
import type { Env, Http } from '#http/env'
import { type Method, RouteTable } from '#http/routes'
import type { Services } from '#services'
import { REST } from './about.ts'
import { callFunction } from './call.ts'
import { allowEveryOrigin, preflight } from './cors.ts'
import { CALL, CALL_POST, DELETE, INSERT, OPTIONS, PUT, READ, ROOT, UPDATE } from './docs.ts'
import { errorRenderer } from './errors.ts'
import { guards, type RestContext, type Scopes } from './guards.ts'
import { describeRoot } from './openapi.ts'
import { callOptions, rootOptions, tableOptions } from './options.ts'
import { readTable } from './read.ts'
import { tellTimes } from './server-timing.ts'
import { deleteRows, insertRows, putRow, updateRows } from './write.ts'

type Handler = (c: Http, ctx: RestContext, name: string) => Promise<Response>

const TABLE_ROUTES: readonly (readonly [Method, string, Handler, RouteDocs])[] = [
  ['get', 'Read rows', readTable, READ],
  ['head', 'Count rows', readTable, READ],
  ['post', 'Insert or upsert rows', insertRows, INSERT],
  ['patch', 'Update rows', updateRows, UPDATE],
  ['put', 'Put one row by its key', putRow, PUT],
  ['delete', 'Delete rows', deleteRows, DELETE],
  ['options', 'Tell which methods a table or view takes', tableOptions, OPTIONS],
]

export function rest(services: Services): RouteTable<Scopes> {
  const hono = new Hono<Env>({ router: new RememberingRouter() })
  const render = errorRenderer(services)
  hono.onError(render)
  const routes = new RouteTable<Scopes>(REST, hono, guards(services))
  routes.surround(['/rest/v1/*'], { before: crossOrigin, after: tellTimes })
  for (const method of ['get', 'head', 'post'] as const) {
    addCall(routes, method)
  }
  addOptions(routes)
  addRoot(routes, services)
  for (const [method, summary, handler, docs] of TABLE_ROUTES) {
    const path = '/rest/v1/{table}'
    routes.add({ method, path, access: 'visitor', summary, docs }, ({ c, ctx }) =>
      handler(c, ctx, c.req.param('table') ?? ''),
    )
  }
  hono.all('/rest/v1/rpc/:function_name', (c) => render(notForCalls(c.req.method), c))
  for (const path of ['/rest/v1/', '/rest/v1/:table']) {
    hono.all(path, (c) => render(unsupported(c.req.method), c))
  }
  hono.all('/rest/v1/*', (c) => render(badPath(), c))
  return routes
}

function addCall(routes: RouteTable<Scopes>, method: Method): void {
  const path = '/rest/v1/rpc/{function_name}'
  const docs = method === 'post' ? CALL_POST : CALL
  routes.add({ method, path, access: 'visitor', summary: 'Call a function', docs }, ({ c, ctx }) =>
    callFunction(c, ctx, c.req.param('function_name') ?? ''),
  )
}

function addRoot(routes: RouteTable<Scopes>, { publicUrl, config }: Services): void {
  const shared = { path: '/rest/v1/', access: 'visitor', docs: ROOT } as const
  for (const method of ['get', 'head'] as const) {
    routes.add({ ...shared, method, summary: 'Describe the schema' }, ({ c, ctx }) =>
      describeRoot(c, ctx, originOf(c, publicUrl, config.baseDomain)),
    )
  }
}

function addOptions(routes: RouteTable<Scopes>): void {
  const shared = { method: 'options', access: 'visitor', docs: OPTIONS } as const
  const ofCall = {
    path: '/rest/v1/rpc/{function_name}',
    summary: 'Tell which methods a function takes',
  }
  routes.add({ ...shared, ...ofCall }, ({ c, ctx }) =>
    callOptions(c, ctx, c.req.param('function_name') ?? ''),
  )
  const ofRoot = { path: '/rest/v1/', summary: 'Tell which methods the root takes' }
  routes.add({ ...shared, ...ofRoot }, ({ c, ctx }) => rootOptions(c, ctx))
}

function crossOrigin(c: Http): Response | undefined {
  if (isPreflight(c)) return preflight(c)
  allowEveryOrigin(c)
  return undefined
}

const unsupported = (method: string) =>
  methodNotAllowed('method_not_supported', `Unsupported HTTP method: ${method}`)

const notForCalls = (method: string) =>
  methodNotAllowed('rpc_method', `Cannot use the ${method} method on RPC`)

const badPath = () => notFound('route_not_found', 'Invalid path specified in request URL')
