/** Resolves writes: which columns are set, which must come back, what a conflict means. */
import { invalid, methodNotAllowed } from '#core/errors'
import type { Relation } from './catalog.ts'
import type { DeletePlan, InsertPlan, PlanItem, ReadPlan, UpdatePlan } from './plan.ts'
import { planCondition, type Planner, planRead } from './plan-read.ts'
import type { DeleteRequest, InsertRequest, UpdateRequest, WriteOptions } from './query.ts'

/** @throws `invalid` column_not_found, `method_not_allowed` read_only_relation */
export function planInsert(
  planner: Planner,
  relation: Relation,
  request: InsertRequest,
): InsertPlan {
  checkWritable(relation)
  checkColumns(relation, request.payload.columns)
  const conflictColumns = request.conflict?.columns ?? relation.primaryKey
  if (!request.conflict?.unchecked) checkColumns(relation, request.conflict?.columns ?? [])
  return {
    kind: 'insert',
    ...planReturning(planner, relation, request),
    payload: request.payload,
    request,
    conflictColumns: request.conflict && conflictColumns.length > 0 ? conflictColumns : undefined,
    given: request.given?.map((one) => planCondition(one, { relation, embeds: [] })),
  }
}

export function planUpdate(
  planner: Planner,
  relation: Relation,
  request: UpdateRequest,
): UpdatePlan {
  checkWritable(relation)
  checkColumns(relation, request.payload.columns)
  const { payload, matchOn = [], resetMissing = false } = request
  checkColumns(relation, matchOn)
  const returning = planReturning(planner, relation, request)
  return { kind: 'update', ...returning, payload, matchOn, resetMissing }
}

export function planDelete(
  planner: Planner,
  relation: Relation,
  request: DeleteRequest,
): DeletePlan {
  checkWritable(relation)
  return { kind: 'delete', ...planReturning(planner, relation, request) }
}

type Returning = { read: ReadPlan; options: WriteOptions; returning: readonly string[] | undefined }

/** Only what the answer needs comes back: reading it takes the right to read those columns. */
function planReturning(planner: Planner, relation: Relation, options: WriteOptions): Returning {
  return returningOf(planRead(planner, relation, options.query), relation, options)
}

/** The same for a level that is planned already. */
export function returningOf(read: ReadPlan, relation: Relation, options: WriteOptions): Returning {
  const key = options.wantKey ? relation.primaryKey : []
  if (options.output.format === 'none') return { read, options, returning: [...key] }
  const needed = neededColumns(read)
  return { read, options, returning: needed && [...new Set([...needed, ...key])] }
}

/** Column names that a level's output needs; undefined when that is all of them. */
function neededColumns(plan: ReadPlan): string[] | undefined {
  const names: string[] = [...(plan.groupBy ?? [])]
  for (const item of plan.items) {
    if (item.kind === 'all') return undefined
    names.push(...itemColumns(item))
  }
  if (plan.embeds.some(({ relationship }) => relationship.routine)) return undefined
  for (const { field, embed } of plan.order) {
    names.push(...(embed ? tieColumns(embed) : [field.name]))
  }
  // A computed column needs its whole row.
  return names.every((name) => plan.relation.columns.has(name)) ? names : undefined
}

function itemColumns(item: Exclude<PlanItem, { kind: 'all' }>): string[] {
  if (item.kind === 'embed') return tieColumns(item.embed)
  if (item.kind === 'expression') return [...item.columns]
  return item.field ? [item.field.name] : []
}

function tieColumns({ relationship }: { relationship: EmbedRelationship }): string[] {
  const { junction, columns } = relationship
  if (junction) return junction.fromColumns.map(([, other]) => other)
  return columns.map(([own]) => own)
}

type EmbedRelationship = ReadPlan['embeds'][number]['relationship']

function checkWritable({ schema, name, kind }: Relation): void {
  if (kind !== 'materialized_view') return
  throw methodNotAllowed(
    'read_only_relation',
    `Cannot write to "${schema}.${name}": it is a materialized view`,
    { details: { schema, table: name } },
  )
}

/** @throws `invalid` column_not_found with details { column, table } */
function checkColumns(relation: Relation, names: readonly string[]): void {
  const unknown = names.find((name) => !relation.columns.has(name))
  if (unknown === undefined) return
  throw invalid(
    'column_not_found',
    `Could not find the '${unknown}' column of '${relation.name}' in the schema cache`,
    { details: { column: unknown, table: relation.name, schema: relation.schema } },
  )
}
