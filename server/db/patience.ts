/** A server without a free connection is asked again: another process may give one back. */
import { setTimeout as delay } from 'node:timers/promises'
import { isExhausted } from './sqlstate.ts'

/** After this many milliseconds. */
export const RETRY_MS = 100

/** What `open` gives, tried again for as long as the server has no connection left and `patienceMs` are not over. */
export async function openPatiently<T>(open: () => Promise<T>, patienceMs: number): Promise<T> {
  const end = performance.now() + patienceMs
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!isExhausted(error) || performance.now() + RETRY_MS > end) throw error
    }
    await delay(RETRY_MS)
  }
}
