/** What a running function may ask for: statements under its own role, claims, other functions. */
import type { AppDatabases } from '#domains/apps'
import { invalid, timedOut, unavailable } from '#core/errors'
import { runGuest } from '#db/guest'
import { ANONYMOUS, type Identity, SERVICE } from '#db/identity'
import { fromDatabase, sqlstateOf } from '#db/sqlstate'
import type { CallReply, DbRole, FunctionCall, HostCalls } from '#isolates'
import { userIdentity } from './callers.ts'
import { claimOf, openingOf } from './session.sql.ts'
import { FunctionTransaction, openTransaction } from './transactions.ts'

export type HostNeeds = {
  databases: AppDatabases
  identity: Identity
  /** Milliseconds that the invocation still has; 0 or less when its time is over. */
  timeLeft: () => number
  invoke: (call: FunctionCall) => Promise<CallReply>
}

/** The protocol counts parameters in 16 bits, of which one is the sign. */
const MAX_PARAMETERS = 32_767

export function hostCallsFor({ databases, identity, timeLeft, invoke }: HostNeeds): HostCalls {
  // Only the service needs a login that may become it: all other statements cannot, whatever they try.
  const own = () =>
    identity.role === SERVICE.role ? databases.functions.api : databases.functions.user
  const limit = (): number => {
    const left = Math.floor(timeLeft())
    if (left > 0) return left
    throw timedOut('function_timeout', 'The time of the invocation is over')
  }
  return {
    query: (text, values, tx) =>
      explained(async () => {
        assertSendable(text, values)
        const timeoutMs = limit()
        if (tx instanceof FunctionTransaction) return tx.run({ text, values, timeoutMs })
        return runGuest(own(), { opening: openingOf(identity, timeoutMs), text, values })
      }),
    begin: (as) =>
      explained(() => openTransaction(databases.functions.user, identityFor(as), limit())),
    commit: (tx) => explained(() => (tx as FunctionTransaction).commit()),
    rollback: (tx) => (tx as FunctionTransaction).rollback(),
    claimIdempotency: ({ key, scope, ttlSeconds }) =>
      explained(async () => {
        assertSendable(key, [scope])
        const batch = [SERVICE.statement, claimOf(key, scope, ttlSeconds)]
        const results = await databases.api.batch(batch)
        return results.at(1)?.count === 1
      }),
    invoke,
  }
}

function identityFor(as: DbRole): Identity {
  if (as.kind === 'anon') return ANONYMOUS
  assertSendable(as.id, [])
  return userIdentity(as.id)
}

/** @throws `invalid` unsendable: what the protocol or PostgreSQL's text cannot hold */
function assertSendable(text: string, values: readonly (string | null)[]): void {
  if (values.length > MAX_PARAMETERS) {
    throw invalid('unsendable', `Too many parameters: ${values.length} (limit ${MAX_PARAMETERS})`)
  }
  if (text.includes('\0') || values.some((value) => value?.includes('\0'))) {
    throw invalid('unsendable', 'Text must not contain the character NUL')
  }
}

/** For a place in the pool, or for the server to let a new connection in. */
const WAITED_IN_VAIN = /timeout exceeded when trying|connection timeout|timeout expired/

/** PostgreSQL's own errors pass as they are; a connection that cannot be had is told in our words. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (sqlstateOf(error) !== undefined) throw error
    const isWait = error instanceof Error && WAITED_IN_VAIN.test(error.message)
    throw isWait
      ? unavailable('database_busy', 'Cannot get a database connection within 5 s')
      : fromDatabase(error)
  }
}
