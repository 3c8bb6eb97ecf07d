/** The input types of a table: what filters, orders and writes it. */
import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
} from 'graphql'
import type { OrderTerm } from '#domains/data'
import type { ColumnField, TableModel } from './model.ts'
import { type FilterOperator, operatorsOf, SCALARS } from './scalars.ts'

export type TableInputs = {
  filter: GraphQLInputObjectType
  orderBy: GraphQLInputObjectType
  direction: GraphQLEnumType
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
  return operator === 'in' ? new GraphQLList(SCALARS[scalar]) : SCALARS[scalar]
}

function orderOf({ typeName, columns }: TableModel): Pick<TableInputs, 'orderBy' | 'direction'> {
  const direction = new GraphQLEnumType({ name: `${typeName}OrderDirection`, values: DIRECTIONS })
  const orderBy = new GraphQLInputObjectType({
    name: `${typeName}OrderBy`,
    extensions: { meaning: { kind: 'order', columns } satisfies InputMeaning },
    fields: () => fieldsFor(columns, () => direction),
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
