/** `POST …/query`: a query too long for a URL, as a document. */
import { z } from 'zod'
import { AppError, invalid } from '#core/errors'
import {
  arrayLiteral,
  type Condition,
  type Field,
  type OrderTerm,
  parseOrder,
  type ReadQuery,
  VECTOR_OPERATORS,
  type VectorOperator,
} from '#domains/data'
import { readDocument, textOf } from './tables-body.ts'
import { reasonOf } from './tables-errors.ts'
import {
  capped,
  MAX_PAGE_SIZE,
  numberOf,
  type Page,
  pageLiterals,
  pageSlots,
} from './tables-page.ts'
import { badQuery, readKey, type TableParams } from './tables-params.ts'
import {
  addCondition,
  addOperation,
  type At,
  type Building,
  finished,
  logicOf,
  startTableQuery,
} from './tables-query.ts'
import { COUNTS, countIn, listed, orderAndSelect } from './tables-read.ts'
import { run, type TableCall, targetOf } from './tables-request.ts'

const Column = z.string()

export const Filter = z.object({
  column: Column,
  operator: z.string(),
  value: z.unknown().optional(),
})

const Between = z.object({
  column: Column,
  min: z.unknown().optional(),
  max: z.unknown().optional(),
  negated: z.boolean().nullish(),
})

const Term = z.object({
  column: Column,
  direction: z.string().nullish(),
  nulls: z.string().nullish(),
  vectorOp: z.string().nullish().describe('`vec_l2`, `vec_cos` or `vec_ip`: orders by distance'),
  vectorValue: z.array(z.unknown()).nullish(),
})

const NO_NUMBER = 'must be a whole number that is not negative'

const Whole = z.int(NO_NUMBER).min(0, NO_NUMBER).nullish()

const Count = z.enum([...COUNTS, 'none'], 'must be exact, planned, estimated or none').nullish()

export const QueryDocument = z.object({
  select: z.string().nullish(),
  filters: z.array(Filter).nullish(),
  orFilters: z.array(z.string()).nullish(),
  andFilters: z.array(z.string()).nullish(),
  betweenFilters: z.array(Between).nullish(),
  order: z.array(Term).nullish(),
  limit: Whole,
  offset: Whole,
  count: Count,
  groupBy: z.array(Column.min(1)).nullish(),
  truncate: z.int(NO_NUMBER).min(1, 'must be at least 1').nullish(),
})

type QueryDocument = z.output<typeof QueryDocument>
export type Filter = z.output<typeof Filter>
type Term = z.output<typeof Term>

/** The same as the GET with that query; a query string beside the document counts too. */
export async function queryRecords(call: TableCall): Promise<Response> {
  try {
    return await answered(call, await readQuery(call))
  } catch (error) {
    throw asBadDocument(error)
  }
}

