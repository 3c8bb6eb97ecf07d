/** The outermost select: rows become one text that passes through this process untouched. */
import { randomUUID } from 'node:crypto'
import type { Handler } from './catalog.ts'
import type { PlanItem, ReadPlan } from './plan.ts'
import type { Output } from './query.ts'
import { isVisible } from './spread.ts'
import type { SqlWriter } from './sql-writer.ts'

/** What stands at each place of the single result row. */
export type ResultColumn =
  | 'body'
  | 'rows'
  | 'total'
  | 'key'
  | 'inserted'
  | 'changed'
  | 'headers'
  | 'status'

/**
 * Stands in the text of the error that undoes a write whose rows broke a promise. PostgreSQL tells a value of the
 * caller in the same words, so it holds what no caller knows.
 */
export const GUARD = `stead guard ${randomUUID()}`

/** `coalesce(json_agg(t.*), '[]')` and its kin over the rows of `t`. */
export function writeBody(sql: SqlWriter, output: Output, names: readonly string[]): void {
  switch (output.format) {
    case 'none':
      sql.add('null')
      return
    case 'handled':
      writeHandled(sql, output)
      return
    case 'csv':
    case 'csv_json':
      writeCsv(sql, output.format, names)
      return
    case 'array':
      sql.add(`coalesce(${stripped(output, 'json_agg(t.*)')}, '[]')::text`)
      return
    case 'object':
      sql.add(`coalesce(${stripped(output, 'json_agg(t.*)->0')}, 'null')::text`)
  }
}

function writeHandled(sql: SqlWriter, { handler }: Output): void {
  if (!handler) return void sql.add('null')
  if (handler.features) return writeFeatures(sql, handler)
  sql.add(handler.binary ? `encode((` : '(')
  sql.name(handler.schema, handler.name).add('((t.*)')
  if (handler.relation) sql.add('::').name(handler.relation.schema, handler.relation.name)
  sql.add(handler.binary ? `))::bytea, 'hex')` : '))::text')
}

function writeFeatures(sql: SqlWriter, { schema, name }: Handler): void {
  sql.add(`json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(`)
  sql.name(schema, name).add(`(t.*)::json), '[]'))::text`)
}

const stripped = ({ stripNulls }: Output, json: string): string =>
  stripNulls ? `json_strip_nulls(${json})` : json

/** A header and a line per row, quoted where a reader would stumble. */
function writeCsv(sql: SqlWriter, format: 'csv' | 'csv_json', names: readonly string[]): void {
  sql.constant(csvHeader(names), 'text')
  sql.add(` || E'\\n' || coalesce(string_agg(`)
  writeCsvLine(sql, format, names)
  sql.add(`, E'\\n'), '')`)
}

/** A row of `t` as a line, without its end. An array, because a table has more columns than a function may have arguments. */
export function writeCsvLine(
  sql: SqlWriter,
  format: 'csv' | 'csv_json',
  names: readonly string[],
): void {
  sql.add('array_to_string(array[')
  sql.list(names, ', ', (name) => writeCell(sql, format, name))
  sql.add(`]::text[], ',')`)
}

export const csvHeader = (names: readonly string[]): string => names.map(csvCell).join(',')

function writeCell(sql: SqlWriter, format: 'csv' | 'csv_json', name: string): void {
  const value = (): void => {
    if (format === 'csv') sql.name('t', name).add('::text')
    else sql.add('to_json(').name('t', name).add(`) #>> '{}'`)
  }
  sql.add('coalesce(case when ')
  value()
  sql.add(` ~ '[",\\r\\n]' then '"' || replace(`)
  value()
  sql.add(`, '"', '""') || '"' else `)
  value()
  sql.add(` end, '')`)
}

const csvCell = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text

/** The names of a level's output, in order. */
export function outputNames(plan: ReadPlan): string[] {
  return [...(plan.groupBy ?? []), ...plan.items.flatMap((item) => namesOf(plan, item))]
}

function namesOf(plan: ReadPlan, item: PlanItem): string[] {
  if (item.kind === 'all') return [...plan.relation.columns.keys()]
  if (item.kind === 'expression') return [item.as]
  if (item.kind === 'field') return plan.groupBy?.includes(item.as) ? [] : [item.as]
  if (!isVisible(item.embed)) return []
  return item.embed.spread ? outputNames(item.embed.plan) : [item.embed.as]
}

/** Settings by which a function or a trigger shapes the answer. */
export function writeResponseSettings(sql: SqlWriter): void {
  sql.add(`, nullif(current_setting('response.headers', true), '')`)
  sql.add(`, nullif(current_setting('response.status', true), '')`)
}

export type Promised = {
  output: Output
  maxAffected: number | undefined
  /** The number of rows that are affected, where those of the body may be others. */
  affected?: string | undefined
}

/** The number of rows must be one, or at most so many: otherwise an error undoes the statement. */
export function writeGuards(sql: SqlWriter, promised: Promised): void {
  const { output, maxAffected, affected = 'count(*)' } = promised
  // The planner's account would show the guard, and has no rows to promise.
  if (output.explain) return
  if (output.format === 'object' || output.exactlyOne) {
    sql.add(` + case when count(*) <> 1 then ('${GUARD} single ' || count(*))::int4 else 0 end`)
  }
  if (maxAffected !== undefined) {
    sql.add(` + case when ${affected} > `).constant(String(maxAffected), 'int8')
    sql.add(` then ('${GUARD} max ' || ${affected})::int4 else 0 end`)
  }
}
