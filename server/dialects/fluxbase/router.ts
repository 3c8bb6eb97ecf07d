/** Fluxbase, mounted at /api/v1. */
import { Hono } from 'hono'
import { notFound } from '#core/errors'
import { RememberingRouter } from '#http/remembering-router'
import type { Env } from '#http/env'
import { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { FLUXBASE } from './about.ts'
import { addAdminTenants } from './admin-tenants.ts'
import { addAuth } from './auth.ts'
import { addAuthOffers, OFFER_ANSWERS } from './auth-offers.ts'
import { addClientKeys } from './client-keys.ts'
import { cors } from './cors.ts'
import { addDdl, DDL_ANSWERS } from './ddl.ts'
import { errorRenderer } from './errors.ts'
import { guards, type Scopes } from './guards.ts'
import { addOpenApi, type Describing, OPENAPI_PATHS } from './openapi.ts'
import { addGraphql } from './graphql.ts'
import { IDEMPOTENCY_ANSWERS } from './tables-idempotency.ts'
import { addTables } from './tables.ts'
import { addTenantSettings, SETTING_ANSWERS } from './tenant-settings.ts'
import { addVector, VECTOR_ANSWERS } from './vector.ts'

const OWN_ANSWERS = {
  ...DDL_ANSWERS,
  ...IDEMPOTENCY_ANSWERS,
  ...OFFER_ANSWERS,
  ...SETTING_ANSWERS,
  ...VECTOR_ANSWERS,
}

/** @param describing what the document tells of other dialects */
export function fluxbase(services: Services, describing: Describing): RouteTable<Scopes> {
  const hono = new Hono<Env>({ router: new RememberingRouter() })
  hono.onError(errorRenderer(services, OWN_ANSWERS))
  const routes = new RouteTable(FLUXBASE, hono, guards(services))
  routes.surround(['/api/v1/*', OPENAPI_PATHS[0]], cors(services))
  addAuth(routes, services)
  addAuthOffers(routes, services)
  addAdminTenants(routes)
  addTenantSettings(routes)
  addClientKeys(routes, services)
  addTables(routes, services)
  addDdl(routes, services)
  addVector(routes, services)
  addGraphql(routes, services)
  addOpenApi(routes, services, describing)
  alsoWithSlash(hono)
  // Last: whatever no route above has taken.
  hono.all('/api/v1/*', () => {
    throw notFound('route_not_found', 'Not Found')
  })
  return routes
}

/** A slash at the end of a path makes no difference. */
function alsoWithSlash(hono: Hono<Env>): void {
  const plain = hono.routes.filter(({ path }) => !path.endsWith('*'))
  for (const { method, path, handler } of plain) hono.on(method, `${path}/`, handler)
}
