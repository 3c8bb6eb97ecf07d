/** The input types of a table: what filters, orders and writes it. */
import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
} from 'graphql'
import type { OrderTerm } from '#domains/data'
import type { ColumnField, TableModel } from './model.ts'
import { type FilterOperator, isOrdered, operatorsOf, SCALARS } from './scalars.ts'

export type TableInputs = {
  filter: GraphQLInputObjectType
  /** Absent: no column has an order. */
  orderBy: GraphQLInputObjectType | undefined
  direction: GraphQLEnumType | undefined
  data: GraphQLInputObjectType
}

/** What a column's place in an order says. */
export type Direction = Required<Pick<OrderTerm, 'direction' | 'nulls'>>

const DIRECTIONS: Record<string, { value: Direction }> = {
  ASC: { value: { direction: 'asc', nulls: 'last' } },
  DESC: { value: { direction: 'desc', nulls: 'first' } },
  ASC_NULLS_FIRST: { value: { direction: 'asc', nulls: 'first' } },
  ASC_NULLS_LAST: { value: { direction: 'asc', nulls: 'last' } },
  DESC_NULLS_FIRST: { value: { direction: 'desc', nulls: 'first' } },
  DESC_NULLS_LAST: { value: { direction: 'desc', nulls: 'last' } },
}

export type InputMeaning =
  | {
      kind: 'filter'
      operators: ReadonlyMap<string, { field: ColumnField; operator: FilterOperator }>
    }
  | { kind: 'order'; columns: ReadonlyMap<string, ColumnField> }
  | { kind: 'data'; columns: ReadonlyMap<string, ColumnField> }

const alike = (type: GraphQLInputType, ...names: string[]): GraphQLInputFieldConfigMap =>
  Object.fromEntries(names.map((name) => [name, { type }]))

const texts = new GraphQLList(new GraphQLNonNull(GraphQLString))

/** What is at one place in a document; all operators must hold. */
export const JSON_PATH_FILTER = new GraphQLInputObjectType({
  name: 'JSONPathFilter',
  description:
    'Keys, and indexes of lists, that lead to a value in a document, and what that must be. Order is among values of one kind: numbers, or texts.',
  fields: {
    path: { type: new GraphQLNonNull(texts) },
    ...alike(SCALARS.JSON, 'eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'contains', 'contained_by'),
    in: { type: new GraphQLList(SCALARS.JSON) },
    ...alike(GraphQLString, 'like', 'ilike', 'has_key'),
    is_null: { type: GraphQLBoolean },
  },
})

/** What an input type of the schema means. */
export const meaningOf = (type: GraphQLInputObjectType): InputMeaning | undefined =>
  type.extensions.meaning as InputMeaning | undefined

export function inputsOf(table: TableModel): TableInputs {
  return { filter: filterOf(table), ...orderOf(table), data: dataOf(table) }
}

function filterOf({ typeName, columns }: TableModel): GraphQLInputObjectType {
  const operators = new Map<string, { field: ColumnField; operator: FilterOperator }>()
  for (const field of columns.values()) {
    for (const operator of operatorsOf(field.column)) {
      operators.set(`${field.name}_${operator}`, { field, operator })
    }
  }
  const type: GraphQLInputObjectType = new GraphQLInputObjectType({
    name: `${typeName}Filter`,
    extensions: { meaning: { kind: 'filter', operators } satisfies InputMeaning },
    fields: () => {
      const fields: GraphQLInputFieldConfigMap = {}
      for (const [name, { field, operator }] of operators) {
        fields[name] = { type: operandType(field, operator) }
      }
      fields._and = { type: new GraphQLList(new GraphQLNonNull(type)) }
      fields._or = { type: new GraphQLList(new GraphQLNonNull(type)) }
      fields._not = { type }
      return fields
    },
  })
  return type
}

function operandType({ scalar }: ColumnField, operator: FilterOperator): GraphQLInputType {
  if (operator === 'is_null') return GraphQLBoolean
  if (operator === 'path') return new GraphQLList(new GraphQLNonNull(JSON_PATH_FILTER))
  if (operator === 'has_key') return GraphQLString
  if (operator === 'has_keys_any' || operator === 'has_keys_all') return texts
  return operator === 'in' ? new GraphQLList(SCALARS[scalar]) : SCALARS[scalar]
}

function orderOf({ typeName, columns }: TableModel): Pick<TableInputs, 'orderBy' | 'direction'> {
  const ordered = new Map([...columns].filter(([, { column }]) => isOrdered(column)))
  if (ordered.size === 0) return { orderBy: undefined, direction: undefined }
  const direction = new GraphQLEnumType({ name: `${typeName}OrderDirection`, values: DIRECTIONS })
  const orderBy = new GraphQLInputObjectType({
    name: `${typeName}OrderBy`,
    extensions: { meaning: { kind: 'order', columns: ordered } satisfies InputMeaning },
    fields: () => fieldsFor(ordered, () => direction),
  })
  return { orderBy, direction }
}

function dataOf({ typeName, inputs }: TableModel): GraphQLInputObjectType {
  return new GraphQLInputObjectType({
    name: `${typeName}Input`,
    extensions: { meaning: { kind: 'data', columns: inputs } satisfies InputMeaning },
    fields: () => fieldsFor(inputs, ({ scalar }) => SCALARS[scalar]),
  })
}

const fieldsFor = (
  columns: ReadonlyMap<string, ColumnField>,
  typeOf: (field: ColumnField) => GraphQLInputType,
): GraphQLInputFieldConfigMap =>
  Object.fromEntries([...columns].map(([name, field]) => [name, { type: typeOf(field) }]))
