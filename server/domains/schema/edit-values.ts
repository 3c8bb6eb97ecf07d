/** What a single change may name: identifiers, types and defaults, each checked before any SQL is made of it. */
import { invalid } from '#core/errors'
import { quoteLiteral } from '#db/sql'
import { typeOf } from './ddl.sql.ts'
import type { EditColumn, Target } from './edit.sql.ts'
import { parseType } from './types.ts'

/** As a caller describes a column. */
export type NewColumn = {
  name: string
  type: string
  /** Default false. */
  nullable?: boolean | undefined
  primaryKey?: boolean | undefined
  defaultValue?: unknown
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/
const MAX_IDENTIFIER = 63

const RESERVED = new Set(
  'user table column index select insert update delete from where group order limit offset join on'.split(
    ' ',
  ),
)

type Kind = 'schema' | 'table' | 'column'

const refused = (message: string, hint?: string) => invalid('invalid_definition', message, { hint })

/** @throws `invalid` invalid_definition */
export function checkIdentifier(kind: Kind, name: string): string {
  if (!IDENTIFIER.test(name) || name.length > MAX_IDENTIFIER) {
    throw refused(
      `Cannot use "${name.slice(0, 80)}" as the name of a ${kind}`,
      `Use letters, digits and _, no digit first, ${MAX_IDENTIFIER} characters at most.`,
    )
  }
  if (RESERVED.has(name.toLowerCase())) {
    throw refused(`Cannot use "${name}" as the name of a ${kind}: it is a reserved word`)
  }
  return name
}

/** @throws `invalid` invalid_definition */
export function checkTarget(target: Target): Target {
  checkIdentifier('schema', target.schema)
  checkIdentifier('table', target.table)
  if (target.schema !== 'public' || !target.table.startsWith('_')) return target
  throw refused(`Cannot use "${target.table}": names in public that start with _ are internal`)
}

/** @throws `invalid` invalid_definition */
export function checkColumns(columns: readonly NewColumn[]): EditColumn[] {
  if (columns.length === 0) throw refused('A table needs at least one column')
  const names = new Set(columns.map(({ name }) => name))
  if (names.size < columns.length) throw refused('Two columns have the same name')
  return columns.map(checkColumn)
}

/** @throws `invalid` invalid_definition */
export function checkColumn({ name, type, ...rest }: NewColumn): EditColumn {
  const { nullable = false, primaryKey = false, defaultValue } = rest
  checkIdentifier('column', name)
  return {
    name,
    type: typeSql(name, type),
    notNull: !nullable,
    primaryKey,
    default: defaultSql(defaultValue),
  }
}

/** Beside the types that a whole schema may have. */
const NETWORK = new Set(['inet', 'cidr', 'macaddr'])

function typeSql(column: string, text: string): string {
  const plain = text.trim().toLowerCase()
  const found = parseType(plain)
  if (found) return typeOf(found)
  if (NETWORK.has(plain)) return plain
  throw refused(`Column "${column}" cannot have the type "${text.slice(0, 80)}"`, TYPES)
}

const TYPES =
  'Use text, varchar, char, integer, bigint, smallint, numeric, real, double precision, boolean, date, timestamp, timestamptz, time, timetz, uuid, json, jsonb, bytea, inet, cidr or macaddr.'

/** Functions without arguments that a default may call; in SQL these are words, not texts. */
const FUNCTIONS =
  /^(now\(\)|(clock|statement|transaction)_timestamp\(\)|current_(timestamp|date|time)|local(timestamp|time)|gen_random_uuid\(\)|uuid_generate_v4\(\)|random\(\)|auth\.(uid|role|email)\(\))$/i

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$/

const LITERAL = /^'((?:[^']|'')*)'(?:::(.+))?$/s

/** A number, a known function, a boolean, NULL or a literal as such; any other text is the value itself. */
function defaultSql(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'object') return quoteLiteral(JSON.stringify(value))
  const given = typeof value === 'string' ? value : JSON.stringify(value)
  const text = given.trim()
  if (NUMBER.test(text) || /^(true|false|null)$/i.test(text) || FUNCTIONS.test(text)) return text
  const [, inner, type] = LITERAL.exec(text) ?? []
  if (inner === undefined) return quoteLiteral(given)
  const literal = quoteLiteral(inner.replaceAll("''", "'"))
  return type === undefined ? literal : `${literal}::${typeSql('default', type)}`
}
