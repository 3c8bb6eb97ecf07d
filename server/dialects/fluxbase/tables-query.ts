/** The pairs of a query string as the shared syntax tree, resolved where operands depend on types. */
import {
  AGGREGATES,
  type Aggregate,
  type Catalog,
  type Condition,
  type EmbedItem,
  findRelationship,
  parseFilter,
  parseLogic,
  parseOrder,
  parseSelect,
  QueryBuilder,
  type ReadQuery,
  type Relation,
  type SelectItem,
} from '#domains/data'
import { resumed } from './tables-cursor.ts'
import { adapt } from './tables-operands.ts'
import { type Shaping, shaped } from './tables-output.ts'
import { numberOf } from './tables-page.ts'
import {
  badQuery,
  levelOf,
  operationOf,
  readKey,
  reservedValue,
  RULES,
  type TablePair,
  type TableParams,
} from './tables-params.ts'

/** The relation that is read or written, in the snapshot that the statement is made from. */
export type At = { catalog: Catalog; relation: Relation }

/** A query under construction. */
export type Building = At & { builder: QueryBuilder; select: readonly SelectItem[] }

export type Selecting = Shaping & {
  select: string
  /** Columns that are grouped by, and so are the output when nothing is selected. */
  groups: readonly string[]
}

export function buildingOf(at: At, { select: text, groups, truncate }: Selecting): Building {
  const named = selectItems(text)
  const isAll = named.every(({ kind }) => kind === 'all')
  const select = shaped(at, isAll && groups.length > 0 ? groups.map(fieldItem) : named, {
    truncate,
  })
  const builder = new QueryBuilder(select)
  if (groups.length > 0) builder.groupBy(groups)
  return { ...at, builder, select }
}

const fieldItem = (name: string): SelectItem => ({ kind: 'field', field: { name, path: [] } })

/** @throws `invalid` tables_query, parse_error, embed_unknown, relationship_not_found … */
export function buildTableQuery(at: At, params: TableParams): ReadQuery {
  return finished(startTableQuery(at, params, {}), params)
}

/** What a document says goes before what the query string says. */
export function startTableQuery(
  at: At,
  params: TableParams,
  document: Partial<Selecting>,
): Building {
  const building = buildingOf(at, {
    select: document.select ?? reservedValue(params, 'select') ?? '',
    groups: document.groups ?? groupNames(reservedValue(params, 'group_by') ?? ''),
    truncate: document.truncate ?? truncateIn(params),
  })
  for (const pair of params.pairs) addPair(building, pair)
  return building
}

function truncateIn(params: TableParams): number | undefined {
  const length = numberOf(params, 'truncate')
  if (length === 0) throw badQuery('truncate must be at least 1')
  return length
}

/** Behind a cursor, in its order; nearest first where a vector is compared and no order is given. */
export function finished({ builder }: Building, params: TableParams): ReadQuery {
  const behind = resumed(params)
  if (behind) builder.where([], behind.condition)
  const query = builder.build()
  if (query.order.length === 0) {
    const near = query.where.flatMap((condition) =>
      condition.kind === 'near' ? [{ field: condition.field, distance: condition.distance }] : [],
    )
    builder.order([], behind ? [behind.order] : near)
  }
  return query
}

const groupNames = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
    .filter((name) => name !== '')

/** `count(*)` and `sum(price)` read like embeds and mean aggregates. */
export const selectItems = (text: string): SelectItem[] => parseSelect(text).map(withAggregates)

function withAggregates(item: SelectItem): SelectItem {
  if (item.kind !== 'embed') return item
  const aggregate = AGGREGATES.find((name) => name === item.relation)
  const [only, ...others] = item.query.select
  if (aggregate && only && others.length === 0 && !item.spread && item.hint === undefined) {
    const made = aggregateItem(aggregate, only, item.alias)
    if (made) return made
  }
  const select = item.query.select.map(withAggregates)
  return { ...item, stems: true, anySchema: true, query: { ...item.query, select } }
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

function addPair(building: Building, pair: TablePair): void {
  const { builder } = building
  const { key, value, role } = pair
  if (role === 'ignored') return
  if (role === 'reserved') return addReserved(building, key, value)
  const level = levelOf(key)
  if (level && builder.embeds(level.path[0] ?? '')) return addLevel(building, { ...level, value })
  addFilter(building, pair)
}

function addReserved(building: Building, key: string, value: string): void {
  if (key === 'order') building.builder.order([], parseOrder(value, true))
  else if (LOGIC.has(key)) addCondition(building, [], logicOf(key, value))
}

const LOGIC = new Set(['and', 'or', 'not.and', 'not.or'])

/** Adds a condition at its level, its operands as the columns there need them. */
export function addCondition(
  building: Building,
  path: readonly string[],
  condition: Condition,
): void {
  building.builder.where(path, adapt(condition, relationAt(building, path)))
}

/** The relation that a path of embeds leads to; that of the first when the path leads nowhere. */
function relationAt({ catalog, relation, select }: Building, path: readonly string[]): Relation {
  let at = relation
  let items = select
  for (const name of path) {
    const embed = embedNamed(items, name)
    if (!embed) return at
    at = findRelationship(catalog, at, embed).to
    items = embed.query.select
  }
  return at
}

function embedNamed(items: readonly SelectItem[], name: string): EmbedItem | undefined {
  const embeds = items.filter((item): item is EmbedItem => item.kind === 'embed')
  return (
    embeds.find(({ alias, relation }) => (alias ?? relation) === name) ??
    embeds.find(({ relation }) => relation === name)
  )
}

/** The outer parentheses may be left out. */
export function logicOf(key: string, value: string): Condition {
  const kind = key.endsWith('or') ? 'or' : 'and'
  const item = parseLogic(kind, value.trimStart().startsWith('(') ? value : `(${value})`, RULES)
  return key.startsWith('not.') ? { kind: 'not', item } : item
}

type LevelPart = { path: string[]; word: string; value: string }

function addLevel(building: Building, { path, word, value }: LevelPart): void {
  const { builder } = building
  if (word === 'order') builder.order(path, parseOrder(value, true))
  else if (word === 'limit' || word === 'offset') {
    if (!/^\d{1,9}$/.test(value)) throw badQuery(`${path.join('.')}.${word} must be a number`)
    builder[word](path, { text: value, slot: -1, encoding: 'text' })
  } else addCondition(building, path, logicOf(word, value))
}

function addFilter(building: Building, pair: TablePair): void {
  const onEmbed = building.builder.embeds(pair.key.split('.')[0] ?? '')
  const { key, operation } = operationOf(pair, onEmbed)
  addOperation(building, key, { text: operation, slot: pair.slot })
}

/** `[not.]op.value` on the field of a key such as `posts.data->>a`. */
export function addOperation(
  building: Building,
  key: string,
  value: { text: string; slot: number },
): void {
  const { path, field } = readKey(key)
  addCondition(building, path, parseFilter(field, value, RULES))
}
