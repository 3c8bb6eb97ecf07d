/** `/openapi.json`: every route of the instance for everybody, an app's tables for whoever manages it. */
import { z } from 'zod'
import { manages } from '#domains/accounts'
import { visibleCatalog } from '#domains/data'
import { invalid } from '#core/errors'
import type { Http } from '#http/env'
import { Draft, type Part, type Version } from '#http/openapi/document'
import { routesPart } from '#http/openapi/routes'
import { hostOf } from '#http/request'
import { respond } from '#http/respond'
import type { Listed, RouteTable } from '#http/routes'
import type { Services } from '#services'
import { JSON_TYPE } from './errors.ts'
import type { Scopes } from './guards.ts'
import { tablesPart } from './openapi-tables.ts'
import { dataContext } from './tables-request.ts'

export const OPENAPI_PATHS = ['/openapi.json', '/api/v1/openapi.json'] as const

const VERSIONS = ['3.0', '3.1'] as const satisfies readonly Version[]

const Document = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  servers: z.array(z.looseObject({ url: z.url() })),
  tags: z.array(z.looseObject({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.unknown()),
  components: z.record(z.string(), z.unknown()),
})

export function addOpenApi(routes: RouteTable<Scopes>, services: Services, listed: Listed): void {
  const documents = new Documents(services, listed)
  for (const path of OPENAPI_PATHS) {
    routes.add(
      {
        method: 'get',
        path,
        access: 'anyone',
        summary: 'The OpenAPI document of the instance',
        answer: Document,
        docs: {
          description:
            'For whoever manages the app that the request means, also the tables of that app, as they are now.',
          query: { version: z.enum(VERSIONS).default('3.0').describe('Of OpenAPI') },
        },
      },
      async ({ c, ctx }) => {
        const version = versionIn(c.req.query('version'))
        const asked = { version, origin: originOf(services, c) }
        const own = manages(ctx.caller, ctx.app)
        const tables = own ? await visibleCatalog(dataContext(services, c, ctx)) : undefined
        return respond(streamOf(await documents.read(asked, tables)), 200, {
          'Content-Type': JSON_TYPE,
          'Cache-Control': 'private, no-cache',
        })
      },
    )
  }
}

type Visible = Awaited<ReturnType<typeof visibleCatalog>>

type Asked = { version: Version; origin: string }

type Pieces = readonly Uint8Array<ArrayBuffer>[]

/** Longer documents are written anew each time: they would be held for as long as their catalog. */
const KEPT_BYTES = 1024 * 1024

/** Documents for the instance's own address are written once, per version and state of the tables. */
class Documents {
  readonly #services: Services
  readonly #listed: Listed
  readonly #written = new Map<Version, Promise<Pieces>>()

  constructor(services: Services, listed: Listed) {
    this.#services = services
    this.#listed = listed
  }

  /** @param tables of the app, where they are told too */
  async read(asked: Asked, tables: Visible | undefined): Promise<Pieces> {
    if (asked.origin !== this.#services.publicUrl) return this.#write(asked, tables)
    const kept =
      tables?.catalog.derived('openapi', () => new Map<Version, Promise<Pieces>>()) ?? this.#written
    const known = kept.get(asked.version)
    if (known) return known
    const writing = this.#write(asked, tables)
    // Whoever asks meanwhile gets the same.
    kept.set(asked.version, writing)
    const isKept = await writing.then(isShort, () => false)
    if (!isKept) kept.delete(asked.version)
    return writing
  }

  async #write({ version, origin }: Asked, tables: Visible | undefined): Promise<Pieces> {
    const draft = new Draft(version)
    const parts: Part[] = [routesPart(this.#listed())]
    if (tables) {
      const { catalog, readRights } = tables
      parts.push(tablesPart(catalog, await readRights()))
    }
    for (const part of parts) await part(draft)
    return draft.close(origin)
  }
}

const isShort = (pieces: Pieces): boolean =>
  pieces.reduce((bytes, piece) => bytes + piece.byteLength, 0) <= KEPT_BYTES

/** As fast as the other side takes it; what is short goes as one. */
function streamOf(pieces: Pieces): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  const [only, ...others] = pieces
  return only && others.length === 0 ? only : ReadableStream.from(pieces)
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
