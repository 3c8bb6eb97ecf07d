/** Hears when the schema of an app in use changes, in whichever process, and says so to the catalog. */
import type { App, Apps } from '#domains/apps'
import type { CatalogCache } from '#domains/data'
import type { Log } from '#core/log'
import type { Budget, Holder } from '#db/budget'
import { type Listener, listen } from '#db/notifications'

/** An app that nobody asked for in this time is no longer listened to, and its catalog is dropped. */
const IDLE_MS = 300_000

/** Apps listened to at once; of further ones the catalog compares versions by itself. */
const MAX_LISTENERS = 50

/** How often the idle ones are looked for. */
const SWEEP_MS = 60_000

type Needs = { apps: Apps; catalogs: () => CatalogCache; log: Log }

type Watched = { listener: Listener; budget: Budget; holder: Holder }

export class SchemaWatch {
  readonly #needs: Needs
  readonly #watched = new Map<string, Watched>()
  readonly #sweeper: NodeJS.Timeout

  constructor(needs: Needs) {
    this.#needs = needs
    needs.apps.onForget((appId) => this.#forget(appId))
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  /** Until the connection stands, changes are found by comparing versions. */
  watch(appId: string): void {
    const { apps, log } = this.#needs
    if (this.#watched.size >= MAX_LISTENERS) return
    apps.find(appId).then(
      (app) => app && this.#listen(app),
      (error: unknown) => log.warn({ err: error, appId }, 'cannot watch the schema of an app'),
    )
  }

  /** Only with a connection that nobody needs for work; it goes when somebody does. */
  #listen(app: App): void {
    const { apps, catalogs, log } = this.#needs
    const { id } = app
    const budget = apps.budgetOf(app)
    if (this.#watched.has(id) || !budget.takeSpare()) return
    const listener = listen({
      url: apps.databasesOf(app).platformUrl,
      channels: ['stead_ddl'],
      onMessage: () => catalogs().invalidate(id),
      onGap: () => catalogs().suspect(id),
      log,
    })
    const holder = {
      restingSince: () => catalogs().usedAt(id),
      closeResting: () => this.#stop(id),
    }
    this.#watched.set(id, { listener, budget, holder })
    budget.join(holder)
    listener.ready.catch(() => this.#stop(id))
  }

  #stop(appId: string): void {
    const watched = this.#watched.get(appId)
    if (!watched) return
    this.#watched.delete(appId)
    closed(watched).catch(() => {})
  }

  /** What is known of the app, or of all, may be wrong or of no use any more. */
  #forget(appId: string | undefined): void {
    this.#needs.catalogs().forget(appId)
    for (const id of this.#watched.keys()) {
      if (appId === undefined || id === appId) this.#stop(id)
    }
  }

  #sweep(): void {
    for (const appId of this.#needs.catalogs().unusedFor(IDLE_MS)) this.#forget(appId)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    await Promise.all([...this.#watched.values()].map(closed))
  }
}

/** Its connection is gone: its place is free. */
async function closed({ listener, budget, holder }: Watched): Promise<void> {
  budget.leave(holder)
  await listener.ready.catch(() => {})
  await listener.close().finally(() => budget.give())
}
