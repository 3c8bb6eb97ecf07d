/** Filters and orders of GraphQL as those of the data engine. */
import { getNamedType, GraphQLError, isInputObjectType } from 'graphql'
import type { Field, Literal, OrderTerm, PlanCondition } from '#domains/data'
import { documentTest, pathConditions } from './document-conditions.ts'
import {
  fieldsOf,
  type Given,
  type Input,
  itemsOf,
  MAX_CONDITIONS,
  tooManyConditions,
} from './inputs.ts'
import { limitExceeded } from './limits.ts'
import type { ColumnField } from './model.ts'
import { containedText, operandText, textList } from './operands.ts'
import { type FilterOperator, isDocument } from './scalars.ts'
import { type Direction, meaningOf } from './schema-inputs.ts'

type Encode = (value: unknown) => string

/** In one order; a table has hardly more columns. */
const MAX_ORDER = 100

/** Makes literals; keeps how to read those that variables give. */
export class Literals {
  readonly readers: ((given: Given) => string)[] = []
  /** Variables whose values stand in the statement: each value makes another one. */
  readonly fixed = new Set<string>()
  #conditions = 0

  /** @throws `invalid` graphql_limit */
  countConditions(more: number): void {
    this.#conditions += more
    if (this.#conditions > MAX_CONDITIONS) throw tooManyConditions()
  }

  of({ value, read }: Input, encode: Encode): Literal {
    if (!read) return { text: encode(value), slot: -1, encoding: 'text' }
    return this.read((given) => encode(read(given)))
  }

  read(reader: (given: Given) => string): Literal {
    return { text: '', slot: this.readers.push(reader) - 1, encoding: 'text' }
  }
}

export const fieldOf = (name: string): Field => ({ name, path: [] })

/** All must hold; none when the filter says nothing. */
export function conditionsOf(filter: Input | undefined, literals: Literals): PlanCondition[] {
  if (!filter || filter.value === null) return []
  const type = getNamedType(filter.type)
  const meaning = isInputObjectType(type) ? meaningOf(type) : undefined
  if (meaning?.kind !== 'filter') return []
  const fields = [...fieldsOf(filter)]
  literals.countConditions(fields.length)
  return fields.flatMap(([name, input]) => {
    const known = meaning.operators.get(name)
    return known
      ? comparison(known, input, literals)
      : combined(name, input, { literals, columns: meaning.operators })
  })
}

type Columns = ReadonlyMap<string, { field: ColumnField }>

/** An empty `_or` has nothing that could hold; an empty `_and` nothing that could fail. */
function combined(name: string, input: Input, { literals, columns }: Combining): PlanCondition[] {
  if (input.value === null) return []
  if (name === '_not') {
    const items = conditionsOf(input, literals)
    return items.length === 0 ? [never(columns)] : [{ kind: 'not', item: { kind: 'and', items } }]
  }
  const given = itemsOf(input)
  literals.countConditions(given.length)
  const items = given.map((item): PlanCondition => {
    const inner = conditionsOf(item, literals)
    return inner.length === 0 ? always(columns) : { kind: 'and', items: inner }
  })
  if (items.length === 0) return name === '_or' ? [never(columns)] : []
  return [{ kind: name === '_or' ? 'or' : 'and', items }]
}

type Combining = { literals: Literals; columns: Columns }

/** In a list of nothing, whatever the column holds. */
function never(columns: Columns): PlanCondition {
  const [first] = columns.values()
  const values: Literal = { text: '{}', slot: -1, encoding: 'text' }
  return { kind: 'in', field: fieldOf(first?.field.column.name ?? ''), values }
}

/** Every row, whatever it holds: `{_or: [{}]}` and its kin. */
export function isEverything(condition: PlanCondition): boolean {
  if (condition.kind === 'not') return isNothing(condition.item)
  if (condition.kind === 'and') return condition.items.every(isEverything)
  return condition.kind === 'or' && condition.items.some(isEverything)
}

function isNothing(condition: PlanCondition): boolean {
  if (condition.kind === 'not') return isEverything(condition.item)
  if (condition.kind === 'and') return condition.items.some(isNothing)
  if (condition.kind === 'or') return condition.items.every(isNothing)
  return condition.kind === 'in' && condition.values.slot < 0 && condition.values.text === '{}'
}

const always = (columns: Columns): PlanCondition => ({ kind: 'not', item: never(columns) })

const COMPARING = {
  eq: 'eq',
  neq: 'neq',
  gt: 'gt',
  gte: 'gte',
  lt: 'lt',
  lte: 'lte',
  like: 'like',
  ilike: 'ilike',
  contains: 'cs',
  contained_by: 'cd',
  overlaps: 'ov',
} as const

type Known = { field: ColumnField; operator: FilterOperator }

function comparison({ field, operator }: Known, input: Input, literals: Literals): PlanCondition[] {
  const target = fieldOf(field.column.name)
  const isWord = (word: 'null' | 'not_null'): PlanCondition[] => [
    { kind: 'is', field: target, word },
  ]
  if (operator === 'is_null') {
    return input.value === null ? [] : isWord(input.value === true ? 'null' : 'not_null')
  }
  if (input.value === null) {
    if (operator === 'eq') return isWord('null')
    if (operator === 'neq') return isWord('not_null')
    throw new GraphQLError(`${field.name}_${operator} must not be null`)
  }
  return [given({ field, operator }, input, literals)].flat()
}

/** With a value that is not null. */
function given(
  { field, operator }: { field: ColumnField; operator: Exclude<FilterOperator, 'is_null'> },
  input: Input,
  literals: Literals,
): PlanCondition | PlanCondition[] {
  const { column } = field
  const target = fieldOf(column.name)
  if (operator === 'path') return pathConditions(field, input, literals)
  if (isDocument(column) || isOfKeys(operator)) {
    return documentTest({ column: column.name, literals }, operator, input)
  }
  if (operator === 'in') {
    const values = literals.of(input, (value) => textList(value as unknown[]))
    return { kind: 'in', field: target, values }
  }
  const textOf = operator === 'contains' ? containedText : operandText
  const value = literals.of(input, (one) => textOf(one, column))
  return { kind: 'compare', field: target, operator: COMPARING[operator], value }
}

const isOfKeys = (word: string): word is 'has_key' | 'has_keys_any' | 'has_keys_all' =>
  word.startsWith('has_key')

export function orderOf(input: Input | undefined): OrderTerm[] {
  if (!input || input.value === null) return []
  const items = itemsOf(input)
  if (items.length > MAX_ORDER) throw limitExceeded(`orderBy has more than ${MAX_ORDER} terms`)
  return items.flatMap((item) => {
    const type = getNamedType(item.type)
    const meaning = isInputObjectType(type) ? meaningOf(type) : undefined
    if (meaning?.kind !== 'order' || item.value === null) return []
    return [...fieldsOf(item)].flatMap(([name, { value }]) => {
      const field = meaning.columns.get(name)
      if (!field || value === null) return []
      return [{ field: fieldOf(field.column.name), ...(value as Direction) }]
    })
  })
}
