/** What one app has still to write of its log: bounded, so that who logs much takes no room from others. */
import { auditAll } from '#domains/accounts'
import type { App } from '#domains/apps'
import type { Database } from '#db/database'
import type { JournalEntry, JournalNeeds } from './journal.ts'
import { deleteInvocationsBefore, type InvocationRow, insertInvocations } from './journal.sql.ts'

/** How long an entry may wait for others. */
const WAIT_MS = 200
const BATCH = 500
const BATCH_CHARS = 4_000_000
/** When the database cannot keep up, the newest entries are kept. */
const MAX_WAITING = 10_000
/** Beyond this entries go without their console lines. */
const MAX_CHARS = 16_000_000
const KEPT_DAYS = 30
const DAY_MS = 86_400_000
const TIDY_EVERY_MS = 3_600_000

type Waiting = JournalEntry & { row: InvocationRow }

export class JournalLane {
  readonly #needs: JournalNeeds
  readonly #app: App
  #waiting: Waiting[] = []
  #chars = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  #tidiedAt = Number.NEGATIVE_INFINITY

  constructor(needs: JournalNeeds, app: App) {
    this.#needs = needs
    this.#app = app
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#isWriting
  }

  add({ row, ...entry }: JournalEntry): void {
    const bounded = this.#chars > MAX_CHARS ? { ...row, console: [leftOut()] } : row
    const sized = { ...bounded, chars: charsOf(bounded) }
    this.#waiting.push({ ...entry, row: sized })
    this.#chars += sized.chars
    if (this.#waiting.length > MAX_WAITING) this.#take(1)
    if (this.#waiting.length >= BATCH || this.#chars >= BATCH_CHARS) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), WAIT_MS).unref()
  }

  /** Writes what is there. Never throws. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      await this.#writeBatch(batch)
    }
    this.#isWriting = false
  }

  /** As many entries as fit one statement. */
  #next(): Waiting[] {
    let chars = 0
    const fits = this.#waiting.findIndex(({ row }, at) => {
      chars += row.chars
      return at > 0 && (at >= BATCH || chars > BATCH_CHARS)
    })
    return this.#take(fits < 0 ? this.#waiting.length : fits)
  }

  #take(count: number): Waiting[] {
    const taken = this.#waiting.splice(0, count)
    for (const { row } of taken) this.#chars -= row.chars
    return taken
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const { apps, log } = this.#needs
    try {
      if (await this.#isThere()) {
        const { platform } = apps.databasesOf(this.#app)
        await insertInvocations(platform.query, storable(batch.map(({ row }) => row)))
        await this.#tidy(platform)
      }
    } catch (error) {
      log.warn({ err: error, appId: this.#app.id }, 'cannot write the log of invocations')
    }
    const events = batch.map(({ audit }) => audit)
    await auditAll(this.#needs, events)
  }

  /** The log of an app that is deleted goes with it; only the audit stays. */
  async #isThere(): Promise<boolean> {
    const app = await this.#needs.apps.find(this.#app.id)
    return app !== undefined && app.state !== 'deleting'
  }

  async #tidy(platform: Database): Promise<void> {
    const now = Date.now()
    if (now - this.#tidiedAt < TIDY_EVERY_MS) return
    this.#tidiedAt = now
    await deleteInvocationsBefore(platform.query, new Date(now - KEPT_DAYS * DAY_MS))
  }
}

const leftOut = () => ({
  level: 'warn',
  message: 'The lines of this call were left out: too much was logged at once',
  timestamp: Date.now(),
})

const charsOf = ({ console: lines, error, stack }: JournalEntry['row']): number =>
  lines.reduce(
    (sum, { message }) => sum + message.length,
    (error?.length ?? 0) + (stack?.length ?? 0),
  )

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
