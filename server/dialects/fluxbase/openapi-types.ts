/** Columns and their types as OpenAPI describes them. */
import { type Catalog, type Column, type Relation, relationshipsOf } from '#domains/data'
import type { Schema, Version } from '#http/openapi/document'
import { nullable } from '#http/openapi/schema'

const TYPES: Record<string, Schema> = {
  bool: { type: 'boolean' },
  int2: { type: 'integer', format: 'int32', minimum: -32_768, maximum: 32_767 },
  int4: { type: 'integer', format: 'int32' },
  int8: { type: 'integer', format: 'int64' },
  float4: { type: 'number', format: 'float' },
  float8: { type: 'number', format: 'double' },
  numeric: { type: 'number' },
  uuid: { type: 'string', format: 'uuid' },
  date: { type: 'string', format: 'date' },
  timestamptz: { type: 'string', format: 'date-time' },
  // Any JSON value.
  json: {},
  jsonb: {},
  hstore: { type: 'object' },
  vector: { type: 'array', items: { type: 'number' } },
  halfvec: { type: 'array', items: { type: 'number' } },
  geometry: { type: 'object', description: 'GeoJSON' },
  geography: { type: 'object', description: 'GeoJSON' },
}

/** PostgreSQL's category letters of what is not in the table and does not arrive as text. */
const ARRAY = 'A'
const COMPOSITE = 'C'

/** What is not in the table arrives as text. */
function schemaOfType(baseType: string, category: string, version: Version): Schema {
  if (category === ARRAY) {
    const item = schemaOfType(baseType.replace(/^_/, ''), '', version)
    return { type: 'array', items: nullable(item, version) }
  }
  if (Object.hasOwn(TYPES, baseType)) return TYPES[baseType] ?? {}
  return category === COMPOSITE ? { type: 'object' } : { type: 'string' }
}

function plainSchema(column: Column, version: Version): Schema {
  const { type, baseType, category, form, labels } = column
  // A domain whose own casts say how it looks.
  if (form) return {}
  const length = /^character(?: varying)?\((\d+)\)$/.exec(type)?.[1]
  return {
    ...schemaOfType(baseType, category, version),
    ...(labels && category !== ARRAY ? { enum: labels } : {}),
    ...(length === undefined ? {} : { maxLength: Number(length) }),
  }
}

function columnSchema(column: Column, version: Version, isRead: boolean): Schema {
  const { type, notNull, generated, description, defaultSql } = column
  const plain = plainSchema(column, version)
  const schema: Schema = {
    ...plain,
    ...(description === null ? {} : { description }),
    ...(generated ? { readOnly: true } : {}),
    ...(generated || defaultSql === null ? {} : defaultsOf(plain, defaultSql, isRead)),
    'x-type': type,
  }
  return notNull ? schema : nullable(schema, version)
}

/**
 * The default's SQL; of rows that are read also its value, if it is a constant: in the schema of a new row
 * generators would take it for a field that is always there.
 */
function defaultsOf({ type }: Schema, sql: string, isRead: boolean): Schema {
  if (!isRead) return { 'x-default': sql }
  const [, quoted] = /^'((?:[^'\\]|'')*)'(?:::[\w ."(),]+)?$/.exec(sql) ?? []
  const text = quoted?.replaceAll("''", "'")
  const value = constantOf(type, text ?? sql, text !== undefined)
  return { ...(value === undefined ? {} : { default: value }), 'x-default': sql }
}

function constantOf(type: unknown, text: string, isQuoted: boolean): unknown {
  if (type === 'string') return isQuoted ? text : undefined
  if (type === 'boolean') return /^(true|false)$/.test(text) ? text === 'true' : undefined
  const isNumber = type === 'integer' || type === 'number'
  return isNumber && /^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : undefined
}

/** Who inserts must give it a value. */
const isRequired = ({ notNull, defaultSql, generated, identity }: Column): boolean =>
  notNull && defaultSql === null && !generated && !identity

type Shaping = {
  columns?: (column: Column) => boolean
  required: (column: Column) => boolean
  isRead: boolean
}

function objectSchema(relation: Relation, version: Version, shaping: Shaping): Schema {
  const { columns = () => true, required, isRead } = shaping
  const all = [...relation.columns.values()].filter(columns)
  const needed = all.filter(required).map(({ name }) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(
      all.map((column) => [column.name, columnSchema(column, version, isRead)]),
    ),
    ...(needed.length > 0 ? { required: needed } : {}),
  }
}

const titled = ({ schema, name, description }: Relation, what: string): Schema => ({
  title: `${schema}.${name}${what}`,
  ...(description === null ? {} : { description }),
})

/** A new row. */
export const newRowSchema = (relation: Relation, version: Version): Schema => ({
  ...titled(relation, ''),
  ...objectSchema(relation, version, { required: isRequired, isRead: false }),
})

/** A row as it is read: every column is there. */
export const rowSchema = (relation: Relation, version: Version, catalog: Catalog): Schema => ({
  ...titled(relation, ', as it is read'),
  ...objectSchema(relation, version, { required: () => true, isRead: true }),
  ...embeds(catalog, relation),
})

/** New values for a row: any of its columns, but those that are always made. */
export const changesSchema = (relation: Relation, version: Version): Schema => ({
  ...titled(relation, ', new values'),
  ...objectSchema(relation, version, {
    columns: ({ generated }) => !generated,
    required: () => false,
    isRead: false,
  }),
  minProperties: 1,
})

/** Tables that `select` can embed, and whether one row of them comes or a list. */
function embeds(catalog: Catalog, relation: Relation): Schema {
  const found = relationshipsOf(catalog, relation).map(({ to, cardinality, constraint }) => ({
    table: `${to.schema}.${to.name}`,
    cardinality,
    ...(constraint === '' ? {} : { hint: constraint }),
  }))
  return found.length > 0 ? { 'x-embeds': found } : {}
}
