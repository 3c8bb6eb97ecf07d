/** A batch on its way over a wire: what was asked, what has come back, and beside whom it may go. */
import pg from 'pg'
import type { BatchOptions, BatchResult, BatchStatement } from './batch.ts'
import type { LargeValue, RowJoiner } from './large-value.ts'
import { isAboutPrepared } from './prepared.ts'
import { bindMessage } from './wire-messages.ts'

export type WireJob = {
  statements: readonly BatchStatement[]
  options: BatchOptions
  resolve(results: BatchResult[]): void
  reject(error: unknown): void
  /** It was sent in vain once: from now on it goes behind nobody. */
  isAgain?: boolean
  /** The transaction that it went on in failed before its turn: from now on it has one of its own. */
  isAlone?: boolean
}

export type InFlight = {
  job: WireJob
  results: BatchResult[]
  error: Error | undefined
  /** Its statements whose Parse is not yet confirmed. */
  parsing: BatchStatement[]
  /** Being read by whoever asked: they have been answered. */
  streamed?: LargeValue
  joiner?: RowJoiner
  /** The server has been asked to stop it. */
  cancelled?: boolean
  /** Served elsewhere: what comes of it here is for nobody. */
  moved?: boolean
  /** It goes on in the transaction of the one before. */
  isJoined?: boolean
  /** The one after goes on in its transaction. */
  isOpen?: boolean
}

/** Whether the last statement of the batch is the one that runs. */
export const isLast = ({ results, job }: InFlight): boolean =>
  results.length === job.statements.length - 1

/** Whether every statement of the batch has been run. */
export const isOver = ({ results, job }: InFlight): boolean =>
  results.length === job.statements.length

/** Failed by what the connection had prepared: nothing of it was done, and it may be done without. */
export const isUndone = ({ job, error }: InFlight): boolean =>
  error instanceof pg.DatabaseError && isAboutPrepared(error) && job.statements.some(hasName)

const hasName = ({ name = '' }: BatchStatement): boolean => name !== ''

/** Parsed where it runs: every connection may have forgotten what it had prepared. */
export const unprepared = (job: WireJob): WireJob =>
  Object.assign(job, { statements: job.statements.map(({ text, values }) => ({ text, values })) })

/** Only what is known to be brief goes out together. */
export const sharesWire = ({ options, isAgain }: WireJob): boolean =>
  options.pace?.isBrief === true && !options.rehearse && !options.describe && !isAgain

/** Whether `job` may go on in the transaction of `before`: who asks, and under which limits, is the very same. */
export const goesOn = (before: WireJob, job: WireJob): boolean =>
  before.statements[0] === job.statements[0] && joins(before) && joins(job)

/** What failed last time would have all after it sent twice. */
const joins = ({ statements, options, isAlone }: WireJob): boolean =>
  options.joins === true && statements.length === 2 && !isAlone && options.pace?.hasFailed === false

const keptBytes = new WeakMap<BatchStatement, Buffer>()

/** Bind and Execute; those of a repeated statement are made once. */
export function messageOf(statement: BatchStatement, describe: boolean): Buffer {
  if (!statement.repeated || describe) return bindMessage(statement, describe)
  let bytes = keptBytes.get(statement)
  if (!bytes) {
    bytes = bindMessage(statement, false)
    keptBytes.set(statement, bytes)
  }
  return bytes
}
