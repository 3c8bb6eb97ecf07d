/** Transactions of `ctx.db.asUser` and `ctx.db.asAnon`: a connection each, made new after its use. */
import { invalid } from '#core/errors'
import type { Client, Database } from '#db/database'
import { makeNew, sendGuest } from '#db/guest'
import type { Identity } from '#db/identity'
import type { DbResult } from '#isolates'
import { begin, commit, limitOf, openingOf } from './session.sql.ts'

export type Statement = { text: string; values: readonly (string | null)[]; timeoutMs: number }

export class FunctionTransaction {
  readonly #client: Client
  readonly #end: () => void

  constructor(client: Client, end: () => void) {
    this.#client = client
    this.#end = end
  }

  run({ text, values, timeoutMs }: Statement): Promise<DbResult> {
    return sendGuest(this.#client, { opening: limitOf(timeoutMs), text, values })
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
        await begin(client, openingOf(identity, timeoutMs))
        resolve(new FunctionTransaction(client, ended.resolve))
        await ended.promise
        await makeNew(client)
      })
      .catch(reject)
  })
}
