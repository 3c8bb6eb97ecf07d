/** Two transactions stood in each other's way: one of them was undone and may try again. */
import { AppError } from '#core/errors'
import { sqlFacts, sqlstateOf } from '#db/sqlstate'

/** serialization_failure and deadlock_detected */
const COLLISIONS = new Set(['40001', '40P01'])
const MAX_RETRIES = 3

/**
 * What `again` gives, after a first try that ended with `error`.
 * @throws `error` when it was no collision, else what the last retry ended with
 */
export async function retried<T>(error: unknown, again: () => Promise<T>): Promise<T> {
  let last = error
  for (let left = MAX_RETRIES; left > 0 && COLLISIONS.has(sqlstateOf(last) ?? ''); left--) {
    try {
      return await again()
    } catch (next) {
      last = next
    }
  }
  throw last
}

/** Whether a request failed for nothing but that: the same one may do better. */
export const isCollision = (error: unknown): boolean =>
  error instanceof AppError && COLLISIONS.has(sqlFacts(error)?.sqlstate ?? '')
