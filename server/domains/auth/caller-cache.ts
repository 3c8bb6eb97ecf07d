/** Who was behind a credential when it was last asked. */
import type { Caller } from '#domains/accounts'

export type Remembered = { caller: Caller; until: number; appId: string | undefined }

/** Bounded; the oldest of the fullest app go first. By app and then by secret: joining the two costs more than to look twice. */
export class CallerCache {
  readonly #byApp = new Map<string, Map<string, Remembered>>()
  readonly #max: number
  #size = 0

  /** @param max callers kept at most */
  constructor(max: number) {
    this.#max = max
  }

  /** @param appId of the app that the request addresses, '' when it addresses none */
  get(appId: string, secret: string): Remembered | undefined {
    return this.#byApp.get(appId)?.get(secret)
  }

  set(appId: string, secret: string, entry: Remembered): void {
    let callers = this.#byApp.get(appId)
    if (!callers) {
      callers = new Map()
      this.#byApp.set(appId, callers)
    }
    if (!callers.has(secret)) this.#size += 1
    callers.set(secret, entry)
    if (this.#size > this.#max) this.#dropOldest()
  }

  forget(isForgotten: (entry: Remembered) => boolean): void {
    for (const [appId, callers] of this.#byApp) {
      for (const [secret, entry] of callers) {
        if (!isForgotten(entry)) continue
        callers.delete(secret)
        this.#size -= 1
      }
      if (callers.size === 0) this.#byApp.delete(appId)
    }
  }

  #dropOldest(): void {
    let fullest: Map<string, Remembered> | undefined
    for (const callers of this.#byApp.values()) {
      if (callers.size > (fullest?.size ?? 0)) fullest = callers
    }
    const oldest = fullest?.keys().next().value
    if (oldest !== undefined && fullest?.delete(oldest)) this.#size -= 1
  }
}
