/** How long the like of a batch takes on the server: what decides how many connections share such batches. */

/** Milliseconds. Nothing waits behind what takes as long. */
export const BRIEF_MS = 20

/** Milliseconds of one connection's time, of which each batch costs so much. */
const WEIGHTY_MS = 0.25

/** Milliseconds. One that took longer says that the machine was busy elsewhere, or is an exception. */
const MOST_MS = 1

/** Kept by whoever sends such batches again and again. */
export class Pace {
  #worst = Number.POSITIVE_INFINITY
  #mean = 0
  #hasFailed = false

  /**
   * @param ms from when the server could begin with the batch until its end
   * @param atWork connections that were under way. They take turns on the processors, so that with more of them each
   *   batch seems to take longer: what it costs is its share of that time. Taken as it seems, brief batches that
   *   had come to use many connections would go on using them
   * @param isDone it did not end in an error
   */
  record(ms: number, atWork = 1, isDone = true): void {
    this.#hasFailed = !isDone
    const isFirst = this.#worst === Number.POSITIVE_INFINITY
    // The worst rises at once and falls slowly.
    this.#worst = isFirst ? ms : Math.max(ms, this.#worst * 0.9)
    this.#mean += (Math.min(ms / atWork, MOST_MS) - this.#mean) * (isFirst ? 1 : 0.05)
  }

  /** Short enough that another batch may wait behind it. */
  get isBrief(): boolean {
    return this.#worst < BRIEF_MS
  }

  /** The last one ended in an error. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Brief, but not so brief that a queue of them costs nobody anything. */
  get isWeighty(): boolean {
    return this.#mean > WEIGHTY_MS
  }
}
