/** `/openapi.json`: every route of the instance for everybody, an app's tables for whoever manages it. */
import { manages } from '#domains/accounts'
import { visibleCatalog } from '#domains/data'
import { invalid } from '#core/errors'
import type { Http } from '#http/env'
import { openApiDocument, type Version } from '#http/openapi/document'
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
  const documents = new Documents(services, listed)
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
        const asked = { version, origin: originOf(services, c) }
        const own = manages(ctx.caller, ctx.app)
        const tables = own ? await visibleCatalog(dataContext(services, c, ctx)) : undefined
        return c.body(await documents.textFor(asked, tables), 200, {
          'Content-Type': 'application/json; charset=utf-8',
          'Cache-Control': 'private, no-cache',
        })
      },
    )
  }
}

type Visible = Awaited<ReturnType<typeof visibleCatalog>>

type Asked = { version: Version; origin: string }

/** Documents are long: those for the instance's own address are written once, per version and state of the tables. */
class Documents {
  readonly #publicUrl: string
  readonly #listed: Listed
  readonly #written = new Map<Version, string>()

  constructor({ publicUrl }: Services, listed: Listed) {
    this.#publicUrl = publicUrl
    this.#listed = listed
  }

  /** @param tables of the app, where they are told too */
  async textFor(asked: Asked, tables: Visible | undefined): Promise<string> {
    if (asked.origin !== this.#publicUrl) return this.#write(asked, tables)
    const kept =
      tables?.catalog.derived('openapi', () => new Map<Version, string>()) ?? this.#written
    const text = kept.get(asked.version) ?? (await this.#write(asked, tables))
    kept.set(asked.version, text)
    return text
  }

  async #write({ version, origin }: Asked, tables: Visible | undefined): Promise<string> {
    const parts = [routeParts(this.#listed(), version)]
    if (tables) {
      const { catalog, readRights } = tables
      parts.push(tableParts(catalog, await readRights(), version))
    }
    return JSON.stringify(openApiDocument({ version, origin, parts }))
  }
}

/** @throws `invalid` unknown_openapi_version */
function versionIn(text = '3.0'): Version {
  const version = VERSIONS.find((known) => known === text)
  if (version) return version
  throw invalid('unknown_openapi_version', 'version must be 3.0 or 3.1')
}

/** The app's own host where the request came to it, else the instance's. */
function originOf({ publicUrl, config }: Services, c: Http): string {
  const host = c.req.header('host') ?? ''
  const isOfApp = hostOf(c).endsWith(`.${config.baseDomain}`) && /^[a-z0-9.-]+(:\d+)?$/i.test(host)
  return isOfApp ? `${new URL(publicUrl).protocol}//${host.toLowerCase()}` : publicUrl
}
