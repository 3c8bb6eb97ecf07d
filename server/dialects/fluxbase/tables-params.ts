/** Fluxbase's query string as pairs: which of them are filters, and which part of each is a value. */
import { invalid } from '#core/errors'
import { LruCache } from '#core/lru-cache'
import {
  type FilterRules,
  operatorHead,
  type Pair,
  parseKey,
  readPairs,
  type Relation,
} from '#domains/data'

export const RULES: FilterRules = { balanced: true, extended: true }

const RESERVED = new Set(
  'select order limit offset count group_by truncate cursor cursor_column columns on_conflict and or not.and not.or branch token apikey clientkey'.split(
    ' ',
  ),
)

/** What a pair is for, decided once: a column may have the name of a reserved word. */
type Role = 'filter' | 'reserved' | 'ignored'

export type TablePair = Pair & { slot: number; role: Role }

export type TableParams = {
  pairs: readonly TablePair[]
  /** Undefined: not kept. */
  shape: string | undefined
  slots: readonly string[]
}

/** Operators whose operand is bound as it comes, whatever the column's type. */
const PLAIN = /^(not\.)?(eq|neq|gt|gte|lt|lte|like|ilike)$/

/** Pairs whose text is part of the shape. */
const SHAPING = new Set(['select', 'order', 'columns', 'on_conflict', 'group_by', 'count'])

/** Not part of the query: pages are slots of their own, the rest is for others. */
const OUTSIDE = new Set(['limit', 'offset', 'branch', 'token', 'apikey', 'clientkey'])

export type Reading = {
  relation: Relation
  /** Words that are reserved here too. */
  alsoReserved?: ReadonlySet<string>
}

/** Queries without values repeat from request to request: the same text is read once per table. */
const memo = new WeakMap<Relation, LruCache<TableParams>>()
const MAX_MEMO = 100
const MAX_MEMO_LENGTH = 500

export function readTableParams(query: string, reading: Reading): TableParams {
  const { relation, alsoReserved } = reading
  const known = alsoReserved ? undefined : memo.get(relation)?.get(query)
  if (known) return known
  const params = parsedParams(query, reading)
  const repeats = params.slots.length === 0 && query.length <= MAX_MEMO_LENGTH
  if (repeats && !alsoReserved) remember(relation, query, params)
  return params
}

function remember(relation: Relation, query: string, params: TableParams): void {
  const known = memo.get(relation) ?? new LruCache<TableParams>(MAX_MEMO)
  known.set(query, params)
  memo.set(relation, known)
}

function parsedParams(query: string, reading: Reading): TableParams {
  const slots: string[] = []
  let shape: string | undefined = ''
  const pairs = readPairs(query).map(({ key, value }): TablePair => {
    const role = roleOf({ key, value }, reading)
    const pair = { key, value, slot: -1, role }
    if (role === 'ignored' || (role === 'reserved' && OUTSIDE.has(key))) return pair
    const at = role === 'filter' ? plainOperandAt(key, value) : undefined
    if (at === undefined) {
      const shapes = role === 'reserved' && SHAPING.has(key)
      shape = shapes && shape !== undefined ? `${shape}&${key}=${value}` : undefined
      return pair
    }
    if (shape !== undefined) shape += `&${key}=${value.slice(0, at)}\0`
    return { ...pair, slot: slots.push(value.slice(at)) - 1 }
  })
  return { pairs, shape, slots }
}

function roleOf({ key, value }: Pair, { relation, alsoReserved }: Reading): Role {
  const reserved = RESERVED.has(key) || alsoReserved?.has(key) === true
  if (reserved) return namesColumn(relation, key, value) ? 'filter' : 'reserved'
  if (!key.startsWith('_')) return 'filter'
  // A filter that is let fall would widen a change to all rows.
  return namesColumn(relation, seedKey(key)?.column ?? key, seedKey(key) ? 'eq.' : value)
    ? 'filter'
    : 'ignored'
}

const namesColumn = ({ columns }: Relation, key: string, value: string): boolean =>
  columns.has(key.split('->', 1)[0] ?? key) && operatorHead(value, 0, RULES) !== undefined

/** Where the operand begins in the value, for the simple filters that are kept by shape. */
function plainOperandAt(key: string, value: string): number | undefined {
  if (key.includes('->') || levelOf(key)) return undefined
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
export function seedKey(key: string): SeedKey | undefined {
  const match = /^(.+?)\.((?:not\.)?[a-z][a-z0-9_]*(?:\([^()]*\))?)$/.exec(key)
  if (!match?.[1] || !match[2]) return undefined
  return operatorHead(`${match[2]}.`, 0, RULES)
    ? { column: match[1], operation: match[2] }
    : undefined
}

/** `posts.comments.order` → path posts, comments; word order */
export function levelOf(key: string): { path: string[]; word: string } | undefined {
  const match = /^(.+?)\.(order|limit|offset|and|or|not\.and|not\.or)$/.exec(key)
  return match?.[1] && match[2] ? { path: match[1].split('.'), word: match[2] } : undefined
}

type Operation = { key: string; operation: string }

/**
 * A filter in either spelling as its field and `[not.]op.value`.
 * @param onEmbed the key's first part is an embed of the query
 * @throws `invalid` tables_query when it is a filter in neither spelling
 */
export function operationOf({ key, value }: Pair, onEmbed: boolean): Operation {
  const head = operatorHead(value, 0, RULES)
  const seed = seedKey(key)
  if (seed && !(onEmbed && head && seed.column.split('.').length === 1)) {
    return { key: seed.column, operation: `${seed.operation}.${value}` }
  }
  if (head && key.endsWith('.not')) return { key: key.slice(0, -4), operation: `not.${value}` }
  if (head) return { key, operation: value }
  const bare = value === '' ? /^(.+?)\.((?:not\.)?[a-z][a-z0-9_]*\..*)$/s.exec(key) : null
  if (bare?.[1] && bare[2] && operatorHead(bare[2], 0, RULES)) {
    return { key: bare[1], operation: bare[2] }
  }
  throw badQuery(`unknown parameter or operator: ${key}`)
}

/** @throws `invalid` parse_error */
export const readKey = (key: string) => parseKey('filter key', key)

/** The last value of a reserved word, if it was given. */
export const reservedValue = ({ pairs }: TableParams, word: string): string | undefined =>
  pairs.findLast(({ key, role }) => key === word && role === 'reserved')?.value

/** What cannot be understood; the dialect says that it was the query. */
export const badQuery = (reason: string) => invalid('tables_query', reason)
