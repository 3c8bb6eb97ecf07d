/** Operators of pgvector and PostGIS, named with their schema: a request's search path need not hold it. */
import { invalid } from '#core/errors'
import type { Column } from './catalog.ts'
import {
  type Comparison,
  COMPARISONS,
  type Distance,
  type Literal,
  type Quantifier,
  type Spatial,
  VECTOR_OPERATORS,
  type VectorOperator,
} from './query.ts'
import type { SqlWriter } from './sql-writer.ts'

/** A column, and how it is written. */
export type Subject = { name: string; column: Column | undefined; write: () => void }

type ExtensionType = {
  /** As PostgreSQL quotes it, with a dot behind it; nothing when it is in the search path. */
  schema: string
  name: string
  /** What stands in parentheses: `3`, `Point,4326`. */
  modifier: string
}

function typeOf({ column }: Subject, names: string): ExtensionType | undefined {
  const match = new RegExp(`^(.+\\.)?(${names})(?:\\((.*)\\))?$`).exec(column?.type ?? '')
  return match?.[2]
    ? { schema: match[1] ?? '', name: match[2], modifier: match[3] ?? '' }
    : undefined
}

const VECTORS = 'vector|halfvec|sparsevec'
const SPATIAL = 'geometry|geography'

/** @throws `invalid` no_vector_column */
export function vectorTypeOf(subject: Subject, operator: VectorOperator): ExtensionType {
  const type = typeOf(subject, VECTORS)
  if (type) return type
  throw notOf(subject, { code: 'no_vector_column', operator, wanted: 'vector (pgvector)' })
}

/** The column's distance. @throws `invalid` no_vector_column */
export function writeDistance(sql: SqlWriter, subject: Subject, { operator, to }: Distance): void {
  const type = vectorTypeOf(subject, operator)
  subject.write()
  const name = VECTOR_OPERATORS[operator]
  sql.add(type.schema === '' ? ` ${name} ` : ` operator(${type.schema}${name}) `)
  sql.bind(to, `${type.schema}${type.name}`)
}

/** @throws `invalid` no_spatial_column */
export function writeSpatial(sql: SqlWriter, subject: Subject, condition: Spatial): void {
  const { operator, shape, within } = condition
  const type = typeOf(subject, SPATIAL)
  if (!type) {
    const wanted = 'geometry or geography (PostGIS)'
    throw notOf(subject, { code: 'no_spatial_column', operator, wanted })
  }
  const onGlobe = type.name === 'geography'
  const flat = onGlobe && !ON_GLOBE.has(operator)
  sql.add(`${type.schema}${operator}(`)
  subject.write()
  if (flat) sql.add(`::${type.schema}geometry`)
  sql.add(', ')
  writeShape(sql, subject, { type, write: () => sql.bind(shape, 'text') })
  if (onGlobe && !flat) sql.add(`::${type.schema}geography`)
  if (within) sql.add(', ').bind(within, 'float8')
  sql.add(')')
}

/** What PostGIS computes on the globe; the rest it computes on the plane. */
const ON_GLOBE = new Set<string>(['st_intersects', 'st_dwithin'])

/** What PostGIS compares itself. It has no `<>`: PostgreSQL would compare texts. */
const COMPARED: Record<string, ReadonlySet<string>> = {
  geometry: new Set([
    'eq',
    'neq',
    'isdistinct',
    'gt',
    'gte',
    'lt',
    'lte',
    'ov',
    'sl',
    'sr',
    'nxr',
    'nxl',
  ]),
  geography: new Set(['eq', 'neq', 'isdistinct', 'gt', 'gte', 'lt', 'lte', 'ov']),
}

export type Compared = {
  operator: Comparison
  quantifier?: Quantifier | undefined
  value: Literal
}

/**
 * Compares shapes as PostGIS does. Without the schema of its operators PostgreSQL would take a shape for its text, and
 * find nothing. @returns whether it was written
 */
