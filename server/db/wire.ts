/**
 * One PostgreSQL connection that carries batches only. `pg` opens and authenticates it; after that
 * the socket is ours: one write per batch, rows read straight from the bytes.
 */
import { connect, type Socket } from 'node:net'
import pg from 'pg'
import { tooLarge } from '#core/errors'
import {
  type BatchOptions,
  type BatchResult,
  type BatchStatement,
  emptyResult,
  UNDO,
} from './batch.ts'
import {
  bindMessage,
  closeMessage,
  copyFailMessage,
  MessageReader,
  parseMessage,
  readCount,
  readError,
  readFields,
  readRow,
  RESET,
  RESET_ANSWERS,
  SYNC,
} from './wire-messages.ts'

/** Prepared statements kept per connection; the oldest is closed for a new one. */
const MAX_PREPARED = 400

export type WireJob = {
  statements: readonly BatchStatement[]
  options: BatchOptions
  resolve(results: BatchResult[]): void
  reject(error: unknown): void
}

/** What `pg` knows of a connection, beyond what its types say. */
type Inside = {
  connection: { stream: Socket }
  processID: number
  secretKey: number
  host: string
  port: number
}

export type WireEvents = {
  /** The wire can take the next job. */
  onFree(wire: Wire): void
  /** The connection is gone; its job, if any, has been told. */
  onEnd(wire: Wire): void
}

const keptBytes = new WeakMap<BatchStatement, Buffer>()

export class Wire {
  readonly #client: pg.Client
  readonly #stream: Socket
  readonly #events: WireEvents
  /** Names prepared here, oldest first. */
  readonly #prepared = new Set<string>()
  /** Named statements of the running batch whose Parse is not yet confirmed; '' = unnamed. */
  #parsing: string[] = []
  #job: WireJob | undefined
  #results: BatchResult[] = []
  #current = emptyResult()
  #error: Error | undefined
  /** Open cancel requests: until they end they could hit the next batch. */
  #cancelling = 0
  #abort: (() => void) | undefined
  /** Answers of a reset that are still to come. */
  #resetting = 0
  #bytes = 0
  #ended = false
  /** When the last job ended, in milliseconds of the monotonic clock. */
  freeSince = performance.now()

  static async open(config: pg.ClientConfig, events: WireEvents): Promise<Wire> {
    const client = new pg.Client(config)
    client.on('error', () => {})
    await client.connect()
    return new Wire(client, events)
  }

