/** What lives as long as the process: the pool of isolates, what is deployed, what is still to be logged. */
import { setTimeout as wait } from 'node:timers/promises'
import type { App, Apps } from '#domains/apps'
import { rateLimited } from '#core/errors'
import type { Keyring } from '#core/keyring'
import type { Log } from '#core/log'
import type { Database } from '#db/database'
import type { CheckResult, IsolatePool } from '#isolates'
import { appOfProcess, DeployedFunctions, processKey } from './deployed.ts'
import { announce } from './functions.sql.ts'
import { Journal } from './journal.ts'

export type FunctionsNeeds = {
  apps: Apps
  keyring: Keyring
  /** The control database. */
  platform: Database
  pool: IsolatePool
  /** How the world reaches the API, without a slash at the end. */
  publicUrl: string
  log: Log
}

const LAST_MOMENT_MS = 2_000

/** Invocations of one app at once, so that the others have places left. */
const MAX_PER_APP = 100

/** Deploys whose code is looked at; the others wait. */
const MAX_CHECKS = 4

const isGone = (app: App | undefined): boolean => !app || app.state === 'deleting'

export class Functions {
  readonly pool: IsolatePool
  readonly deployed: DeployedFunctions
  readonly journal: Journal
  readonly publicUrl: string
  readonly #apps: Apps
  readonly #platform: Database
  readonly #log: Log
  readonly #active = new Map<string, number>()
  readonly #checking = new Set<Promise<void>>()
  readonly #unattended = new Set<Promise<unknown>>()

  constructor({ apps, keyring, platform, pool, publicUrl, log }: FunctionsNeeds) {
    this.pool = pool
    this.publicUrl = publicUrl
    this.deployed = new DeployedFunctions(apps, keyring)
    this.journal = new Journal({ apps, platform, log })
    this.#apps = apps
    this.#platform = platform
    this.#log = log
    apps.onForget((appId) => this.#endDeleted(appId))
  }

  /** An app changed, or any: what runs for one that is no longer there has nobody to run for. */
  #endDeleted(changedId: string | undefined): void {
    const running = new Set(this.pool.keys().map(appOfProcess))
    for (const id of running) {
      if (changedId !== undefined && id !== changedId) continue
      this.#apps.find(id).then(
        (app) => {
          if (isGone(app)) this.pool.end(processKey(id), 'The app was deleted')
        },
        (error: unknown) => {
          this.#log.warn({ err: error, appId: id }, 'cannot see whether an app is still there')
        },
      )
    }
  }

  /**
   * Takes one of the places that an app has; `leave` gives it back.
   * @throws `rate_limited` concurrency_limit
   */
  enter(appId: string): { leave: () => void } {
    const active = this.#active.get(appId) ?? 0
    if (active >= MAX_PER_APP) {
      const details = { active, max: MAX_PER_APP }
      throw rateLimited('concurrency_limit', 'Concurrency limit reached', {
        details,
        retryAfter: 5,
      })
    }
    this.#active.set(appId, active + 1)
    return { leave: () => this.#leave(appId) }
  }

  #leave(appId: string): void {
    const left = (this.#active.get(appId) ?? 1) - 1
    if (left > 0) this.#active.set(appId, left)
    else this.#active.delete(appId)
  }

  /** Whether the code loads and has a handler; each look takes a process, so only a few go on at once. */
  async check(code: string): Promise<CheckResult> {
    while (this.#checking.size >= MAX_CHECKS) await Promise.race(this.#checking)
    const checking = this.pool.check(code)
    const settled = checking.then(
      () => {},
      () => {},
    )
    this.#checking.add(settled)
    void settled.then(() => this.#checking.delete(settled))
    return checking
  }

  /** Called after the change is committed: the next invocation, here or elsewhere, sees it. */
  async changed(app: App, retiredId?: string): Promise<void> {
    this.forget(app.id)
    if (retiredId !== undefined) this.pool.retire(processKey(app.id, retiredId))
    await announce(this.#platform.query, app.id).catch((error: unknown) => {
      this.#log.warn({ err: error, appId: app.id }, 'cannot tell other processes of a deploy')
    })
  }

  /** Something about this app's functions changed; without an id: about any app's. */
  forget(appId?: string): void {
    this.deployed.forget(appId)
  }

  /** An invocation for which no request waits: when everything ends it gets a moment, as those of requests did. */
  unattended(invocation: Promise<unknown>): void {
    const ended = invocation.catch(() => {})
    this.#unattended.add(ended)
    void ended.then(() => this.#unattended.delete(ended))
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#unattended)
    await this.journal.settled()
  }

  /** After the last request: what still runs for `ctx.waitUntil`, or unattended, gets a moment, then everything ends. */
  async close(): Promise<void> {
    const stop = new AbortController()
    const patience = wait(LAST_MOMENT_MS, undefined, { signal: stop.signal }).catch(() => {})
    await Promise.race([this.#settled(), patience])
    stop.abort()
    await this.pool.close()
    await this.journal.close()
  }
}
