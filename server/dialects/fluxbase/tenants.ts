/** Which app a Fluxbase request means. Its clients know apps as tenants. */
import { type Caller, manages } from '#domains/accounts'
import { type App, type Context, managedApp } from '#domains/apps'
import { forbidden, notFound } from '#core/errors'
import type { Http } from '#http/env'
import { headerOf, subdomainOf } from '#http/request'
import type { Services } from '#services'

/**
 * The app that the request itself names: by its host, else by `X-FB-Tenant` (tenant id, app id or subdomain).
 * @throws `not_found` app_not_found, `forbidden` when host and header name two apps
 */
export async function appNamed(services: Services, c: Http): Promise<App | undefined> {
  const label = labelOf(services, c)
  const name = headerOf(c, 'x-fb-tenant')
  const byHost = label === undefined ? undefined : await services.apps.findByAnyName(label)
  const byHeader = name ? await appOfHeader(services, name) : undefined
  if (byHost && byHeader && byHost.id !== byHeader.id) throw accessDenied()
  return byHost ?? byHeader
}

/**
 * The app that the request names, if it does, else the credential's, else the default one.
 * @throws `forbidden` credential_of_another_app
 */
export async function appMeant(
  { apps }: Services,
  caller: Caller,
  named: App | undefined,
): Promise<App> {
  const own = appIdOf(caller)
  const app =
    named ?? (own === undefined ? undefined : await apps.find(own)) ?? (await apps.default())
  const mayEnter = own === undefined ? maySee(caller, app) : own === app.id
  if (!mayEnter) throw accessDenied()
  return app
}

/**
 * The app in the path of a route about tenants, by tenant id, app id or subdomain, for whoever manages it.
 * @throws as `managedApp`
 */
export async function tenantIn(ctx: Context, c: Http): Promise<App> {
  const name = (c.req.param('id') ?? '').toLowerCase()
  const found = await ctx.apps.findByAnyName(name)
  return managedApp(ctx, found?.id ?? name)
}

function maySee(caller: Caller, app: App): boolean {
  return caller.kind === 'anonymous' || manages(caller, app)
}

/** The one app that a credential belongs to, if it is one. */
function appIdOf(caller: Caller): string | undefined {
  if (caller.kind !== 'app_key' && caller.kind !== 'account') return caller.appId
  return caller.kind === 'app_key' && caller.appIds.length === 1 ? caller.appIds[0] : undefined
}

/** The word before the base domain of the host; a host that is no app's, such as the API's own, has none. */
function labelOf({ config }: Services, c: Http): string | undefined {
  const label = subdomainOf(c, config.baseDomain)
  return label !== undefined && /^[a-z0-9-]+$/.test(label) ? label : undefined
}

const NAMES =
  'X-FB-Tenant takes the id or the subdomain of an app; without it the credential tells.'

async function appOfHeader({ apps }: Services, name: string): Promise<App> {
  const app = await apps.findByAnyName(name.toLowerCase())
  if (!app) throw notFound('app_not_found', 'tenant not found', { hint: NAMES })
  return app
}

const accessDenied = () => forbidden('credential_of_another_app', 'access denied to this tenant')
