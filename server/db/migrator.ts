/** Brings a database to the newest schema: each file once, in order, forward only. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { internal } from '#core/errors'
import type { Client, Database } from './database.ts'

export type Migration = { version: number; name: string; text: string; checksum: string }

/** Any process that migrates a database holds this advisory lock of that database. */
const MIGRATION_LOCK = 7_283_001

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/

const LEDGER = `create schema if not exists stead;
create table if not exists stead.migrations (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
)`

/**
 * The migrations of a folder, first to last.
 * @throws when a name is not NNNN_name.sql or the numbers are not 1, 2, 3 …
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).toSorted()
  return Promise.all(
    files.map(async (file, index) => {
      const [, digits, name] = FILE_NAME.exec(file) ?? []
      if (!digits || !name || Number(digits) !== index + 1) {
        const expected = String(index + 1).padStart(4, '0')
        throw new Error(`Cannot read migration "${file}": expected ${expected}_name.sql`)
      }
      const text = await readFile(join(folder, file), 'utf8')
      const checksum = createHash('sha256').update(text).digest('hex')
      return { version: Number(digits), name, text, checksum }
    }),
  )
}

/**
 * Applies what is missing. Several processes may call it at once: one works, the others wait.
 * @returns the versions applied now
 * @throws `internal` when the database is newer than this program or a file changed after it ran
 */
export function migrate(database: Database, migrations: readonly Migration[]): Promise<number[]> {
  return database.session(async (client) => {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    try {
      await client.query(LEDGER)
      const missing = await missingFrom(client, migrations)
      for (const migration of missing) await apply(client, migration)
      return missing.map(({ version }) => version)
    } finally {
      await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK])
    }
  })
}

async function missingFrom(client: Client, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ version: number; checksum: string }>(
    'select version, checksum from stead.migrations order by version',
  )
  if (rows.length > migrations.length) {
    throw internal(
      'database_newer',
      `Cannot start: the database is at version ${rows.length} and this program knows ${migrations.length}`,
      { hint: 'Start the newer program that migrated this database.' },
    )
  }
  for (const [index, { version, checksum }] of rows.entries()) {
    if (migrations[index]?.checksum === checksum) continue
    throw internal(
      'migration_changed',
      `Cannot migrate: migration ${version} changed after it ran`,
      {
        hint: 'Restore the file and write the change as a new migration.',
      },
    )
  }
  return migrations.slice(rows.length)
}

async function apply(client: Client, { version, name, text, checksum }: Migration): Promise<void> {
  await client.query('begin')
  try {
    await client.query(text)
    await client.query(
      'insert into stead.migrations (version, name, checksum) values ($1, $2, $3)',
      [version, name, checksum],
    )
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
