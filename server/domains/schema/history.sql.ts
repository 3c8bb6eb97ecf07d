/** What was applied, and which tables' rows travel with a clone. */
import { createHash } from 'node:crypto'
import type { Tx } from '#db/database'
import { ident } from '#db/sql'

export type Migration = { id: number; name: string; sqlUp: string; appliedAt: Date }

/** A migration that every app database has from its template. */
export type TemplateMigration = { version: number; name: string; appliedAt: Date }

export type NewMigration = { name: string; up: readonly string[]; down?: readonly string[] }

const script = (statements: readonly string[]): string =>
  statements.map((statement) => `${statement};`).join('\n')

/** Gives back its id. */
export async function insertMigration(
  tx: Tx,
  { name, up, down = [] }: NewMigration,
): Promise<number> {
  const sqlUp = script(up)
  const sqlDown = down.length === 0 ? null : script(down)
  const checksum = createHash('sha256').update(sqlUp).digest('hex')
  const [row] = await tx<{ id: number }>`
    insert into stead.schema_migrations (name, sql_up, sql_down, checksum)
    values (${name}, ${sqlUp}, ${sqlDown}, ${checksum}) returning id`
  return row?.id ?? 0
}

/** Newest first. */
export const selectMigrations = (tx: Tx): Promise<Migration[]> =>
  tx<Migration>`select id, name, sql_up, applied_at from stead.schema_migrations order by id desc`

/** Newest first. */
export const selectTemplateMigrations = (tx: Tx): Promise<TemplateMigration[]> =>
  tx<TemplateMigration>`
    select version, name, applied_at from stead.migrations order by version desc`

export async function markSeed(tx: Tx, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return
  await tx`insert into stead.seed_tables (table_name) select unnest(${tables}::text[])
    on conflict do nothing`
}

export async function unmarkSeed(tx: Tx, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return
  await tx`delete from stead.seed_tables where table_name = any(${tables}::text[])`
}

/** Rows of a table, whatever its policies say. Run it as a role that sees them all. */
export const countRows =
  (table: string) =>
  async (tx: Tx): Promise<number> => {
    const [row] = await tx<{ count: string }>`select count(*) from ${ident('public', table)}`
    return Number(row?.count ?? 0)
  }
