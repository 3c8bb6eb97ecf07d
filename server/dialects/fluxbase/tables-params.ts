/** Fluxbase's query string, in both of its spellings, over the shared syntax tree. */
import { invalid } from '#core/errors'
import {
  AGGREGATES,
  type Aggregate,
  type Condition,
  type FilterRules,
  operatorHead,
  type Pair,
  parseFilter,
  parseLogic,
  parseOrder,
  parseSelect,
  QueryBuilder,
  readField,
  readPairs,
  type ReadQuery,
  type Relation,
  Scanner,
  type SelectItem,
} from '#domains/data'
import { adapt } from './tables-operands.ts'

export const RULES: FilterRules = { balanced: true, extended: true }

const RESERVED = new Set(
  'select order limit offset count group_by truncate cursor cursor_column columns on_conflict and or not.and not.or branch token apikey clientkey'.split(
    ' ',
  ),
)

export type TableParams = {
  pairs: readonly (Pair & { slot: number })[]
  /** Undefined: not kept. */
  shape: string | undefined
  slots: string[]
}

/** Operators whose operand is bound as it comes, whatever the column's type. */
const PLAIN = /^(not\.)?(eq|neq|gt|gte|lt|lte|like|ilike)$/

/** Pairs whose text is part of the shape. */
const SHAPING = new Set(['select', 'order', 'columns', 'on_conflict', 'group_by', 'count'])

/** Not part of the query: pages are slots of their own, the rest is for others. */
const OUTSIDE = new Set(['limit', 'offset', 'branch', 'token', 'apikey', 'clientkey'])

export function readTableParams(query: string): TableParams {
  const slots: string[] = []
  let shape: string | undefined = ''
  const pairs = readPairs(query).map(({ key, value }) => {
    if (OUTSIDE.has(key) || key.startsWith('_')) return { key, value, slot: -1 }
    const at = SHAPING.has(key) ? undefined : plainOperandAt(key, value)
    if (at === undefined) {
      if (!SHAPING.has(key)) shape = undefined
      else if (shape !== undefined) shape += `&${key}=${value}`
      return { key, value, slot: -1 }
    }
    if (shape !== undefined) shape += `&${key}=${value.slice(0, at)}\0`
    return { key, value, slot: slots.push(value.slice(at)) - 1 }
  })
  return { pairs, shape, slots }
}

/** Where the operand begins in the value, for the simple filters that are kept by shape. */
function plainOperandAt(key: string, value: string): number | undefined {
  if (RESERVED.has(key) || key.includes('->')) return undefined
  const seed = seedKey(key)
  if (seed)
    return PLAIN.test(seed.operation) &&
      !key.includes('.', seed.column.length + 1 + seed.operation.length)
      ? 0
      : undefined
  const head = operatorHead(value, 0, RULES)
  if (!head || head.modifier !== undefined || !PLAIN.test(head.operator)) return undefined
  return head.operandAt
}

type SeedKey = { column: string; operation: string }

/** `price.not.gt` → column price, operation not.gt */
function seedKey(key: string): SeedKey | undefined {
  const match = /^(.+?)\.((?:not\.)?[a-z]+(?:\([^()]*\))?)$/.exec(key)
  if (!match?.[1] || !match[2]) return undefined
  return operatorHead(`${match[2]}.`, 0, RULES)
    ? { column: match[1], operation: match[2] }
    : undefined
}

export const badQuery = (reason: string) =>
  invalid('tables_query', `Invalid query parameters: ${reason}`)

/** @throws `invalid` tables_query, parse_error, embed_unknown */
export function buildTableQuery(relation: Relation, { pairs }: TableParams): ReadQuery {
  const select = pairs.findLast(({ key }) => key === 'select')?.value
  const builder = new QueryBuilder(selectItems(select ?? ''))
  for (const pair of pairs) addPair({ builder, relation }, pair)
  return builder.build()
}

/** `count(*)` and `sum(price)` read like embeds and mean aggregates. */
export function selectItems(text: string): SelectItem[] {
  return parseSelect(text).map(withAggregates)
}

