/**
 * One PostgreSQL connection that carries batches only. `pg` opens and authenticates it; after that
 * the socket is ours: one write per batch, rows read straight from the bytes.
 */
import type { Socket } from 'node:net'
import pg from 'pg'
import { tooLarge } from '#core/errors'
import { type BatchStatement, emptyResult, UNDO } from './batch.ts'
import { type Backend, sendCancel } from './cancel.ts'
import {
  goesOn,
  type InFlight,
  isLast,
  isOver,
  isUndone,
  messageOf,
  sharesWire,
  unprepared,
  type WireJob,
} from './job.ts'
import { LargeValue, RowJoiner } from './large-value.ts'
import { BRIEF_MS } from './pace.ts'
import { isAboutPrepared, PreparedNames } from './prepared.ts'
import {
  closeMessage,
  copyFailMessage,
  type Message,
  MAX_MESSAGE_BYTES,
  MessageReader,
  parseMessage,
  readCount,
  readError,
  readFields,
  readRow,
  readRowBeginning,
  SYNC,
  type Taker,
} from './wire-messages.ts'

export type WireEvents = {
  /** A job ended: the wire is free, or has room for another behind the rest. */
  onProgress(wire: Wire): void
  /** How many connections are under way, this one among them. */
  atWork(): number
  /** The connection is gone. */
  onEnd(wire: Wire): void
  /** This one is to be sent over another connection: here it did nothing, or nothing but read. */
  onUnserved(job: WireJob): void
}

/** Batches sent ahead on one connection. */
const MAX_DEPTH = 16

/** Of those in one transaction; more gain nothing. The server may keep what it has until the last of them is done. */
const MOST_TOGETHER = 4

/** What has run for less is mostly over by itself before a cancel request or another connection helps. */
const LONG_MS = 200

export class Wire {
  readonly #client: pg.Client
  readonly #stream: Socket
  readonly #events: WireEvents
  readonly #prepared = new PreparedNames()
  /** In the order in which the server answers. */
  readonly #jobs: InFlight[] = []
  #current = emptyResult()
  /** Messages not yet written, all of them in one go at the end of this turn of the loop. */
  #unsent: Buffer[] = []
  /** Jobs in the transaction that was written last, or is yet to be. */
  #together = 0
  /** When the server began with the first job, at the latest. */
  #headSince = 0
  /** Open cancel requests: until they end they could hit the next batch. */
  #cancelling = 0
  #ended = false
  /** In milliseconds of the monotonic clock. */
  readonly openedAt = performance.now()
  /** When the last job ended, in milliseconds of the monotonic clock. */
  freeSince = performance.now()

  static async open(
    config: pg.ClientConfig,
    events: WireEvents,
    Client: typeof pg.Client = pg.Client,
  ): Promise<Wire> {
    const client = new Client(config)
    client.on('error', () => {})
    await client.connect()
    return new Wire(client, events)
  }

