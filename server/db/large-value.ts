/** A value too large to stand in memory: its bytes as the server sends them. */
import type { Socket } from 'node:net'
import { bytesPassed } from '#core/passing-bytes'
import type { Message } from './wire-messages.ts'

/** What may lie between the socket and its reader; the server waits with the rest. */
const BUFFERED_BYTES = 256 * 1024

/** A reader that takes nothing for so long loses the connection: others wait for it. */
const STALL_MS = 30_000

export class LargeValue {
  /** Bytes in all; undefined = not known before the end. */
  readonly length: number | undefined
  /** To be read once. Who stops reading ends the connection, since nothing else stops the server. */
  readonly bytes: ReadableStream<Uint8Array>
  readonly #socket: Socket
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #stalled: NodeJS.Timeout | undefined
  #pausedAt: number | undefined
  #pausedMs = 0

  constructor(length: number | undefined, socket: Socket) {
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
    bytesPassed(chunk.length)
    this.#controller.enqueue(chunk)
    if ((this.#controller.desiredSize ?? 0) > 0) return
    this.#socket.pause()
    this.#pausedAt ??= performance.now()
    this.#stalled ??= setTimeout(() => this.fail(new Error('The reader stalled')), STALL_MS)
  }

  /** For how long in all its reader has kept the server waiting, in milliseconds. */
  heldUpMs(now: number): number {
    return this.#pausedMs + (this.#pausedAt === undefined ? 0 : now - this.#pausedAt)
  }

  end(): void {
    const controller = this.#controller
    this.#done()
    controller?.close()
  }

  /** The reader is told, unless it has everything; the server is not waited for. */
  fail(error: unknown): void {
    if (!this.#controller) return
    this.breakOff(error)
    this.#socket.destroy()
  }

  /** The reader is told that no more comes. */
  breakOff(error: unknown): void {
    const controller = this.#controller
    this.#done()
    controller?.error(error)
  }

  #resume(): void {
    clearTimeout(this.#stalled)
    this.#stalled = undefined
    this.#pausedMs = this.heldUpMs(performance.now())
    this.#pausedAt = undefined
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

const PAGE_BYTES = 64 * 1024

/** Joins rows of one column into pages of bytes, without making text of them. */
export class RowJoiner {
  readonly #large: LargeValue
  readonly #between: Buffer
  #page = Buffer.allocUnsafe(PAGE_BYTES)
  /** What lies before has been handed on. */
  #from = 0
  #at = 0
  #isFirst = true

  constructor(between: string, large: LargeValue) {
    this.#between = Buffer.from(between)
    this.#large = large
  }

  /** A `DataRow` message: the number of columns, a length, the text. */
  add({ bytes, start, end }: Message): void {
    if (this.#isFirst) this.#isFirst = false
    else this.#put(this.#between, 0, this.#between.length)
    this.#put(bytes, start + 6, end)
  }

  /** Hands on what there is. */
  flush(): void {
    if (this.#at > this.#from) this.#large.push(this.#page.subarray(this.#from, this.#at))
    this.#from = this.#at
    if (this.#at < this.#page.length) return
    this.#page = Buffer.allocUnsafe(PAGE_BYTES)
    this.#from = 0
    this.#at = 0
  }

  #put(bytes: Buffer, start: number, end: number): void {
    for (let from = start; from < end; ) {
      const copied = bytes.copy(this.#page, this.#at, from, end)
      from += copied
      this.#at += copied
      if (this.#at === this.#page.length) this.flush()
    }
  }
}
