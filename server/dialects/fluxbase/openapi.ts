/** `/openapi.json`: every route of the instance for everybody, an app's tables for whoever manages it. */
import { manages } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { catalogOf } from '#domains/data'
import { invalid } from '#core/errors'
import type { Http } from '#http/env'
import { openApiDocument, type Parts, type Version } from '#http/openapi/document'
import { routeParts } from '#http/openapi/routes'
import { hostOf } from '#http/request'
import type { Listed, RouteTable } from '#http/routes'
import type { Services } from '#services'
import type { Scopes } from './guards.ts'
import { tableParts } from './openapi-tables.ts'
import { dataContext } from './tables-request.ts'

export const OPENAPI_PATHS = ['/openapi.json', '/api/v1/openapi.json'] as const

const VERSIONS: readonly Version[] = ['3.0', '3.1']

export function addOpenApi(routes: RouteTable<Scopes>, services: Services, listed: Listed): void {
  const instance = instanceParts(listed)
  for (const path of OPENAPI_PATHS) {
    routes.add(
      {
        method: 'get',
        path,
        access: 'anyone',
        summary: 'The OpenAPI document of the instance',
        docs: {
          description:
            'For whoever manages the app that the request means, also the tables of that app, as they are now.',
          query: { version: 'Of OpenAPI: `3.0`, which is the default, or `3.1`' },
        },
      },
      async ({ c, ctx }) => {
        const version = versionIn(c.req.query('version'))
        const parts = [instance(version), ...(await ownParts(services, ctx, version))]
        c.header('Cache-Control', 'private, no-cache')
        return c.json(openApiDocument({ version, origin: originOf(services, c), parts }))
      },
    )
  }
}

/** Made when first asked for, and kept: routes do not change while the process runs. */
function instanceParts(listed: Listed): (version: Version) => Parts {
  const made = new Map<Version, Parts>()
  return (version) => {
    const parts = made.get(version) ?? routeParts(listed(), version)
    made.set(version, parts)
    return parts
  }
}

/** @throws `invalid` unknown_openapi_version */
function versionIn(text = '3.0'): Version {
  const version = VERSIONS.find((known) => known === text)
  if (version) return version
  throw invalid('unknown_openapi_version', 'version must be 3.0 or 3.1')
}

async function ownParts(services: Services, ctx: AppContext, version: Version): Promise<Parts[]> {
  if (!manages(ctx.caller, ctx.app)) return []
  const catalog = await catalogOf(dataContext(services, ctx), true)
  return [catalog.derived(`openapi ${version}`, () => tableParts(catalog, version))]
}

/** The app's own host where the request came to it, else the instance's. */
function originOf({ publicUrl, config }: Services, c: Http): string {
  const host = c.req.header('host') ?? ''
  const isOfApp = hostOf(c).endsWith(`.${config.baseDomain}`) && /^[a-z0-9.-]+(:\d+)?$/i.test(host)
  return isOfApp ? `${new URL(publicUrl).protocol}//${host.toLowerCase()}` : publicUrl
}
