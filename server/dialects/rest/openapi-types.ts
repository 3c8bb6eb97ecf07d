/** Types of PostgreSQL in OpenAPI's words. */
type Shape = { type?: string; format?: string; items?: { type?: string } }

const WORDS: Record<string, string | undefined> = {
  boolean: 'boolean',
  smallint: 'integer',
  integer: 'integer',
  bigint: 'integer',
  numeric: 'number',
  real: 'number',
  'double precision': 'number',
  json: undefined,
  jsonb: undefined,
}

/** Undefined: any JSON. */
function wordOf(type: string): string | undefined {
  if (Object.hasOwn(WORDS, type)) return WORDS[type]
  return type.endsWith('[]') ? 'array' : 'string'
}

const FORMATS: Record<string, string> = { smallint: 'int32', integer: 'int32', bigint: 'int64' }

/** Integers have formats in OpenAPI; all else is named as PostgreSQL does. */
export const formatOf = (type: string): string =>
  Object.hasOwn(FORMATS, type) ? (FORMATS[type] ?? type) : type

export const isStringType = (type: string): boolean => wordOf(type) === 'string'

/** @param format as PostgreSQL writes the type, without a length */
export function typeOf(format: string): Shape {
  const type = wordOf(format)
  if (type === undefined) return { format }
  if (type !== 'array') return { type, format: formatOf(format) }
  const item = wordOf(format.slice(0, -2))
  return { type, format, items: item === undefined ? {} : { type: item } }
}
