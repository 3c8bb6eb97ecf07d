/** Mutations as write plans of the data engine. */
import { invalid } from '#core/errors'
import {
  columnsOf,
  type DeletePlan,
  EVERYTHING,
  type InsertPlan,
  type Output,
  type Payload,
  type PlanCondition,
  type ReadPlan,
  returningOf,
  type UpdatePlan,
} from '#domains/data'
import { conditionsOf, fieldOf, isEverything, type Literals } from './conditions.ts'
import { type Input, MAX_ROWS, tooManyRows } from './inputs.ts'
import type { MutationKind, RootField, TableModel } from './model.ts'
import { operandText, writtenValue } from './operands.ts'
import { keyArgument } from './schema.ts'

export type Verb = 'insert' | 'update' | 'delete'

export const VERBS = {
  insert: 'insert',
  insertMany: 'insert',
  insertCount: 'insert',
  insertManyCount: 'insert',
  update: 'update',
  updateMany: 'update',
  updateManyCount: 'update',
  delete: 'delete',
  deleteMany: 'delete',
} as const satisfies Record<MutationKind, Verb>

type Row = Record<string, unknown>

type Inputs = ReadonlyMap<string, Input>

type Change = { root: RootField<MutationKind>; inputs: Inputs; read: ReadPlan; literals: Literals }

const COUNTED = new Set<MutationKind>([
  'insertCount',
  'insertManyCount',
  'updateManyCount',
  'deleteMany',
])

/** @throws `invalid` graphql_argument */
export function changePlan(change: Change): InsertPlan | UpdatePlan | DeletePlan {
  const { root, read } = change
  const { relation } = root.table
  const output: Output = { format: COUNTED.has(root.kind) ? 'none' : 'array' }
  const options = { query: EVERYTHING, output }
  const verb = VERBS[root.kind]
  if (verb === 'insert') {
    const payload = payloadOf(change)
    const target = { schema: relation.schema, table: relation.name }
    return {
      kind: 'insert',
      ...returningOf(read, relation, options),
      payload,
      request: { kind: 'insert', ...target, ...options, payload },
      conflictColumns: undefined,
    }
  }
  const chosen = { ...read, where: chosenRows(change) }
  const written = returningOf(chosen, relation, options)
  if (verb === 'delete') return { kind: 'delete', ...written }
  const payload = payloadOf(change)
  if (payload.columns.length === 0) throw badArgument('data must hold at least one field')
  return { kind: 'update', ...written, payload, resetMissing: false, matchOn: [] }
}

const badArgument = (message: string) => invalid('graphql_argument', message)

/** By key, or by a filter that says something. @throws `invalid` graphql_argument */
function chosenRows({ root: { kind, table }, inputs, literals }: Change): PlanCondition[] {
  if (kind === 'update' || kind === 'delete') return keyConditions(table, inputs, literals)
  const conditions = conditionsOf(inputs.get('filter'), literals)
  if (conditions.every(isEverything)) throw badArgument('filter argument required')
  return conditions
}

export function keyConditions(
  table: TableModel,
  inputs: Inputs,
  literals: Literals,
): PlanCondition[] {
  return table.key.map((field) => {
    const input = inputs.get(keyArgument(field))
    if (!input) throw badArgument(`${field.name} argument required`)
    return {
      kind: 'compare',
      field: fieldOf(field.column.name),
      operator: 'eq',
      value: literals.of(input, (value) => operandText(value, field.column)),
    }
  })
}

function payloadOf({ root, inputs, literals }: Change): Payload {
  const { table, kind } = root
  const input = inputs.get('data')
  if (!input) throw badArgument('data argument required')
  const many = kind === 'insertMany' || kind === 'insertManyCount'
  const rowsIn = (value: unknown): Row[] =>
    many ? manyRows(table, value) : [rowOf(table, value as Row)]
  const text = (value: unknown): string => {
    const rows = rowsIn(value)
    return JSON.stringify(many ? rows : rows[0])
  }
  const rows = rowsIn(input.value)
  const shape = many ? 'array' : 'object'
  const { columns, ragged } = columnsOf({ shape, rows, json: '' })
  return { json: literals.of(input, text), shape, columns, ragged: many && ragged }
}

function manyRows(table: TableModel, value: unknown): Row[] {
  const rows = value as Row[]
  if (rows.length > MAX_ROWS) throw tooManyRows(rows.length)
  return rows.map((row) => rowOf(table, row))
}

/** Fields become columns. */
const rowOf = ({ inputs }: TableModel, given: Row): Row =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const column = inputs.get(name)?.column
      return column ? [column.name, writtenValue(value, column)] : [name, value]
    }),
  )
