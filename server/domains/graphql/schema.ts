/** The GraphQL schema of a model. Nothing in it resolves: operations become SQL. */
import {
  GraphQLBoolean,
  type GraphQLField,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLFloat,
  type GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  type GraphQLNamedType,
  GraphQLNonNull,
  type GraphQLNullableType,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql'
import { lazyRecord } from './lazy.ts'
import {
  type ColumnField,
  type FieldModel,
  type Model,
  type RootField,
  SUFFIXES,
  type TableModel,
} from './model.ts'
import { hasExtremes, isNumber, isOrdered, SCALARS } from './scalars.ts'
import { inputsOf, JSON_PATH_FILTER, type TableInputs } from './schema-inputs.ts'

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
  /** By their names: what rows come to together. */
  aggregates: ReadonlyMap<string, GraphQLObjectType>
  aggregate: GraphQLObjectType
  connection: GraphQLObjectType
  edge: GraphQLObjectType
  inputs: TableInputs
}

/** The types of each table, made when the first of them is asked for. */
class Types {
  readonly #made = new Map<TableModel, TableTypes>()

  of(table: TableModel): TableTypes {
    let types = this.#made.get(table)
    if (!types) {
      types = typesOf(table, this)
      this.#made.set(table, types)
    }
    return types
  }
}

/**
 * A schema of which only that is made which somebody asks for. graphql-js would go through all of it first,
 * which holds everybody up when there are a thousand tables.
 */
class LazySchema extends GraphQLSchema {
  readonly #query: GraphQLObjectType
  readonly #mutation: GraphQLObjectType | undefined
  readonly #types: Record<string, GraphQLNamedType>

  constructor(model: Model) {
    const known = [...Object.values(SCALARS), PAGE_INFO, JSON_PATH_FILTER]
    super({ query: EMPTY_QUERY, types: known, assumeValid: true })
    const types = new Types()
    this.#query = new LazyRoot('Query', { fields: model.queries, types, more: EMPTY_FIELDS })
    this.#mutation =
      model.mutations.size === 0
        ? undefined
        : new LazyRoot('Mutation', { fields: model.mutations, types, more: {} })
    const roots = new Map(
      [this.#query, this.#mutation].flatMap((one) => (one ? [[one.name, one]] : [])),
    )
    const fixed = super.getTypeMap()
    this.#types = lazyRecord({
      names: () => typeNames(model, fixed, roots.keys()),
      has: (name) => roots.has(name) || tableOfType(model, name) !== undefined || name in fixed,
      make: (name) => roots.get(name) ?? tableType(model, types, name) ?? fixed[name],
    })
  }

  override getQueryType(): GraphQLObjectType {
    return this.#query
  }

  override getMutationType(): GraphQLObjectType | undefined {
    return this.#mutation
  }

  override getTypeMap(): Record<string, GraphQLNamedType> {
    return this.#types
  }
}

const EMPTY_FIELDS: Fields = { _health: { type: GraphQLString } }
const EMPTY_QUERY = new GraphQLObjectType({ name: 'Query', fields: EMPTY_FIELDS })

type RootParts = {
  fields: ReadonlyMap<string, RootField>
  types: Types
  /** Of no table. */
  more: Fields
}

class LazyRoot extends GraphQLObjectType {
  readonly #fields: Record<string, GraphQLField<unknown, unknown>>

  constructor(name: 'Query' | 'Mutation', { fields, types, more }: RootParts) {
    super({ name, fields: more })
    const fixed = super.getFields()
    this.#fields = lazyRecord({
      names: () => [...Object.keys(fixed), ...fields.keys()],
      has: (key) => fields.has(key) || key in fixed,
      make: (key) => {
        const field = fields.get(key)
        if (!field) return fixed[key]
        const alone = { [key]: rootField(field, types.of(field.table)) }
        return new GraphQLObjectType({ name, fields: alone }).getFields()[key]
      },
    })
  }

  override getFields(): Record<string, GraphQLField<unknown, unknown>> {
    return this.#fields
  }
}

export const schemaOf = (model: Model): GraphQLSchema => new LazySchema(model)

function* typeNames(
  { tables }: Model,
  fixed: Record<string, unknown>,
  roots: Iterable<string>,
): Iterable<string> {
  yield* new Set([...roots, ...Object.keys(fixed)])
  for (const table of tables) for (const suffix of suffixesOf(table)) yield table.typeName + suffix
}

/** Whose type `name` is, and which of its types. */
function tableOfType(
  { types }: Model,
  name: string,
): { table: TableModel; suffix: string } | undefined {
  const suffix = SUFFIXES.find((one) => name.endsWith(one) && types.has(stemOf(name, one))) ?? ''
  const table = types.get(suffix === '' ? name : stemOf(name, suffix))
  return table && suffixesOf(table).includes(suffix) ? { table, suffix } : undefined
}

function tableType(model: Model, types: Types, name: string): GraphQLNamedType | undefined {
  const found = tableOfType(model, name)
  return found && typeNamed(types.of(found.table), found.suffix)
}

const stemOf = (name: string, suffix: string): string => name.slice(0, -suffix.length)

