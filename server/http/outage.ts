/** Tells the operator which database does not answer: callers hear only that one does not. */
import { connectionFailureIn, isDiskFull, isLate } from '#db/sqlstate'
import type { Http } from './env.ts'

/** Every request of an outage fails alike: one line in so many milliseconds is enough. */
const QUIET_MS = 10_000

/** A connection that was closed here, as its app was deleted under a request. */
const CLOSED_BY_US = /^Connection terminated$|after calling end on the pool/

const ADVICE =
  'a database does not answer: see that its PostgreSQL runs, and check STEAD_DATABASE_URL and STEAD_REGIONS'

const LATE_ADVICE =
  'a request had no connection to its database in time: they are all at work, or its PostgreSQL does not answer. docs/operating.md says how to see who waits for whom'

const FULL_ADVICE =
  'a database has no room left on its disk: make room there, until then nothing can be written'

export class Outages {
  #toldAt = Number.NEGATIVE_INFINITY

  /** The error names host and port, never a password. */
  tell(c: Http, error: unknown): void {
    const isFull = isDiskFull(error)
    const failure = isFull ? (error as Error) : connectionFailureIn(error)
    if (!failure || CLOSED_BY_US.test(failure.message)) return
    if (performance.now() - this.#toldAt < QUIET_MS) return
    this.#toldAt = performance.now()
    const advice = isFull ? FULL_ADVICE : isLate(failure) ? LATE_ADVICE : ADVICE
    c.env.log.error({ err: failure, requestId: c.env.requestId }, advice)
  }
}
