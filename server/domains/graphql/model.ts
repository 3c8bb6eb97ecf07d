/** What a role sees of a schema: types, fields and operations by their GraphQL names. */
import {
  type Catalog,
  type Column,
  type Relation,
  type Relationship,
  relationshipsOf,
} from '#domains/data'
import { Slices } from '#core/slices'
import type { Grants, TableGrants } from './grants.sql.ts'
import { camelCase, Names, pascalCase, singular, stem, upperFirst } from './names.ts'
import { type ScalarName, scalarOf } from './scalars.ts'

export type ColumnField = {
  kind: 'column'
  name: string
  column: Column
  scalar: ScalarName
}

export type RelationField = {
  kind: 'one' | 'many' | 'aggregate' | 'connection'
  name: string
  relationship: Relationship
  to: TableModel
}

export type FieldModel = ColumnField | RelationField

export type TableModel = {
  relation: Relation
  grants: TableGrants
  /** Otherwise it can only be inserted into. */
  isReadable: boolean
  typeName: string
  listName: string
  /** `User` for `Users`. */
  singularType: string
  columns: ReadonlyMap<string, ColumnField>
  /** Columns that an input may hold, by field. */
  inputs: ReadonlyMap<string, ColumnField>
  /** Key columns; empty when there is no key or it may not be read. */
  key: readonly ColumnField[]
  fields: Map<string, FieldModel>
}

export type QueryKind = 'list' | 'single' | 'aggregate' | 'connection'

export type MutationKind =
  | 'insert'
  | 'insertMany'
  | 'insertCount'
  | 'insertManyCount'
  | 'update'
  | 'updateMany'
  | 'updateManyCount'
  | 'delete'
  | 'deleteMany'

export type RootKind = QueryKind | MutationKind

export type RootField<Kind extends RootKind = RootKind> = {
  kind: Kind
  name: string
  table: TableModel
}

export type Model = {
  tables: readonly TableModel[]
  types: ReadonlyMap<string, TableModel>
  queries: ReadonlyMap<string, RootField<QueryKind>>
  mutations: ReadonlyMap<string, RootField<MutationKind>>
  /** Other words for input types: `UserInput` for `UsersInput`. */
  twins: ReadonlyMap<string, string>
}

export const SCHEMA = 'public'

const RESERVED_TYPES = [
  'Query',
  'Mutation',
  'Subscription',
  'PageInfo',
  'JSONPathFilter',
  'String',
  'Int',
  'Float',
]
const RESERVED_SCALARS = ['Boolean', 'ID', 'BigInt', 'UUID', 'JSON', 'DateTime']

/** Words after a type's name that make the names of its other types. */
export const SUFFIXES =
  'Filter OrderBy OrderDirection Input Aggregate Numbers Extremes Connection Edge'.split(' ')

/** In slices: of a thousand tables it takes a while. */
export async function modelOf(catalog: Catalog, grants: Grants): Promise<Model> {
  const slices = new Slices()
  const tables = await tablesOf(catalog, grants, slices)
  const byRelation = new Map(tables.map((table) => [table.relation, table]))
  for (const table of tables) {
    addRelations(catalog, table, byRelation)
    if (slices.isOver) await slices.next()
  }
  const mutations = await mutationsOf(tables, slices)
  await slices.next()
  return {
    tables,
    types: new Map(tables.map((table) => [table.typeName, table])),
    queries: queriesOf(tables),
    mutations,
    twins: twinsOf(tables),
  }
}

async function tablesOf(catalog: Catalog, grants: Grants, slices: Slices): Promise<TableModel[]> {
  const types = new Names([...RESERVED_TYPES, ...RESERVED_SCALARS])
  const lists = new Names(['_health'])
  const relations = catalog.relationsOf(SCHEMA).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const tables: TableModel[] = []
  for (const relation of relations) {
    const granted = grants.get(relation.name)
    if (!granted || !isSeen(relation, granted)) continue
    const typeName = takeType(types, pascalCase(relation.name))
    const listName = lists.take(camelCase(relation.name))
    tables.push(tableOf(relation, granted, { typeName, listName }))
    if (slices.isOver) await slices.next()
  }
  return tables
}