function withAggregates(item: SelectItem): SelectItem {
  if (item.kind !== 'embed') return item
  const aggregate = AGGREGATES.find((name) => name === item.relation)
  const [only, ...others] = item.query.select
  if (aggregate && only && others.length === 0 && !item.spread && item.hint === undefined) {
    const made = aggregateItem(aggregate, only, item.alias)
    if (made) return made
  }
  const select = item.query.select.map(withAggregates)
  return { ...item, stems: true, query: { ...item.query, select } }
}

function aggregateItem(
  aggregate: Aggregate,
  inner: SelectItem,
  alias: string | undefined,
): SelectItem | undefined {
  if (inner.kind === 'all') {
    return aggregate === 'count' ? { kind: 'field', aggregate, alias: alias ?? 'count' } : undefined
  }
  if (inner.kind !== 'field' || !inner.field) return undefined
  const name = `${aggregate}_${inner.alias ?? inner.field.name}`
  return { kind: 'field', field: inner.field, aggregate, alias: alias ?? name }
}

type Building = { builder: QueryBuilder; relation: Relation }

function addPair(building: Building, pair: TableParams['pairs'][number]): void {
  const { builder, relation } = building
  const { key, value } = pair
  if (key.startsWith('_')) return
  const isFilter = relation.columns.has(key) && operatorHead(value, 0, RULES) !== undefined
  if (RESERVED.has(key) && !isFilter) {
    addReserved(building, key, value)
    return
  }
  const level = /^(.+)\.(order|limit|offset|and|or|not\.and|not\.or)$/.exec(key)
  if (level?.[1] && level[2] && builder.embeds(level[1].split('.')[0] ?? '')) {
    addLevel(building, { path: level[1].split('.'), word: level[2], value })
    return
  }
  addFilter(building, pair)
}

function addReserved({ builder, relation }: Building, key: string, value: string): void {
  if (key === 'order') builder.order([], parseOrder(value))
  else if (key === 'group_by') builder.groupBy(groupNames(value))
  else if (/and$|or$/.test(key)) builder.where([], adapt(logicOf(key, value), relation))
}

const groupNames = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

/** The outer parentheses may be left out. */
export function logicOf(key: string, value: string): Condition {
  const kind = key.endsWith('or') ? 'or' : 'and'
  const item = parseLogic(kind, value.trimStart().startsWith('(') ? value : `(${value})`, RULES)
  return key.startsWith('not.') ? { kind: 'not', item } : item
}

type LevelPart = { path: string[]; word: string; value: string }

function addLevel({ builder, relation }: Building, { path, word, value }: LevelPart): void {
  if (word === 'order') builder.order(path, parseOrder(value))
  else if (word === 'limit' || word === 'offset') {
    if (!/^\d{1,9}$/.test(value)) throw badQuery(`${path.join('.')}.${word} must be a number`)
    builder[word](path, { text: value, slot: -1, encoding: 'text' })
  } else builder.where(path, adapt(logicOf(word, value), relation))
}

function addFilter(building: Building, pair: TableParams['pairs'][number]): void {
  const { builder, relation } = building
  const found = filterOf(building, pair)
  const { path, field } = readKey(found.key)
  const condition = parseFilter(field, { text: found.operation, slot: pair.slot }, RULES)
  builder.where(path, adapt(condition, relation))
}

type Found = { key: string; operation: string }

/** @throws `invalid` tables_query when it is a filter in neither spelling */
function filterOf({ builder }: Building, { key, value }: Pair): Found {
  const head = operatorHead(value, 0, RULES)
  const seed = seedKey(key)
  const onEmbed = builder.embeds(key.split('.')[0] ?? '')
  if (seed && !(onEmbed && head && seed.column.split('.').length === 1)) {
    return { key: seed.column, operation: `${seed.operation}.${value}` }
  }
  if (head) return { key, operation: value }
  const bare = value === '' ? /^(.+?)\.((?:not\.)?[a-z]+\..*)$/s.exec(key) : null
  if (bare?.[1] && bare[2] && operatorHead(bare[2], 0, RULES)) {
    return { key: bare[1], operation: bare[2] }
  }
  throw badQuery(`unknown parameter or operator: ${key}`)
}

export function readKey(key: string) {
  const scanner = new Scanner('filter key', key)
  const path: string[] = []
  for (;;) {
    const field = readField(scanner)
    if (scanner.done) return { path, field }
    scanner.needs('.')
    path.push(field.name)
  }
}
