/** A response body on its way to the client, no faster than the client takes it. */

/** How much the isolate may send ahead. */
export const WINDOW_BYTES = 262_144
const OVERRUN_BYTES = 4 * WINDOW_BYTES

export type BodyEvents = {
  credit(bytes: number): void
  cancelled(): void
  /** The isolate sends without credit. */
  overrun(): void
}

export class ResponseBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #events: BodyEvents
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #isWanted = false
  #state: 'open' | 'ending' | 'closed' = 'open'

  constructor(events: BodyEvents) {
    this.#events = events
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
        this.#controller = controller
      },
      pull: () => this.#pull(),
      cancel: () => this.#cancel(),
    }
    this.stream = new ReadableStream(source, { highWaterMark: 0 })
  }

  push(piece: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#queue.push(piece)
    this.#queuedBytes += piece.length
    if (this.#queuedBytes > OVERRUN_BYTES) return this.#events.overrun()
    if (this.#isWanted) this.#pull()
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    if (this.#queue.length === 0) this.#close()
  }

  break(error: Error): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.length = 0
    this.#controller.error(error)
  }

  #pull(): void {
    const piece = this.#queue.shift()
    this.#isWanted = piece === undefined
    if (piece) {
      this.#queuedBytes -= piece.length
      this.#controller.enqueue(piece)
      if (this.#state === 'open') this.#events.credit(piece.length)
    }
    if (this.#state === 'ending' && this.#queue.length === 0) this.#close()
  }

  #close(): void {
    this.#state = 'closed'
    this.#controller.close()
  }

  #cancel(): void {
    this.#state = 'closed'
    this.#queue.length = 0
    this.#events.cancelled()
  }
}
