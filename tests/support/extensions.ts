/** Which extensions the PostgreSQL under test could install. */
import pg from 'pg'
import { inject } from 'vitest'

/** Undefined when it is there; else the reason to skip the tests that need it. */
export async function missingExtension(name: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: inject('clusterUrl') })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_available_extensions where name = $1', [
      name,
    ])
    return rowCount === 0
      ? `this PostgreSQL has no ${name}: name one that has in STEAD_TEST_DATABASE_URL`
      : undefined
  } finally {
    await client.end()
  }
}
