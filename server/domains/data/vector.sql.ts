/** What the database itself knows of vectors. */
import type { Database } from '#db/database'

const VERSION = `select extversion from pg_catalog.pg_extension where extname = 'vector'`

/** Of pgvector in this database; undefined where it is not installed. */
export async function vectorVersion(platform: Database): Promise<string | undefined> {
  const statement = { name: 'stead_vector_version', text: VERSION, values: [] }
  const [result] = await platform.batch([statement])
  return result?.rows[0]?.[0] ?? undefined
}
