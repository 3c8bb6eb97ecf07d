/** From a request to the statement that answers it: plan against the catalog, write SQL. */
import { createHash } from 'node:crypto'
import { notFound } from '#core/errors'
import { Pace } from '#db/pace'
import { writeCall } from './call.sql.ts'
import { type CallSettings, callSettings } from './call-settings.ts'
import type { Catalog, Relation } from './catalog.ts'
import { chooseMedia, type HandledMedia, withOutput } from './handlers.ts'
import { Likeness, NEARLY_WRITTEN } from './likeness.ts'
import type { Plan, ReadOnlyPlan, ReadPlan } from './plan.ts'
import { planCall } from './plan-call.ts'
import { planRead, plannerOf } from './plan-read.ts'
import { planDelete, planInsert, planUpdate } from './plan-write.ts'
import type { Count, DataRequest, Explain, Format, Literal, Output, Target } from './query.ts'
import { writeCounted, writeSelect } from './read.sql.ts'
import { outputNames, type ResultColumn, writeBody, writeResponseSettings } from './result.sql.ts'
import { isVoid } from './routines.ts'
import { SqlWriter } from './sql-writer.ts'
import { withMilliseconds } from './timestamps.sql.ts'
import { writeChange } from './write.sql.ts'

export type CompiledStatement = { name: string; text: string; binds: readonly Literal[] }

/** All that a request's shape determines; kept with the catalog snapshot it was made from. */
export type CompiledRequest = {
  kind: DataRequest['kind']
  statement: CompiledStatement
  /** Asks the planner how many rows there are. */
  estimate: CompiledStatement | undefined
  columns: readonly ResultColumn[]
  count: Count | undefined
  format: Format
  /** Of the format `handled`. */
  media: HandledMedia | undefined
  /** The media type of the planner's account, when the result is that. */
  explained: string | undefined
  exactlyOne: boolean
  exactUpTo: number
  readOnly: boolean
  /** What the function that is called has set for its call. */
  called: CallSettings | undefined
  /** The relation read or written; of a call, what its rows look like. */
  relation: Relation
  /** A call: the function gives one value or row, not a set. */
  single: boolean
  /** An insert that knows what a row is that is already there. */
  resolves: boolean
  /** A call without a result. */
  isVoid: boolean
  offset: Literal | undefined
  limit: Literal | undefined
  /** Of what only reads, and may do so twice: how long it takes. */
  pace: Pace | undefined
}

/** Rows up to which an estimated count is exact. */
const EXACT_UP_TO = 1_000

const exactUpTo = (output: Output): number => output.exactUpTo ?? EXACT_UP_TO

/** @throws `not_found` table_not_found, and what planning throws */
export function compile(catalog: Catalog, request: DataRequest): CompiledRequest {
  const asked = makePlan(catalog, request)
  const { output, media } = chooseMedia(catalog, asked)
  const plan = withOutput(shownBy(asked, output), output)
  const sql = new SqlWriter()
  if (output.explain) writeExplain(sql, output.explain)
  const columns = writePlan(sql, plan)
  const readOnly = isReadOnly(plan, request)
  return {
    kind: plan.kind,
    statement: named(sql, catalog),
    estimate: plan.kind === 'read' ? estimateOf(plan, catalog) : undefined,
    columns,
    count: output.count,
    format: output.format,
    media,
    explained: output.explain?.mediaType,
    exactlyOne: !output.explain && isExactlyOne(plan, output),
    exactUpTo: exactUpTo(output),
    readOnly,
    called: plan.kind === 'call' ? callSettings(plan.routine) : undefined,
    relation: plan.read.relation,
    single: plan.kind === 'call' && !plan.routine.setOf,
    resolves: plan.kind === 'insert' && plan.conflictColumns !== undefined,
    isVoid: plan.kind === 'call' && isVoid(plan.routine),
    offset: plan.read.offset,
    limit: plan.read.limit,
    pace: readOnly && mayRunTwice(plan) ? new Pace() : undefined,
  }
}

function shownBy(plan: Plan, { timestamps, format }: Output): Plan {
  const inJsonb = format === 'handled' || format === 'csv'
  if (timestamps === undefined && !inJsonb) return plan
  const read = timestamps === undefined ? plan.read : withMilliseconds(plan.read)
  return { ...plan, read: { ...read, inJsonb } }
}

function isReadOnly(plan: Plan, request: DataRequest): boolean {
  if (plan.kind === 'read') return true
  if (plan.kind !== 'call' || request.kind !== 'call') return false
  const { readOnly } = request
  return readOnly === 'unless_volatile' ? plan.routine.volatility !== 'v' : readOnly
}

