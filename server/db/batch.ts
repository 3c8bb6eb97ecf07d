/**
 * Several statements in one round trip: Parse/Bind/Execute for each, and a single Sync.
 * PostgreSQL runs what stands before one Sync as one transaction, so role, claims and statement
 * need no `begin` and no `commit`. Rows stay text: nothing here parses them.
 */

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
}

export type BatchOptions = {
  /** Ask for column names and types of every statement (unnamed results of unknown shape). */
  describe?: boolean | undefined
  /** Run everything, give the results, and undo it all. */
  rehearse?: boolean | undefined
  /** Cancels the batch on the server, or takes it out of the queue. */
  signal?: AbortSignal | undefined
  /**
   * A statement of somebody else's: the session is made new before the connection serves again.
   * Nobody waits for that but the connection.
   */
  reset?: boolean | undefined
  /** Rows of more bytes than this end the connection, and the batch with `too_large` result_too_large. */
  maxBytes?: number | undefined
}

/** A last statement that always fails, so that nothing before it stays. */
export const UNDO: BatchStatement = { text: `select 'undo'::text::int4`, values: [] }

export const emptyResult = (): BatchResult => ({ rows: [], fields: [], count: 0 })
