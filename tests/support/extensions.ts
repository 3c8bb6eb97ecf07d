/** Which extensions the PostgreSQL under test could install. */
import pg from 'pg'
import { inject } from 'vitest'

/** Undefined when it is there; else the reason to skip the tests that need it. */
export async function missingExtension(name: string): Promise<string | undefined> {
  const found = await rows('select from pg_available_extensions where name = $1', [name])
  return found === 0
    ? `this PostgreSQL has no ${name}: name one that has in STEAD_TEST_DATABASE_URL`
    : undefined
}

/** The same for the type that a PostgreSQL built without libxml knows and cannot read. */
export async function missingXml(): Promise<string | undefined> {
  return rows(`select '<a/>'::xml`).then(
    () => undefined,
    (error: Error) => `this PostgreSQL has no xml: ${error.message}`,
  )
}

async function rows(text: string, values: unknown[] = []): Promise<number> {
  const client = new pg.Client({ connectionString: inject('clusterUrl') })
  await client.connect()
  try {
    return (await client.query(text, values)).rowCount ?? 0
  } finally {
    await client.end()
  }
}