const isSeen = (relation: Relation, { select, insert }: TableGrants): boolean =>
  select.size > 0 || (isTable(relation) && hasWritable(relation, insert))

const hasWritable = ({ columns }: Relation, names: ReadonlySet<string>): boolean =>
  [...columns.values()].some(({ name, generated }) => !generated && names.has(name))

/** A type takes the names of the types around it too. */
function takeType(types: Names, wanted: string): string {
  let name = wanted
  const isFree = () =>
    [name, ...SUFFIXES.map((suffix) => name + suffix)].every((one) => types.isFree(one))
  for (let number = 2; !isFree(); number++) name = `${wanted}${number}`
  for (const suffix of ['', ...SUFFIXES]) types.take(name + suffix)
  return name
}

type TableNames = { typeName: string; listName: string }

function tableOf(relation: Relation, grants: TableGrants, names: TableNames): TableModel {
  const taken = new Names()
  const all = [...relation.columns.values()].map(
    (column): ColumnField => ({
      kind: 'column',
      name: taken.take(camelCase(column.name)),
      column,
      scalar: scalarOf(column),
    }),
  )
  const columns = all.filter(({ column }) => grants.select.has(column.name))
  const writable = all.filter(
    ({ column: { name, generated } }) => !generated && mayWrite(grants, name),
  )
  const keyed = relation.primaryKey.map((name) =>
    columns.find(({ column }) => column.name === name),
  )
  return {
    relation,
    grants,
    isReadable: columns.length > 0,
    ...names,
    singularType: upperFirst(singular(names.listName)),
    columns: byName(columns),
    inputs: byName(isTable(relation) ? writable : []),
    key: keyed.every((field) => field !== undefined) ? keyed : [],
    fields: byName<FieldModel>(columns),
  }
}

const mayWrite = ({ insert, update }: TableGrants, name: string): boolean =>
  insert.has(name) || update.has(name)

const isTable = ({ kind }: Relation): boolean => kind === 'table' || kind === 'foreign_table'

const byName = <T extends { name: string }>(fields: readonly T[]): Map<string, T> =>
  new Map(fields.map((field) => [field.name, field]))

type Tables = ReadonlyMap<Relation, TableModel>

function addRelations(catalog: Catalog, table: TableModel, tables: Tables): void {
  const taken = new Names(table.fields.keys())
  const all = relationshipsOf(catalog, table.relation).filter((one) => isFollowed(one, tables))
  for (const relationship of all) {
    const to = tables.get(relationship.to)
    if (!to || !mayTie(table, to, relationship)) continue
    if (!relationship.parent) {
      const name = taken.take(toOneName(relationship), 'Rel')
      table.fields.set(name, { kind: 'one', name, relationship, to })
    } else addMany(table, taken, { relationship, to, alone: isAlone(all, relationship) })
  }
}

/** Keys of tables, seen from either end; what a view points at is a table. */
const isFollowed = ({ junction, routine, parent, to }: Relationship, tables: Tables): boolean =>
  !junction && !routine && tables.get(to)?.isReadable === true && (parent || isTable(to))

/** The columns on both sides may be read. */
const mayTie = (from: TableModel, to: TableModel, { columns }: Relationship): boolean =>
  columns.every(([own, other]) => from.grants.select.has(own) && to.grants.select.has(other))

const toOneName = ({ columns, to }: Relationship): string =>
  camelCase(columns.length === 1 ? stem(columns[0]?.[0] ?? '') : to.name)

const isAlone = (all: readonly Relationship[], { to }: Relationship): boolean =>
  all.filter((other) => other.parent && other.to === to).length === 1

type Many = { relationship: Relationship; to: TableModel; alone: boolean }

