/** The PostgreSQL that the operator named: asked once, before anything is built on it. */
import { AppError, unavailable } from '#core/errors'
import type { Secret } from '#core/secret'
import { type Database, openDatabase } from '#db/database'
import { sqlstateOf } from '#db/sqlstate'

const LEAST_VERSION = 15

const INSUFFICIENT_PRIVILEGE = '42501'

const CONNECT_MS = 10_000

/** @throws `unavailable` database_unusable: a sentence for the operator, without the password */
export async function requireUsableCluster(url: Secret): Promise<void> {
  const database = openDatabase(url, { max: 1, acquireMs: CONNECT_MS })
  try {
    const { version, mayCreate } = await look(database)
    if (version < LEAST_VERSION) {
      throw unusable(url, `it is PostgreSQL ${version}`, `Use ${LEAST_VERSION} or newer`)
    }
    if (!mayCreate) {
      const role = decodeURIComponent(URL.parse(url.reveal())?.username ?? '')
      const sql = `alter role "${role}" createdb createrole`
      throw unusable(url, 'its role may not create databases and roles', `Run there: ${sql}`)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    const advice = 'Check STEAD_DATABASE_URL, or leave it out for the embedded PostgreSQL'
    throw unusable(url, (error as Error).message, advice)
  } finally {
    await database.close()
  }
}

type Facts = { version: number; mayCreate: boolean }

async function look({ query }: Database): Promise<Facts> {
  const [facts] = await query<Facts>`
    select current_setting('server_version_num')::int / 10000 as version,
           rolsuper or (rolcreatedb and rolcreaterole) as may_create
    from pg_roles where rolname = current_user`
  return facts ?? { version: 0, mayCreate: false }
}

function unusable(url: Secret, why: string, advice: string): AppError {
  const { host = 'the database' } = URL.parse(url.reveal()) ?? {}
  const message = `Cannot start: PostgreSQL at ${host} cannot be used: ${why}. ${advice}`
  return unavailable('database_unusable', message)
}

/** What a cluster refused while the instance was built on it, as a sentence; any other error as it is. */
export function deniedBy(url: Secret | undefined, error: unknown): unknown {
  if (!url || sqlstateOf(error) !== INSUFFICIENT_PRIVILEGE) return error
  const advice = 'Stead makes databases, roles and event triggers: use a superuser'
  return unusable(url, (error as Error).message, advice)
}
