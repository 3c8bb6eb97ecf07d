/** Long work in slices: whoever else waits for this process gets a turn between them. */
import { setImmediate as turn } from 'node:timers/promises'

/** A slice ends soon after this many milliseconds. */
const SLICE_MS = 4

export class Slices {
  #since = performance.now()

  /** Worth asking after each piece of the work. */
  get isOver(): boolean {
    return performance.now() - this.#since > SLICE_MS
  }

  async next(): Promise<void> {
    await turn()
    this.#since = performance.now()
  }
}
