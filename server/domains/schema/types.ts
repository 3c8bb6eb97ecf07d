/** Column types: which ones the DSL has, and the one spelling by which two are compared. */

const PLAIN = [
  'text varchar char uuid boolean integer bigint smallint real numeric timestamptz timestamp',
  'date time timetz interval jsonb json bytea vector',
].flatMap((line) => line.split(' '))

const ALIASES: Record<string, string> = {
  bool: 'boolean',
  int: 'integer',
  int4: 'integer',
  int8: 'bigint',
  int2: 'smallint',
  float4: 'real',
  float8: 'double precision',
  decimal: 'numeric',
}

const SERIALS: Record<string, string> = {
  serial: 'integer',
  bigserial: 'bigint',
  smallserial: 'smallint',
}

const SIMPLE = new Set([...PLAIN, 'double precision'])

const COUNT = '[1-9][0-9]{0,7}'
const LENGTH = new RegExp(`^(varchar|char|vector) ?\\( ?(${COUNT}) ?\\)$`)
const PRECISION = new RegExp(
  `^(?:numeric|decimal) ?\\( ?([1-9][0-9]{0,3}) ?(?:, ?([0-9]{1,4}) ?)?\\)$`,
)

export type ColumnType = { type: string; serial: boolean }

/**
 * The canonical form of a type as the DSL writes it.
 * @returns undefined when the DSL has no such type
 */
export function parseType(text: string): ColumnType | undefined {
  const spelled = text.trim().toLowerCase().replaceAll(/\s+/g, ' ')
  const serial = Object.hasOwn(SERIALS, spelled) ? SERIALS[spelled] : undefined
  if (serial !== undefined) return { type: serial, serial: true }
  const type = /^[a-z]+\[\]$/.test(spelled) ? arrayOf(spelled.slice(0, -2)) : scalar(spelled)
  return type === undefined ? undefined : { type, serial: false }
}

function arrayOf(element: string): string | undefined {
  const type = unqualified(element)
  return type === undefined ? undefined : `${type}[]`
}

function unqualified(spelled: string): string | undefined {
  const type = Object.hasOwn(ALIASES, spelled) ? ALIASES[spelled] : spelled
  return type !== undefined && SIMPLE.has(type) ? type : undefined
}

function scalar(spelled: string): string | undefined {
  if (spelled === 'char') return 'char(1)'
  const [, name, length] = LENGTH.exec(spelled) ?? []
  if (name !== undefined) return `${name}(${length})`
  const [, precision, scale] = PRECISION.exec(spelled) ?? []
  if (precision !== undefined) return `numeric(${precision},${Number(scale ?? 0)})`
  return unqualified(spelled)
}

/** PostgreSQL's own spelling, and ours. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^character varying/, 'varchar'],
  [/^character\(1\)\[\]$/, 'char[]'],
  [/^character/, 'char'],
  [/^timestamp(\(\d\))? with time zone/, 'timestamptz$1'],
  [/^timestamp(\(\d\))? without time zone/, 'timestamp$1'],
  [/^time(\(\d\))? with time zone/, 'timetz$1'],
  [/^time(\(\d\))? without time zone/, 'time$1'],
]

/** The canonical form of what PostgreSQL's `format_type` says; types the DSL lacks stay as they are. */
export function canonicalType(formatted: string): string {
  const [pattern, ours] = SPELLINGS.find(([spelling]) => spelling.test(formatted)) ?? []
  return pattern && ours ? formatted.replace(pattern, ours) : formatted
}
