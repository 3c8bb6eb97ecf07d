/** Cursors: where a page ended, as a text that the next request brings back. */
import { type Condition, type OrderTerm, parseSelect } from '#domains/data'
import { parseExactly, textOf } from './tables-body.ts'
import { badQuery, reservedValue, type TableParams } from './tables-params.ts'

/** Column, its last value, and whether the order descends. */
type Cursor = { c: string; v: unknown; d: boolean }

export type Resumed = { condition: Condition; order: OrderTerm }

/** What goes on behind the cursor of the query, if it has one. @throws `invalid` tables_query */
export function resumed(params: TableParams): Resumed | undefined {
  const text = reservedValue(params, 'cursor')
  if (text === undefined || text === '') return undefined
  const { c, v, d } = readCursor(text)
  const field = { name: reservedValue(params, 'cursor_column') ?? c, path: [] }
  const value = { text: textOf(v), slot: -1, encoding: 'text' } as const
  return {
    condition: { kind: 'compare', field, operator: d ? 'lt' : 'gt', value },
    order: { field, direction: d ? 'desc' : 'asc' },
  }
}

function readCursor(text: string): Cursor {
  try {
    const { c, v, d } = parseExactly(Buffer.from(text, 'base64url').toString()) as Partial<Cursor>
    if (typeof c === 'string' && v !== undefined && v !== null) return { c, v, d: d === true }
  } catch {
    // Told below, like JSON of another shape.
  }
  throw badQuery('cursor is not one that X-Next-Cursor gave')
}

/** One column of the table itself: only its order can be taken up again by a value. */
const SINGLE = /^\s*(?:"([^"]+)"|([^".,()>]+?))(?:\.(asc|desc))?(?:\.nulls(?:first|last))?\s*$/

export type Paged = {
  order: string | undefined
  select: string
  /** Long texts are cut: their values are no place to go on from. */
  isCut: boolean
}

/** Where the next page begins, when rows are in the order of one column that is among those given. */
export function nextCursor({ order, select, isCut }: Paged, body: string): string | undefined {
  const [, quoted, bare, direction] = SINGLE.exec(order ?? '') ?? []
  const column = quoted ?? bare?.trim()
  if (column === undefined || !showsColumn(select, column)) return undefined
  const value = valueIn(body, column)
  if (value === undefined || value === null || (isCut && typeof value === 'string'))
    return undefined
  const cursor: Cursor = { c: column, v: value, d: direction === 'desc' }
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

/** Not something else under its name, nor a cast, which may leave out what tells two values apart. */
const showsColumn = (select: string, column: string): boolean =>
  select === '' ||
  select === '*' ||
  parseSelect(select).every((item) => {
    if (item.kind !== 'field') return true
    const { field, alias, cast, aggregate } = item
    if ((alias ?? field?.path.at(-1)?.key ?? field?.name) !== column) return true
    return field?.name === column && field.path.length === 0 && !cast && !aggregate
  })

/** Of the last row. Only a number that a double may not hold is worth a parser that keeps it as it is written. */
function valueIn(body: string, column: string): unknown {
  const value = shortNumberIn(body, column) ?? lastRow(body, JSON.parse)?.[column]
  const isExact = typeof value !== 'number' || Number.isSafeInteger(value)
  return isExact ? value : lastRow(body, parseExactly)?.[column]
}

/** What most pages are in the order of: a key. It needs no parser in a row without documents, where its name stands once. */
function shortNumberIn(body: string, column: string): number | undefined {
  const begin = rowBeginsAt(body)
  const isFlat = body.indexOf('{', begin + 1) < 0 && body.indexOf('}', begin) === body.length - 2
  if (!isFlat) return undefined
  const name = `${JSON.stringify(column)}:`
  const at = body.indexOf(name, begin)
  // A longer name may end like this one, with an escaped quote before it.
  if (at < 0 || !'{,'.includes(body[at - 1] ?? '')) return undefined
  SHORT_NUMBER.lastIndex = at + name.length
  const digits = SHORT_NUMBER.exec(body)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** A double holds each of them. */
const SHORT_NUMBER = /(-?\d{1,15})[,}]/y

type Row = Record<string, unknown>

/** PostgreSQL puts each row on a line of its own; a value of type json may hold lines too. */
const rowBeginsAt = (body: string): number => body.indexOf('{', body.lastIndexOf('\n'))

function lastRow(body: string, parse: (text: string) => unknown): Row | undefined {
  const begin = rowBeginsAt(body)
  try {
    return parse(body.slice(begin, -1)) as Row
  } catch {
    return (parse(body) as Row[]).at(-1)
  }
}
