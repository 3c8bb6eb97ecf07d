/** Values of GraphQL as texts that PostgreSQL reads. */
import { arrayLiteral, type Column } from '#domains/data'
import { isDocument } from './scalars.ts'

/** JSON as an array literal of JSON. */
export const jsonList = (values: readonly unknown[]): string =>
  arrayLiteral(values.map((value) => JSON.stringify(value)))

export const textList = (values: readonly unknown[]): string => arrayLiteral(values.map(textOrNull))

const textOrNull = (value: unknown): string | null => (value === null ? null : textOf(value))

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** A value in the text form of the column's type. */
export function operandText(value: unknown, column: Column): string {
  if (column.baseType === 'jsonb' || isDocument(column)) return JSON.stringify(value)
  return column.category === 'A' ? arrayText(value, column) : textOf(value)
}

/** What alone is no list is a list of one; a text in braces is PostgreSQL's own spelling. */
function arrayText(value: unknown, { baseType }: Column): string {
  if (typeof value === 'string' && value.startsWith('{')) return value
  const items: unknown[] = Array.isArray(value) ? value : [value]
  if (baseType === '_jsonb') return jsonList(items)
  return Array.isArray(value) || typeof value !== 'object' ? nestedArray(items) : textOf(value)
}

function nestedArray(items: readonly unknown[]): string {
  const parts = items.map((item) =>
    Array.isArray(item) ? nestedArray(item) : arrayLiteral([textOrNull(item)]).slice(1, -1),
  )
  return `{${parts.join(',')}}`
}

/** What a range contains may be one value, which is the range from it to it. */
export function containedText(value: unknown, column: Column): string {
  const text = operandText(value, column)
  if (column.category !== 'R' || /^\s*([[({]|empty\s*$)/i.test(text)) return text
  const bound = `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
  const range = `[${bound},${bound}]`
  return column.baseType.endsWith('multirange') ? `{${range}}` : range
}

type Row = Record<string, unknown>

/** A new value of a column as the JSON that PostgreSQL turns into it. */
export function writtenValue(value: unknown, { baseType }: Column): unknown {
  const isPairs = typeof value === 'object' && value !== null && !Array.isArray(value)
  return baseType === 'hstore' && isPairs ? hstoreText(value as Row) : value
}

function hstoreText(pairs: Row): string {
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
  return Object.entries(pairs)
    .map(([key, value]) => `${quoted(key)}=>${value === null ? 'NULL' : quoted(textOf(value))}`)
    .join(',')
}
