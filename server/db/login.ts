/**
 * Login roles under which other people's statements run. PostgreSQL lets every role change its own password and
 * settings, and give up its rights: what came of that is undone before the next connection.
 */
import pg from 'pg'
import { clientOpening } from './client.ts'

/** Gives the role back its password, its rights and no settings; `triedAt` is when we were kept out, on the monotonic clock. */
export type Mend = (triedAt: number) => Promise<void>

class SpoiledLogin extends Error {}

/** Opens once more after mending, when it was the role that kept us out. */
export async function openMended<T>(open: () => Promise<T>, mend: Mend | undefined): Promise<T> {
  const triedAt = performance.now()
  try {
    return await open()
  } catch (error) {
    if (!mend || !isSpoiled(error)) throw error
    await mend(triedAt).catch(() => Promise.reject(error))
    return open()
  }
}

/** Not the role's fault: connections exhausted, a stop or a start, no such database, one in use. */
const OTHER_CLASSES = new Set(['08', '3D', '53', '55', '57', 'XX'])

const isSpoiled = (error: unknown): boolean =>
  error instanceof SpoiledLogin ||
  (error instanceof pg.DatabaseError && !OTHER_CLASSES.has((error.code ?? '').slice(0, 2)))

/** Asked of the session, as the catalog may have been mended since it began. The view does not know `role`. */
const OWN_SETTINGS = `select from pg_catalog.pg_show_all_settings() where source in ('user', 'database user')
  union all select where current_user <> session_user`

/** A client that connects only as a role without settings of its own: who sets them would set them for everybody. */
export const clientWithoutSettings = (Client: typeof pg.Client): typeof pg.Client =>
  clientOpening(Client, async (client, connect) => {
    await connect()
    const found = await client
      .query(OWN_SETTINGS)
      .catch((cause: unknown) => ({ cause, rowCount: 1 }))
    if (found.rowCount === 0) return
    await client.end()
    throw new SpoiledLogin('The login role has settings of its own', { cause: found })
  })
