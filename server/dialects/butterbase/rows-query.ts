/** Butterbase's query string over the shared syntax tree: `column=op.value`, select, order, limit. */
import { AppError } from '#core/errors'
import {
  type Catalog,
  type Condition,
  EVERYTHING,
  type Field,
  isShapely,
  IS_WORDS,
  type Literal,
  type OrderTerm,
  type Pair,
  type ReadQuery,
  type Relation,
  readPairs,
  type SelectItem,
} from '#domains/data'
import { tableNotFound } from './rows-errors.ts'

/** The rows of Butterbase live here. */
export const SCHEMA = 'public'

export type RowParams = {
  pairs: readonly (Pair & { slot: number })[]
  /** Equal for requests that differ only in their values. */
  shape: string
  slots: readonly string[]
}

const WHOLE = new Set(['select', 'order'])

export function readRowParams(query: string): RowParams {
  const slots: string[] = []
  let shape = ''
  const pairs = readPairs(query).map(({ key, value }) => {
    if (WHOLE.has(key) || value.startsWith('is.') || isFixed(key, value)) {
      shape += `&${key}=${value}`
      return { key, value, slot: -1 }
    }
    const page = isPage(key) && isPageValue(key, value)
    const at = page ? 0 : value.indexOf('.') + 1
    shape += `&${key}=${isPage(key) && !page && at === 0 ? '?' : value.slice(0, at)}\0`
    return { key, value, slot: slots.push(value.slice(at)) - 1 }
  })
  return { pairs, shape, slots }
}

const isPage = (key: string): boolean => key === 'limit' || key === 'offset'

const isFixed = (key: string, value: string): boolean =>
  key === 'limit' && isPageValue(key, value) && isShapely(Number(value))

/** What cannot be read as a number of rows is as if it were not there. */
const isPageValue = (key: string, value: string): boolean =>
  /^\d{1,15}$/.test(value) && (key === 'offset' || Number(value) > 0)

/** @throws `not_found` row_table_not_found, also for tables of the system */
export function tableOf(catalog: Catalog, table: string): Relation {
  const relation = table.startsWith('_') ? undefined : catalog.relation(SCHEMA, table)
  if (relation) return relation
  throw tableNotFound(table)
}

/** @throws `invalid` invalid_filters with details { invalidFilters } */
export function buildRowQuery(relation: Relation, { pairs }: RowParams): ReadQuery {
  const bad: string[] = []
  const where: Condition[] = []
  const query: ReadQuery = { ...EVERYTHING, where }
  for (const pair of pairs) {
    const { key, value, slot } = pair
    const filter = filterOf(relation, pair)
    if (filter) where.push(filter)
    else if (key === 'select') query.select = selectOf(relation, value)
    else if (key === 'order') query.order = orderOf(relation, value)
    else if (isPage(key)) {
      const count: Literal = { text: value, slot, encoding: 'text' }
      if (isPageValue(key, value)) query[key as 'limit' | 'offset'] = count
    } else bad.push(`${key}=${value}`)
  }
  if (bad.length > 0) throw invalidFilters(bad)
  return query
}

/** A column may be called `order` or `limit`: with an operator such a parameter is a filter. */
const filterOf = (relation: Relation, pair: Pair & { slot: number }): Condition | undefined =>
  relation.columns.has(pair.key) ? conditionOf(pair) : undefined

/**
 * What a read may pass over would let a write reach other rows than were meant: a page that is none, an order by
 * columns that are not there.
 * @throws `invalid` invalid_filters
 */
export function requireExact(relation: Relation, { pairs }: RowParams): void {
  const bad = pairs.filter((pair) => {
    const { key, value } = pair
    if (filterOf(relation, pair)) return false
    if (isPage(key)) return !isPageValue(key, value)
    return key === 'order' && orderOf(relation, value).length < value.split(',').length
  })
  if (bad.length > 0) throw invalidFilters(bad.map(({ key, value }) => `${key}=${value}`))
}

const invalidFilters = (bad: readonly string[]) =>
  new AppError(
    { kind: 'invalid', code: 'invalid_filters', message: 'Invalid query filters' },
    {
      details: { invalidFilters: bad },
      hint: 'Write column=op.value with a column of the table and one of eq, neq, gt, gte, lt, lte, like, ilike, is, in, fts.',
    },
  )

const column = (name: string): Field => ({ name, path: [] })

/** Unknown names are dropped; none left means all. */
export function selectOf(relation: Relation, text: string): SelectItem[] {
  const names = text.split(',').map((name) => name.trim())
  const known = [...new Set(names)].filter((name) => relation.columns.has(name))
  if (known.length === 0) return [{ kind: 'all' }]
  return known.map((name) => ({ kind: 'field', field: column(name) }))
}

function orderOf(relation: Relation, text: string): OrderTerm[] {
  return text.split(',').flatMap((part) => {
    const [name = '', direction = 'asc'] = part.trim().split('.')
    if (!relation.columns.has(name)) return []
    return [{ field: column(name), direction: /^desc$/i.test(direction) ? 'desc' : 'asc' } as const]
  })
}

const COMPARED = new Set(['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike'])

type Comparing = Extract<Condition, { kind: 'compare' }>

function conditionOf({ key, value, slot }: Pair & { slot: number }): Condition | undefined {
  const dot = value.indexOf('.')
  if (dot < 0) return undefined
  const operator = value.slice(0, dot)
  const field = column(key)
  const literal: Literal = { text: value.slice(dot + 1), slot, encoding: 'text' }
  if (COMPARED.has(operator)) {
    return { kind: 'compare', field, operator: operator as Comparing['operator'], value: literal }
  }
  if (operator === 'in') return { kind: 'in', field, values: { ...literal, encoding: 'commas' } }
  if (operator === 'fts') {
    return { kind: 'search', field, operator: 'plfts', language: 'english', value: literal }
  }
  const word = operator === 'is' ? IS_WORDS.find((known) => known === literal.text) : undefined
  if (word === undefined || word === 'not_null' || word === 'unknown') return undefined
  return { kind: 'is', field, word }
}
