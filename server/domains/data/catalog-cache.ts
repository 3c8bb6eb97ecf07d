/** One catalog snapshot per app, replaced as a whole when the schema changes. */
import type { Database } from '#db/database'
import type { Catalog } from './catalog.ts'
import { buildCatalog } from './catalog-rows.ts'
import { keptRows, readRows, readVersion } from './catalog.sql.ts'
import { CatalogKeeper } from './catalog-keeper.ts'

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
  /** Somebody asked: a catalog that was read in advance is not watched over. */
  isUsed: boolean
  /** When a catalog that begins with kept rows is read anew, by the same clock. */
  rereadAt: number
}

/** While an app is used, its catalog is at most about this old; what is absent is always checked. */
const CHECK_MS = 1_000

/** Kept rows are believed for so long: a change that PostgreSQL told no trigger of is seen afterwards. */
const REREAD_MS = 60_000

export type CatalogCacheOptions = {
  /** Called when an app's catalog was read for the first time. */
  onFirstUse?: (appId: string) => void
  /** Milliseconds after which a catalog from kept rows is read anew, if it is in use. */
  rereadMs?: number
}

export class CatalogCache {
  readonly #entries = new Map<string, Entry>()
  readonly #keeper = new CatalogKeeper()
  readonly #onFirstUse: (appId: string) => void
  readonly #rereadMs: number

  constructor({ onFirstUse = () => {}, rereadMs = REREAD_MS }: CatalogCacheOptions = {}) {
    this.#onFirstUse = onFirstUse
    this.#rereadMs = rereadMs
  }

  /** The snapshot at hand, else the first load. Never waits when there is one. */
  get(appId: string, platform: Database): Catalog | Promise<Catalog> {
    const entry = this.#entry(appId)
    if (!entry.isUsed || !entry.catalog) return this.#first(appId, entry, platform)
    const isDue = entry.dirty || performance.now() > entry.rereadAt
    if (isDue && !entry.loading) this.#load(entry, platform).catch(() => {})
    else if (performance.now() - entry.checkedAt > CHECK_MS) this.#check(entry, platform)
    return entry.catalog
  }

  /** What watches over it afterwards would only be in its way. */
  async #first(appId: string, entry: Entry, platform: Database): Promise<Catalog> {
    const isFresh = !entry.dirty && performance.now() - entry.checkedAt < CHECK_MS
    const known = isFresh ? entry.catalog : undefined
    const catalog = known ?? (await this.#load(entry, platform, true))
    // Several may have waited for it, and a first use that failed was none.
    if (!entry.isUsed && this.#entries.get(appId) === entry) {
      entry.isUsed = true
      this.#onFirstUse(appId)
    }
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
        isUsed: false,
        rereadAt: Number.POSITIVE_INFINITY,
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

  /** Reads the catalog after a change of the schema, before anybody asks. */
  warm(appId: string, platform: Database): void {
    const entry = this.#entry(appId)
    entry.dirty = true
    this.#load(entry, platform).catch(() => {})
  }

  /** Keeps what is still to be kept. */
  close(): Promise<void> {
    return this.#keeper.close()
  }

  #load(entry: Entry, platform: Database, mayBeKept = false): Promise<Catalog> {
    entry.loading ??= this.#read(entry, platform, mayBeKept).finally(() => {
      entry.loading = undefined
    })
    return entry.loading
  }

  /**
   * A change during the load makes the next request load once more: nobody waits for an end of the changes, which
   * there may be more of than loads.
   */
  async #read(entry: Entry, platform: Database, mayBeKept: boolean): Promise<Catalog> {
    entry.dirty = false
    try {
      const kept = mayBeKept ? await keptCatalog(platform) : undefined
      entry.catalog = kept ?? (await this.#readAnew(platform))
      entry.rereadAt = kept ? performance.now() + this.#rereadMs : Number.POSITIVE_INFINITY
      entry.checkedAt = performance.now()
      return entry.catalog
    } catch (error) {
      // It is as old as before: the next one tries again.
      entry.dirty = true
      throw error
    }
  }

  async #readAnew(platform: Database): Promise<Catalog> {
    const rows = await readRows(platform)
    this.#keeper.keep(platform, rows)
    return buildCatalog(rows)
  }
}

/** What is kept saves time; whatever may be wrong with it, the catalog itself is there to be read. */
const keptCatalog = async (platform: Database): Promise<Catalog | undefined> => {
  try {
    const rows = await keptRows(platform)
    return rows && (await buildCatalog(rows))
  } catch {
    return undefined
  }
}
