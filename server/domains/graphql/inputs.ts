/**
 * Arguments while an operation is compiled. What a variable holds may differ from request to request:
 * an `Input` gives the value at hand, which the structure of the statement follows, and a reader
 * that finds the value of a later request with variables of the same shape.
 */
import {
  coerceInputLiteral,
  coerceInputValue,
  type ConstValueNode,
  type FieldNode,
  getNamedType,
  getVariableValues,
  GraphQLBoolean,
  type GraphQLError,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type ValueNode,
  type VariableDefinitionNode,
  type VariableValues,
} from 'graphql'
import { invalid } from '#core/errors'
import { limitExceeded } from './limits.ts'
import { meaningOf } from './schema-inputs.ts'

/** Of one request. */
export type Given = {
  variables: VariableValues
  /** Pages may reach as far as the table does. */
  unbounded: boolean
}

export type Input = {
  value: unknown
  type: GraphQLInputType
  /** Absent: the value stands in the text. */
  read: ((given: Given) => unknown) | undefined
  /** The variable that it is as a whole. */
  variable?: string
}

const hasVariable = (node: ValueNode): boolean => {
  if (node.kind === Kind.VARIABLE) return true
  if (node.kind === Kind.LIST) return node.values.some(hasVariable)
  return node.kind === Kind.OBJECT && node.fields.some(({ value }) => hasVariable(value))
}

/** The arguments of a field that are there. */
export function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  given: Given,
): Map<string, Input> {
  const inputs = new Map<string, Input>()
  for (const { name, value } of node.arguments ?? []) {
    const argument = field.args.find((one) => one.name === name.value)
    const input = argument && inputOf(value, argument.type, given)
    if (input) inputs.set(name.value, input)
  }
  return inputs
}

function inputOf(node: ValueNode, type: GraphQLInputType, given: Given): Input | undefined {
  if (node.kind === Kind.VARIABLE) {
    const name = node.name.value
    const value = given.variables.coerced[name]
    return value === undefined
      ? undefined
      : { value, type, read: ({ variables }) => variables.coerced[name], variable: name }
  }
  const value = coerceInputLiteral(node, type, given.variables)
  const read = hasVariable(node)
    ? ({ variables }: Given): unknown => coerceInputLiteral(node, type, variables)
    : undefined
  return { value, type, read }
}

const nullable = (type: GraphQLInputType): GraphQLInputType =>
  isNonNullType(type) ? (type.ofType as GraphQLInputType) : type

/** The parts of an input object that are there. */
export function fieldsOf({ value, type, read }: Input): Map<string, Input> {
  const object = nullable(type)
  const parts = new Map<string, Input>()
  if (!isInputObjectType(object) || value === null) return parts
  const fields = object.getFields()
  for (const [name, part] of Object.entries(value as Record<string, unknown>)) {
    const field = fields[name]
    if (!field || part === undefined) continue
    const readPart =
      read && ((given: Given) => (read(given) as Record<string, unknown> | undefined)?.[name])
    parts.set(name, { value: part, type: field.type, read: readPart })
  }
  return parts
}

export function itemsOf({ value, type, read }: Input): Input[] {
  const list = nullable(type)
  if (!isListType(list) || !Array.isArray(value)) return []
  return value.map((item: unknown, at) => ({
    value: item,
    type: list.ofType,
    read: read && ((given: Given) => (read(given) as unknown[] | undefined)?.[at]),
  }))
}

/** As declared. */
export type Variable = {
  name: string
  type: GraphQLInputType
  default: { literal: ConstValueNode } | undefined
}

type Declared = {
  schema: GraphQLSchema
  definitions: readonly VariableDefinitionNode[]
  variables: readonly Variable[]
  hideSuggestions: boolean
}

const MAX_ERRORS = 20

/** Rows of one insert at most. */
export const MAX_ROWS = 1_000

/** Of one operation: the database plans each of them, and takes 65,535 values at most. */
export const MAX_CONDITIONS = 1_000

