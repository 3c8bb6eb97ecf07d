import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/** A value that prints as `[secret]` wherever it is logged, joined or serialised. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself. Call it where the secret is used, and nowhere else. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}
