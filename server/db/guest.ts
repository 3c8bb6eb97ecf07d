/**
 * Statements that somebody else wrote, each on a connection of its own while it runs: what comes back is bounded, and
 * the connection is made new before it serves again. For a login role that has no rights of its own.
 */
import type { Socket } from 'node:net'
import type pg from 'pg'
import { tooLarge } from '#core/errors'
import type { Client, Database } from './database.ts'

export type GuestStatement = {
  /** Ours, run before it in the same round trip: identity and limits. */
  opening?: { text: string; values: readonly (string | null)[] } | undefined
  /** One statement. */
  text: string
  /** In PostgreSQL's text form. */
  values: readonly (string | null)[]
}

/** What may come besides the rows: names of columns, notices. */
const SLACK_BYTES = 1024 * 1024

/** Values as PostgreSQL wrote them. */
export type GuestResult = {
  columns: { name: string; oid: number }[]
  rows: (string | null)[][]
  /** Rows that the statement returned or changed. */
  rowCount: number
}

/** More than this ends the connection, and the statement with `too_large` result_too_large. */
export const MAX_RESULT_BYTES = 16 * 1024 * 1024

/**
 * One statement, its own transaction. Nobody but the connection waits until the connection is new again.
 * @throws PostgreSQL's own errors; `too_large` result_too_large
 */
export function runGuest(database: Database, statement: GuestStatement): Promise<GuestResult> {
  return new Promise((resolve, reject) => {
    database
      .session(async (client) => {
        await sendGuest(client, statement).then(resolve, reject)
        await makeNew(client)
      })
      .catch(reject)
  })
}

/** The session as if nothing had run in it; a transaction that is still open is undone. */
export async function makeNew(client: Client): Promise<void> {
  if (client.getTransactionStatus() !== 'I') await client.query('rollback')
  await client.query('discard all')
}

/** One statement on a connection that the caller has. */
export function sendGuest(client: Client, statement: GuestStatement): Promise<GuestResult> {
  return new Promise((resolve, reject) => {
    client.query(new Exchange(statement, { resolve, reject }))
  })
}

type Outcome = { resolve(result: GuestResult): void; reject(error: unknown): void }

/** What `pg` lets a query do with its connection, beyond what its types say. */
type Connection = {
  stream: Socket
  parse(query: { text: string }): void
  bind(config: { values: readonly (string | null)[] }): void
  describe(what: { type: 'P' }): void
  execute(config: object): void
  sync(): void
  sendCopyFail(reason: string): void
}

type DataRow = { fields: (string | null)[]; length: number }

/** Everything before the one Sync is one transaction. `pg` calls what is here by name. */
class Exchange {
  readonly #statement: GuestStatement
  readonly #outcome: Outcome
  readonly #result: GuestResult = { columns: [], rows: [], rowCount: 0 }
  #openings: number
  #bytes = 0
  #received = 0
  #error: unknown
  #connection: Connection | undefined

  constructor(statement: GuestStatement, outcome: Outcome) {
    this.#statement = statement
    this.#outcome = outcome
    this.#openings = statement.opening ? 1 : 0
  }

  submit(connection: unknown): void {
    const wire = connection as Connection
    this.#connection = wire
    wire.stream.on('data', this.#onData)
    const { opening, text, values } = this.#statement
    wire.stream.cork()
    if (opening) {
      wire.parse({ text: opening.text })
      wire.bind({ values: opening.values })
      wire.execute({})
    }
    wire.parse({ text })
    wire.bind({ values })
    wire.describe({ type: 'P' })
    wire.execute({})
    wire.sync()
    wire.stream.uncork()
  }

  handleRowDescription({ fields }: { fields: pg.FieldDef[] }): void {
    this.#result.columns = fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID }))
  }

  handleDataRow({ fields, length }: DataRow): void {
    if (this.#openings > 0 || this.#error !== undefined) return
    this.#bytes += length
    if (this.#bytes <= MAX_RESULT_BYTES) this.#result.rows.push(fields)
    else this.#refuse()
  }

  /** A row is handed over once it is whole, and a single one may be a gigabyte. */
  readonly #onData = ({ length }: Buffer): void => {
    this.#received += length
    if (this.#received > MAX_RESULT_BYTES + SLACK_BYTES) this.#refuse()
  }

  /** The server would go on sending: only the end of the connection stops it. */
  #refuse(): void {
    this.#error ??= tooLarge(
      'result_too_large',
      `The result is larger than ${MAX_RESULT_BYTES} bytes`,
      { hint: 'Ask for fewer rows at a time.' },
    )
    this.#result.rows = []
    this.#connection?.stream.destroy()
  }

  handleCommandComplete({ text }: { text: string }): void {
    if (this.#openings-- > 0) return
    this.#result.rowCount = Number(/ (\d+)$/.exec(text)?.[1] ?? 0)
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  /** PostgreSQL passed over the Sync that came while it waited for data: without another it waits for ever. */
  handleCopyInResponse(connection: Connection): void {
    connection.sendCopyFail('COPY is not offered here')
    connection.sync()
  }

  handleCopyData(): void {}

  /** Of the server, before it is ready again; or of the connection, after which nothing comes. */
  handleError(error: unknown): void {
    this.#error ??= error
    this.#settle()
  }

  handleReadyForQuery(): void {
    this.#settle()
  }

  /** A refused result may be complete already when it is refused: then no other event tells of it. */
  #settle(): void {
    this.#connection?.stream.off('data', this.#onData)
    if (this.#error === undefined) this.#outcome.resolve(this.#result)
    else this.#outcome.reject(this.#error)
  }
}
