/** Who may call `/rest/v1`, and which app they mean. */
import { authRequired, type Caller, identityIn } from '#domains/accounts'
import {
  type App,
  addressedApp,
  requireNotPaused,
  requireUsable,
  requireWritable,
} from '#domains/apps'
import type { DataContext } from '#domains/data'
import { notFound } from '#core/errors'
import type { Http } from '#http/env'
import { bearerOf, hostOf } from '#http/request'
import type { Guard } from '#http/routes'
import { requestContext, type Services } from '#services'

export type Scopes = {
  /** Whoever may address the app: nobody in particular, its users, its keys, its owner. */
  visitor: DataContext
}

/** Requests of nobody in particular: PostgREST tells them 401 where others get 403. */
const anonymous = new WeakSet<Http>()

export const isAnonymous = (c: Http): boolean => anonymous.has(c)

export function guards(services: Services): { visitor: Guard<DataContext> } {
  return {
    visitor: async (c) => {
      const named = await namedApp(services, c)
      const secret = bearerOf(c.req.header('authorization')) ?? c.req.header('apikey')
      const caller: Caller = secret
        ? await services.identifier.identify(secret, named ?? (await services.apps.default()))
        : { kind: 'anonymous' }
      if (caller.kind === 'anonymous') anonymous.add(c)
      return () => enter(services, { c, caller, named })
    },
  }
}

type Entering = { c: Http; caller: Caller; named: App | undefined }

async function enter(services: Services, { c, caller, named }: Entering): Promise<DataContext> {
  const app = named ?? (await appOfCaller(services, caller))
  const identity = identityIn(caller, app)
  if (caller.kind === 'account') await addressedApp(requestContext(services, c, caller), app.id)
  requireUsable(app)
  requireNotPaused(app)
  if (!/^(GET|HEAD|OPTIONS)$/.test(c.req.method)) requireWritable(app)
  if (app.accessMode === 'authenticated' && caller.kind === 'anonymous') throw authRequired()
  const databases = services.apps.databasesOf(app)
  return {
    appId: app.id,
    database: databases.api,
    platform: databases.platform,
    identity,
    catalogs: services.catalogs,
  }
}

/** The app of the host, else the one that the tenant header names. */
async function namedApp(services: Services, c: Http): Promise<App | undefined> {
  const suffix = `.${services.config.baseDomain}`
  const host = hostOf(c)
  const tenant = host.endsWith(suffix) ? host.slice(0, -suffix.length) : c.req.header('x-fb-tenant')
  if (tenant === undefined || tenant === '') return undefined
  const app = await services.apps.findByAnyName(tenant)
  if (app) return app
  throw notFound('app_not_found', 'App not found', {
    hint: 'Check the host, or the app in the X-FB-Tenant header.',
  })
}

async function appOfCaller({ apps }: Services, caller: Caller): Promise<App> {
  const id = appIdOf(caller)
  return (id === undefined ? undefined : await apps.find(id)) ?? apps.default()
}

function appIdOf(caller: Caller): string | undefined {
  if (caller.kind === 'user' || caller.kind === 'anonymous') return caller.appId
  return caller.kind === 'app_key' && caller.appIds.length === 1 ? caller.appIds[0] : undefined
}
