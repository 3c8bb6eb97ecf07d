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

export const isStringType = (type: string): boolean => wordOf(type) === 'string'

/** @param format as PostgreSQL writes the type, without a length */
export function typeOf(format: string): Shape {
  const type = wordOf(format)
  if (type === undefined) return { format }
  if (type !== 'array') return { type, format }
  const item = wordOf(format.slice(0, -2))
  return { type, format, items: item === undefined ? {} : { type: item } }
}