  private constructor(client: pg.Client, events: WireEvents) {
    this.#client = client
    this.#events = events
    this.#stream = (client as unknown as Inside).connection.stream
    const reader = new MessageReader(this.#onMessage)
    this.#stream.removeAllListeners('data')
    this.#stream.on('data', (chunk: Buffer) => reader.push(chunk))
    client.on('error', (error) => this.#end(error))
    client.on('end', () => this.#end(new Error('Connection terminated unexpectedly')))
  }

  get busy(): boolean {
    return this.#job !== undefined || this.#cancelling > 0 || this.#resetting > 0
  }

  run(job: WireJob): void {
    this.#job = job
    this.#results = []
    this.#error = undefined
    this.#bytes = 0
    const { describe = false, rehearse = false, signal } = job.options
    const parts: Buffer[] = []
    for (const statement of job.statements) this.#encode(parts, statement, describe)
    if (rehearse) this.#encode(parts, UNDO, false)
    parts.push(SYNC)
    this.#stream.write(Buffer.concat(parts))
    if (signal) this.#watch(signal)
  }

  #encode(parts: Buffer[], statement: BatchStatement, describe: boolean): void {
    const { name = '', text } = statement
    if (name === '' || !this.#prepared.has(name)) {
      if (name !== '' && this.#prepared.size >= MAX_PREPARED) this.#closeOldest(parts)
      parts.push(parseMessage(name, text))
      this.#parsing.push(name)
    }
    if (!statement.repeated || describe) {
      parts.push(bindMessage(statement, describe))
      return
    }
    let bytes = keptBytes.get(statement)
    if (!bytes) {
      bytes = bindMessage(statement, false)
      keptBytes.set(statement, bytes)
    }
    parts.push(bytes)
  }

  #closeOldest(parts: Buffer[]): void {
    const [oldest] = this.#prepared
    if (oldest === undefined) return
    this.#prepared.delete(oldest)
    parts.push(closeMessage(oldest))
  }

  readonly #onMessage = (code: number, bytes: Buffer, start: number, end: number): void => {
    switch (code) {
      case 0x44: // DataRow
        this.#onRow(bytes, start, end)
        return
      case 0x43: // CommandComplete
        this.#current.count = readCount(bytes, start, end)
        this.#nextResult()
        return
      case 0x49: // EmptyQueryResponse
        this.#nextResult()
        return
      case 0x5a: // ReadyForQuery
        if (this.#resetting > 0) this.#onReset()
        else this.#finish()
        return
      case 0x31: // ParseComplete
        this.#confirmParse()
        return
      case 0x54: // RowDescription
        this.#current.fields = readFields(bytes, start)
        return
      case 0x45: // ErrorResponse
        this.#onError(readError(bytes, start, end))
        return
      case 0x47: // CopyInResponse
        this.#stream.write(copyFailMessage('COPY is not offered here'))
    }
  }

  #onRow(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start
    const { maxBytes } = this.#job?.options ?? {}
    if (maxBytes === undefined || this.#bytes <= maxBytes) {
      this.#current.rows.push(readRow(bytes, start))
    } else if (!this.#stream.destroyed) {
      this.#error = tooLarge('result_too_large', `The result is larger than ${maxBytes} bytes`, {
        hint: 'Ask for fewer rows at a time.',
      })
      this.#stream.destroy()
    }
  }

  #nextResult(): void {
    this.#results.push(this.#current)
    this.#current = emptyResult()
  }

  /** A named statement outlives a failed transaction, so the book is kept per confirmation. */
  #confirmParse(): void {
    const name = this.#parsing.shift()
    if (name) this.#prepared.add(name)
  }

  #onError(error: pg.DatabaseError): void {
    this.#error = error
    if (this.#resetting > 0) this.#stream.destroy()
    if (error.severity === 'FATAL' || error.severity === 'PANIC') this.#stream.destroy()
  }

  #finish(): void {
    const job = this.#job
    if (!job) return
    this.#job = undefined
    this.#parsing.length = 0
    this.#current = emptyResult()
    this.#unwatch()
    const undone = job.options.rehearse === true && this.#results.length === job.statements.length
    const error = this.#error
    const results = this.#results
    if (job.options.reset) this.#reset()
    this.#becomeFree()
    if (error && !undone) job.reject(error)
    else job.resolve(results)
  }

  /** Prepared statements go with the rest of the session. */
  #reset(): void {
    this.#resetting = RESET_ANSWERS
    this.#prepared.clear()
    this.#stream.write(RESET)
  }

  #onReset(): void {
    this.#resetting -= 1
    this.#becomeFree()
  }

  #becomeFree(): void {
    if (this.busy || this.#ended) return
    this.freeSince = performance.now()
    this.#events.onFree(this)
  }

  #watch(signal: AbortSignal): void {
    const abort = (): void => this.#cancel()
    signal.addEventListener('abort', abort, { once: true })
    this.#abort = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
  }

  #unwatch(): void {
    this.#abort?.()
    this.#abort = undefined
  }

  /** Asks the server, over a connection of its own, to stop what runs here. */
  #cancel(): void {
    if (!this.#job) return
    const { host, port, processID, secretKey } = this.#client as unknown as Inside
    const packet = Buffer.alloc(16)
    packet.writeInt32BE(16, 0)
    packet.writeInt32BE(80_877_102, 4)
    packet.writeInt32BE(processID, 8)
    packet.writeInt32BE(secretKey, 12)
    this.#cancelling++
    const path = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined
    const socket = path ? connect(path) : connect(port, host)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#cancelling--
      this.#becomeFree()
    })
    socket.end(packet)
    socket.resume()
  }

  close(): void {
    this.#ended = true
    this.#client.end().catch(() => {})
  }

  #end(error: Error): void {
    const job = this.#job
    this.#job = undefined
    this.#unwatch()
    if (!this.#ended) {
      this.#ended = true
      this.#events.onEnd(this)
    }
    job?.reject(this.#error ?? error)
  }
}
