/** Which statements a connection has prepared: PostgreSQL's account of it, and ours. */
import type pg from 'pg'
import type { BatchStatement } from './batch.ts'

/** Prepared statements kept per connection; the oldest is closed for a new one. */
const MAX_PREPARED = 400

/**
 * Names to be closed before these statements go out, taken from `prepared`. Before all of them: what follows an error
 * is skipped, and a close that was would leave PostgreSQL with a name that we think is free.
 */
export function crowdedOut(
  prepared: Set<string>,
  statements: readonly BatchStatement[],
): readonly string[] {
  if (prepared.size < MAX_PREPARED) return NONE
  const used = new Set(statements.map(({ name = '' }) => name))
  let excess = prepared.size - MAX_PREPARED
  for (const name of used) if (name !== '' && !prepared.has(name)) excess++
  const closed: string[] = []
  for (const name of prepared) {
    if (closed.length >= excess) break
    if (!used.has(name)) closed.push(name)
  }
  for (const name of closed) prepared.delete(name)
  return closed
}

const NONE: readonly string[] = []

/** Where PostgreSQL finds that a statement is not there, or is there already. */
const OF_PREPARED = new Set(['FetchPreparedStatement', 'StorePreparedStatement'])

/** Such as after a function that ran `deallocate all`: then nothing that we think of the connection is sure. */
export const isAboutPrepared = ({ routine = '' }: pg.DatabaseError): boolean =>
  OF_PREPARED.has(routine)
