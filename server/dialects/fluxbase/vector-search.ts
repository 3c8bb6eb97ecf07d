/** `POST /vector/search`: rows in the order of their distance, and the distances beside them. */
import { z } from 'zod'
import { AppError, invalid, unavailable } from '#core/errors'
import {
  type Condition,
  type DataContext,
  type DataRequest,
  execute,
  type FieldItem,
  type Literal,
  type OrderTerm,
  type Relation,
  vectorVersion,
} from '#domains/data'
import { needing, someText } from '#http/about'
import { parseExactly, textOf } from './tables-body.ts'
import { addFilter, distanceFrom, Filter } from './tables-document.ts'
import { readKey, readTableParams } from './tables-params.ts'
import { findPlace } from './tables-path.ts'
import { type At, finished, startTableQuery } from './tables-query.ts'

const METRICS = { cosine: 'vec_cos', l2: 'vec_l2', inner_product: 'vec_ip' } as const

const MAX_MATCHES = 1_000

const Search = z.object({
  table: someText.optional().describe('`name` or `schema.name`'),
  column: someText.optional().describe('Of type vector'),
  query: z.string().optional().describe('A text, where an embedding service is configured'),
  vector: z.array(z.number()).meta({ minItems: 1 }).optional(),
  metric: z.enum(['cosine', 'l2', 'inner_product']).default('cosine'),
  match_threshold: z.number().optional().describe('Distance that rows stay below'),
  match_count: z.int().min(1).max(MAX_MATCHES).default(10),
  select: z.string().optional(),
  filters: z.array(Filter).optional(),
})

export const SearchDocument = needing(Search, 'table', 'column', 'vector')

export type SearchDocument = z.output<typeof SearchDocument>

export type Found = { data: unknown[]; distances: (number | null)[] }

/** @throws `invalid` missing_field or what a query may be refused for, `unavailable` pgvector_missing */
export async function searchRows(data: DataContext, document: SearchDocument): Promise<Found> {
  const { table = '', column = '', vector } = document
  for (const [name, given] of [
    ['table', table],
    ['column', column],
    ['vector', vector],
  ] as const) {
    if (given === undefined || given.length === 0)
      throw invalid('missing_field', `${name} is required`)
  }
  const { relation } = await findPlace(data, [table], 'GET')
  const result = await nearest(data, relation, document).catch((error: unknown) =>
    explained(data, error),
  )
  return apart(result)
}

/** Said in the words of the database that has no vectors at all. */
async function explained({ platform }: DataContext, error: unknown): Promise<never> {
  const isNone = error instanceof AppError && error.code === 'no_vector_column'
  if (!isNone || (await vectorVersion(platform)) !== undefined) throw error
  throw unavailable('pgvector_missing', 'The database of this app has no pgvector', {
    hint: 'Install the extension and run: create extension vector.',
  })
}

const DISTANCE = 'stead_distance'

async function nearest(
  data: DataContext,
  relation: Relation,
  document: SearchDocument,
): Promise<string> {
  const { schema, name } = relation
  const { body } = await execute(data, {
    shape: undefined,
    slots: [],
    schema,
    build: (catalog) =>
      requestFor({ catalog, relation: catalog.relation(schema, name) ?? relation }, document),
  })
  return body
}

function requestFor(at: At, document: SearchDocument): DataRequest {
  const { schema, name: table } = at.relation
  const { column = '', vector = [], metric, match_threshold: below, match_count: count } = document
  const params = readTableParams('', at)
  const building = startTableQuery(at, params, { select: document.select ?? '' })
  for (const filter of document.filters ?? []) addFilter(building, filter)
  const { field } = readKey(column)
  const distance = distanceFrom(METRICS[metric], vector)
  const near: Condition = { kind: 'near', field, distance, below: literal(below) }
  const shown: FieldItem = { kind: 'field', field, alias: DISTANCE, distance }
  const nearestFirst: OrderTerm = { field, distance }
  const query = finished(building, params)
  return {
    kind: 'read',
    schema,
    table,
    query: {
      ...query,
      select: [...query.select, shown],
      where: [...query.where, near],
      order: [nearestFirst],
      limit: literal(count),
    },
    output: { format: 'array' },
  }
}

const literal = <T extends number | undefined>(value: T) =>
  (value === undefined
    ? undefined
    : { text: String(value), slot: -1, encoding: 'text' }) as T extends number
    ? Literal
    : Literal | undefined

/** Rows without their distances, and the distances; a vector of nothing has none to another by angle. */
function apart(body: string): Found {
  const rows = parseExactly(body) as Record<string, unknown>[]
  const distances = rows.map((row) => {
    const number = Number(textOf(row[DISTANCE]))
    delete row[DISTANCE]
    return Number.isFinite(number) ? number : null
  })
  return { data: rows, distances }
}