function addMany(table: TableModel, taken: Names, { relationship, to, alone }: Many): void {
  const by = relationship.columns.map(([, other]) => upperFirst(camelCase(other))).join('And')
  const name = taken.take(alone ? to.listName : `${to.listName}By${by}`, 'Rel')
  // A unique key makes at most one row; a list says so too, and stays when the key goes.
  const many = { relationship: { ...relationship, cardinality: 'one-to-many' as const }, to }
  table.fields.set(name, { kind: 'many', name, ...many })
  const aggregate = taken.take(`${name}Aggregate`)
  table.fields.set(aggregate, { kind: 'aggregate', name: aggregate, ...many })
  if (to.key.length === 0) return
  const connection = taken.take(`${name}Connection`)
  table.fields.set(connection, { kind: 'connection', name: connection, ...many })
}

function queriesOf(all: readonly TableModel[]): Map<string, RootField<QueryKind>> {
  const tables = all.filter(({ isReadable }) => isReadable)
  const names = new Names(['_health', ...tables.map(({ listName }) => listName)])
  const fields: RootField<QueryKind>[] = tables.map((table) => ({
    kind: 'list',
    name: table.listName,
    table,
  }))
  for (const table of tables) {
    const { listName, key } = table
    if (key.length > 0) {
      const one = singular(listName)
      const name = names.take(names.isFree(one) ? one : `${listName}ByPk`)
      fields.push({ kind: 'single', name, table })
    }
    fields.push({ kind: 'aggregate', name: names.take(`${listName}Aggregate`), table })
    if (key.length === 0) continue
    fields.push({ kind: 'connection', name: names.take(`${listName}Connection`), table })
  }
  return byName(fields)
}

/** The singular twins come last: a table that is called so has the name first. */
async function mutationsOf(
  tables: readonly TableModel[],
  slices: Slices,
): Promise<Map<string, RootField<MutationKind>>> {
  const fields = new Map<string, RootField<MutationKind>>()
  for (const table of tables) {
    for (const field of mutationsNamed(table, upperFirst(table.listName))) {
      fields.set(field.name, field)
    }
    if (slices.isOver) await slices.next()
  }
  for (const table of tables) {
    if (table.singularType === upperFirst(table.listName)) continue
    for (const twin of mutationsNamed(table, table.singularType)) {
      if (fields.has(twin.name)) continue
      fields.set(
        twin.name,
        twin.kind === 'updateMany' ? { ...twin, kind: 'updateManyCount' } : twin,
      )
    }
    if (slices.isOver) await slices.next()
  }
  return fields
}

function mutationsNamed(table: TableModel, name: string): RootField<MutationKind>[] {
  const { grants, relation, key, isReadable } = table
  const fields: RootField<MutationKind>[] = []
  const add = (kind: MutationKind, verb: string): void => {
    fields.push({ kind, name: verb + name, table })
  }
  if (!isTable(relation)) return fields
  if (hasWritable(relation, grants.insert)) {
    add(isReadable ? 'insert' : 'insertCount', 'insert')
    add(isReadable ? 'insertMany' : 'insertManyCount', 'insertMany')
  }
  if (!isReadable) return fields
  if (hasWritable(relation, grants.update)) {
    if (key.length > 0) add('update', 'update')
    const isOneWord = table.singularType === upperFirst(table.listName)
    add(isOneWord ? 'updateManyCount' : 'updateMany', 'updateMany')
  }
  if (grants.delete) {
    if (key.length > 0) add('delete', 'delete')
    add('deleteMany', 'deleteMany')
  }
  return fields
}

function twinsOf(tables: readonly TableModel[]): Map<string, string> {
  const types = new Set(tables.map(({ typeName }) => typeName))
  const twins = new Map<string, string>()
  for (const { singularType, typeName } of tables) {
    if (types.has(singularType)) continue
    for (const suffix of ['Input', 'Filter']) twins.set(singularType + suffix, typeName + suffix)
  }
  return twins
}
