/** The root: what a schema offers, as an OpenAPI 2.0 document. */
import { notAcceptable, notFound } from '#core/errors'
import type { Pieces } from '#core/pieces'
import { Shelf } from '#core/shelf'
import {
  type Catalog,
  catalogOf,
  describeSchema,
  type Relation,
  type Routine,
  type SchemaFacts,
} from '#domains/data'
import type { Http } from '#http/env'
import { callFunction } from './call.ts'
import type { RestContext } from './guards.ts'
import { respondInPieces } from '#http/respond'
import { writeDocument } from './openapi-document.ts'
import { type RestRequest, readRequest } from './request.ts'

/** Of all documents that are kept; one of a thousand tables of ten columns is 3.6 MB long. */
const SHELF_BYTES = 16 * 1024 * 1024

const shelf = new Shelf<Pieces>(SHELF_BYTES, ({ bytes }) => bytes)

const TYPE = 'application/openapi+json'

/** @param origin how the world reaches what was asked @throws `not_found` root_disabled, `not_acceptable` media_not_available */
export async function describeRoot(c: Http, ctx: RestContext, origin: string): Promise<Response> {
  const { openapiMode, rootSpec } = ctx.dataApi
  if (rootSpec !== undefined) return callFunction(c, ctx, rootSpec)
  const request = readRequest(c, ctx.dataApi)
  if (openapiMode === 'disabled') {
    throw notFound('root_disabled', 'Root endpoint metadata is disabled')
  }
  requireOpenApi(request)
  const { schema, profile } = request
  ctx.timings?.lap('parse')
  const catalog = await catalogOf(ctx)
  ctx.timings?.lap('plan')
  const facts = await describeSchema(ctx, schema)
  ctx.timings?.lap('transaction')
  const { securityActive } = ctx.dataApi
  const state = [catalog.id, schema, openapiMode, securityActive, origin, facts.digest]
  const document = await shelf.take(JSON.stringify(state), () => {
    const all = openapiMode === 'ignore-privileges'
    const told = { catalog, ...toldOf(catalog, { schema, facts, all }) }
    return writeDocument({ ...told, securityActive, address: new URL(origin) })
  })
  const headers: Record<string, string> = { 'Content-Type': `${TYPE}; charset=utf-8` }
  if (profile !== undefined) headers['Content-Profile'] = profile
  return respondInPieces(c, document, headers)
}

type Telling = {
  schema: string
  facts: SchemaFacts
  /** Also what the caller has no right to. */
  all: boolean
}

const toldOf = (catalog: Catalog, { schema, facts, all }: Telling) => ({
  relations: catalog.relationsOf(schema).filter((one) => isTable(one, all || facts.relations)),
  routines: catalog
    .routineNames(schema)
    .flatMap((name) => catalog.routines(schema, name))
    .filter((one) => isNamed(one) && (all || facts.routines.has(one.oid))),
  comment: facts.comment,
})

const DESCRIBES = new Set([TYPE, 'application/json', '*/*'])

function requireOpenApi({ media }: RestRequest): void {
  const types = media.accepts.map(({ type }) => type)
  if (types.some((type) => DESCRIBES.has(type))) return
  const message = `None of these media types are available: ${types.join(', ')}`
  throw notAcceptable('media_not_available', message)
}

const isTable = ({ name, partition }: Relation, seen: true | ReadonlySet<string>): boolean =>
  !partition && (seen === true || seen.has(name))

/** Without a name an argument can only be the body as a whole. */
export const isNamed = ({ arguments: all }: Routine): boolean =>
  all.length === 1 || all.every(({ name }) => name !== '')
