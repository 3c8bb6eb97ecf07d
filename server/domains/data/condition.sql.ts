/** Fields and conditions as SQL. */
import type { Column, Relation } from './catalog.ts'
import { writeDocument } from './document.sql.ts'
import {
  type Subject,
  vectorTypeOf,
  writeDistance,
  writeSpatial,
  writeSpatialComparison,
} from './extensions.sql.ts'
import type { PlanCondition } from './plan.ts'
import { COMPARISONS, type Field, type JsonStep, SEARCHES } from './query.ts'
import type { SqlWriter } from './sql-writer.ts'

/** The level whose columns are named. */
export type Scope = { relation: Relation; alias: string }

const isJson = (column: Column | undefined): boolean =>
  column === undefined || column.baseType === 'json' || column.baseType === 'jsonb'

/** The row of a level as a value of its table's type, wherever the rows come from. */
export function writeRow(sql: SqlWriter, { relation, alias }: Scope): void {
  sql.add('(').name(alias).add('.*)::').name(relation.schema, relation.name)
}

/** A column, or a function of the row that is read like one. */
export function writeColumn(sql: SqlWriter, scope: Scope, name: string): void {
  const { relation, alias } = scope
  const routine = relation.columns.has(name) ? undefined : relation.computed.get(name)
  if (!routine) {
    sql.name(alias, name)
    return
  }
  sql.name(routine.schema, routine.name).add('(')
  writeRow(sql, scope)
  sql.add(')')
}

/** `"todos"."data"->$1::text`; a column that is not JSON is looked into as JSON. */
export function writeField(sql: SqlWriter, scope: Scope, field: Field): void {
  if (field.path.length === 0) {
    writeColumn(sql, scope, field.name)
    return
  }
  const json = isJson(scope.relation.columns.get(field.name))
  sql.add(json ? '(' : '(to_jsonb(')
  writeColumn(sql, scope, field.name)
  if (!json) sql.add(')')
  for (const step of field.path) writeStep(sql, step)
  sql.add(')')
}

function writeStep(sql: SqlWriter, step: JsonStep): void {
  sql.add(step.asText ? '->>' : '->').constant(step.key, step.index ? 'int4' : undefined)
}

/** All of them must hold; `true` when there are none. */
export function writeConditions(
  sql: SqlWriter,
  scope: Scope,
  conditions: readonly PlanCondition[],
): void {
  if (conditions.length === 0) sql.add('true')
  sql.list(conditions, ' and ', (condition) => writeCondition(sql, scope, condition))
}

export function writeCondition(sql: SqlWriter, scope: Scope, condition: PlanCondition): void {
  switch (condition.kind) {
    case 'not':
      sql.add('not (')
      writeCondition(sql, scope, condition.item)
      sql.add(')')
      return
    case 'and':
    case 'or':
      sql.add('(')
      sql.list(condition.items, ` ${condition.kind} `, (item) => writeCondition(sql, scope, item))
      sql.add(')')
      return
    case 'expression':
      condition.write(sql)
      return
    case 'embed_absent':
      sql.name(condition.embed.alias, 'hit').add(' is null')
      return
    case 'is':
      writeField(sql, scope, condition.field)
      sql.add(condition.word === 'not_null' ? ' is not null' : ` is ${condition.word}`)
      return
    case 'in':
      writeIn(sql, scope, condition)
      return
    case 'search':
      writeSearch(sql, scope, condition)
      return
    case 'near':
      writeNear(sql, scope, condition)
      return
    case 'spatial':
      writeSpatial(sql, subjectOf(sql, scope, condition.field), condition)
      return
    case 'document':
      writeDocument(sql, documentOf(sql, scope, condition.name), condition)
      return
    case 'compare':
      writeComparison(sql, scope, condition)
  }
}

/** A column for the operators of extensions. */
export const subjectOf = (sql: SqlWriter, scope: Scope, field: Field): Subject => ({
  name: field.name,
  column: field.path.length === 0 ? scope.relation.columns.get(field.name) : undefined,
  write: () => writeField(sql, scope, field),
})

const documentOf = (sql: SqlWriter, scope: Scope, name: string) => ({
  isJsonb: scope.relation.columns.get(name)?.baseType === 'jsonb',
  write: () => writeColumn(sql, scope, name),
})

type Near = Extract<PlanCondition, { kind: 'near' }>

function writeNear(sql: SqlWriter, scope: Scope, { field, distance, below }: Near): void {
  const subject = subjectOf(sql, scope, field)
  if (!below) {
    vectorTypeOf(subject, distance.operator)
    subject.write()
    sql.add(' is not null')
    return
  }
  sql.add('(')
  writeDistance(sql, subject, distance)
  sql.add(') < ').bind(below, 'float8')
}

type Listing = Extract<PlanCondition, { kind: 'in' }>

/** A value of a domain with its own text form is read by the domain's function. */
const textForm = ({ relation }: Scope, { name, path }: Field): string | null =>
  (path.length === 0 && relation.columns.get(name)?.form?.fromText) || null

function writeIn(sql: SqlWriter, scope: Scope, { field, values }: Listing): void {
  const equal = { operator: 'eq', quantifier: 'any', value: values } as const
  if (writeSpatialComparison(sql, subjectOf(sql, scope, field), equal)) return
  writeField(sql, scope, field)
  const form = textForm(scope, field)
  if (form === null) sql.add(' = any (').bind(values).add(')')
  else sql.add(` = any (select ${form}(v) from unnest(`).bind(values, 'text[]').add(') as v)')
}

const PATTERNS = new Set<string>(['like', 'ilike', 'match', 'imatch'])

type Comparing = Extract<PlanCondition, { kind: 'compare' }>

const NUMBER = `'^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?\\s*$'`

function writeComparison(sql: SqlWriter, scope: Scope, condition: Comparing): void {
  const { field, operator, quantifier, value, numeric } = condition
  if (numeric) {
    sql.add('case when ')
    writeField(sql, scope, field)
    sql.add(` ~ ${NUMBER} then `)
    writeField(sql, scope, field)
    sql.add(`::numeric ${COMPARISONS[operator]} `).bind(value, 'numeric').add(' else false end')
    return
  }
  if (writeSpatialComparison(sql, subjectOf(sql, scope, field), condition)) return
  writeField(sql, scope, field)
  sql.add(` ${COMPARISONS[operator]} `)
  const form = PATTERNS.has(operator) ? null : textForm(scope, field)
  if (quantifier) sql.add(`${quantifier} (`).bind(value).add(')')
  else if (form !== null) sql.add(`${form}(`).bind(value, 'text').add(')')
  else sql.bind(value)
}

type Searching = Extract<PlanCondition, { kind: 'search' }>

/** A column that is no search vector becomes one, in the language of the query. */
function writeSearch(sql: SqlWriter, scope: Scope, condition: Searching): void {
  const { field, operator, language, value } = condition
  const { columns, computed } = scope.relation
  const type = columns.get(field.name)?.baseType ?? computed.get(field.name)?.returnBaseType
  const vector = type === 'tsvector' && field.path.length === 0
  if (!vector) sql.add('to_tsvector(')
  if (!vector && language) sql.constant(language, 'regconfig').add(', ')
  writeField(sql, scope, field)
  if (!vector) sql.add(')')
  sql.add(` @@ ${SEARCHES[operator]}(`)
  if (language) sql.constant(language, 'regconfig').add(', ')
  sql.bind(value, 'text').add(')')
}
