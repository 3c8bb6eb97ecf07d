/** What an operation costs by the schema: fields, lists and what is in them. */
import type { Given, Input } from './inputs.ts'

/** A list costs as much as this many fields when it does not say how long it is. */
const LIST = 10

const MUTATION = 10

export class Cost {
  #fixed = 0
  readonly #lists: { times: number; limit: Input }[] = []

  field(times: number): void {
    this.#fixed += times
  }

  mutation(): void {
    this.#fixed += MUTATION
  }

  list(times: number, limit: Input | undefined): void {
    if (limit?.read) this.#lists.push({ times, limit })
    else this.#fixed += times * lengthOf(limit?.value)
  }

  /** With the limits that this request's variables give. */
  of(given: Given): number {
    return this.#lists.reduce(
      (sum, { times, limit }) => sum + times * lengthOf(limit.read?.(given)),
      this.#fixed,
    )
  }
}

const lengthOf = (limit: unknown): number =>
  typeof limit === 'number' ? Math.max(limit, LIST) : LIST