/** Before each part of a large value is compared with its type. @throws `invalid` graphql_argument or graphql_limit */
function checkSize(value: unknown, type: GraphQLInputType): void {
  if (typeof value !== 'object' || value === null) return
  const named = getNamedType(type)
  const kind = isInputObjectType(named) ? meaningOf(named)?.kind : undefined
  if (kind === 'data') {
    if (Array.isArray(value) && value.length > MAX_ROWS) throw tooManyRows(value.length)
  } else if (kind === 'filter' && countObjects(value, MAX_CONDITIONS) > MAX_CONDITIONS) {
    throw tooManyConditions()
  }
}

export const tooManyRows = (rows: number) =>
  invalid(
    'graphql_argument',
    `Batch size ${rows} exceeds maximum allowed batch size of ${MAX_ROWS}`,
  )

export const tooManyConditions = () =>
  limitExceeded(`query has more than ${MAX_CONDITIONS} conditions`)

/** Stops soon after `enough`. */
function countObjects(value: object, enough: number): number {
  let count = Array.isArray(value) ? 0 : 1
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) count += countObjects(part as object, enough)
    if (count > enough) break
  }
  return count
}

/** What the variables of a request are, as the operation declares them. */
export function readVariables(
  { schema, definitions, variables, hideSuggestions }: Declared,
  inputs: Readonly<Record<string, unknown>>,
): VariableValues | { errors: readonly GraphQLError[] } {
  for (const { name, type } of variables) checkSize(inputs[name], type)
  const plain = plainValues(variables, inputs)
  if (plain) return plain
  const options = { maxErrors: MAX_ERRORS, hideSuggestions }
  const { errors, variableValues } = getVariableValues(schema, definitions, inputs, options)
  return errors ? { errors } : variableValues
}

/** Every one is given and good: what graphql-js would find, without looking up the declarations anew. */
function plainValues(
  variables: readonly Variable[],
  inputs: Readonly<Record<string, unknown>>,
): VariableValues | undefined {
  const sources = Object.create(null) as Record<string, { signature: Variable; value: unknown }>
  const coerced = Object.create(null) as Record<string, unknown>
  for (const signature of variables) {
    const { name, type } = signature
    const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined
    if (value === undefined) return undefined
    const read = coerceInputValue(value, type)
    if (read === undefined) return undefined
    sources[name] = { signature, value }
    coerced[name] = read
  }
  return { sources, coerced } as VariableValues
}

/**
 * Equal for variables that give the same statement and differ only in its values.
 * @param fixed variables whose values stand in the statement
 */
export function shapeOf(
  variables: readonly Variable[],
  { coerced }: VariableValues,
  fixed: ReadonlySet<string>,
): string {
  let shape = ''
  for (const { name, type } of variables) {
    const value = coerced[name]
    shape += fixed.has(name) ? `=${JSON.stringify(value)};` : `${shapeOfValue(value, type)};`
  }
  return shape
}

function shapeOfValue(value: unknown, wrapped: GraphQLInputType): string {
  if (value === undefined) return ''
  if (value === null) return 'n'
  const type = nullable(wrapped)
  if (isListType(type)) return shapeOfList(value as unknown[], type.ofType)
  if (isInputObjectType(type)) {
    const fields = type.getFields()
    const isData = meaningOf(type)?.kind === 'data'
    const parts = Object.entries(value as Record<string, unknown>).map(([name, part]) => {
      const field = fields[name]
      return isData || !field ? name : `${name}:${shapeOfValue(part, field.type)}`
    })
    return `{${parts.join()}}`
  }
  if (isEnumType(type)) return JSON.stringify(value)
  if (type !== GraphQLBoolean) return 's'
  return value === true ? 'true' : 'false'
}

/** Lists of scalars are one parameter, and so are rows. */
function shapeOfList(items: readonly unknown[], type: GraphQLInputType): string {
  const named = getNamedType(type)
  if (isInputObjectType(named) && meaningOf(named)?.kind === 'data') {
    if (items.length === 0) return 'e'
    const keys = new Set(items.map((item) => Object.keys(item as object).join()))
    return `[${[...keys].join('|')}]`
  }
  if (!isInputObjectType(named) && !isEnumType(named)) return 'l'
  return `[${items.map((item) => shapeOfValue(item, type)).join()}]`
}
