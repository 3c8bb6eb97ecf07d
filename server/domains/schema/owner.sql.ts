/** Changing an app's schema: one transaction as the role that owns it, one such at a time per app. */
import type { Database, Tx } from '#db/database'
import { txOf } from '#db/database'
import { fromDatabase } from '#db/sqlstate'

/** One lock per database, and every app has its own database. */
const SCHEMA_LOCK = 7_283_002

export type Owner = {
  tx: Tx
  /** One statement by the extended protocol, which takes no second one behind a semicolon. */
  run: (text: string) => Promise<void>
}

/** Commits what `work` did, or rolls back when it throws. A statement may take a minute, a lock ten seconds. */
export async function asOwner<T>(
  database: Database,
  work: (owner: Owner) => Promise<T>,
): Promise<T> {
  const outcome = await database.session(async (client) => {
    try {
      await client.query('begin')
      await client.query(`select set_config('search_path', 'public', true),
        set_config('statement_timeout', '60s', true), set_config('lock_timeout', '10s', true),
        pg_advisory_xact_lock(${SCHEMA_LOCK})`)
      const run = async (text: string) => {
        await client.query({ text, queryMode: 'extended' } as { text: string })
      }
      const value = await work({ tx: txOf(client), run })
      await client.query('commit')
      return { value }
    } catch (error) {
      // When this fails too, the connection is broken and goes.
      await client.query('rollback')
      return { error }
    }
  })
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

/**
 * Looks at the catalog without taking a turn: as the owner, because names are shown as they look in `public`,
 * and a superuser must not find what the owner put there. A table that is being changed makes it wait, ten seconds at most.
 * @throws `unavailable` lock_not_available after that
 */
export async function looking<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await database.transaction(async (tx) => {
      await tx`select set_config('statement_timeout', '30s', true),
        set_config('lock_timeout', '10s', true)`
      return work(tx)
    })
  } catch (error) {
    throw fromDatabase(error)
  }
}
