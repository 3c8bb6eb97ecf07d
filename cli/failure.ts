/** A command that could not do what was asked: its message is the whole answer. */
export class Failure extends Error {
  /** True when what was typed is wrong, false when it was tried and did not work. */
  readonly isUsage: boolean

  constructor(message: string, { isUsage = false } = {}) {
    super(message)
    this.isUsage = isUsage
  }
}

export const mistyped = (message: string): Failure => new Failure(message, { isUsage: true })
