/** PostgreSQL's extended protocol, as much of it as batches need: messages out, messages in. */
import pg from 'pg'
import type { BatchStatement } from './batch.ts'

const CODE = { parse: 0x50, bind: 0x42, describe: 0x44, execute: 0x45, sync: 0x53, close: 0x43 }

/** Execute of the unnamed portal without a row limit; Sync. */
const EXECUTE = Buffer.from([CODE.execute, 0, 0, 0, 9, 0, 0, 0, 0, 0])
export const SYNC = Buffer.from([CODE.sync, 0, 0, 0, 4])
const DESCRIBE = Buffer.from([CODE.describe, 0, 0, 0, 6, 0x50, 0])

/** `Parse` of a statement; the types of its parameters are inferred. */
export function parseMessage(name: string, text: string): Buffer {
  const names = Buffer.byteLength(name)
  const length = 4 + names + 1 + Buffer.byteLength(text) + 1 + 2
  const out = Buffer.allocUnsafe(length + 1)
  out[0] = CODE.parse
  out.writeInt32BE(length, 1)
  let at = 5 + out.write(name, 5)
  out[at++] = 0
  at += out.write(text, at)
  out[at++] = 0
  out.writeInt16BE(0, at)
  return out
}

export function closeMessage(name: string): Buffer {
  const length = 4 + 1 + Buffer.byteLength(name) + 1
  const out = Buffer.allocUnsafe(length + 1)
  out[0] = CODE.close
  out.writeInt32BE(length, 1)
  out[5] = 0x53
  out.write(name, 6)
  out[length] = 0
  return out
}

/** `Bind` of the values as text, optionally `Describe`, and `Execute`. */
export function bindMessage(statement: BatchStatement, describe: boolean): Buffer {
  const { name = '', values } = statement
  const lengths: number[] = []
  let length = 4 + 1 + Buffer.byteLength(name) + 1 + 2 + 2 + 2
  for (const value of values) {
    const bytes = value === null ? -1 : Buffer.byteLength(value)
    lengths.push(bytes)
    length += 4 + Math.max(bytes, 0)
  }
  const out = Buffer.allocUnsafe(length + 1 + (describe ? DESCRIBE.length : 0) + EXECUTE.length)
  out[0] = CODE.bind
  out.writeInt32BE(length, 1)
  let at = writeValues(out, statement, lengths)
  if (describe) at += DESCRIBE.copy(out, at)
  EXECUTE.copy(out, at)
  return out
}

function writeValues(
  out: Buffer,
  { name = '', values }: BatchStatement,
  lengths: number[],
): number {
  let at = 5
  out[at++] = 0
  at += out.write(name, at)
  out[at++] = 0
  at = out.writeInt16BE(0, at)
  at = out.writeInt16BE(values.length, at)
  for (let index = 0; index < values.length; index++) {
    at = out.writeInt32BE(lengths[index] ?? -1, at)
    const value = values[index]
    if (value) at += out.write(value, at)
  }
  return out.writeInt16BE(0, at)
}

export const copyFailMessage = (reason: string): Buffer => {
  const text = Buffer.from(`${reason}\0`)
  const head = Buffer.from([0x66, 0, 0, 0, 0])
  head.writeInt32BE(4 + text.length, 1)
  return Buffer.concat([head, text])
}

/** The body of a message: what stands between `start` and `end` of `bytes`. */
export type Message = { bytes: Buffer; start: number; end: number }

/** A message, such as one row, that is larger than this ends the connection. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024

/** Above this a row may be handed on as it comes. Held, it stands in memory three times: in pieces, whole, as text. */
const LARGE_BYTES = 1024 * 1024

const HEAD_BYTES = 5

export type MessageSink = {
  message(code: number, message: Message): void
  /** Nothing after this is read. */
  oversized(): void
  /** How a large row begins, without the message's head: who takes the rest, if anybody. */
  large?(beginning: Buffer): Taker | 'ask again' | undefined
}

/** Takes the rest of a row as it comes. */
export type Taker = { push(bytes: Buffer): void; end(): void }

/** Cuts a stream into messages. */
export class MessageReader {
  /** Of a message that is not whole yet. */
  #parts: Buffer[] = []
  #have = 0
  #need = HEAD_BYTES
  #taker: Taker | undefined
  /** What the taker has not got yet. */
  #left = 0
  readonly #sink: MessageSink
  /** One object for all: a message is read before the next one comes. */
  readonly #message: Message = { bytes: Buffer.alloc(0), start: 0, end: 0 }

  constructor(sink: MessageSink) {
    this.#sink = sink
  }