async function answered(call: TableCall, document: QueryDocument): Promise<Response> {
  const { relation, params } = call
  const page = pageIn(call, document)
  const count = isGiven(document.count) ? countIn(document.count) : call.preferences.count
  const result = await run(call, {
    what: 'query',
    once: true,
    slots: pageSlots(params.slots, page),
    build: (_, at) => ({
      kind: 'read',
      ...targetOf(relation),
      query: { ...documentQuery({ at, params }, document), ...pageLiterals(params.slots) },
      output: { format: 'array', count },
    }),
  })
  const order = document.order?.length ? resumableOrder(document.order) : undefined
  const beside = orderAndSelect(params)
  const select = document.select ?? beside.select
  const isCut = beside.isCut || isGiven(document.truncate)
  return listed(call, result, { page, count, order, select, isCut })
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

function asBadDocument(error: unknown): unknown {
  const reason = error instanceof AppError ? reasonOf(error) : undefined
  return reason === undefined
    ? error
    : invalid('tables_document', 'Invalid query parameters', { details: reason })
}

/** @throws `invalid` tables_query */
async function readQuery({ body }: TableCall): Promise<QueryDocument> {
  const json = await readDocument(body)
  const { data, error } = QueryDocument.safeParse(json)
  if (data) return data
  const [issue] = error.issues
  const place = issue?.path.join('.') || 'the body'
  throw badQuery(`${place}: ${issue?.message ?? 'unexpected'}`)
}

function pageIn({ params, admin }: TableCall, { limit, offset }: QueryDocument): Page {
  const asked = {
    limit: limit ?? numberOf(params, 'limit') ?? MAX_PAGE_SIZE,
    offset: offset ?? numberOf(params, 'offset') ?? 0,
  }
  return capped(asked, admin)
}

type Beside = { at: At; params: TableParams }

function documentQuery({ at, params }: Beside, document: QueryDocument): ReadQuery {
  const building = startTableQuery(at, params, {
    ...(isGiven(document.select) ? { select: document.select ?? '' } : {}),
    ...(document.groupBy?.length ? { groups: document.groupBy } : {}),
    ...(isGiven(document.truncate) ? { truncate: document.truncate ?? undefined } : {}),
  })
  addFilters(building, document)
  const order = (document.order ?? []).map(orderTerm)
  if (order.length > 0) building.builder.order([], order)
  return finished(building, params)
}

function addFilters(building: Building, document: QueryDocument): void {
  for (const filter of document.filters ?? []) addFilter(building, filter)
  for (const { column, min, max, negated } of document.betweenFilters ?? []) {
    const range = `between.("${quoted(min)}","${quoted(max)}")`
    addOperation(building, column, { text: negated ? `not.${range}` : range, slot: -1 })
  }
  for (const text of document.orFilters ?? []) addCondition(building, [], logicOf('or', text))
  for (const text of document.andFilters ?? []) addCondition(building, [], logicOf('and', text))
}

/** A value that needs no parsing may be longer than any text that is parsed. */
export function addFilter(building: Building, filter: Filter): void {
  const { column, operator, value } = filter
  const conditionOn = Array.isArray(value)
    ? amongOrNear(operator, value)
    : comparison(operator, value)
  if (!conditionOn) {
    addOperation(building, column, { text: `${operator}.${textOf(value)}`, slot: -1 })
    return
  }
  const { path, field } = readKey(column)
  addCondition(building, path, conditionOn(field))
}

type ConditionOn = ((field: Field) => Condition) | undefined

function amongOrNear(operator: string, items: readonly unknown[]): ConditionOn {
  if (isVectorOperator(operator)) {
    const distance = distanceFrom(operator, items)
    return (field) => ({ kind: 'near', field, distance })
  }
  if (operator !== 'in' && operator !== 'nin') return undefined
  const values = { text: arrayLiteral(items.map(textOf)), slot: -1, encoding: 'text' } as const
  return (field) => {
    const among: Condition = { kind: 'in', field, values }
    return operator === 'in' ? among : { kind: 'not', item: among }
  }
}

type Comparison = Extract<Condition, { kind: 'compare' }>['operator']

/** Operators whose operand is one value, and how that goes on its way. */
const COMPARED: Partial<Record<Comparison, 'text' | 'pattern'>> = {
  eq: 'text',
  neq: 'text',
  gt: 'text',
  gte: 'text',
  lt: 'text',
  lte: 'text',
  like: 'pattern',
  ilike: 'pattern',
}

function comparison(operator: string, operand: unknown): ConditionOn {
  if (!Object.hasOwn(COMPARED, operator)) return undefined
  const { [operator as Comparison]: encoding = 'text' } = COMPARED
  const value = { text: textOf(operand), slot: -1, encoding }
  return (field) => ({ kind: 'compare', field, operator: operator as Comparison, value })
}

const isVectorOperator = (word: unknown): word is VectorOperator =>
  typeof word === 'string' && Object.hasOwn(VECTOR_OPERATORS, word)

/** @throws `invalid` tables_query */
export function distanceFrom(operator: VectorOperator, vector: readonly unknown[]) {
  const numbers = vector.map(textOf)
  if (numbers.length === 0 || !numbers.every((text) => Number.isFinite(Number(text)))) {
    throw badQuery('a vector must be a list of numbers')
  }
  const to = { text: `[${numbers.join(',')}]`, slot: -1, encoding: 'text' as const }
  return { operator, to }
}

/** @throws `invalid` tables_query, parse_error */
function orderTerm(term: Term): OrderTerm {
  const [parsed, ...others] = parseOrder(orderText([term]), true)
  if (!parsed || others.length > 0) throw badQuery('each term of order names one column')
  if (!isGiven(term.vectorOp)) return parsed
  if (!isVectorOperator(term.vectorOp)) throw badQuery('vectorOp must be vec_l2, vec_cos or vec_ip')
  return { ...parsed, distance: distanceFrom(term.vectorOp, term.vectorValue ?? []) }
}

/** No page goes on behind a distance. */
const resumableOrder = (terms: readonly Term[]): string =>
  terms.some(({ vectorOp }) => isGiven(vectorOp)) ? '' : orderText(terms)

const orderText = (terms: readonly Term[]): string =>
  terms
    .map(({ column, direction, nulls }) =>
      [column, direction, nulls && `nulls${nulls}`].filter(Boolean).join('.'),
    )
    .join(',')

const quoted = (value: unknown): string =>
  textOf(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')