  private constructor(client: pg.Client, events: WireEvents) {
    this.#client = client
    this.#events = events
    this.#stream = (client as unknown as Backend).connection.stream
    const reader = new MessageReader({
      message: this.#onMessage,
      oversized: this.#onOversized,
      large: this.#onLarge,
    })
    this.#stream.removeAllListeners('data')
    this.#stream.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      this.#jobs[0]?.joiner?.flush()
    })
    client.on('error', (error) => this.#end(error))
    client.on('end', () => this.#end(new Error('Connection terminated unexpectedly')))
  }

  get isFree(): boolean {
    return this.#jobs.length === 0 && this.#cancelling === 0 && !this.#ended
  }

  /** Batches under way. */
  get depth(): number {
    return this.#jobs.length
  }

  /**
   * Whether `job` may be sent behind what is under way: all of it reads, is prepared, and is brief, also
   * the one that runs now.
   */
  accepts(job: WireJob): boolean {
    if (this.#ended || this.#cancelling > 0 || this.#jobs.length >= MAX_DEPTH) return false
    if (performance.now() - this.#headSince > BRIEF_MS) return false
    if (!sharesWire(job) || !this.#jobs.every((one) => sharesWire(one.job) && !one.streamed)) {
      return false
    }
    return job.statements.every(({ name = '' }) => this.#prepared.has(name))
  }

  run(job: WireJob): void {
    const inFlight: InFlight = { job, results: [], error: undefined, parsing: [] }
    const last = this.#jobs.at(-1)
    const behind = this.#jobs.push(inFlight) > 1
    const isWriteDue = this.#unsent.length > 0
    if (last && isWriteDue && this.#together < MOST_TOGETHER && goesOn(last.job, job)) {
      this.#join(last, inFlight)
    } else this.#begin(inFlight)
    this.#unsent.push(SYNC)
    if (behind) {
      if (!isWriteDue) setImmediate(this.#flush)
      return
    }
    this.#headSince = performance.now()
    this.#flush()
  }

  #begin(inFlight: InFlight): void {
    this.#together = 1
    const { statements, options } = inFlight.job
    const { describe = false, rehearse = false } = options
    for (const name of this.#prepared.crowdedOut(statements)) {
      this.#unsent.push(closeMessage(name))
    }
    for (const statement of statements) this.#encode(inFlight, statement, describe)
    if (rehearse) this.#encode(inFlight, UNDO, false)
  }

  /** One transaction for both: what the first statement sets is set already. */
  #join(last: InFlight, inFlight: InFlight): void {
    this.#together++
    last.isOpen = true
    inFlight.isJoined = true
    inFlight.results.push(emptyResult())
    this.#unsent.pop()
    for (const statement of inFlight.job.statements.slice(1))
      this.#encode(inFlight, statement, false)
  }

  readonly #flush = (): void => {
    if (this.#unsent.length === 0 || this.#ended) return
    const bytes = Buffer.concat(this.#unsent)
    this.#unsent = []
    this.#stream.write(bytes)
  }

  #encode(inFlight: InFlight, statement: BatchStatement, describe: boolean): void {
    const { name = '', text } = statement
    const { parsing } = inFlight
    const isKnown = this.#prepared.has(name) || parsing.some((one) => one.name === name)
    if (name === '' || !isKnown) {
      this.#unsent.push(parseMessage(name, text))
      parsing.push(statement)
    }
    this.#unsent.push(messageOf(statement, describe))
  }

  // biome-ignore format: the codes of the protocol, one a line
  readonly #onMessage = (code: number, message: Message): void => {
    switch (code) {
      case 0x44: this.#onRow(message); return // DataRow
      case 0x43: this.#nextResult(readCount(message)); return // CommandComplete
      case 0x49: this.#nextResult(0); return // EmptyQueryResponse
      case 0x5a: this.#finish(); return // ReadyForQuery
      case 0x31: this.#confirmParse(); return // ParseComplete
      case 0x54: this.#current.fields = readFields(message); return // RowDescription
      case 0x45: this.#onError(readError(message)); return // ErrorResponse
      case 0x47: this.#stream.write(copyFailMessage('COPY is not offered here')) // CopyInResponse
    }
  }

  #onRow(message: Message): void {
    const [head] = this.#jobs
    const between = head?.job.options.between
    if (!head || between === undefined || !isLast(head)) {
      this.#current.rows.push(readRow(message))
      return
    }
    if (!head.joiner) {
      head.streamed = new LargeValue(undefined, this.#stream)
      head.joiner = new RowJoiner(between, head.streamed)
      head.job.resolve([...head.results, { ...this.#current, large: head.streamed }])
    }
    head.joiner.add(message)
  }

  #nextResult(count: number): void {
    const [head] = this.#jobs
    head?.joiner?.flush()
    if (head?.joiner) head.streamed?.end()
    this.#current.count = count
    head?.results.push(this.#current)
    this.#current = emptyResult()
    // Nothing but the next one's results tells that an open one is over.
    if (head?.isOpen && isOver(head)) this.#finish()
  }

  /** A named statement outlives a failed transaction, so the book is kept per confirmation. */
  #confirmParse(): void {
    const { name, text = '' } = this.#jobs[0]?.parsing.shift() ?? {}
    if (name) this.#prepared.add(name, text.length)
  }

  /** The server would go on sending: only the end of the connection stops it. */
  readonly #onOversized = (): void => {
    const [head] = this.#jobs
    if (head) head.error = resultTooLarge()
    this.#stream.destroy()
  }

  /** The only row of the last statement: its last column goes to whoever asked, as it comes. */
  readonly #onLarge = (beginning: Buffer): Taker | 'ask again' | undefined => {
    const [head] = this.#jobs
    if (head?.moved) return NOBODY
    if (!head?.job.options.stream || !isLast(head)) return undefined
    const read = readRowBeginning(beginning)
    if (!read) return 'ask again'
    // A slow reader holds up whatever is behind it.
    this.#moveOthers()
    const large = new LargeValue(read.length, this.#stream)
    head.streamed = large
    head.job.resolve([...head.results, { ...this.#current, rows: [read.row], count: 1, large }])
    large.push(read.bytes)
    return large
  }

  #onError(error: pg.DatabaseError): void {
    const [head] = this.#jobs
    const isLost = error.severity === 'FATAL' || error.severity === 'PANIC'
    // What was closed here is ended by whoever drops the database then.
    if (head) head.error = isLost && this.#ended ? new Error('Connection terminated') : error
    if (!isLost && !isAboutPrepared(error)) return this.#sendAlone()
    this.#stream.destroy()
    this.#end(error)
  }

  /**
   * What follows in a transaction that failed, the server passes over. And what went on in one may have failed
   * by what was done there before, such as a temporary table of the same name: that, too, is tried by itself.
   */
  #sendAlone(): void {
    const [head] = this.#jobs
    if (!head) return
    const end = this.#jobs.findIndex(({ isOpen }) => !isOpen)
    const again = this.#jobs.splice(1, end).filter(({ moved }) => !moved)
    head.isOpen = false
    if (head.isJoined && !head.moved && !head.streamed) {
      head.moved = true
      again.unshift(head)
    }
    for (const { job } of again) this.run(Object.assign(job, { isAlone: true }))
  }

  #finish(): void {
    const done = this.#jobs.shift()
    if (!done) return
    const { job, results, error, streamed } = done
    const now = performance.now()
    if (!done.moved) job.options.pace?.record(now - this.#headSince, this.#events.atWork(), !error)
    this.#headSince = now
    this.#current = emptyResult()
    const undone = job.options.rehearse === true && isOver(done)
    this.#tellProgress()
    if (done.moved) return
    if (streamed) return error && streamed.breakOff(error)
    if (error && !undone) job.reject(error)
    else job.resolve(results)
  }

  #tellProgress(): void {
    if (this.#ended) return
    if (this.isFree) this.freeSince = performance.now()
    this.#events.onProgress(this)
  }

  /** Nobody waits behind what takes long, and what nobody waits for is stopped. */
  lookAfter(now: number): void {
    const [head] = this.#jobs
    if (!head || now - this.#headSince < LONG_MS) return
    // Also because a cancel request may come when the next one runs.
    this.#moveOthers()
    // Which of a transaction takes long is not known: the server may keep what it has until the last is done.
    if ((head.isJoined || head.isOpen) && !head.streamed) this.#move(head)
    if (head.cancelled || !(head.moved || head.job.options.isAbandoned?.())) return
    head.cancelled = true
    this.#cancel()
  }

  /** For how long a slow reader has kept what comes through here, in milliseconds. */
  heldUpMs(now: number): number {
    return this.#jobs[0]?.streamed?.heldUpMs(now) ?? 0
  }

  /** Ends the answer of that reader, and the connection with it. */
  breakOff(reason: Error): void {
    this.#jobs[0]?.streamed?.fail(reason)
  }

  /** Who is behind the first one is served elsewhere: it only reads, so that it may run here as well. */
  #moveOthers(): void {
    for (const one of this.#jobs.slice(1)) this.#move(one)
  }

  #move(one: InFlight): void {
    if (one.moved) return
    one.moved = true
    this.#events.onUnserved(one.job)
  }

  /** Asks the server, over a connection of its own, to stop what runs here. */
  #cancel(): void {
    this.#cancelling++
    sendCancel(this.#client as unknown as Backend, () => {
      this.#cancelling--
      this.#tellProgress()
    })
  }

  close(): void {
    this.#ended = true
    this.#client.end().catch(() => {})
  }

  #end(error: Error): void {
    const [head, ...others] = this.#jobs.splice(0)
    if (!this.#ended) {
      this.#ended = true
      this.#events.onEnd(this)
    }
    for (const { job, moved } of others) if (!moved) this.#events.onUnserved(job)
    if (!head || head.moved) return
    const { job, error: own, streamed } = head
    if (streamed) streamed.fail(own ?? error)
    else if (isUndone(head)) this.#events.onUnserved(unprepared(job))
    else job.reject(own ?? error)
  }
}

const NOBODY: Taker = { push() {}, end() {} }

const resultTooLarge = () =>
  tooLarge('result_too_large', `The result is larger than ${MAX_MESSAGE_BYTES} bytes`, {
    hint: 'Ask for fewer rows at a time.',
  })
