/**
 * Several statements in one round trip: Parse/Bind/Execute for each, and a single Sync.
 * PostgreSQL runs what stands before one Sync as one transaction, so role, claims and statement
 * need no `begin` and no `commit`. Rows stay text: nothing here parses them.
 */
import type pg from 'pg'

export type BatchStatement = {
  /** Prepared under this name once per connection; absent = parsed each time. One name, one text. */
  name?: string | undefined
  text: string
  /** In PostgreSQL's text form. */
  values: readonly (string | null)[]
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
  describe?: boolean
}

/** What `pg` gives a submittable to write on, beyond what its types say. */
type Wire = pg.Connection & {
  parsedStatements: Record<string, string>
  stream: { cork(): void; uncork(): void }
  sendCopyFail(reason: string): void
}

export type BatchCallback = (error: Error | undefined, results: BatchResult[]) => void

const emptyResult = (): BatchResult => ({ rows: [], fields: [], count: 0 })

/** A `pg` submittable: `client.query(new Batch(statements, callback))`. */
export class Batch {
  readonly #statements: readonly BatchStatement[]
  readonly #done: BatchCallback
  readonly #describe: boolean
  readonly #results: BatchResult[] = []
  /** Parse messages sent and not yet confirmed, in order. */
  readonly #parsing: BatchStatement[] = []
  #wire: Wire | undefined
  #current = emptyResult()

  constructor(
    statements: readonly BatchStatement[],
    done: BatchCallback,
    options: BatchOptions = {},
  ) {
    this.#statements = statements
    this.#done = done
    this.#describe = options.describe ?? false
  }

  submit(connection: pg.Connection): void {
    const wire = connection as Wire
    this.#wire = wire
    wire.stream.cork()
    for (const statement of this.#statements) this.#send(wire, statement)
    wire.sync()
    wire.stream.uncork()
    if (this.#parsing.length > 0) wire.on('parseComplete', this.#onParseComplete)
  }

  #send(wire: Wire, statement: BatchStatement): void {
    const { name = '', text, values } = statement
    if (name === '' || wire.parsedStatements[name] === undefined) {
      wire.parse({ name, text, types: [] }, true)
      this.#parsing.push(statement)
    }
    wire.bind({ statement: name, values: values as string[] }, true)
    if (this.#describe) wire.describe({ type: 'P', name: '' }, true)
    wire.execute({ portal: '', rows: '' }, true)
  }

  /** A named statement outlives a failed transaction, so the book is kept per confirmation. */
  readonly #onParseComplete = (): void => {
    const statement = this.#parsing.shift()
    if (this.#wire && statement?.name) this.#wire.parsedStatements[statement.name] = statement.text
  }

  handleRowDescription(message: { fields: { name: string; dataTypeID: number }[] }): void {
    this.#current.fields = message.fields
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    this.#current.rows.push(message.fields)
  }

  handleCommandComplete(message: { text: string }): void {
    const { text } = message
    this.#current.count = Number(text.slice(text.lastIndexOf(' ') + 1)) || 0
    this.handleEmptyQuery()
  }

  handleEmptyQuery(): void {
    this.#results.push(this.#current)
    this.#current = emptyResult()
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: pg.Connection): void {
    ;(connection as Wire).sendCopyFail('COPY is not offered here')
  }

  handleCopyData(): void {}

  /** After an error `pg` forgets the query and waits for readiness by itself. */
  handleError(error: Error): void {
    this.#finish(error)
  }

  handleReadyForQuery(): void {
    this.#finish(undefined)
  }

  #finish(error: Error | undefined): void {
    this.#wire?.off('parseComplete', this.#onParseComplete)
    const done = this.#done
    done(error, this.#results)
  }
}
