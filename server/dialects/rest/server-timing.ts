/** `Server-Timing`: how long each step of a request took, where the app wants it told. */
import type { Step, Timings } from '#domains/data'
import type { Http } from '#http/env'
import { addHeader } from '#http/respond'

const watches = new WeakMap<Http, Stopwatch>()

class Stopwatch implements Timings {
  readonly #laps: string[] = []
  #last: number

  constructor(started: number) {
    this.#last = started
  }

  /** The step that ends now. One that is done again is told once. */
  lap(step: Step): void {
    const now = performance.now()
    if (!this.#laps.some((lap) => lap.startsWith(`${step};`))) {
      this.#laps.push(`${step};dur=${(now - this.#last).toFixed(1)}`)
    }
    this.#last = now
  }

  get header(): string {
    return this.#laps.join(', ')
  }
}

/** @param started when the request came, in milliseconds of the monotonic clock */
export function startWatch(c: Http, started: number): Timings {
  const watch = new Stopwatch(started)
  watch.lap('jwt')
  watches.set(c, watch)
  return watch
}

/** After the answer is made: tells the steps that it took, as far as it came. */
export function tellTimes(c: Http, failed: boolean): undefined {
  const watch = watches.get(c)
  if (!watch) return
  if (!failed) watch.lap('response')
  addHeader(c, 'Server-Timing', watch.header)
}
