/** The root: what a schema offers, as an OpenAPI 2.0 document. */
import { notFound } from '#core/errors'
import { type Catalog, catalogOf, type Column, reachableIn, type Relation } from '#domains/data'
import type { Http } from '#http/env'
import type { RestContext } from './guards.ts'
import { readRequest } from './request.ts'

type Json = Record<string, unknown>

const TYPE = 'application/openapi+json; charset=utf-8'

/** @throws `not_found` root_disabled */
export async function describeRoot(c: Http, ctx: RestContext): Promise<Response> {
  const { openapiMode } = ctx.dataApi
  if (openapiMode === 'disabled') {
    throw notFound('root_disabled', 'Root endpoint metadata is disabled')
  }
  const { schema, profile } = readRequest(c, ctx.dataApi)
  const catalog = await catalogOf(ctx)
  const seen = openapiMode === 'follow-privileges' ? await reachableIn(ctx, schema) : undefined
  const relations = catalog
    .relationsOf(schema)
    .filter(({ name, partition }) => !partition && (!seen || seen.relations.has(name)))
  const routines = catalog.routineNames(schema).filter((name) => !seen || seen.routines.has(name))
  const document = {
    swagger: '2.0',
    info: { title: `Schema ${schema}`, version: '14', description: '' },
    host: new URL(c.req.url).host,
    basePath: '/rest/v1',
    schemes: [new URL(c.req.url).protocol.slice(0, -1)],
    consumes: ['application/json', 'application/vnd.pgrst.object+json', 'text/csv'],
    produces: ['application/json', 'application/vnd.pgrst.object+json', 'text/csv'],
    paths: {
      '/': { get: operation('Introspection', []) },
      ...Object.fromEntries(relations.map((one) => [`/${one.name}`, pathOf(one)])),
      ...Object.fromEntries(
        routines.map((name) => [`/rpc/${name}`, callOf(catalog, schema, name)]),
      ),
    },
    definitions: Object.fromEntries(relations.map((one) => [one.name, definitionOf(one)])),
  }
  const headers: Record<string, string> = { 'Content-Type': TYPE }
  if (profile !== undefined) headers['Content-Profile'] = profile
  return c.body(JSON.stringify(document), 200, headers)
}

const operation = (tag: string, parameters: Json[], description?: string | null): Json => ({
  tags: [tag],
  ...(description ? { description } : {}),
  parameters,
  responses: { 200: { description: 'OK' } },
})

const inQuery = (name: string, format?: string): Json => ({
  name,
  in: 'query',
  required: false,
  type: 'string',
  ...(format === undefined ? {} : { format }),
})

function pathOf({ name, columns, writes, description }: Relation): Json {
  const filters = [...columns.values()].map((column) => inQuery(column.name, column.type))
  const pages = ['select', 'order', 'limit', 'offset'].map((word) => inQuery(word))
  const body = { name, in: 'body', required: false, schema: { $ref: `#/definitions/${name}` } }
  const make = (parameters: Json[]): Json => operation(name, parameters, description)
  return {
    get: make([...filters, ...pages]),
    ...(writes.insert && { post: make([body, inQuery('select'), inQuery('columns')]) }),
    ...(writes.update && { patch: make([...filters, body]) }),
    ...(writes.delete && { delete: make(filters) }),
  }
}

/** Of several functions of one name, the first one. */
function callOf(catalog: Catalog, schema: string, name: string): Json {
  const [routine] = catalog.routines(schema, name)
  const all = routine?.arguments ?? []
  const properties = Object.fromEntries(all.map((one) => [one.name, valueOf(one.type)]))
  const required = all.filter((one) => one.required).map((one) => one.name)
  const given = { type: 'object', properties, ...(required.length > 0 && { required }) }
  const body = { name: 'args', in: 'body', required: true, schema: given }
  const tag = `(rpc) ${name}`
  const post = operation(tag, [body], routine?.description)
  if (routine?.volatility === 'v') return { post }
  const named = all.map((one) => ({ ...inQuery(one.name, one.type), required: one.required }))
  return { get: operation(tag, named, routine?.description), post }
}

function definitionOf({ columns, primaryKey, foreignKeys, description }: Relation): Json {
  const all = [...columns.values()]
  const required = all
    .filter(({ notNull, defaultSql }) => notNull && defaultSql === null)
    .map(({ name }) => name)
  const properties = all.map((column): [string, Json] => {
    const marks = primaryKey.includes(column.name) ? ['<pk/>'] : []
    for (const key of foreignKeys) {
      if (key.columns.length !== 1 || key.columns[0] !== column.name) continue
      marks.push(`<fk table='${key.foreignTable}' column='${key.foreignColumns[0]}'/>`)
    }
    return [column.name, propertyOf(column, marks)]
  })
  return {
    ...(description ? { description } : {}),
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(properties),
    type: 'object',
  }
}

function propertyOf({ type, defaultSql, description }: Column, marks: readonly string[]): Json {
  const text = [description ?? '', ...marks].filter((part) => part !== '').join('\n')
  return {
    ...valueOf(type),
    ...(defaultSql === null ? {} : { default: defaultSql }),
    ...(text === '' ? {} : { description: text }),
  }
}

/** The JSON type of a type of PostgreSQL, whose own name is the format. */
function valueOf(format: string): Json {
  if (format.endsWith('[]')) return { type: 'array', items: valueOf(format.slice(0, -2)), format }
  if (/^(smallint|integer|bigint)$/.test(format)) return { type: 'integer', format }
  if (/^(numeric|real|double precision)/.test(format)) return { type: 'number', format }
  if (format === 'boolean') return { type: 'boolean', format }
  return /^jsonb?$/.test(format) ? { format } : { type: 'string', format }
}
