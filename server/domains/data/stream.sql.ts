/** A read whose every row is one text. */
import { bindAll } from './encode.ts'
import type { ReadPlan } from './plan.ts'
import { writeSelect } from './read.sql.ts'
import { csvHeader, outputNames, writeCsvLine } from './result.sql.ts'
import { SqlWriter } from './sql-writer.ts'

export type LineFormat = 'json' | 'csv'

export type Lines = {
  statement: { text: string; values: string[] }
  /** Of CSV: what goes before the first row. */
  header: string
}

/** The statement that gives each row as one text. */
export function linesOf(plan: ReadPlan, format: LineFormat, slots: readonly string[]): Lines {
  const sql = new SqlWriter()
  const names = outputNames(plan)
  sql.add('select ')
  if (format === 'json') sql.add('row_to_json(t.*)::text')
  else writeCsvLine(sql, 'csv_json', names)
  sql.add(' from (')
  writeSelect(sql, plan)
  sql.add(') as t')
  return {
    statement: { text: sql.text, values: bindAll(sql.binds, slots) },
    header: csvHeader(names),
  }
}
