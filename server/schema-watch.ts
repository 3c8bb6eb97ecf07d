/** Hears when the schema of an app in use changes, in whichever process, and says so to the catalog. */
import type { Apps } from '#domains/apps'
import type { CatalogCache } from '#domains/data'
import type { Log } from '#core/log'
import { type Listener, listen } from '#db/notifications'

/** An app that nobody asked for in this time is no longer listened to, and its catalog is dropped. */
const IDLE_MS = 300_000

/** Apps listened to at once; of further ones the catalog compares versions by itself. */
const MAX_LISTENERS = 50

/** How often the idle ones are looked for. */
const SWEEP_MS = 60_000

type Needs = { apps: Apps; catalogs: () => CatalogCache; log: Log }

export class SchemaWatch {
  readonly #needs: Needs
  readonly #listeners = new Map<string, Listener>()
  readonly #sweeper: NodeJS.Timeout

  constructor(needs: Needs) {
    this.#needs = needs
    needs.apps.onForget((appId) => this.#forget(appId))
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  /** Until the connection stands, changes are found by comparing versions. */
  watch(appId: string): void {
    const { apps, log } = this.#needs
    if (this.#listeners.size >= MAX_LISTENERS) return
    apps.find(appId).then(
      (app) => app && this.#listen(appId, apps.databaseUrlOf(app)),
      (error: unknown) => log.warn({ err: error, appId }, 'cannot watch the schema of an app'),
    )
  }

  #listen(appId: string, url: Parameters<typeof listen>[0]['url']): void {
    if (this.#listeners.has(appId)) return
    const { catalogs, log } = this.#needs
    const changed = (): void => catalogs().invalidate(appId)
    const channels = ['stead_ddl']
    const listener = listen({ url, channels, onMessage: changed, onGap: changed, log })
    this.#listeners.set(appId, listener)
    listener.ready.catch(() => this.#listeners.delete(appId))
  }

  /** What is known of the app, or of all, may be wrong or of no use any more. */
  #forget(appId: string | undefined): void {
    const { catalogs } = this.#needs
    catalogs().forget(appId)
    for (const [id, listener] of this.#listeners) {
      if (appId !== undefined && id !== appId) continue
      this.#listeners.delete(id)
      listener.close().catch(() => {})
    }
  }

  #sweep(): void {
    for (const appId of this.#needs.catalogs().unusedFor(IDLE_MS)) this.#forget(appId)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()))
  }
}
