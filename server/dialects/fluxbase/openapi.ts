/** `/openapi.json`: every route of the instance for everybody, an app's tables for whoever manages it. */
import { z } from 'zod'
import { manages } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import {
  type DataContext,
  dataApiOf,
  describeSchema,
  type Routine,
  visibleCatalog,
} from '#domains/data'
import { invalid } from '#core/errors'
import type { Pieces } from '#core/pieces'
import { Shelf } from '#core/shelf'
import type { Http } from '#http/env'
import { Draft, type Part, type Schema, type Version } from '#http/openapi/document'
import { routesPart } from '#http/openapi/routes'
import { originOf } from '#http/request'
import { respondInPieces } from '#http/respond'
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

export type Describing = {
  /** Every route of the instance. */
  listed: Listed
  /** The functions of an app, which another dialect calls. */
  functionsPart: (functions: readonly Functions[], rowOf: RowOf) => Part
}

/** What one schema offers to whoever asks; requests for another than the first name it. */
type Functions = {
  schema: string
  isFirst: boolean
  functions: ReadonlyMap<string, readonly Routine[]>
}

type RowOf = (schema: string, name: string) => Schema | undefined

export function addOpenApi(
  routes: RouteTable<Scopes>,
  services: Services,
  describing: Describing,
): void {
  const documents = new Documents(describing)
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
            'For whoever manages the app that the request means, also the tables and functions of that app, as they are now.',
          query: { version: z.enum(VERSIONS).default('3.0').describe('Of OpenAPI') },
        },
      },
      async ({ c, ctx }) => {
        const version = versionIn(c.req.query('version'))
        const { publicUrl, config } = services
        const asked = { version, origin: originOf(c, publicUrl, config.baseDomain) }
        const own = manages(ctx.caller, ctx.app)
        const database = own ? await databaseOf(services, c, ctx) : undefined
        return respondInPieces(c, await documents.read(asked, database), {
          'Content-Type': JSON_TYPE,
          'Cache-Control': 'private, no-cache',
        })
      },
    )
  }
}

/** What of an app's database is told. */
type Database = Awaited<ReturnType<typeof visibleCatalog>> & {
  data: DataContext
  /** Whose functions may be called. */
  schemas: readonly string[]
}

async function databaseOf(services: Services, c: Http, ctx: AppContext): Promise<Database> {
  const data = dataContext(services, c, ctx)
  return { ...(await visibleCatalog(data)), data, schemas: dataApiOf(ctx.app).schemas }
}

type Asked = { version: Version; origin: string }

/** Of all documents that are kept; one of a thousand tables of ten columns is 23 MB long. */
const SHELF_BYTES = 32 * 1024 * 1024

/** Documents are written once per version, address and state of the database. */
class Documents {
  readonly #describing: Describing
  readonly #shelf = new Shelf<Pieces>(SHELF_BYTES, ({ bytes }) => bytes)

  constructor(describing: Describing) {
    this.#describing = describing
  }

  /** @param database of the app, where it is told too */
  read(asked: Asked, database: Database | undefined): Promise<Pieces> {
    const { version, origin } = asked
    const state = database && [database.catalog.id, ...database.schemas]
    const key = JSON.stringify([version, origin, state])
    return this.#shelf.take(key, () => this.#write(asked, database))
  }

  async #write({ version, origin }: Asked, database: Database | undefined): Promise<Pieces> {
    const draft = new Draft(version)
    await routesPart(this.#describing.listed())(draft)
    if (database) {
      const tables = tablesPart(database.catalog, await database.readRights())
      await tables.part(draft)
      const functions = await functionsIn(database)
      await this.#describing.functionsPart(functions, tables.rowOf)(draft)
    }
    return draft.close(origin)
  }
}

/** Functions that the caller's role may call, by schema. */
function functionsIn({ catalog, data, schemas }: Database): Promise<Functions[]> {
  return Promise.all(
    schemas.map(async (schema, at) => {
      const { routines } = await describeSchema(data, schema)
      const may = ({ oid }: Routine): boolean => routines.has(oid)
      const functions = new Map(
        catalog
          .routineNames(schema)
          .map((name) => [name, catalog.routines(schema, name).filter(may)]),
      )
      return { schema, isFirst: at === 0, functions }
    }),
  )
}

/** @throws `invalid` unknown_openapi_version */
function versionIn(text = '3.0'): Version {
  const version = VERSIONS.find((known) => known === text)
  if (version) return version
  throw invalid('unknown_openapi_version', 'version must be 3.0 or 3.1')
}
