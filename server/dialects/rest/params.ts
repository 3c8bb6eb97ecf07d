/** The query string of a REST request: its shape, its values, and the tree it stands for. */
import { invalid } from '#core/errors'
import { LruCache } from '#core/lru-cache'
import {
  type Condition,
  type DataApi,
  isShapely,
  type Literal,
  operatorHead,
  type Pair,
  parseFilter,
  parseKey,
  parseLogic,
  parseOrder,
  parseSelect,
  QueryBuilder,
  readPairs,
  type ReadQuery,
  Scanner,
} from '#domains/data'
import { readCount, readOffset } from './range.ts'

export type Param = Pair & {
  /** Where the value stands among the request's values; -1 = it is part of the shape. */
  slot: number
}

export type Params = {
  all: readonly Param[]
  /** Names without a value, which mean nothing. */
  bare: readonly string[]
  /** Undefined when the shape would hold values (logic trees): such a request is not kept. */
  shape: string | undefined
  slots: readonly string[]
  /** What is no filter is an argument of a function: a value like those of filters. */
  takesArguments: boolean
  /** The query in the order of its names, once it was asked for. */
  canonical?: string
}

type Reading = Params & { slots: string[] }

/** Not filters, wherever they stand. */
const TOP_LEVEL = new Set(['select', 'columns', 'on_conflict'])

const ORDER = /(^|\.)order$/
const COUNT = /(^|\.)(limit|offset)$/
const LOGIC = /(^|\.)(not\.)?(and|or)$/

/** Queries without values repeat from request to request: the same text is read once. */
const memo = new LruCache<Params>(500)
const MAX_MEMO_LENGTH = 500

export function readParams(query: string, takesArguments = false): Params {
  if (takesArguments) return parsedParams(query, true)
  const known = memo.get(query)
  if (known) return known
  const params = parsedParams(query, false)
  if (params.slots.length === 0 && query.length <= MAX_MEMO_LENGTH) memo.set(query, params)
  return params
}

function parsedParams(query: string, takesArguments: boolean): Params {
  const params: Reading = { all: [], bare: [], shape: '', slots: [], takesArguments }
  const all: Param[] = []
  const bare: string[] = []
  for (const pair of readPairs(query)) {
    if (pair.bare) bare.push(pair.key)
    else all.push(shaped(params, pair.key, pair.value))
  }
  return { ...params, all, bare }
}

/** Adds one pair to the shape; what differs from request to request goes into a slot. */
function shaped(params: Reading, key: string, value: string): Param {
  if (TOP_LEVEL.has(key) || ORDER.test(key)) {
    if (params.shape !== undefined) params.shape += `&${key}=${value}`
    return { key, value, slot: -1 }
  }
  if (COUNT.test(key)) {
    if (isFixed(key, value)) return inShape(params, key, value)
    return inSlot(params, { key, value, at: 0, rest: countOf(key, value) })
  }
  if (LOGIC.test(key)) {
    params.shape = undefined
    return { key, value, slot: -1 }
  }
  const head = operatorHead(value)
  if (!head && params.takesArguments) return inSlot(params, { key, value, at: 0, rest: value })
  if (!head || head.operator === 'is') return inShape(params, key, value)
  return inSlot(params, { key, value, at: head.operandAt, rest: value.slice(head.operandAt) })
}

const isFixed = (key: string, value: string): boolean =>
  /^\d{1,4}$/.test(value) &&
  (key.endsWith('limit') ? isShapely(Number(value)) : Number(value) === 0)

/** A negative offset skips nothing. */
const countOf = (key: string, value: string): string =>
  key.endsWith('offset') && /^-\d+$/.test(value) ? '0' : value

function inShape(params: Reading, key: string, value: string): Param {
  if (params.shape !== undefined) params.shape += `&${key}=${value}`
  return { key, value, slot: -1 }
}

function inSlot(
  params: Reading,
  { key, value, at, rest }: Pair & { at: number; rest: string },
): Param {
  if (params.shape !== undefined) params.shape += `&${key}=${value.slice(0, at)}\0`
  return { key, value, slot: params.slots.push(rest) - 1 }
}

/** Of `select`, `columns` and `on_conflict` the first one counts. */
export const valueOf = ({ all }: Params, key: string): string | undefined =>
  all.find((param) => param.key === key)?.value

