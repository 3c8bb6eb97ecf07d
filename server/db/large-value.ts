/** A value too large to stand in memory: its bytes as the server sends them. */
import type { Socket } from 'node:net'

/** What may lie between the socket and its reader; the server waits with the rest. */
const BUFFERED_BYTES = 256 * 1024

/** A reader that takes nothing for so long loses the connection: others wait for it. */
const STALL_MS = 30_000

export class LargeValue {
  /** Bytes in all. */
  readonly length: number
  /** To be read once. Who stops reading ends the connection, since nothing else stops the server. */
  readonly bytes: ReadableStream<Uint8Array>
  readonly #socket: Socket
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #stalled: NodeJS.Timeout | undefined

  constructor(length: number, socket: Socket) {
    this.length = length
    this.#socket = socket
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_BYTES })
    this.bytes = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#resume(),
        cancel: () => this.#abandon(),
      },
      strategy,
    )
  }

  push(chunk: Uint8Array): void {
    if (!this.#controller || chunk.length === 0) return
    this.#controller.enqueue(chunk)
    if ((this.#controller.desiredSize ?? 0) > 0) return
    this.#socket.pause()
    this.#stalled ??= setTimeout(() => this.fail(new Error('The reader stalled')), STALL_MS)
  }

  end(): void {
    const controller = this.#controller
    this.#done()
    controller?.close()
  }

  /** The reader is told, unless it has everything. */
  fail(error: unknown): void {
    const controller = this.#controller
    this.#done()
    if (!controller) return
    controller.error(error)
    this.#socket.destroy()
  }

  #resume(): void {
    clearTimeout(this.#stalled)
    this.#stalled = undefined
    this.#socket.resume()
  }

  #abandon(): void {
    const unfinished = this.#controller !== undefined
    this.#done()
    if (unfinished) this.#socket.destroy()
  }

  #done(): void {
    this.#resume()
    this.#controller = undefined
  }
}
