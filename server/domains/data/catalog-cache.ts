/** One catalog snapshot per app, replaced as a whole when the schema changes. */
import type { Database } from '#db/database'
import type { Catalog } from './catalog.ts'
import { loadCatalog, readVersion } from './catalog.sql.ts'

type Entry = {
  catalog: Catalog | undefined
  /** The load under way, shared by all who wait. */
  loading: Promise<Catalog> | undefined
  /** A change was announced after that load began. */
  dirty: boolean
}

export class CatalogCache {
  readonly #entries = new Map<string, Entry>()

  /** The snapshot at hand, else the first load. Never waits when there is one. */
  get(appId: string, platform: Database): Catalog | Promise<Catalog> {
    const entry = this.#entry(appId)
    if (!entry.catalog) return this.#load(entry, platform)
    if (entry.dirty && !entry.loading) this.#load(entry, platform).catch(() => {})
    return entry.catalog
  }

  /**
   * A snapshot newer than `seen`, or undefined when `seen` is the present state.
   * Asked before anything is called absent.
   */
  async newer(appId: string, platform: Database, seen: Catalog): Promise<Catalog | undefined> {
    const entry = this.#entry(appId)
    if (entry.catalog && entry.catalog !== seen && !entry.dirty) return entry.catalog
    if ((await readVersion(platform)) === seen.version) return undefined
    entry.dirty = true
    return this.#load(entry, platform)
  }

  /** The schema of this app changed: the next request reads the catalog anew. */
  invalidate(appId: string): void {
    const entry = this.#entries.get(appId)
    if (!entry) return
    entry.dirty = true
  }

  /** Like `invalidate`, and nobody is answered from the old snapshot. */
  forget(appId: string): void {
    this.#entries.delete(appId)
  }

  forgetAll(): void {
    this.#entries.clear()
  }

  #entry(appId: string): Entry {
    let entry = this.#entries.get(appId)
    if (!entry) {
      entry = { catalog: undefined, loading: undefined, dirty: false }
      this.#entries.set(appId, entry)
    }
    return entry
  }

  #load(entry: Entry, platform: Database): Promise<Catalog> {
    entry.loading ??= this.#read(entry, platform).finally(() => {
      entry.loading = undefined
    })
    return entry.loading
  }

  /** A change during the load makes it load once more. */
  async #read(entry: Entry, platform: Database): Promise<Catalog> {
    let catalog: Catalog
    do {
      entry.dirty = false
      catalog = await loadCatalog(platform)
    } while (entry.dirty)
    entry.catalog = catalog
    return catalog
  }
}
