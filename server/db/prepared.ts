/** Which statements a connection has prepared: PostgreSQL's account of it, and ours. */
import type pg from 'pg'
import type { BatchStatement } from './batch.ts'

/** Prepared statements kept per connection; the oldest is closed for a new one. */
const MAX_PREPARED = 400

/**
 * Characters of their texts together. PostgreSQL keeps some 25 bytes for each in every connection (of 1000 columns:
 * 1 MB), so that 400 long ones would take the memory of the machine.
 */
const MAX_PREPARED_CHARS = 1_000_000

/** The names that a connection has prepared, oldest first. */
export class PreparedNames {
  /** With the length of their texts. */
  readonly #names = new Map<string, number>()
  #chars = 0

  has(name: string): boolean {
    return this.#names.has(name)
  }

  add(name: string, chars: number): void {
    this.#names.set(name, chars)
    this.#chars += chars
  }

  /**
   * Names to be closed before these statements go out; they count as closed. Before all of them: what follows an error
   * is skipped, and a close that was would leave PostgreSQL with a name that we think is free.
   */
  crowdedOut(statements: readonly BatchStatement[]): readonly string[] {
    if (this.#names.size < MAX_PREPARED && this.#chars < MAX_PREPARED_CHARS) return NONE
    const used = new Set(statements.map(({ name = '' }) => name))
    let count = this.#names.size
    for (const name of used) if (name !== '' && !this.#names.has(name)) count++
    const closed: string[] = []
    for (const [name, chars] of this.#names) {
      if (count <= MAX_PREPARED && this.#chars < MAX_PREPARED_CHARS) break
      if (used.has(name)) continue
      closed.push(name)
      count--
      this.#chars -= chars
    }
    for (const name of closed) this.#names.delete(name)
    return closed
  }
}

const NONE: readonly string[] = []

/** Where PostgreSQL finds that a statement is not there, or is there already. */
const OF_PREPARED = new Set(['FetchPreparedStatement', 'StorePreparedStatement'])

/** Such as after a function that ran `deallocate all`: then nothing that we think of the connection is sure. */
export const isAboutPrepared = ({ routine = '' }: pg.DatabaseError): boolean =>
  OF_PREPARED.has(routine)
