/** From the rows that the catalog's statements give to the catalog itself. */
import { Slices } from '#core/slices'
import {
  Catalog,
  type CatalogFacts,
  type Column,
  type ForeignKey,
  type Projection,
  type Relation,
  type Representation,
  type Routine,
} from './catalog.ts'
import { deriveRelationships } from './relationships.ts'
import { withViews } from './views.ts'

/** What was read of a database, as PostgreSQL wrote it. */
export type CatalogRows = {
  version: string
  /** One JSON text for each of `QUERIES`, in their order. */
  texts: readonly string[]
  /** JSON; no part of the schema: no version tells when they change. */
  roleSettings: string
}

/** A snapshot of everything but PostgreSQL's and the server's own schemas; made in slices. */
export async function buildCatalog({
  version,
  texts,
  roleSettings,
}: CatalogRows): Promise<Catalog> {
  const slices = new Slices()
  const rows = async <T>(at: number): Promise<T[]> => {
    if (slices.isOver) await slices.next()
    return JSON.parse(texts[at] ?? '[]') as T[]
  }
  /** In groups of the relation that each is of. */
  const grouped = async <Row extends OfRelation, T>(at: number, make: (row: Row) => T) => {
    const groups: Groups<T> = new Map()
    for (const row of await rows<Row>(at)) {
      const group = groups.get(row[0])
      if (group) group.push(make(row))
      else groups.set(row[0], [make(row)])
      if (slices.isOver) await slices.next()
    }
    return groups
  }
  const routines = (await rows<RoutineRow>(4)).map(toRoutine)
  const forms = new Map((await rows<FormRow>(7)).map(toForm))
  const parts: Parts = {
    columns: await grouped<ColumnRow, Column>(1, (row) => withForm(toColumn(row), forms)),
    foreignKeys: await grouped(2, toForeignKey),
    keys: await grouped(3, toKey),
    projections: await grouped(6, toProjection),
    computed: computedBy(routines),
  }
  const relations: Relation[] = []
  for (const row of await rows<RelationRow>(0)) {
    relations.push(toRelation(row, parts))
    if (slices.isOver) await slices.next()
  }
  const catalog = new Catalog({
    version,
    relations: withViews(relations),
    routines,
    handlers: await rows(8),
    geoJsonSchema: (await rows<string>(9))[0],
    roleSettings: JSON.parse(roleSettings),
    ...(JSON.parse(texts[5] ?? '{}') as Pick<CatalogFacts, 'readsRequest' | 'leavesSettings'>),
  })
  await slices.next()
  deriveRelationships(catalog)
  return catalog
}

type RelationRow = {
  oid: string
  schema: string
  name: string
  kind: string
  rowSecurity: boolean
  partitioned: boolean
  partition: boolean
  writes: Relation['writes']
  description: string | null
}
type ColumnRow = [
  oid: string,
  name: string,
  type: string,
  baseType: string,
  category: string,
  notNull: boolean,
  defaultSql: string | null,
  generated: boolean,
  identity: boolean,
  position: number,
  description: string | null,
  plainType: string,
  labels: string[] | null,
  elementKind: string | null,
]
type ForeignKeyRow = [
  oid: string,
  name: string,
  foreignSchema: string,
  foreignTable: string,
  columns: string[],
  foreignColumns: string[],
]
type KeyRow = [oid: string, primary: boolean, columns: string[]]
type ProjectionRow = [
  oid: string,
  schema: string,
  table: string,
  columns: [table: string, view: string][],
]
type OfRelation = readonly [oid: string, ...unknown[]]

type Groups<T> = Map<string, T[]>

type Parts = {
  columns: Groups<Column>
  foreignKeys: Groups<ForeignKey>
  keys: Groups<Key>
  projections: Groups<Projection>
  computed: ReadonlyMap<string, ReadonlyMap<string, Routine>>
}

type Key = { primary: boolean; names: string[] }

const KINDS: Record<string, Relation['kind']> = {
  v: 'view',
  m: 'materialized_view',
  f: 'foreign_table',
}

function toRelation({ oid, kind, ...facts }: RelationRow, parts: Parts): Relation {
  const keys = parts.keys.get(oid) ?? []
  return {
    ...facts,
    kind: KINDS[kind] ?? 'table',
    columns: new Map((parts.columns.get(oid) ?? []).map((column) => [column.name, column])),
    primaryKey: keys.find(({ primary }) => primary)?.names ?? [],
    uniques: keys.map(({ names }) => names),
    foreignKeys: parts.foreignKeys.get(oid) ?? [],
    projections: parts.projections.get(oid) ?? [],
    computed: parts.computed.get(`${facts.schema}\0${facts.name}`) ?? NOTHING_COMPUTED,
  }
}

type FormRow = [
  domain: string,
  toJson: string | null,
  fromJson: string | null,
  fromText: string | null,
]

const toForm = ([name, toJson, fromJson, fromText]: FormRow): [string, Representation] => [
  name,
  { toJson, fromJson, fromText },
]

function withForm(column: Column, forms: ReadonlyMap<string, Representation>): Column {
  const form = forms.get(column.type)
  return form ? { ...column, form } : column
}

const NOTHING_COMPUTED: ReadonlyMap<string, Routine> = new Map()

/** Functions of a row in its table's own schema, by the table. */
function computedBy(routines: readonly Routine[]): Map<string, Map<string, Routine>> {
  const found = new Map<string, Map<string, Routine>>()
  for (const routine of routines) {
    const { rowOf, schema, name } = routine
    if (!rowOf || rowOf.schema !== schema) continue
    const key = `${rowOf.schema}\0${rowOf.name}`
    found.set(key, (found.get(key) ?? new Map<string, Routine>()).set(name, routine))
  }
  return found
}

function toColumn(row: ColumnRow): Column {
  const [, name, type, baseType, category, notNull, defaultSql, generated, ...rest] = row
  const [identity, position, description, plainType, labels, elementKind] = rest
  const column: Column = {
    name,
    type,
    baseType,
    plainType,
    labels,
    category,
    notNull,
    defaultSql,
    generated,
    identity,
    position,
    description,
  }
  return elementKind === null ? column : { ...column, elementKind }
}

const toKey = ([, primary, names]: KeyRow): Key => ({ primary, names })

const toProjection = ([, schema, table, columns]: ProjectionRow): Projection => ({
  schema,
  table,
  columns,
})

const toForeignKey = (row: ForeignKeyRow): ForeignKey => {
  const [, name, foreignSchema, foreignTable, columns, foreignColumns] = row
  return { name, columns, foreignSchema, foreignTable, foreignColumns }
}

type RoutineRow = Omit<Routine, 'arguments' | 'outputs'> & {
  names: string[]
  modes: string[] | null
  types: string[] | null
  defaults: number
  variadic: boolean
}

function toRoutine({ names, modes, types, defaults, variadic, ...facts }: RoutineRow): Routine {
  const all = (types ?? []).map((type, at) => ({
    type,
    name: names[at] ?? '',
    mode: modes?.[at] ?? 'i',
  }))
  const inputs = all.filter(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v')
  const outputs = all.filter(({ mode }) => mode === 'o' || mode === 'b' || mode === 't')
  return {
    ...facts,
    arguments: inputs.map(({ name, type, mode }, at) => ({
      name,
      type,
      required: at < inputs.length - defaults && !(variadic && mode === 'v'),
      variadic: mode === 'v',
    })),
    outputs: outputs.map(({ name, type }) => ({ name, type })),
  }
}
