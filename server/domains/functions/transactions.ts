/** Transactions of `ctx.db.asUser` and `ctx.db.asAnon`: a connection each, made new after its use. */
import type pg from 'pg'
import { invalid, tooLarge } from '#core/errors'
import type { Client, Database } from '#db/database'
import type { Identity } from '#db/identity'
import type { DbResult } from '#isolates'
import { begin, commit, limitNextStatement, makeNew } from './session.sql.ts'

export const MAX_RESULT_BYTES = 16 * 1024 * 1024

export type Statement = { text: string; values: readonly (string | null)[]; timeoutMs: number }

export class FunctionTransaction {
  readonly #client: Client
  readonly #end: () => void

  constructor(client: Client, end: () => void) {
    this.#client = client
    this.#end = end
  }

  async run({ text, values, timeoutMs }: Statement): Promise<DbResult> {
    await limitNextStatement(this.#client, timeoutMs)
    return runTyped(this.#client, text, values)
  }

  /** @throws `invalid` transaction_failed when a statement had failed and nothing can be kept */
  async commit(): Promise<void> {
    const kept = await commit(this.#client).finally(() => this.#end())
    if (kept) return
    throw invalid(
      'transaction_failed',
      'The transaction was rolled back because a statement in it had failed',
    )
  }

  async rollback(): Promise<void> {
    this.#end()
  }
}

/** Resolves once the transaction has begun; the connection goes back when it ends. */
export function openTransaction(
  database: Database,
  identity: Identity,
  timeoutMs: number,
): Promise<FunctionTransaction> {
  return new Promise((resolve, reject) => {
    database
      .session(async (client) => {
        const ended = Promise.withResolvers<void>()
        await begin(client, identity, timeoutMs)
        resolve(new FunctionTransaction(client, ended.resolve))
        await ended.promise
        await makeNew(client)
      })
      .catch(reject)
  })
}

/** One statement by the extended protocol, values as PostgreSQL writes them. */
function runTyped(client: Client, text: string, values: Statement['values']): Promise<DbResult> {
  let bytes = 0
  const keep = (value: string): string => {
    bytes += value.length
    if (bytes > MAX_RESULT_BYTES) throw resultTooLarge()
    return value
  }
  const config = {
    text,
    values: [...values],
    rowMode: 'array',
    queryMode: 'extended',
    types: { getTypeParser: () => keep },
  } as pg.QueryArrayConfig
  return client.query<(string | null)[]>(config).then(({ fields, rows, rowCount }) => ({
    columns: fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID })),
    rows,
    rowCount: rowCount ?? 0,
  }))
}

const resultTooLarge = () =>
  tooLarge('result_too_large', `The result is larger than ${MAX_RESULT_BYTES} bytes`, {
    hint: 'Ask for fewer rows at a time.',
  })