  push(received: Buffer): void {
    const chunk = this.#taker ? this.#give(this.#taker, received) : received
    if (this.#have === 0) return this.#cut(chunk)
    this.#parts.push(chunk)
    this.#have += chunk.length
    // Joined once it is whole: joining each chunk to what came before takes the square of the time.
    if (this.#have < this.#need) return
    const bytes = Buffer.concat(this.#parts, this.#have)
    this.#parts = []
    this.#cut(bytes)
  }

  #cut(bytes: Buffer): void {
    const message = this.#message
    message.bytes = bytes
    let at = 0
    this.#need = HEAD_BYTES
    while (at + HEAD_BYTES <= bytes.length) {
      const length = 1 + bytes.readInt32BE(at + 1)
      if (length > MAX_MESSAGE_BYTES) return this.#sink.oversized()
      if (at + length > bytes.length) {
        if (this.#isTaken(bytes, at, length)) return
        break
      }
      message.start = at + HEAD_BYTES
      message.end = at + length
      this.#sink.message(bytes[at] ?? 0, message)
      at += length
    }
    this.#have = bytes.length - at
    if (this.#have > 0) this.#parts.push(at > 0 ? bytes.subarray(at) : bytes)
  }

  /** Whether somebody takes the message at `at`; if not, it is waited for. */
  #isTaken(bytes: Buffer, at: number, length: number): boolean {
    this.#need = length
    if (length <= LARGE_BYTES || bytes[at] !== DATA_ROW) return false
    const taker = this.#sink.large?.(bytes.subarray(at + HEAD_BYTES))
    if (taker === undefined) return false
    const have = bytes.length - at
    if (taker === 'ask again') {
      this.#need = have + 1
      return false
    }
    this.#taker = taker
    this.#left = length - have
    this.#have = 0
    this.#need = HEAD_BYTES
    return true
  }

  /** What of a chunk is not the taker's. */
  #give(taker: Taker, chunk: Buffer): Buffer {
    const part = chunk.subarray(0, this.#left)
    this.#left -= part.length
    taker.push(part)
    if (this.#left > 0) return part.subarray(part.length)
    this.#taker = undefined
    taker.end()
    return chunk.subarray(part.length)
  }
}

const DATA_ROW = 0x44

export type RowBeginning = {
  /** All columns but the last. */
  row: (string | null)[]
  /** Bytes of the last column. */
  length: number
  /** As many of them as are there. */
  bytes: Buffer
}

/** Of a row whose last column is the large one; undefined while the other columns are not whole. */
export function readRowBeginning(bytes: Buffer): RowBeginning | undefined {
  if (bytes.length < 2) return undefined
  const count = bytes.readInt16BE(0)
  const row: (string | null)[] = []
  for (let at = 2, index = 1; at + 4 <= bytes.length; index++) {
    const length = bytes.readInt32BE(at)
    at += 4
    if (index === count) return { row, length, bytes: bytes.subarray(at) }
    if (at + length > bytes.length) return undefined
    row.push(length < 0 ? null : bytes.toString('utf8', at, at + length))
    at += Math.max(length, 0)
  }
  return undefined
}

/** The columns of a `DataRow` as text. */
export function readRow({ bytes, start }: Message): (string | null)[] {
  const count = bytes.readInt16BE(start)
  const row: (string | null)[] = []
  let at = start + 2
  for (let index = 0; index < count; index++) {
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0) row.push(null)
    else {
      row.push(bytes.toString('utf8', at, at + length))
      at += length
    }
  }
  return row
}

/** Names and type oids of a `RowDescription`. */
export function readFields({ bytes, start }: Message): { name: string; dataTypeID: number }[] {
  const count = bytes.readInt16BE(start)
  const fields: { name: string; dataTypeID: number }[] = []
  let at = start + 2
  for (let index = 0; index < count; index++) {
    const zero = bytes.indexOf(0, at)
    fields.push({ name: bytes.toString('utf8', at, zero), dataTypeID: bytes.readInt32BE(zero + 7) })
    at = zero + 19
  }
  return fields
}

/** The number at the end of a command tag such as `INSERT 0 1`; 0 when there is none. */
export function readCount({ bytes, start, end }: Message): number {
  let count = 0
  let unit = 1
  for (let at = end - 2; at >= start; at--) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) break
    count += digit * unit
    unit *= 10
  }
  return count
}

/** `ErrorResponse` fields that have a name of their own in the driver's error. */
const ERROR_FIELDS: Record<string, keyof pg.DatabaseError> = {
  S: 'severity',
  C: 'code',
  D: 'detail',
  H: 'hint',
  P: 'position',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  W: 'where',
  F: 'file',
  R: 'routine',
}

export function readError({ bytes, start, end }: Message): pg.DatabaseError {
  const facts: Record<string, string> = {}
  let at = start
  while (at < end && bytes[at] !== 0) {
    const zero = bytes.indexOf(0, at + 1)
    facts[String.fromCharCode(bytes[at] ?? 0)] = bytes.toString('utf8', at + 1, zero)
    at = zero + 1
  }
  const error = new pg.DatabaseError(facts.M ?? 'unknown error', end - start, 'error')
  for (const [letter, field] of Object.entries(ERROR_FIELDS)) {
    if (facts[letter] !== undefined) Object.assign(error, { [field]: facts[letter] })
  }
  return error
}