/** Of `limit` and `offset` the last one. */
export const lastValueOf = ({ all }: Params, key: string): string | undefined =>
  all.findLast((param) => param.key === key)?.value

/** Words that mean nothing to a change of rows. */
const UNUSED = new Set(['limit', 'offset', 'columns', 'on_conflict'])

/**
 * A filter by a column that is named like such a word would be passed over, and every row be changed.
 * @throws `invalid` parse_error
 */
export function refuseLostFilters({ all }: Params): void {
  const lost = all.find(({ key, value }) => UNUSED.has(key) && operatorHead(value))
  if (lost)
    new Scanner(lost.key, lost.value).fail(`no filter (a column is "${lost.key}" in quotes)`)
}

export type QueryRules = {
  /** `limit` and `offset` of the top level come from elsewhere. */
  paged: boolean
  /** Of reads: how many rows each level gives at most, and whether it may aggregate. */
  dataApi?: DataApi | undefined
  /** Parameters that are not the query's (arguments of a function). */
  isForeign?: ((param: Param) => boolean) | undefined
}

/** @throws `invalid` parse_error, embed_unknown */
export function buildQuery(params: Params, rules: QueryRules): ReadQuery {
  const { paged, isForeign, dataApi } = rules
  const select = valueOf(params, 'select')
  const builder = new QueryBuilder(select === undefined ? [] : parseSelect(select))
  const orders: Param[] = []
  for (const param of params.all) {
    if (TOP_LEVEL.has(param.key) || isForeign?.(param)) continue
    if (ORDER.test(param.key)) orders.push(param)
    else addParam(builder, param, paged)
  }
  // Of several orders of a level the first one counts, and the last one set stays.
  for (const { key, value } of orders.toReversed()) {
    builder.order(pathBefore(key), parseOrder(value))
  }
  const query = builder.build()
  if (dataApi) applyLimits(query, dataApi)
  return query
}

/** @throws `invalid` aggregates_disabled */
function applyLimits({ select }: ReadQuery, dataApi: DataApi): void {
  for (const item of select) {
    if (item.kind === 'all') continue
    if (item.kind === 'field') {
      if (item.aggregate && !dataApi.aggregates) throw aggregatesDisabled()
      continue
    }
    const { query } = item
    query.atMost = dataApi.maxRows
    applyLimits(query, dataApi)
  }
}

export const aggregatesDisabled = () =>
  invalid('aggregates_disabled', 'Use of aggregate functions is not allowed')

function addParam(builder: QueryBuilder, param: Param, paged: boolean): void {
  const { key, value, slot } = param
  if (COUNT.test(key)) addCount(builder, param, paged)
  else if (LOGIC.test(key)) {
    const { path, kind, negated } = logicKey(key)
    const item: Condition = parseLogic(kind, value, {
      balanced: false,
      extended: false,
      key: negated ? `not.${kind}` : kind,
    })
    builder.where(path, negated ? { kind: 'not', item } : item)
  } else {
    const { path, field } = parseKey(TREE_PATH, key)
    builder.where(path, parseFilter(field, { text: value, slot }))
  }
}

function addCount(builder: QueryBuilder, { key, value, slot }: Param, paged: boolean): void {
  const path = pathBefore(key)
  if (path.length === 0 && paged) return
  const isLimit = key.endsWith('limit')
  const count = isLimit ? readCount(value) : readOffset(value)
  if (count === undefined) return
  const literal: Literal = { text: String(count), slot, encoding: 'text' }
  if (isLimit) builder.limit(path, literal)
  else builder.offset(path, literal)
}

const TREE_PATH = 'tree path'

/** `a.b.order` → a, b */
const pathBefore = (key: string): string[] => namesOf(key).slice(0, -1)

function logicKey(key: string): { path: string[]; kind: 'and' | 'or'; negated: boolean } {
  const names = namesOf(key)
  const kind = names.pop() === 'or' ? 'or' : 'and'
  const negated = names.at(-1) === 'not'
  return { path: negated ? names.slice(0, -1) : names, kind, negated }
}

/** Names between dots; a quoted one may hold a dot. */
function namesOf(key: string): string[] {
  const scanner = new Scanner(TREE_PATH, key)
  const names: string[] = []
  do names.push(scanner.name())
  while (scanner.takes('.'))
  scanner.end()
  return names
}
