/** From the rows that the catalog's statements give to the catalog itself. */
import { Slices } from '#core/slices'
import {
  Catalog,
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
  const routines = (await rows<RoutineRow>(4)).map(toRoutine)
  const relations = relationsOf(await rows(0), {
    columns: await rows(1),
    foreignKeys: await rows(2),
    keys: await rows(3),
    projections: await rows(6),
    routines,
    forms: new Map((await rows<FormRow>(7)).map(toForm)),
  })
  const catalog = new Catalog({
    version,
    relations: withViews(relations),
    routines,
    handlers: await rows(8),
    geoJsonSchema: (await rows<string>(9))[0],
    roleSettings: JSON.parse(roleSettings),
    readsRequest: texts[5] === 't',
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
type Parts = {
  columns: ColumnRow[]
  foreignKeys: ForeignKeyRow[]
  keys: KeyRow[]
  projections: ProjectionRow[]
  routines: readonly Routine[]
  forms: ReadonlyMap<string, Representation>
}

const KINDS: Record<string, Relation['kind']> = {
  v: 'view',
  m: 'materialized_view',
  f: 'foreign_table',
}

function relationsOf(rows: RelationRow[], parts: Parts): Relation[] {
  const columns = grouped(parts.columns, (row) => withForm(toColumn(row), parts.forms))
  const foreignKeys = grouped(parts.foreignKeys, toForeignKey)
  const projections = grouped(parts.projections, toProjection)
  const computed = computedBy(parts.routines)
  const keys = grouped(parts.keys, ([, primary, names]) => ({ primary, names }))
  return rows.map(({ oid, kind, ...facts }) => ({
    ...facts,
    kind: KINDS[kind] ?? 'table',
    columns: new Map((columns.get(oid) ?? []).map((column) => [column.name, column])),
    primaryKey: keys.get(oid)?.find(({ primary }) => primary)?.names ?? [],
    uniques: keys.get(oid)?.map(({ names }) => names) ?? [],
    foreignKeys: foreignKeys.get(oid) ?? [],
    projections: projections.get(oid) ?? [],
    computed: computed.get(`${facts.schema}\0${facts.name}`) ?? NOTHING_COMPUTED,
  }))
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

function grouped<Row extends [oid: string, ...unknown[]], T>(
  rows: Row[],
  make: (row: Row) => T,
): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(row[0])
    if (group) group.push(make(row))
    else groups.set(row[0], [make(row)])
  }
  return groups
}

const toColumn = ([, name, type, baseType, category, notNull, ...rest]: ColumnRow): Column => {
  const [defaultSql, generated, identity, position, description, plainType, labels, elementKind] =
    rest
  const facts = { name, type, baseType, plainType, labels, category, notNull }
  const element = elementKind === null ? {} : { elementKind }
  return { ...facts, ...element, defaultSql, generated, identity, position, description }
}

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