export function writeSpatialComparison(sql: SqlWriter, subject: Subject, by: Compared): boolean {
  const { operator, quantifier, value } = by
  const type = typeOf(subject, SPATIAL)
  if (!type || !COMPARED[type.name]?.has(operator)) return false
  const differs = operator === 'neq' || operator === 'isdistinct'
  const sign = differs ? '=' : COMPARISONS[operator]
  if (differs) sql.add(operator === 'neq' ? 'not ' : '').add('(')
  subject.write()
  sql.add(type.schema === '' ? ` ${sign} ` : ` operator(${type.schema}${sign}) `)
  if (quantifier === undefined) writeShapeText(sql, subject, () => sql.bind(value, 'text'))
  else {
    // Of several, one that differs is enough where all would have to be equal.
    const opposite = quantifier === 'any' ? 'all' : 'any'
    sql.add(`${differs ? opposite : quantifier} (select `)
    writeShapeText(sql, subject, () => sql.add('v'))
    sql.add(' from unnest(').bind(value, 'text[]').add(') as v)')
  }
  if (differs) sql.add(operator === 'neq' ? ')' : ') is not true')
  return true
}

/** A shape as GeoJSON, or as PostGIS itself reads one. */
function writeShapeText(sql: SqlWriter, subject: Subject, write: () => void): void {
  const type = typeOf(subject, SPATIAL)
  if (!type) return
  const name = `${type.schema}${type.name}`
  sql.add('case when ')
  write()
  sql.add(` like '{%' then `)
  writeShape(sql, subject, { type, write })
  sql.add(`::${name} else `)
  write()
  sql.add(`::${name} end`)
}

type Shape = { type: ExtensionType; write: () => void }

/** 0: rows may have any. */
const sridOf = ({ name, modifier }: ExtensionType): number =>
  name === 'geography' ? 4326 : Number(/,(\d+)$/.exec(modifier)?.[1] ?? 0)

/** GeoJSON is in degrees (SRID 4326); the column may not be. */
function writeShape(sql: SqlWriter, subject: Subject, { type, write }: Shape): void {
  const { schema } = type
  const srid = sridOf(type)
  const around = srid === 4326 ? '' : srid > 0 ? 'st_transform' : 'st_setsrid'
  if (around !== '') sql.add(`${schema}${around}(`)
  sql.add(`${schema}st_geomfromgeojson(`)
  write()
  sql.add(')')
  if (around === 'st_transform') sql.add(`, ${srid})`)
  if (around === 'st_setsrid') {
    sql.add(`, ${schema}st_srid(`)
    subject.write()
    sql.add('))')
  }
}

/** A column whose type does not read GeoJSON itself: PostGIS's own reading has no place on the globe, and knows degrees only. */
export function takesShapes(column: Column | undefined): boolean {
  const type = typeOf({ name: '', column, write: () => {} }, SPATIAL)
  return type !== undefined && (type.name === 'geography' || ![0, 4326].includes(sridOf(type)))
}

/** A value that came as JSON: GeoJSON, or the type's own text form. */
export function writeShapeGiven(sql: SqlWriter, subject: Subject): void {
  const type = typeOf(subject, SPATIAL)
  if (!type) return
  sql.add('case json_typeof(')
  subject.write()
  sql.add(`) when 'object' then `)
  const write = (): void => {
    subject.write()
    sql.add('::text')
  }
  writeShape(sql, subject, { type, write })
  sql.add(`::${type.schema}${type.name} else (`)
  subject.write()
  sql.add(` #>> '{}')::${type.schema}${type.name} end`)
}

type Wanted = { code: string; operator: string; wanted: string }

const notOf = ({ name, column }: Subject, { code, operator, wanted }: Wanted) =>
  invalid(
    code,
    `Column "${name}" is ${column?.type ?? 'not there'}: ${operator} needs a column of type ${wanted}`,
    { hint: 'Such columns exist where the extension is installed in the database of the app.' },
  )
