/** Whether a database answers, for those who ask again and again and cannot wait. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from './database.ts'

/** What has not answered by then does not answer. */
const PATIENCE_MS = 2_000

export class Probe {
  readonly #database: Database
  readonly #patienceMs: number
  #asking: Promise<boolean> | undefined

  constructor(database: Database, patienceMs = PATIENCE_MS) {
    this.#database = database
    this.#patienceMs = patienceMs
  }

  /** One question at a time, however many ask. Never throws, and never waits longer than that. */
  async answers(): Promise<boolean> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
    return within(this.#asking, this.#patienceMs).catch(() => false)
  }

  /** A connection on which no answer comes is given up, as the way to the server may have changed. */
  #ask(): Promise<boolean> {
    const answer = this.#database.session((client) =>
      within(client.query('select 1'), this.#patienceMs),
    )
    return answer.then(
      () => true,
      () => false,
    )
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const over = new AbortController()
  const late = delay(ms, undefined, { ref: false, signal: over.signal }).then(() => {
    throw new Error(`No answer within ${ms} ms`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    over.abort()
  }
}
