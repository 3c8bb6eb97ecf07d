/** Reading rows: lists, records, the query document. */
import { z } from 'zod'
import { invalid } from '#core/errors'
import {
  type Condition,
  type Count,
  type DataResult,
  parseFilter,
  parseOrder,
  QueryBuilder,
  type ReadQuery,
  type Relation,
} from '#domains/data'
import { readJson } from '#http/body'
import { recordNotFound, say } from './tables-errors.ts'
import {
  capped,
  contentRange,
  MAX_PAGE_SIZE,
  type Page,
  pageLiterals,
  pageOf,
  pageSlots,
} from './tables-page.ts'
import { badQuery, logicOf, readKey, RULES, selectItems } from './tables-params.ts'
import { adapt } from './tables-operands.ts'
import { keyConditions, onlyRow, run, type TableCall } from './tables-request.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

export async function listRecords(call: TableCall): Promise<Response> {
  const { params, relation } = call
  const page = pageOf(params, call.admin)
  // A constant limit lets PostgreSQL plan the prepared statement once for all.
  const paged = params.pairs.some(({ key }) => key === 'limit' || key === 'offset')
  const count = countOf(call)
  const result = await run(call, {
    what: `list ${count ?? ''} ${paged ? 'paged' : ''}`,
    slots: paged ? pageSlots(params.slots, page) : params.slots,
    build: (query) => ({
      kind: 'read',
      schema: relation.schema,
      table: relation.name,
      query: paged ? { ...query, ...pageLiterals(params.slots) } : { ...query, atMost: page.limit },
      output: { format: 'array', count },
    }),
  })
  return listed(call, result, { page, count })
}

const COUNTS = ['exact', 'planned', 'estimated'] as const

function countOf({ params, preferences }: TableCall): Count | undefined {
  const text = params.pairs.findLast(({ key }) => key === 'count')?.value
  if (text === undefined || text === 'none') return preferences.count
  const known = COUNTS.find((word) => word === text)
  if (known) return known
  if (/^[a-z]+\./.test(text)) return preferences.count
  throw badQuery('count must be exact, planned, estimated or none')
}

type Listing = { page: Page; count: Count | undefined }

function listed(call: TableCall, result: DataResult, { page, count }: Listing): Response {
  const { c, preferences } = call
  const headers: Record<string, string> = {
    'Content-Type': JSON_TYPE,
    'Content-Range': contentRange(page.offset, result.rows, result.total),
  }
  if (count !== undefined && preferences.count !== undefined) {
    headers['Preference-Applied'] = `count=${count}`
  }
  return c.newResponse(c.req.method === 'HEAD' ? null : result.body, 200, headers)
}

export async function getRecord(call: TableCall): Promise<Response> {
  const { relation, place, c } = call
  const conditions = keyConditions(relation, place.id ?? '')
  const result = await run(call, {
    what: 'get',
    once: true,
    build: (query) => ({
      kind: 'read',
      schema: relation.schema,
      table: relation.name,
      query: { ...query, where: [...query.where, ...conditions] },
      output: { format: 'array' },
    }),
  })
  if (result.rows === 0) return say(c, recordNotFound)
  return c.body(onlyRow(result.body), 200, { 'Content-Type': JSON_TYPE })
}

const Column = z.string()

export const QueryDocument = z.object({
  select: z.string().nullish(),
  filters: z
    .array(z.object({ column: Column, operator: z.string(), value: z.unknown().optional() }))
    .nullish(),
  orFilters: z.array(z.string()).nullish(),
  andFilters: z.array(z.string()).nullish(),
  betweenFilters: z
    .array(
      z.object({
        column: Column,
        min: z.unknown().optional(),
        max: z.unknown().optional(),
        negated: z.boolean().nullish(),
      }),
    )
    .nullish(),
  order: z
    .array(
      z.object({
        column: Column,
        direction: z.string().nullish(),
        nulls: z.string().nullish(),
      }),
    )
    .nullish(),
  limit: z.unknown().optional(),
  offset: z.unknown().optional(),
  count: z.unknown().optional(),
  groupBy: z.array(Column).nullish(),
})

type QueryDocument = z.output<typeof QueryDocument>

/** @throws `invalid` tables_input, tables_query */
async function readDocument({ c }: TableCall): Promise<QueryDocument> {
  const json = await readJson(c)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid('tables_input', 'Invalid query parameters')
  }
  const { data, error } = QueryDocument.safeParse(json)
  if (data) return data
  const where = error.issues[0]?.path.join('.') ?? ''
  throw badQuery(`${where}: ${error.issues[0]?.message ?? 'unexpected'}`)
}

/** `POST …/query`: a query too long for a URL. */
export async function queryRecords(call: TableCall): Promise<Response> {
  const { relation, params } = call
  const document = await readDocument(call)
  const asked = {
    limit: countIn(document.limit) ?? MAX_PAGE_SIZE,
    offset: countIn(document.offset) ?? 0,
  }
  const page = capped(asked, call.admin)
  const count = COUNTS.find((word) => word === document.count) ?? call.preferences.count
  const result = await run(call, {
    what: 'query',
    once: true,
    slots: pageSlots(params.slots, page),
    build: (_, present) => ({
      kind: 'read',
      schema: relation.schema,
      table: relation.name,
      query: { ...documentQuery(present, document), ...pageLiterals(params.slots) },
      output: { format: 'array', count },
    }),
  })
  return listed(call, result, { page, count })
}

function countIn(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw badQuery('limit and offset must be whole numbers that are not negative')
}

function documentQuery(relation: Relation, document: QueryDocument): ReadQuery {
  const builder = new QueryBuilder(selectItems(document.select ?? ''))
  const where = (path: string[], condition: Condition): void =>
    builder.where(path, adapt(condition, relation))
  for (const filter of document.filters ?? []) {
    const { path, field } = readKey(filter.column)
    where(
      path,
      parseFilter(field, { text: `${filter.operator}.${operandText(filter)}`, slot: -1 }, RULES),
    )
  }
  for (const { column, min, max, negated } of document.betweenFilters ?? []) {
    const { path, field } = readKey(column)
    const range = `between.("${quoted(min)}","${quoted(max)}")`
    where(path, parseFilter(field, { text: negated ? `not.${range}` : range, slot: -1 }, RULES))
  }
  for (const text of document.orFilters ?? []) where([], logicOf('or', text))
  for (const text of document.andFilters ?? []) where([], logicOf('and', text))
  const terms = (document.order ?? []).map(termText)
  if (terms.length > 0) builder.order([], parseOrder(terms.join(',')))
  if (document.groupBy && document.groupBy.length > 0) builder.groupBy(document.groupBy)
  return builder.build()
}

type Term = NonNullable<QueryDocument['order']>[number]

const termText = ({ column, direction, nulls }: Term): string =>
  [column, direction, nulls && `nulls${nulls}`].filter(Boolean).join('.')

/** Typed JSON as the text that the query string would hold. */
function operandText({ operator, value }: { operator: string; value?: unknown }): string {
  if (Array.isArray(value)) {
    if (operator.endsWith('in')) return `(${value.map((item) => `"${quoted(item)}"`).join(',')})`
    return JSON.stringify(value)
  }
  return textOf(value)
}

const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)

const quoted = (value: unknown): string =>
  textOf(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')
