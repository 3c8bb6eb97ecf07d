/** The way to Stead's own tables in an app's database. Its failures are AppErrors that every dialect can answer. */
import type { AppDatabases } from '#domains/apps'
import { AppError, conflict, invalid } from '#core/errors'
import type { Tx } from '#db/database'
import { asIdentity, SERVICE } from '#db/identity'
import { fromDatabase } from '#db/sqlstate'

export type Store = {
  /** One statement, its own transaction. */
  query: Tx
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** For what reaches tables of the app by their references: their triggers must not run as Stead. */
  asService<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

export function storeOf({ databases }: { databases: AppDatabases }): Store {
  const { platform, api } = databases
  return {
    query: (strings, ...values) => platform.query(strings, ...values).catch(rethrow) as never,
    transaction: (work) => platform.transaction(work).catch(rethrow),
    asService: (work) => asIdentity(api, SERVICE, work).catch(rethrow),
  }
}

/** What the constraints of the users table say of an address. */
function rethrow(error: unknown): never {
  const mapped = fromDatabase(error)
  const code = mapped instanceof AppError ? mapped.code : undefined
  if (code === 'unique_violation') throw emailTaken()
  // PostgreSQL knows a smaller form of a letter that we took for small.
  if (code === 'check_violation') throw badEmail()
  throw mapped
}

export const emailTaken = () => conflict('email_taken', 'The email address is already in use')

export const badEmail = () => invalid('invalid_email', 'Invalid email address')