/** A volatile function may notify somebody, or leave a setting behind, also where it can write nothing. */
const mayRunTwice = (plan: Plan): boolean => plan.kind !== 'call' || plan.routine.volatility !== 'v'

/** A function that gives one value or row needs no promise. */
const isExactlyOne = (plan: Plan, { format, exactlyOne }: Output): boolean =>
  (format === 'object' || exactlyOne === true) && (plan.kind !== 'call' || plan.routine.setOf)

const writeExplain = (sql: SqlWriter, { format, options }: Explain): void =>
  void sql.add(`explain (${[`format ${format}`, ...options].join(', ')}) `)

function makePlan(catalog: Catalog, request: DataRequest): Plan {
  if (request.kind === 'call') return planCall(catalog, request)
  const relation = findRelation(catalog, request)
  const planner = plannerOf(catalog)
  switch (request.kind) {
    case 'read':
      return {
        kind: 'read',
        read: planRead(planner, relation, request.query),
        output: request.output,
      }
    case 'insert':
      return planInsert(planner, relation, request)
    case 'update':
      return planUpdate(planner, relation, request)
    case 'delete':
      return planDelete(planner, relation, request)
  }
}

/** @throws `not_found` table_not_found with details { schema, table, near } */
export function findRelation(catalog: Catalog, { schema, table, wholeOnly }: Target): Relation {
  const relation = catalog.relation(schema, table)
  if (relation && !(wholeOnly && relation.partition)) return relation
  const names = catalog.derived(
    `names in ${schema}`,
    () =>
      new Likeness(
        catalog.relationsOf(schema).flatMap(({ name, partition }) => (partition ? [] : [name])),
      ),
  )
  const near = names.nearest(table, NEARLY_WRITTEN)
  throw notFound(
    'table_not_found',
    `Could not find the table '${schema}.${table}' in the schema cache`,
    { details: { schema, table, near } },
  )
}

function writePlan(sql: SqlWriter, plan: Plan): ResultColumn[] {
  if (plan.kind === 'read') return writeReading(sql, plan)
  return plan.kind === 'call' ? writeCall(sql, plan) : writeChange(sql, plan)
}

/** The hot path of every list and get. */
function writeReading(sql: SqlWriter, { read, output }: ReadOnlyPlan): ResultColumn[] {
  const columns: ResultColumn[] = ['rows']
  sql.add('select count(*)')
  if (read.relation.kind === 'view' || output.responseSettings || output.handler) {
    columns.push('headers', 'status')
    writeResponseSettings(sql)
  }
  if (output.count === 'exact' || output.count === 'estimated') {
    columns.push('total')
    writeTotal(sql, read, output)
  }
  // Last, so that all else is known when a large one begins to come.
  columns.push('body')
  sql.add(', ')
  writeBody(sql, output, outputNames(read))
  sql.add(' from (')
  writeSelect(sql, visible(read))
  sql.add(') as t')
  return columns
}

/** A level whose every item is an embed without columns still has rows. */
const visible = (read: ReadPlan): ReadPlan =>
  outputNames(read).length > 0 ? read : { ...read, items: [{ kind: 'all' }] }

function writeTotal(sql: SqlWriter, read: ReadPlan, output: Output): void {
  sql.add(', (select count(*) from (')
  writeCounted(sql, read)
  if (output.count === 'estimated') sql.add(` limit ${exactUpTo(output) + 1}`)
  sql.add(') as c)')
}

function estimateOf(
  { read, output }: ReadOnlyPlan,
  catalog: Catalog,
): CompiledStatement | undefined {
  if (output.count !== 'planned' && output.count !== 'estimated') return undefined
  const sql = new SqlWriter()
  sql.add('explain (format json) ')
  writeCounted(sql, read)
  return named(sql, catalog)
}

/** Whether an estimated count found more rows than it counts exactly. */
export const exceedsExact = (compiled: CompiledRequest, total: number): boolean =>
  total > compiled.exactUpTo

/**
 * Equal text over an equal schema, equal name: a connection prepares it once. PostgreSQL keeps the types of parameters
 * that it found then, so after a column's type has changed the statement must be prepared anew.
 */
export function named(
  { text, binds }: SqlWriter,
  { version }: Pick<Catalog, 'version'>,
): CompiledStatement {
  const hash = createHash('sha256').update(`${version} ${text}`).digest('base64url')
  return { name: `d_${hash.slice(0, 22)}`, text, binds }
}
