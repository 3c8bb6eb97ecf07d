/** Writes a catalog's rows into the database that they are of, once its schema has been quiet for a moment. */
import type { Database } from '#db/database'
import { keepRows } from './catalog.sql.ts'
import type { CatalogRows } from './catalog-rows.ts'

/** A migration is many changes: what stood between two of them is of no use to anybody. */
const QUIET_MS = 2_000

/** More than this, in characters, is read faster than it is kept. */
const MAX_LENGTH = 16 * 1024 * 1024

type Due = { rows: CatalogRows; timer: NodeJS.Timeout }

export class CatalogKeeper {
  readonly #due = new Map<Database, Due>()

  /** Later rows of the same database take the place of earlier ones. */
  keep(database: Database, rows: CatalogRows): void {
    clearTimeout(this.#due.get(database)?.timer)
    this.#due.delete(database)
    if (rows.texts.reduce((sum, { length }) => sum + length, 0) > MAX_LENGTH) return
    const timer = setTimeout(() => void this.#write(database), QUIET_MS).unref()
    this.#due.set(database, { rows, timer })
  }

  /** Writes at once what is due. */
  async close(): Promise<void> {
    await Promise.all([...this.#due.keys()].map((database) => this.#write(database)))
  }

  /** The database may be gone by now, or take no writes: then the next one reads for itself. */
  async #write(database: Database): Promise<void> {
    const due = this.#due.get(database)
    this.#due.delete(database)
    clearTimeout(due?.timer)
    if (due) await keepRows(database, due.rows).catch(() => {})
  }
}
