/** Filters of documents: of the whole column as jsonb, of its keys, and of what is at a place in it. */
import { GraphQLError } from 'graphql'
import type { DocumentOperator, Literal, PlanCondition } from '#domains/data'
import type { Literals } from './conditions.ts'
import { fieldsOf, type Input, itemsOf } from './inputs.ts'
import type { ColumnField } from './model.ts'
import { jsonList, textList } from './operands.ts'

const encodeText = (value: unknown): string => String(value)
const encodeList = (value: unknown): string => textList(value as unknown[])

const ENCODED: Partial<Record<string, (value: unknown) => string>> = {
  in: (value) => jsonList(value as unknown[]),
  like: encodeText,
  ilike: encodeText,
  has_key: encodeText,
  has_keys_any: encodeList,
  has_keys_all: encodeList,
}

const NOTHING: Literal = { text: '', slot: -1, encoding: 'text' }

type Testing = { column: string; at?: Literal; literals: Literals }

/** One operator; its value is not null. */
export function documentTest(
  { column, at, literals }: Testing,
  operator: string,
  input: Input,
): PlanCondition {
  const value = literals.of(input, ENCODED[operator] ?? ((given) => JSON.stringify(given)))
  return { kind: 'document', name: column, at, operator: operator as DocumentOperator, value }
}

/** Each of the places that are given. */
export function pathConditions(
  { name, column }: ColumnField,
  input: Input,
  literals: Literals,
): PlanCondition[] {
  const places = itemsOf(input)
  literals.countConditions(places.length)
  return places.map((place) => {
    const { path, ...operators } = Object.fromEntries(fieldsOf(place))
    const at = path && literals.of(path, encodeList)
    const items = Object.entries(operators).flatMap(([operator, operand]) =>
      placeConditions({ column: column.name, ...(at ? { at } : {}), literals }, operator, operand),
    )
    // Nothing to hold would be everything.
    if (items.length === 0) throw new GraphQLError(`${name}_path must hold an operator`)
    return { kind: 'and', items }
  })
}

function placeConditions(testing: Testing, operator: string, input: Input): PlanCondition[] {
  const isWord = (word: 'null' | 'not_null'): PlanCondition[] => [
    { kind: 'document', name: testing.column, at: testing.at, operator: word, value: NOTHING },
  ]
  if (operator === 'is_null') {
    return input.value === null ? [] : isWord(input.value === true ? 'null' : 'not_null')
  }
  if (input.value !== null) return [documentTest(testing, operator, input)]
  if (operator === 'eq') return isWord('null')
  if (operator === 'neq') return isWord('not_null')
  throw new GraphQLError(`${operator} at a path must not be null`)
}
