/** The log of invocations: written after the answer, many at a time. */
import { type AuditRecord, auditAll } from '#domains/accounts'
import type { App, Apps } from '#domains/apps'
import type { Log } from '#core/log'
import type { Database } from '#db/database'
import { deleteInvocationsBefore, type InvocationRow, insertInvocations } from './journal.sql.ts'

type JournalNeeds = { apps: Apps; platform: Database; log: Log }

/** How long an entry may wait for others. */
const WAIT_MS = 200
const BATCH = 500
/** When the database cannot keep up, the newest entries are kept. */
const MAX_WAITING = 10_000
const KEPT_DAYS = 30
const DAY_MS = 86_400_000
const TIDY_EVERY_MS = 3_600_000

type Waiting = { app: App; row: InvocationRow; audit: AuditRecord }

export class Journal {
  readonly #needs: JournalNeeds
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  readonly #underWay = new Set<Promise<void>>()
  readonly #tidied = new Map<string, number>()

  constructor(needs: JournalNeeds) {
    this.#needs = needs
  }

  /** The entry may still be in the making: its function has answered but not ended. */
  add(entry: Promise<Waiting>): void {
    const noted = entry.then(
      (done) => this.#note(done),
      (error: unknown) => this.#needs.log.error({ err: error }, 'cannot log an invocation'),
    )
    this.#underWay.add(noted)
    void noted.finally(() => this.#underWay.delete(noted))
  }

  #note(entry: Waiting): void {
    this.#waiting.push(entry)
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
    if (this.#waiting.length >= BATCH) void this.flush()
    this.#timer ??= setTimeout(() => void this.flush(), WAIT_MS).unref()
  }

  /** Writes what has ended so far. Never throws. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  /** Resolves when every invocation has ended, `ctx.waitUntil` included. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** After the isolates have ended, so that every entry does. */
  async close(): Promise<void> {
    await this.settled()
    await this.flush()
  }

  async #write(): Promise<void> {
    const entries = this.#waiting.splice(0)
    if (entries.length === 0) return
    const byApp = Map.groupBy(entries, ({ app }) => app.id)
    await Promise.all([...byApp.values()].map((some) => this.#writeApp(some)))
    await auditAll(
      this.#needs,
      entries.map(({ audit }) => audit),
    )
  }

  async #writeApp(entries: Waiting[]): Promise<void> {
    const [{ app }] = entries as [Waiting]
    try {
      const { platform } = this.#needs.apps.databasesOf(app)
      for (let at = 0; at < entries.length; at += BATCH) {
        const rows = entries.slice(at, at + BATCH).map(({ row }) => row)
        await insertInvocations(platform.query, storable(rows))
      }
      await this.#tidy(app, platform)
    } catch (error) {
      this.#needs.log.warn({ err: error, appId: app.id }, 'cannot write the log of invocations')
    }
  }

  async #tidy(app: App, platform: Database): Promise<void> {
    const now = Date.now()
    if (now - (this.#tidied.get(app.id) ?? 0) < TIDY_EVERY_MS) return
    this.#tidied.set(app.id, now)
    await deleteInvocationsBefore(platform.query, new Date(now - KEPT_DAYS * DAY_MS))
  }
}

/** Only text that needs it is looked at piece by piece. */
const UNSTORABLE = /\\u0000|\\ud[89a-f]/

/** As JSON that PostgreSQL can hold: its text knows neither NUL nor half a surrogate pair. */
function storable(rows: readonly InvocationRow[]): string {
  const json = JSON.stringify(rows)
  if (!UNSTORABLE.test(json)) return json
  const clean = JSON.parse(json, (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value,
  ) as unknown
  return JSON.stringify(clean)
}
