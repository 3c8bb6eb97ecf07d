/** A read as a cursor: its rows come in portions, however many they are. */
import type { Client } from '#db/database'
import type { BatchStatement } from '#db/batch'
import { bindAll } from './encode.ts'
import type { ReadPlan } from './plan.ts'
import { writeSelect } from './read.sql.ts'
import { csvHeader, outputNames, writeCsvLine } from './result.sql.ts'
import { SqlWriter } from './sql-writer.ts'

export type LineFormat = 'json' | 'csv'

export type Lines = {
  declare: { text: string; values: string[] }
  /** Of CSV: what goes before the first row. */
  header: string
}

/** The statement that gives each row as one text. */
export function linesOf(plan: ReadPlan, format: LineFormat, slots: readonly string[]): Lines {
  const sql = new SqlWriter()
  const names = outputNames(plan)
  sql.add('declare stead_rows no scroll cursor for select ')
  if (format === 'json') sql.add('row_to_json(t.*)::text')
  else writeCsvLine(sql, 'csv_json', names)
  sql.add(' from (')
  writeSelect(sql, plan)
  sql.add(') as t')
  return {
    declare: { text: sql.text, values: bindAll(sql.binds, slots) },
    header: csvHeader(names),
  }
}

/** A reader that went away leaves the transaction open: PostgreSQL ends it after a minute. */
const LEFT_OPEN = `select set_config('idle_in_transaction_session_timeout', '60s', true)`

/** Begins the transaction in which the cursor lives. */
export async function openCursor(
  client: Client,
  session: BatchStatement,
  { declare }: Lines,
): Promise<void> {
  await client.query('begin')
  await client.query(session.text, [...session.values])
  await client.query(LEFT_OPEN)
  await client.query(declare.text, declare.values)
}

/** The next rows; none when there are no more. */
export async function fetchRows(client: Client, count: number): Promise<string[]> {
  const text = `fetch forward ${Math.trunc(count)} from stead_rows`
  const { rows } = await client.query<string[]>({ text, rowMode: 'array' })
  return rows.map(([line]) => line ?? '')
}

export async function closeCursor(client: Client): Promise<void> {
  await client.query('rollback')
}
