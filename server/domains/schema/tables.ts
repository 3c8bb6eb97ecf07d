/** The table that a request about row security means, and its columns. */
import { conflict, invalid } from '#core/errors'
import type { Owner } from './owner.sql.ts'
import { selectColumnType, selectTable, type TableFacts } from './rls.sql.ts'

/** @throws `invalid` reserved_table or no_such_table, `conflict` table_of_another_role */
export async function requireTable({ tx }: Owner, table: string): Promise<TableFacts> {
  if (table.startsWith('_')) {
    throw invalid(
      'reserved_table',
      `Cannot change "${table}": names that start with _ are internal`,
    )
  }
  const facts = await selectTable(tx, table)
  if (!facts) {
    throw invalid('no_such_table', `There is no table "${table}"`, {
      hint: 'Create it with POST /v1/{app_id}/schema/apply first.',
    })
  }
  if (facts.ours) return facts
  throw conflict('table_of_another_role', `Table "${table}" belongs to the role "${facts.owner}"`, {
    hint: 'Give it to the owner of the database: alter table … owner to the role that owns the other tables.',
  })
}

type Expected = { table: string; column: string; types: readonly string[] }

/** Gives the column's type. @throws `invalid` no_such_column or wrong_column_type */
export async function requireColumn(
  { tx }: Owner,
  facts: TableFacts,
  { table, column, types }: Expected,
): Promise<string> {
  const type = await selectColumnType(tx, facts, column)
  if (type === undefined) {
    throw invalid('no_such_column', `Table "${table}" has no column "${column}"`)
  }
  if (types.includes(type)) return type
  const expected = types.join(' or ')
  throw invalid('wrong_column_type', `Column "${table}"."${column}" is ${type}, not ${expected}`, {
    hint: `Name a column of type ${expected}.`,
  })
}
