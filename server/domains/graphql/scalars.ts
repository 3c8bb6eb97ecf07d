/** The scalars of the schema, and which one a column is. */
import {
  GraphQLBoolean,
  GraphQLError,
  GraphQLFloat,
  GraphQLInt,
  GraphQLScalarType,
  GraphQLString,
  Kind,
} from 'graphql'
import type { Column } from '#domains/data'

const INT8_MAX = 2n ** 63n - 1n

/** Either spelling becomes digits. @throws GraphQLError */
function bigIntOf(value: unknown): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) {
    const number = BigInt(value)
    if (number <= INT8_MAX && number >= -INT8_MAX - 1n) return value
  }
  throw new GraphQLError('BigInt must be a whole number of 64 bits; send large ones as a string')
}

const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** @throws GraphQLError */
function uuidOf(value: unknown): string {
  if (typeof value === 'string' && UUID.test(value)) return value
  throw new GraphQLError('UUID must be a string such as 123e4567-e89b-12d3-a456-426614174000')
}

/** PostgreSQL reads it; here it only has to be text. @throws GraphQLError */
function dateTimeOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new GraphQLError('DateTime must be a string such as 2026-01-31T12:00:00Z')
}

const BIG_INT = new GraphQLScalarType({
  name: 'BigInt',
  description: 'A whole number of 64 bits. Given as a string; taken as a string or a number.',
  coerceInputValue: bigIntOf,
  coerceInputLiteral: (node) => {
    const fits = node.kind === Kind.INT || node.kind === Kind.STRING
    return fits ? bigIntOf(node.value) : undefined
  },
})

const UUID_TYPE = new GraphQLScalarType({ name: 'UUID', coerceInputValue: uuidOf })

const DATE_TIME = new GraphQLScalarType({
  name: 'DateTime',
  description: 'A date, a time or both, as ISO 8601 writes them.',
  coerceInputValue: dateTimeOf,
})

const JSON_TYPE = new GraphQLScalarType({ name: 'JSON', description: 'Any JSON value.' })

export const SCALARS = {
  String: GraphQLString,
  Int: GraphQLInt,
  Float: GraphQLFloat,
  Boolean: GraphQLBoolean,
  BigInt: BIG_INT,
  UUID: UUID_TYPE,
  JSON: JSON_TYPE,
  DateTime: DATE_TIME,
} as const

export type ScalarName = keyof typeof SCALARS

/** A map: somebody may call a type `constructor`, which every object knows. */
const byType = <T>(known: Record<string, T>): ReadonlyMap<string, T> =>
  new Map(Object.entries(known))

const BY_TYPE = byType<ScalarName>({
  int2: 'Int',
  int4: 'Int',
  int8: 'BigInt',
  oid: 'BigInt',
  float4: 'Float',
  float8: 'Float',
  numeric: 'Float',
  bool: 'Boolean',
  uuid: 'UUID',
  json: 'JSON',
  jsonb: 'JSON',
  hstore: 'JSON',
  vector: 'JSON',
  halfvec: 'JSON',
  sparsevec: 'JSON',
  geometry: 'JSON',
  geography: 'JSON',
})

const BY_CATEGORY: Record<string, ScalarName> = {
  D: 'DateTime',
  A: 'JSON',
  R: 'JSON',
  G: 'JSON',
  C: 'JSON',
}

export const scalarOf = ({ baseType, category }: Column): ScalarName =>
  BY_TYPE.get(baseType) ?? BY_CATEGORY[category] ?? 'String'

const ORDERED = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'in'] as const
const TEXT = [...ORDERED, 'like', 'ilike'] as const
const LISTED = ['eq', 'neq', 'in'] as const
const EQUAL = ['eq', 'neq'] as const
const CONTAINING = ['eq', 'neq', 'contains', 'contained_by'] as const
const OVERLAPPING = [...CONTAINING, 'overlaps'] as const
const WITHIN = [...CONTAINING, 'path'] as const
const DOCUMENT = [...WITHIN, 'has_key', 'has_keys_any', 'has_keys_all'] as const

export type FilterOperator =
  | (typeof TEXT)[number]
  | (typeof OVERLAPPING)[number]
  | (typeof DOCUMENT)[number]
  | 'is_null'

const OPERATORS_BY_TYPE = byType<readonly FilterOperator[]>({
  bool: EQUAL,
  uuid: LISTED,
  json: DOCUMENT,
  jsonb: DOCUMENT,
  hstore: DOCUMENT,
  bytea: ORDERED,
  macaddr: ORDERED,
  macaddr8: ORDERED,
  pg_lsn: ORDERED,
  char: ORDERED,
  ltree: [...ORDERED, 'contains', 'contained_by'],
  tsvector: EQUAL,
  tsquery: EQUAL,
  xid: EQUAL,
  xid8: ORDERED,
  tid: EQUAL,
  vector: EQUAL,
  halfvec: EQUAL,
  sparsevec: EQUAL,
})

const OPERATORS_BY_CATEGORY: Record<string, readonly FilterOperator[]> = {
  S: TEXT,
  N: ORDERED,
  D: ORDERED,
  T: ORDERED,
  I: ORDERED,
  V: ORDERED,
  E: ORDERED,
  A: OVERLAPPING,
  R: OVERLAPPING,
  C: WITHIN,
}

/** What a column can be compared by; every one by `is_null`. */
export const operatorsOf = (column: Column): readonly FilterOperator[] => [
  ...comparedBy(column),
  'is_null',
]

function comparedBy(column: Column): readonly FilterOperator[] {
  const { baseType, category } = column
  if (category === 'A' && isDocument(column)) return CONTAINING
  if (NAMED.test(baseType)) return EQUAL
  return OPERATORS_BY_TYPE.get(baseType) ?? OPERATORS_BY_CATEGORY[category] ?? []
}

/** Names of PostgreSQL's own objects; as operands they would be numbers. */
const NAMED =
  /^reg(class|type|proc|procedure|oper|operator|role|namespace|config|dictionary|collation)$/

/** Columns that are compared as jsonb: they have no equality of their own, or no text form that JSON could become. */
export const isDocument = ({ baseType, category, elementKind }: Column): boolean =>
  /^(_?json|hstore)$/.test(baseType) ||
  NAMED.test(baseType) ||
  category === 'C' ||
  elementKind === 'c'

/** Columns that can be added up. */
export const isNumber = ({ baseType }: Column): boolean =>
  /^(int[248]|float[48]|numeric)$/.test(baseType)

/** PostgreSQL's categories of dates and times, text, spans of time, addresses and enumerations. */
const WITH_EXTREMES = new Set(['D', 'S', 'T', 'I', 'E'])

/** Columns of which one value is the least. */
export const hasExtremes = (column: Column): boolean =>
  isNumber(column) || WITH_EXTREMES.has(column.category) || column.baseType === 'money'

/** Types whose values have no order. */
const UNORDERED = new Set(
  'json jsonpath xml point line lseg box path polygon circle xid cid aclitem refcursor lquery ltxtquery'.split(
    ' ',
  ),
)

/** Columns that rows can be put in order by. */
export const isOrdered = (column: Column): boolean =>
  !isDocument(column) && !UNORDERED.has(column.baseType.replace(/^_/, ''))
