/** What the parts of one compilation share. */
import {
  getNamedType,
  type GraphQLField,
  GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql'
import { invalid } from '#core/errors'
import type { Literal, PlanItem } from '#domains/data'
import { Literals } from './conditions.ts'
import { Cost } from './cost.ts'
import { argumentsOf, type Given, type Input } from './inputs.ts'
import type { Model, TableModel } from './model.ts'
import { type Fragments, type Selected, selectedIn } from './selection.ts'

/** All that one compilation shares. */
export class Compiling {
  readonly model: Model
  readonly schema: GraphQLSchema
  readonly fragments: Fragments
  readonly given: Given
  /** Of the catalog. */
  readonly version: string
  readonly literals = new Literals()
  readonly cost = new Cost()
  /** A statement whose structure hangs on a value's content is not kept. */
  keep = true
  #aliases = 0

  constructor(parts: Pick<Compiling, 'model' | 'schema' | 'fragments' | 'given' | 'version'>) {
    this.model = parts.model
    this.schema = parts.schema
    this.fragments = parts.fragments
    this.given = parts.given
    this.version = parts.version
  }

  alias(): string {
    return `t${++this.#aliases}`
  }

  /** The fields of the operation itself. */
  roots({ selectionSet, operation }: OperationDefinitionNode): SelectedField[] {
    const type = this.schema.getRootType(operation)
    return type ? this.fields([selectionSet], type.name) : []
  }

  /** The fields asked for, each with its arguments. */
  fields(sets: Selected['sets'], typeName: string): SelectedField[] {
    return selectedIn(sets, typeName, this).map((selected) => {
      const type = this.schema.getType(typeName)
      const name = selected.node.name.value
      const field = type instanceof GraphQLObjectType ? type.getFields()[name] : undefined
      const inputs = field ? argumentsOf(field, selected.node, this.given) : new Map()
      return { ...selected, name, inputs, typeName: field ? namedOf(field) : '' }
    })
  }
}

const namedOf = ({ type }: GraphQLField<unknown, unknown>): string => getNamedType(type).name

export type SelectedField = Selected & {
  name: string
  inputs: ReadonlyMap<string, Input>
  /** Of the field's type. */
  typeName: string
}

export const TYPENAME = '__typename'

/** A constant under a name. */
export const constantItem = (as: string, text: string): PlanItem => ({
  kind: 'expression',
  as,
  columns: [],
  write: (sql) => sql.constant(text, 'text'),
})

export type Level = {
  table: TableModel
  sets: Selected['sets']
  inputs: ReadonlyMap<string, Input>
  /** How often its fields count. */
  times: number
}

export type Row = { table: TableModel; alias: string; times: number }

/** Rows in one list at most, and rows that pages reach at all. */
const MAX_ROWS = 1_000
const MAX_REACH = 10_000

/** A constant, so that PostgreSQL plans the statement once: of the document, or a variable that becomes part of the shape. */
export function limitOf(
  literals: Literals,
  limit: Input | undefined,
  offset: Input | undefined,
): Literal {
  if (offset || (limit?.read && limit.variable === undefined)) {
    return literals.read((given) => limitText(given, limit, offset))
  }
  if (limit?.variable !== undefined) literals.fixed.add(limit.variable)
  const rows = Math.min(countIn(limit?.value, 'limit') ?? MAX_ROWS, MAX_ROWS)
  return { text: String(rows), slot: -1, encoding: 'text' }
}

export function limitText(
  given: Given,
  limit: Input | undefined,
  offset: Input | undefined,
): string {
  const rows = Math.min(wholeNumber(given, limit, 'limit') ?? MAX_ROWS, MAX_ROWS)
  const skipped = wholeNumber(given, offset, 'offset') ?? 0
  return String(given.unbounded ? rows : Math.max(0, Math.min(rows, MAX_REACH - skipped)))
}

/** @throws `invalid` graphql_argument */
export function wholeNumber(
  given: Given,
  input: Input | undefined,
  name: string,
): number | undefined {
  return countIn(input?.read ? input.read(given) : input?.value, name)
}

function countIn(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && value >= 0) return value
  throw invalid('graphql_argument', `${name} must not be negative`)
}
