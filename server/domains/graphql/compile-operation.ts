/** An operation as statements: one for a query, one for each field of a mutation. */
import { OperationTypeNode } from 'graphql'
import { Pace } from '#db/pace'
import { type CompiledStatement, named, type ReadPlan, SqlWriter, writeChange } from '#domains/data'
import { planAggregate } from './aggregate.ts'
import { Compiling, type Level, type SelectedField, TYPENAME } from './compiling.ts'
import { planConnection } from './connection.ts'
import type { Cost } from './cost.ts'
import type { Given } from './inputs.ts'
import type { MutationKind, QueryKind, RootField } from './model.ts'
import { type QueryPart, writeQuery } from './operation.sql.ts'
import { itemsIn, planList, planRow } from './plan-level.ts'
import type { Selected } from './selection.ts'
import { changePlan, keyConditions, VERBS, type Verb } from './changes.ts'

/** How a root field's value is read from the results. */
export type Part =
  | { key: string; kind: 'constant'; json: string }
  | { key: string; kind: 'introspection'; selected: Selected }
  | { key: string; kind: 'column'; statement: number; column: number; form: Form }

/** JSON as it is; of an array the first or null; the number of rows. */
export type Form = 'json' | 'first' | 'count'

export type CompiledOperation = {
  readOnly: boolean
  parts: readonly Part[]
  statements: readonly CompiledStatement[]
  /** What each statement does, and the field it answers; of a query 'query' and all of them. */
  doing: readonly { verb: Verb | 'query'; keys: readonly string[] }[]
  readers: readonly ((given: Given) => string)[]
  cost: Cost
  keep: boolean
  /** Variables whose values stand in it. */
  fixed: ReadonlySet<string>
  /** Whether the schema is among what it asks for. */
  asksSchema: boolean
  /** Of one that only reads: how long it takes. */
  pace: Pace | undefined
}

type Shared = ConstructorParameters<typeof Compiling>[0]
type Operation = Parameters<typeof Compiling.prototype.roots>[0]

/** @throws GraphQLError, `invalid` graphql_argument or graphql_limit */
export function compileOperation(shared: Shared, node: Operation): CompiledOperation {
  const compiling = new Compiling(shared)
  const isMutation = node.operation === OperationTypeNode.MUTATION
  const fields = compiling.roots(node)
  const made = isMutation ? compileMutation(compiling, fields) : compileQuery(compiling, fields)
  return {
    ...made,
    readOnly: !isMutation,
    readers: compiling.literals.readers,
    cost: compiling.cost,
    keep: compiling.keep,
    fixed: compiling.literals.fixed,
    asksSchema: made.parts.some(({ kind }) => kind === 'introspection'),
    pace: isMutation ? undefined : new Pace(),
  }
}

type Made = Pick<CompiledOperation, 'parts' | 'statements' | 'doing'>

const constant = (key: string, value: unknown): Part => ({
  key,
  kind: 'constant',
  json: JSON.stringify(value),
})

function compileQuery(compiling: Compiling, fields: readonly SelectedField[]): Made {
  const columns: QueryPart[] = []
  const keys: string[] = []
  const parts = fields.map((field): Part => {
    const { key, name } = field
    if (name === TYPENAME) return constant(key, 'Query')
    if (name === '_health') return constant(key, 'ok')
    const root = compiling.model.queries.get(name)
    if (!root) return { key, kind: 'introspection', selected: field }
    keys.push(key)
    const column = columns.push(planRoot(compiling, field, root)) - 1
    return { key, kind: 'column', statement: 0, column, form: 'json' }
  })
  if (columns.length === 0) return { parts, statements: [], doing: [] }
  const sql = new SqlWriter()
  writeQuery(sql, columns)
  return { parts, statements: [named(sql, compiling)], doing: [{ verb: 'query', keys }] }
}

function planRoot(
  compiling: Compiling,
  field: SelectedField,
  { kind, table }: RootField<QueryKind>,
): QueryPart {
  const { sets, inputs, typeName } = field
  const level: Level = { table, sets, inputs, times: 1 }
  switch (kind) {
    case 'aggregate':
      return { kind, plan: planAggregate(compiling, { ...level, typeName }) }
    case 'connection':
      return { kind, plan: planConnection(compiling, { ...level, typeName }, itemsIn) }
    case 'single': {
      compiling.cost.field(1)
      const where = keyConditions(table, inputs, compiling.literals)
      return { kind, plan: { ...planRow(compiling, level), where } }
    }
    case 'list':
      return { kind, plan: planList(compiling, level) }
  }
}

function compileMutation(compiling: Compiling, fields: readonly SelectedField[]): Made {
  const statements: CompiledStatement[] = []
  const doing: { verb: Verb; keys: readonly string[] }[] = []
  const parts = fields.map((field): Part => {
    const { key, name } = field
    if (name === TYPENAME) return constant(key, 'Mutation')
    const root = compiling.model.mutations.get(name)
    if (!root) return { key, kind: 'introspection', selected: field }
    if (insertsNothing(field, root)) return constant(key, root.kind === 'insertMany' ? [] : 0)
    const statement = statements.push(compileChange(compiling, field, root)) - 1
    doing.push({ verb: VERBS[root.kind], keys: [key] })
    const form = FORMS[root.kind]
    return { key, kind: 'column', statement, column: form === 'count' ? 1 : 0, form }
  })
  return { parts, statements, doing }
}

/** No rows have no columns, and to insert without columns takes more than the right to insert into some. */
function insertsNothing({ inputs }: SelectedField, { kind }: RootField<MutationKind>): boolean {
  if (kind !== 'insertMany' && kind !== 'insertManyCount') return false
  const rows = inputs.get('data')?.value
  return Array.isArray(rows) && rows.length === 0
}

const FORMS = {
  insert: 'first',
  insertMany: 'json',
  insertCount: 'count',
  insertManyCount: 'count',
  update: 'first',
  updateMany: 'json',
  updateManyCount: 'count',
  delete: 'first',
  deleteMany: 'count',
} as const satisfies Record<MutationKind, Form>

function compileChange(
  compiling: Compiling,
  { sets, inputs }: SelectedField,
  root: RootField<MutationKind>,
): CompiledStatement {
  const { table, kind } = root
  const { cost } = compiling
  cost.mutation()
  const many = kind === 'insertMany' || kind === 'updateMany'
  if (many) cost.list(1, undefined)
  else cost.field(1)
  const read: ReadPlan = planRow(compiling, { table, sets, times: many ? 10 : 1 })
  const sql = new SqlWriter()
  writeChange(sql, changePlan({ root, inputs, read, literals: compiling.literals }))
  return named(sql, compiling)
}
