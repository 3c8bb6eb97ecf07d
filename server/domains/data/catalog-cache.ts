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
  /** What others made of this app's catalogs. */
  attached: Map<string, unknown>
  /** When the version was last compared, in milliseconds of the monotonic clock. */
  checkedAt: number
}

/** While an app is used, its catalog is at most about this old; what is absent is always checked. */
const CHECK_MS = 1_000

export class CatalogCache {
  readonly #entries = new Map<string, Entry>()
  readonly #onFirstUse: (appId: string) => void

  /** @param onFirstUse called when an app's catalog was read for the first time */
  constructor(onFirstUse: (appId: string) => void = () => {}) {
    this.#onFirstUse = onFirstUse
  }

  /** The snapshot at hand, else the first load. Never waits when there is one. */
  get(appId: string, platform: Database): Catalog | Promise<Catalog> {
    const entry = this.#entry(appId)
    if (!entry.catalog) return this.#first(appId, entry, platform)
    if (entry.dirty && !entry.loading) this.#load(entry, platform).catch(() => {})
    else if (performance.now() - entry.checkedAt > CHECK_MS) this.#check(entry, platform)
    return entry.catalog
  }

  /** What watches over it afterwards would only be in its way. */
  async #first(appId: string, entry: Entry, platform: Database): Promise<Catalog> {
    const isFirst = !entry.loading
    const catalog = await this.#load(entry, platform)
    if (isFirst && this.#entries.get(appId) === entry) this.#onFirstUse(appId)
    return catalog
  }

  /** In the background: whoever asks now is answered from what is at hand. */
  #check(entry: Entry, platform: Database): void {
    entry.checkedAt = performance.now()
    readVersion(platform)
      .then((version) =>
        version === entry.catalog?.version ? undefined : this.#load(entry, platform),
      )
      .catch(() => {})
  }

  /**
   * A snapshot newer than `seen`, or undefined when `seen` is the present state.
   * Asked before anything is called absent.
   */
  async newer(appId: string, platform: Database, seen: Catalog): Promise<Catalog | undefined> {
    const entry = this.#entry(appId)
    if (entry.catalog && entry.catalog !== seen && !entry.dirty) return entry.catalog
    const version = await readVersion(platform)
    if (version === seen.version) return undefined
    const loaded = await this.#load(entry, platform)
    // That load may have begun before the change; one that begins now has not.
    return BigInt(loaded.version) < BigInt(version) ? this.#load(entry, platform) : loaded
  }

  /** The schema of this app changed: the next request reads the catalog anew. */
  invalidate(appId: string): void {
    const entry = this.#entries.get(appId)
    if (!entry) return
    entry.dirty = true
  }

  /** The schema may have changed: the next request compares the versions. */
  suspect(appId: string): void {
    const entry = this.#entries.get(appId)
    if (entry) entry.checkedAt = performance.now() - CHECK_MS - 1
  }

  /** Like `invalidate`, and nobody is answered from the old snapshot; without an id: of any app. */
  forget(appId?: string): void {
    if (appId === undefined) this.#entries.clear()
    else this.#entries.delete(appId)
  }

  /** Something that lives as long as the app's place in this cache, made once. */
  attached<T>(appId: string, key: string, make: () => T): T {
    const { attached } = this.#entry(appId)
    if (!attached.has(key)) attached.set(key, make())
    return attached.get(key) as T
  }

  #entry(appId: string): Entry {
    let entry = this.#entries.get(appId)
    if (!entry) {
      entry = {
        catalog: undefined,
        loading: undefined,
        dirty: false,
        attached: new Map(),
        checkedAt: 0,
      }
      this.#entries.set(appId, entry)
    }
    return entry
  }

  /** When an app's catalog was last looked after, in milliseconds of the monotonic clock; undefined = never. */
  usedAt(appId: string): number | undefined {
    return this.#entries.get(appId)?.checkedAt
  }

  /** Apps whose catalog nobody asked for in this time, in milliseconds. */
  unusedFor(idleMs: number): string[] {
    const since = performance.now() - idleMs
    return [...this.#entries].filter(([, { checkedAt }]) => checkedAt < since).map(([id]) => id)
  }

  #load(entry: Entry, platform: Database): Promise<Catalog> {
    entry.loading ??= this.#read(entry, platform).finally(() => {
      entry.loading = undefined
    })
    return entry.loading
  }

  /**
   * A change during the load makes the next request load once more: nobody waits for an end of the changes, which
   * there may be more of than loads.
   */
  async #read(entry: Entry, platform: Database): Promise<Catalog> {
    entry.dirty = false
    const catalog = await loadCatalog(platform)
    entry.catalog = catalog
    entry.checkedAt = performance.now()
    return catalog
  }
}