function typeNamed(types: TableTypes, suffix: string): GraphQLNamedType | undefined {
  const { row, aggregate, aggregates, connection, edge, inputs } = types
  switch (suffix) {
    case '':
      return row
    case 'Filter':
      return inputs.filter
    case 'OrderBy':
      return inputs.orderBy
    case 'OrderDirection':
      return inputs.direction
    case 'Input':
      return inputs.data
    case 'Aggregate':
      return aggregate
    case 'Connection':
      return connection
    case 'Edge':
      return edge
    default:
      return aggregates.get(suffix)
  }
}

/** Of the types that a table could have, those that it has. */
function suffixesOf({ isReadable, columns, inputs, key }: TableModel): string[] {
  const written = inputs.size > 0 ? ['Input'] : []
  if (!isReadable) return written
  const all = [...columns.values()].map(({ column }) => column)
  return [
    '',
    'Filter',
    ...(all.some(isOrdered) ? ['OrderBy', 'OrderDirection'] : []),
    'Aggregate',
    ...written,
    ...(all.some(isNumber) ? ['Numbers'] : []),
    ...(all.some(hasExtremes) ? ['Extremes'] : []),
    ...(key.length > 0 ? ['Connection', 'Edge'] : []),
  ]
}

function typesOf(table: TableModel, types: Types): TableTypes {
  const row = new GraphQLObjectType({
    name: table.typeName,
    description: table.relation.description,
    fields: () => fieldsOf([...table.fields.values()], (field) => fieldOf(field, types)),
  })
  return { row, ...aggregatesOf(table), ...connectionOf(table, row), inputs: inputsOf(table) }
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
  const to = types.of(field.to)
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

const orderArgument = ({ orderBy }: TableInputs): GraphQLFieldConfigArgumentMap =>
  orderBy ? { orderBy: { type: new GraphQLList(orderBy) } } : {}

const listArguments = ({ inputs }: TableTypes): GraphQLFieldConfigArgumentMap => ({
  filter: { type: inputs.filter },
  ...orderArgument(inputs),
  limit: { type: GraphQLInt },
  offset: { type: GraphQLInt },
})

const connectionArguments = ({ inputs }: TableTypes): GraphQLFieldConfigArgumentMap => ({
  filter: { type: inputs.filter },
  ...orderArgument(inputs),
  first: { type: GraphQLInt },
  after: { type: GraphQLString },
})

const keyArguments = ({ key }: TableModel): GraphQLFieldConfigArgumentMap =>
  Object.fromEntries(
    key.map((field) => [keyArgument(field), { type: new GraphQLNonNull(SCALARS[field.scalar]) }]),
  )

/** Beside the key stands `data`. */
export const keyArgument = ({ name }: ColumnField): string => (name === 'data' ? '_data' : name)

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
    case 'insertCount':
      return { type: GraphQLInt, args: { data } }
    case 'insertManyCount':
      return { type: GraphQLInt, args: { data: manyOf(data.type) } }
    case 'insertMany':
      return { type: new GraphQLList(row), args: { data: manyOf(data.type) } }
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

const manyOf = (type: GraphQLNonNull<GraphQLInputObjectType>) => ({
  type: new GraphQLNonNull(new GraphQLList(type)),
})

/** What rows come to together. */
function aggregatesOf({
  typeName,
  columns,
}: TableModel): Pick<TableTypes, 'aggregate' | 'aggregates'> {
  const all = [...columns.values()]
  const aggregates = new Map<string, GraphQLObjectType>()
  const add = (
    suffix: string,
    fields: readonly ColumnField[],
    typeOf: (one: ColumnField) => Field,
  ) => {
    if (fields.length === 0) return undefined
    const name = typeName + suffix
    const type = new GraphQLObjectType({ name, fields: () => fieldsOf(fields, typeOf) })
    aggregates.set(suffix, type)
    return { type }
  }
  const ordered = all.filter(({ column }) => hasExtremes(column))
  const numbers = all.filter(({ column }) => isNumber(column))
  const sums = add('Numbers', numbers, () => ({ type: GraphQLFloat }))
  const extremes = add('Extremes', ordered, ({ scalar }) => ({ type: SCALARS[scalar] }))
  const aggregate = new GraphQLObjectType({
    name: `${typeName}Aggregate`,
    fields: {
      count: { type: required(GraphQLInt) },
      ...(sums && { sum: sums, avg: sums }),
      ...(extremes && { min: extremes, max: extremes }),
    },
  })
  return { aggregate, aggregates }
}

function connectionOf(
  { typeName }: TableModel,
  row: GraphQLObjectType,
): Pick<TableTypes, 'connection' | 'edge'> {
  const edge = new GraphQLObjectType({
    name: `${typeName}Edge`,
    fields: () => ({ cursor: { type: required(GraphQLString) }, node: { type: required(row) } }),
  })
  const connection = new GraphQLObjectType({
    name: `${typeName}Connection`,
    fields: () => ({
      edges: { type: required(new GraphQLList(required(edge))) },
      nodes: { type: required(new GraphQLList(required(row))) },
      pageInfo: { type: required(PAGE_INFO) },
      totalCount: { type: required(GraphQLInt) },
    }),
  })
  return { connection, edge }
}
