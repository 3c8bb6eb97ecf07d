/** The log of invocations: written after the answer, many at a time, each app for itself. */
import type { AuditRecord } from '#domains/accounts'
import type { App, Apps } from '#domains/apps'
import type { Log } from '#core/log'
import type { Database } from '#db/database'
import { JournalLane } from './journal-lane.ts'
import type { InvocationRow } from './journal.sql.ts'

export type JournalNeeds = { apps: Apps; platform: Database; log: Log }

export type JournalEntry = {
  app: App
  row: Omit<InvocationRow, 'chars'>
  audit: AuditRecord
}

export class Journal {
  readonly #needs: JournalNeeds
  readonly #lanes = new Map<string, JournalLane>()
  readonly #underWay = new Set<Promise<void>>()

  constructor(needs: JournalNeeds) {
    this.#needs = needs
    needs.apps.onForget((appId) => this.#forgetIdle(appId))
  }

  /** The entry may still be in the making: its function has answered but not ended. */
  add(entry: Promise<JournalEntry>): void {
    const noted = entry.then(
      (done) => this.#laneOf(done.app).add(done),
      (error: unknown) => this.#needs.log.error({ err: error }, 'cannot log an invocation'),
    )
    this.#underWay.add(noted)
    void noted.finally(() => this.#underWay.delete(noted))
  }

  /** Writes what has ended so far in this app. Never throws. */
  async flush(appId: string): Promise<void> {
    await this.#lanes.get(appId)?.flush()
  }

  /** Resolves when every invocation has ended, `ctx.waitUntil` included. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** After the isolates have ended, so that every entry does. */
  async close(): Promise<void> {
    await this.settled()
    await Promise.all([...this.#lanes.values()].map((lane) => lane.flush()))
  }

  #laneOf(app: App): JournalLane {
    const known = this.#lanes.get(app.id)
    if (known) return known
    const lane = new JournalLane(this.#needs, app)
    this.#lanes.set(app.id, lane)
    return lane
  }

  /** An app that changed may have moved or gone: its lane is made anew. */
  #forgetIdle(appId: string | undefined): void {
    for (const [id, lane] of this.#lanes) {
      if ((appId === undefined || appId === id) && lane.isIdle) this.#lanes.delete(id)
    }
  }
}
