/** One PostgreSQL database as one login role: a pool, transactions, and batches of one round trip. */
import pg from 'pg'
import type { Secret } from '#core/secret'
import type { BatchOptions, BatchResult, BatchStatement } from './batch.ts'
import { type Budget, clientWithin, holdWithin } from './budget.ts'
import { driverUrl } from './driver-url.ts'
import { clientWithoutSettings, type Mend, openMended } from './login.ts'
import { openPatiently } from './patience.ts'
import { compile, Fragment } from './sql.ts'
import { Wires } from './wires.ts'

/** Runs one statement and gives its rows, column names in camelCase: tx`select 1 as one_word`. */
export type Tx = <Row = Record<string, unknown>>(
  strings: TemplateStringsArray,
  ...values: unknown[]
) => Promise<Row[]>

export type DatabaseOptions = {
  /** Connections at most for batches, and as many for sessions and transactions; default 10. */
  max?: number
  /** Connections at most for sessions and transactions, where they are the rarer. */
  sessions?: number
  /** Idle connections close after this many milliseconds; default 10 000. */
  idleMs?: number
  /** Waiting for a free connection fails after this many milliseconds; default 10 000. */
  acquireMs?: number
  /** Server-side limit per statement in milliseconds; default none. */
  statementMs?: number
  /** A statement waits no longer for a lock, in milliseconds, unless its role or itself says otherwise; default what the server has. */
  lockMs?: number
  applicationName?: string
  /** Connections of all pools of the cluster together; absent = no limit but `max`. */
  budget?: Budget | undefined
  /** For a login under which other people's statements run: see `login.ts`. */
  mend?: Mend | undefined
  /** Schemas in which unqualified names are looked for, as PostgreSQL spells them; default public. */
  searchPath?: string
}

/**
 * For the superuser in an app's database: no unqualified name finds what the app's owner made, be it a
 * function that fits better than PostgreSQL's own or a temporary table.
 */
export const TRUSTED_PATH = 'pg_catalog,pg_temp'

export type Client = pg.PoolClient

export type Database = {
  readonly name: string
  /** One statement, its own transaction. */
  query: Tx
  /** Commits what `work` did, or rolls back when it throws. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** One round trip, one transaction: see `batch.ts`. */
  batch(statements: readonly BatchStatement[], options?: BatchOptions): Promise<BatchResult[]>
  /** A batch will come soon: opens a connection for it in the background, when there is none. */
  warm(): void
  /** A connection for as long as `work` runs, for what needs a session (locks, interactive work). */
  session<T>(work: (client: Client) => Promise<T>): Promise<T>
  /** Connections open and in use now. */
  stats(): { total: number; idle: number; waiting: number }
  close(): Promise<void>
}

export function openDatabase(url: Secret, options: DatabaseOptions = {}): Database {
  const {
    max = 10,
    idleMs = 10_000,
    acquireMs = 10_000,
    statementMs,
    lockMs,
    budget,
    mend,
  } = options
  const config: pg.ClientConfig = {
    connectionString: driverUrl(url),
    connectionTimeoutMillis: acquireMs,
    application_name: options.applicationName ?? 'stead',
    // By default a role whose name is that of a schema, such as `stead`, would write there.
    options: `-c search_path=${options.searchPath ?? 'public'}${lockMs === undefined ? '' : ` -c lock_timeout=${lockMs}`}`,
    ...(statementMs === undefined ? {} : { statement_timeout: statementMs }),
  }
  const Within = clientWithin(budget, acquireMs * 0.9)
  const Client = mend ? clientWithoutSettings(Within) : Within
  // Batches have connections of their own, so that a batch never waits for a session to end.
  const pool = new pg.Pool({
    ...config,
    max: options.sessions ?? max,
    idleTimeoutMillis: idleMs,
    Client,
  })
  const holder = budget && holdWithin(budget, pool)
  // A connection that dies while idle is replaced at the next use.
  pool.on('error', () => {})
  // One that dies while it is lent tells whoever waits on it; without a listener it would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  const wires = new Wires({ config, max, idleMs, acquireMs, budget, mend, Client })
  const onClose = () => holder && budget?.leave(holder)
  return new PooledDatabase({ pool, wires, mend, acquireMs, onClose })
}

const NO_OPTIONS: BatchOptions = {}

type Parts = {
  pool: pg.Pool
  wires: Wires
  mend: Mend | undefined
  acquireMs: number
  onClose: () => void
}

class PooledDatabase implements Database {
  readonly #pool: pg.Pool
  readonly #wires: Wires
  readonly #mend: Mend | undefined
  readonly #acquireMs: number
  readonly #onClose: () => void

  constructor({ pool, wires, mend, acquireMs, onClose }: Parts) {
    this.#pool = pool
    this.#wires = wires
    this.#mend = mend
    this.#acquireMs = acquireMs
    this.#onClose = onClose
  }

  get name(): string {
    return String(this.#pool.options.database ?? '')
  }

  readonly query: Tx = async (strings, ...values) => {
    const fragment = new Fragment(strings, values)
    // No statement of ours ends as a refused connection does, so that it has not run when it is tried again.
    if (!this.#mend) return openPatiently(() => run(this.#pool, fragment), this.#acquireMs)
    return this.session((client) => run(client, fragment))
  }

  #connect(): Promise<Client> {
    const open = () => openMended(() => this.#pool.connect(), this.#mend)
    return openPatiently(open, this.#acquireMs)
  }

  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await this.#connect()
    try {
      await client.query('begin')
      const value = await work(txOf(client))
      await client.query('commit')
      client.release()
      return value
    } catch (error) {
      client.release(!(await rolledBack(client)))
      throw error
    }
  }

  batch(statements: readonly BatchStatement[], options?: BatchOptions): Promise<BatchResult[]> {
    return this.#wires.run(statements, options ?? NO_OPTIONS)
  }

  warm(): void {
    this.#wires.warm()
  }

  async session<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#connect()
    try {
      const value = await work(client)
      client.release()
      return value
    } catch (error) {
      // Whatever the session held (locks, settings) goes with the connection.
      client.release(true)
      throw error
    }
  }

  stats(): { total: number; idle: number; waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.#pool
    const { total, idle, waiting } = this.#wires.stats()
    return { total: totalCount + total, idle: idleCount + idle, waiting: waitingCount + waiting }
  }

  async close(): Promise<void> {
    this.#wires.close()
    this.#onClose()
    if (!this.#pool.ending) await this.#pool.end()
  }
}

/** A tag bound to one connection. */
export const txOf =
  (client: pg.ClientBase): Tx =>
  (strings, ...values) =>
    run(client, new Fragment(strings, values))

type Queryable = { query(text: string, values: unknown[]): Promise<pg.QueryResult> }

async function run<Row>(on: Queryable, fragment: Fragment): Promise<Row[]> {
  const { text, values } = compile(fragment)
  const { rows, fields } = await on.query(text, values)
  return camelRows(rows, fields) as Row[]
}

const camel = (name: string): string =>
  name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

function camelRows(rows: Record<string, unknown>[], fields: pg.FieldDef[]): object[] {
  if (!fields?.some(({ name }) => name.includes('_'))) return rows
  const names = fields.map(({ name }) => [name, camel(name)] as const)
  return rows.map((row) => Object.fromEntries(names.map(([from, to]) => [to, row[from]])))
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback')
    return true
  } catch {
    return false
  }
}
