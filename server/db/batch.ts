/**
 * Several statements in one round trip: Parse/Bind/Execute for each, and a single Sync.
 * PostgreSQL runs what stands before one Sync as one transaction, so role, claims and statement
 * need no `begin` and no `commit`. Rows stay text: nothing here parses them.
 */

import type { LargeValue } from './large-value.ts'
import type { Pace } from './pace.ts'

export type BatchStatement = {
  /** Prepared under this name once per connection; absent = parsed each time. One name, one text. */
  name?: string | undefined
  text: string
  /** In PostgreSQL's text form. */
  values: readonly (string | null)[]
  /** This very object is sent again and again: its bytes are kept. */
  repeated?: boolean | undefined
}

export type BatchResult = {
  /** Each row as its columns' text. */
  rows: (string | null)[][]
  /** Column names and type oids; only with `describe`. */
  fields: { name: string; dataTypeID: number }[]
  /** Rows that the statement returned or changed. */
  count: number
  /** With `stream` the last column of its one row, which `rows` then lacks; with `between` its rows, if any. */
  large?: LargeValue
}

export type BatchOptions = {
  /**
   * Only for batches that read: such a one, when brief, shares its connection with others. When those behind whom it
   * waits take long after all, or end the connection, it is sent once more over another one.
   */
  pace?: Pace | undefined
  /**
   * The first of two statements only sets, for its transaction, what the other is run under, and the other leaves nothing
   * behind in it: who waits behind with the very same first statement may go on in that transaction.
   */
  joins?: boolean | undefined
  /** Ask for column names and types of every statement (unnamed results of unknown shape). */
  describe?: boolean | undefined
  /** Run everything, give the results, and undo it all. */
  rehearse?: boolean | undefined
  /** The last statement gives one row; a large value in its last column may come as a stream. */
  stream?: boolean | undefined
  /** The last statement gives rows of one text, never null: they come as one stream with this between them. */
  between?: string | undefined
  /**
   * Whether nobody waits for the answer any more: then the batch is cancelled on the server, or taken out
   * of the queue. It is asked now and then, so that the many batches that are soon over cost nothing.
   */
  isAbandoned?: (() => boolean) | undefined
}

/** A last statement that always fails, so that nothing before it stays. */
export const UNDO: BatchStatement = { text: `select 'undo'::text::int4`, values: [] }

export const emptyResult = (): BatchResult => ({ rows: [], fields: [], count: 0 })
