/** Columns and their types as OpenAPI describes them. */
import type { Column, Relation } from '#domains/data'
import type { Schema, Version } from '#http/openapi/document'
import { nullable } from '#http/openapi/schema'

const TYPES: Record<string, Schema> = {
  bool: { type: 'boolean' },
  int2: { type: 'integer', format: 'int32', minimum: -32_768, maximum: 32_767 },
  int4: { type: 'integer', format: 'int32' },
  int8: { type: 'integer', format: 'int64' },
  oid: { type: 'integer', format: 'int64' },
  float4: { type: 'number', format: 'float' },
  float8: { type: 'number', format: 'double' },
  numeric: { type: 'number' },
  uuid: { type: 'string', format: 'uuid' },
  date: { type: 'string', format: 'date' },
  timestamptz: { type: 'string', format: 'date-time' },
  // Any JSON value.
  json: {},
  jsonb: {},
  vector: { type: 'array', items: { type: 'number' } },
  halfvec: { type: 'array', items: { type: 'number' } },
  geometry: { type: 'object', description: 'GeoJSON' },
  geography: { type: 'object', description: 'GeoJSON' },
}

/** What is not in the table arrives as text. */
function schemaOfType(baseType: string, category: string): Schema {
  if (category === 'A') {
    return { type: 'array', items: schemaOfType(baseType.replace(/^_/, ''), '') }
  }
  if (Object.hasOwn(TYPES, baseType)) return TYPES[baseType] ?? {}
  return category === 'C' ? { type: 'object' } : { type: 'string' }
}

function columnSchema(column: Column, version: Version): Schema {
  const { type, baseType, category, notNull, generated, description } = column
  const length = /^character(?: varying)?\((\d+)\)$/.exec(type)?.[1]
  const schema: Schema = {
    ...schemaOfType(baseType, category),
    ...(length === undefined ? {} : { maxLength: Number(length) }),
    ...(description === null ? {} : { description }),
    ...(generated ? { readOnly: true } : {}),
    'x-type': type,
  }
  return notNull ? schema : nullable(schema, version)
}

/** Who inserts must give it a value. */
const isRequired = ({ notNull, defaultSql, generated, identity }: Column): boolean =>
  notNull && defaultSql === null && !generated && !identity

/** A row of the relation. */
export function rowSchema(relation: Relation, version: Version): Schema {
  const columns = [...relation.columns.values()]
  const required = columns.filter(isRequired).map(({ name }) => name)
  const { schema, name, description } = relation
  return {
    title: `${schema}.${name}`,
    type: 'object',
    ...(description === null ? {} : { description }),
    properties: Object.fromEntries(
      columns.map((column) => [column.name, columnSchema(column, version)]),
    ),
    ...(required.length > 0 ? { required } : {}),
  }
}
