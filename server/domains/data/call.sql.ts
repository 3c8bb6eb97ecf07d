/** Calls as SQL. */
import type { RoutineArgument } from './catalog.ts'
import type { CallPlan } from './plan.ts'
import type { Literal, Payload } from './query.ts'
import { writeCounted, writeSelect } from './read.sql.ts'
import {
  outputNames,
  type ResultColumn,
  writeBody,
  writeGuards,
  writeResponseSettings,
} from './result.sql.ts'
import { isScalar, isSingleUnnamed, isVoid, SCALAR } from './routines.ts'
import type { SqlWriter } from './sql-writer.ts'

/** Writes the whole statement and says what its result row holds. */
export function writeCall(sql: SqlWriter, plan: CallPlan): ResultColumn[] {
  sql.add('with called as (')
  writeRows(sql, plan)
  sql.add(') select ')
  if (isScalar(plan.routine)) writeScalarBody(sql, plan)
  else writeBody(sql, bodyOutput(plan), outputNames(plan.read))
  sql.add(', count(*)')
  const one = plan.routine.setOf ? plan.output : { ...plan.output, format: 'none' as const }
  writeGuards(sql, { output: one, maxAffected: plan.maxAffected })
  writeResponseSettings(sql)
  const columns: ResultColumn[] = ['body', 'rows', 'headers', 'status']
  if (plan.output.count) {
    columns.push('total')
    sql.add(', (select count(*) from (')
    writeCounted(sql, plan.read, (source) => source.add('called'))
    sql.add(') as c)')
  }
  sql.add(' from (')
  writeSelect(sql, plan.read, (source) => source.add('called'))
  sql.add(') as t')
  return columns
}

/** A function of one row answers with that row, not with an array of it. */
function bodyOutput({ output, routine }: CallPlan): CallPlan['output'] {
  if (output.format !== 'array' || routine.setOf) return output
  return { ...output, format: 'object' }
}

function writeScalarBody(sql: SqlWriter, { output, routine }: CallPlan): void {
  const { format } = output
  if (format === 'handled') writeDocument(sql, output)
  else if (format === 'none' || isVoid(routine)) sql.add('null')
  else if (format === 'csv' || format === 'csv_json') writeBody(sql, output, [SCALAR])
  else if (routine.setOf && format === 'array')
    sql.add(`coalesce(json_agg(t.${SCALAR}), '[]')::text`)
  else sql.add(`coalesce((json_agg(t.${SCALAR})->0)::text, 'null')`)
}

/** The function's value is the whole answer. */
function writeDocument(sql: SqlWriter, { handler }: CallPlan['output']): void {
  sql.add(
    handler?.binary
      ? `encode((array_agg(t.${SCALAR}))[1]::bytea, 'hex')`
      : `(array_agg(t.${SCALAR}))[1]::text`,
  )
}

function writeRows(sql: SqlWriter, plan: CallPlan): void {
  const { routine } = plan
  sql.add('select ')
  if (isScalar(plan.routine)) {
    writeInvocation(sql, plan)
    sql.add(` as ${SCALAR}`)
    writeArgumentSource(sql, plan, ' from ')
    return
  }
  const { alias } = plan.read
  sql.name(alias).add('.* from ')
  if (writeArgumentSource(sql, plan, '')) sql.add(', lateral ')
  writeInvocation(sql, plan)
  sql.add(' as ').name(alias)
  const [only, ...others] = routine.outputs
  // The name of a single output would be the alias.
  if (only && others.length === 0) sql.add('(').name(only.name).add(')')
}

/** An argument's type has lost its length: without one, `character` and `bit` mean a single place. */
const looseType = (type: string): string => type.replace(/^(character|bit)(?=$|\[)/, '$1 varying')

/** The JSON payload as a row named `given`, when arguments come from it. */
function writeArgumentSource(sql: SqlWriter, plan: CallPlan, before: string): boolean {
  const { arguments: given, routine } = plan
  if (given.kind !== 'json' || isSingleUnnamed(routine.arguments)) return false
  const used = routine.arguments.filter(({ name }) => given.payload.columns.includes(name))
  if (used.length === 0) return false
  sql.add(`${before}json_to_record(`).bind(given.payload.json, 'json').add(') as given(')
  sql.list(used, ', ', ({ name, type }) => sql.name(name).add(` ${looseType(type)}`))
  sql.add(')')
  return true
}

function writeInvocation(sql: SqlWriter, { routine, arguments: given }: CallPlan): void {
  sql.name(routine.schema, routine.name).add('(')
  const [first] = routine.arguments
  if (given.kind === 'single') sql.bind(given.value, given.type)
  else if (given.kind === 'json' && given.raw && first && isSingleUnnamed(routine.arguments)) {
    sql.bind(given.raw, first.type)
  } else if (given.kind === 'json') writeJsonArguments(sql, routine.arguments, given.payload)
  else writeNamedArguments(sql, routine.arguments, given.values)
  sql.add(')')
}

function writeJsonArguments(
  sql: SqlWriter,
  all: readonly RoutineArgument[],
  payload: Payload,
): void {
  const used = all.filter(({ name }) => payload.columns.includes(name))
  sql.list(used, ', ', ({ name, variadic }) => {
    sql
      .add(variadic ? 'variadic ' : '')
      .name(name)
      .add(' := ')
      .name('given', name)
  })
}

function writeNamedArguments(
  sql: SqlWriter,
  all: readonly RoutineArgument[],
  values: ReadonlyMap<string, readonly Literal[]>,
): void {
  const used = all.filter(({ name }) => values.has(name))
  sql.list(used, ', ', ({ name, type, variadic }) => {
    const given = values.get(name) ?? []
    if (variadic) {
      sql.add('variadic ').name(name).add(' := array[')
      sql.list(given, ', ', (literal) => sql.bind(literal))
      sql.add(`]::${looseType(type)}`)
      return
    }
    const last = given.at(-1)
    if (last) sql.name(name).add(' := ').bind(last, looseType(type))
  })
}
