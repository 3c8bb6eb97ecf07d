/** The GraphQL schema of a model. Nothing in it resolves: operations become SQL. */
import {
  GraphQLBoolean,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLFloat,
  type GraphQLNullableType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql'
import type { ColumnField, FieldModel, Model, RootField, TableModel } from './model.ts'
import { isNumber, isOrdered, SCALARS } from './scalars.ts'
import { inputsOf, type TableInputs } from './schema-inputs.ts'

type Fields = GraphQLFieldConfigMap<unknown, unknown>
type Field = GraphQLFieldConfig<unknown, unknown>

const required = <T extends GraphQLNullableType>(type: T): GraphQLNonNull<T> =>
  new GraphQLNonNull(type)

const PAGE_INFO = new GraphQLObjectType({
  name: 'PageInfo',
  fields: {
    hasNextPage: { type: required(GraphQLBoolean) },
    hasPreviousPage: { type: required(GraphQLBoolean) },
    startCursor: { type: GraphQLString },
    endCursor: { type: GraphQLString },
  },
})

type TableTypes = {
  row: GraphQLObjectType
  aggregate: GraphQLObjectType
  connection: GraphQLObjectType
  inputs: TableInputs
}

type Types = ReadonlyMap<TableModel, TableTypes>

export function schemaOf(model: Model): GraphQLSchema {
  const types = new Map<TableModel, TableTypes>()
  for (const table of model.tables) types.set(table, typesOf(table, types))
  return new GraphQLSchema({
    query: new GraphQLObjectType({
      name: 'Query',
      fields: () => ({ _health: { type: GraphQLString }, ...rootFields(model.queries, types) }),
    }),
    mutation:
      model.mutations.size === 0
        ? null
        : new GraphQLObjectType({
            name: 'Mutation',
            fields: () => rootFields(model.mutations, types),
          }),
    assumeValid: true,
  })
}

function typesOf(table: TableModel, types: Types): TableTypes {
  const row = new GraphQLObjectType({
    name: table.typeName,
    description: table.relation.description,
    fields: () => fieldsOf([...table.fields.values()], (field) => fieldOf(field, types)),
  })
  return {
    row,
    aggregate: aggregateOf(table),
    connection: connectionOf(table, row),
    inputs: inputsOf(table),
  }
}

function fieldsOf<T extends { name: string }>(
  items: readonly T[],
  make: (item: T) => Field,
): Fields {
  return Object.fromEntries(items.map((item) => [item.name, make(item)]))
}

function columnType({ column, scalar }: ColumnField): GraphQLOutputType {
  const type = SCALARS[scalar]
  return column.notNull ? required(type) : type
}

function fieldOf(field: FieldModel, types: Types): Field {
  if (field.kind === 'column') {
    return { type: columnType(field), description: field.column.description }
  }
  const to = typesIn(types, field.to)
  switch (field.kind) {
    case 'one':
      return { type: to.row }
    case 'many':
      return { type: new GraphQLList(to.row), args: listArguments(to) }
    case 'aggregate':
      return { type: required(to.aggregate), args: { filter: { type: to.inputs.filter } } }
    case 'connection':
      return { type: required(to.connection), args: connectionArguments(to) }
  }
}

function typesIn(types: Types, table: TableModel): TableTypes {
  const found = types.get(table)
  if (found) return found
  throw new Error(`the table ${table.typeName} has no types`)
}

const listArguments = ({ inputs }: TableTypes): GraphQLFieldConfigArgumentMap => ({
  filter: { type: inputs.filter },
  orderBy: { type: new GraphQLList(inputs.orderBy) },
  limit: { type: GraphQLInt },
  offset: { type: GraphQLInt },
})

const connectionArguments = ({ inputs }: TableTypes): GraphQLFieldConfigArgumentMap => ({
  filter: { type: inputs.filter },
  orderBy: { type: new GraphQLList(inputs.orderBy) },
  first: { type: GraphQLInt },
  after: { type: GraphQLString },
})

const keyArguments = ({ key }: TableModel): GraphQLFieldConfigArgumentMap =>
  Object.fromEntries(
    key.map((field) => [keyArgument(field), { type: new GraphQLNonNull(SCALARS[field.scalar]) }]),
  )

/** Beside the key stands `data`. */
export const keyArgument = ({ name }: ColumnField): string => (name === 'data' ? '_data' : name)

const rootFields = (fields: ReadonlyMap<string, RootField>, types: Types): Fields =>
  fieldsOf([...fields.values()], (field) => rootField(field, typesIn(types, field.table)))

function rootField({ kind, table }: RootField, types: TableTypes): Field {
  const { row, inputs } = types
  const filter = { type: new GraphQLNonNull(inputs.filter) }
  const data = { type: new GraphQLNonNull(inputs.data) }
  switch (kind) {
    case 'list':
      return { type: new GraphQLList(row), args: listArguments(types) }
    case 'single':
    case 'delete':
      return { type: row, args: keyArguments(table) }
    case 'aggregate':
      return { type: types.aggregate, args: { filter: { type: inputs.filter } } }
    case 'connection':
      return { type: types.connection, args: connectionArguments(types) }
    case 'insert':
      return { type: row, args: { data } }
    case 'insertMany':
      return {
        type: new GraphQLList(row),
        args: { data: { type: new GraphQLNonNull(new GraphQLList(data.type)) } },
      }
    case 'update':
      return { type: row, args: { ...keyArguments(table), data } }
    case 'updateMany':
      return { type: new GraphQLList(row), args: { filter, data } }
    case 'updateManyCount':
      return { type: GraphQLInt, args: { filter, data } }
    case 'deleteMany':
      return { type: GraphQLInt, args: { filter } }
  }
}

/** What rows come to together. */
function aggregateOf({ typeName, columns }: TableModel): GraphQLObjectType {
  const all = [...columns.values()]
  const numbers = all.filter(({ column }) => isNumber(column))
  const ordered = all.filter(({ column }) => isOrdered(column))
  const fields: Fields = { count: { type: required(GraphQLInt) } }
  if (numbers.length > 0) {
    const type = new GraphQLObjectType({
      name: `${typeName}Numbers`,
      fields: fieldsOf(numbers, () => ({ type: GraphQLFloat })),
    })
    fields.sum = { type }
    fields.avg = { type }
  }
  if (ordered.length > 0) {
    const type = new GraphQLObjectType({
      name: `${typeName}Extremes`,
      fields: fieldsOf(ordered, ({ scalar }) => ({ type: SCALARS[scalar] })),
    })
    fields.min = { type }
    fields.max = { type }
  }
  return new GraphQLObjectType({ name: `${typeName}Aggregate`, fields })
}

function connectionOf({ typeName }: TableModel, row: GraphQLObjectType): GraphQLObjectType {
  const edge = new GraphQLObjectType({
    name: `${typeName}Edge`,
    fields: () => ({ cursor: { type: required(GraphQLString) }, node: { type: required(row) } }),
  })
  return new GraphQLObjectType({
    name: `${typeName}Connection`,
    fields: () => ({
      edges: { type: required(new GraphQLList(required(edge))) },
      nodes: { type: required(new GraphQLList(required(row))) },
      pageInfo: { type: required(PAGE_INFO) },
      totalCount: { type: required(GraphQLInt) },
    }),
  })
}
