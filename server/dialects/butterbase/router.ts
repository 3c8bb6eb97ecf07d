/** Butterbase: the platform and the data plane, mounted at /init, /apps, /api-keys, /v1 and /auth. */
import { Hono } from 'hono'
import { RememberingRouter } from '#http/remembering-router'
import type { Env } from '#http/env'
import { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { BUTTERBASE } from './about.ts'
import { addApps } from './apps.ts'
import { addUsers } from './auth.ts'
import { addAuthHooks } from './auth-hooks.ts'
import { AUTH_ANSWERS } from './auth-errors.ts'
import { addConfig } from './config.ts'
import { CORS_PATHS, cors } from './cors.ts'
import { addDataApi } from './data-api.ts'
import { addEnv } from './env.ts'
import { errorRenderer } from './errors.ts'
import { addFn } from './fn.ts'
import { addFunctions, FUNCTION_ANSWERS } from './functions.ts'
import { addGraphqlConfig } from './graphql-config.ts'
import { guards, type Scopes } from './guards.ts'
import { addKeys } from './keys.ts'
import { addRows } from './rows.ts'
import { ROW_ANSWERS } from './rows-errors.ts'
import { addRls } from './rls.ts'
import { addSchema } from './schema.ts'

/** What each part of the dialect says in its own words. */
export const ANSWERS = { ...ROW_ANSWERS, ...AUTH_ANSWERS, ...FUNCTION_ANSWERS }

export function butterbase(services: Services): RouteTable<Scopes> {
  const hono = new Hono<Env>({ router: new RememberingRouter() })
  hono.onError(errorRenderer(services, ANSWERS))
  for (const path of CORS_PATHS) hono.use(path, cors(services))
  const routes = new RouteTable(BUTTERBASE, hono, guards(services))
  addApps(routes)
  addConfig(routes)
  addDataApi(routes)
  addGraphqlConfig(routes)
  addKeys(routes)
  addUsers(routes, services)
  addSchema(routes, services)
  addRls(routes)
  addFunctions(routes, services)
  addEnv(routes, services)
  addFn(routes, services)
  addAuthHooks(routes, services)
  // Last: the name of a table may be almost any word.
  addRows(routes, services)
  return routes
}
