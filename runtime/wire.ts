/** Frames over the socket. Everything needed is captured here, before any function's code exists. */
import type { FromIsolate, ToIsolate } from './protocol.ts'

const { parse, stringify } = JSON
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const encode = encoder.encode.bind(encoder)
const decode = decoder.decode.bind(decoder)

const HEAD_BYTES = 8
const READ_BYTES = 65_536
/** A unix socket takes or refuses a write of this size as a whole, so several may be under way at once. */
const EAGER_BYTES = 65_536
const EMPTY = new Uint8Array(0)

type Conn = {
  read(into: Uint8Array): Promise<number | null>
  write(bytes: Uint8Array): Promise<number>
}

export type Wire = {
  send(header: FromIsolate, body?: Uint8Array): void
  frames(): AsyncGenerator<[ToIsolate, Uint8Array]>
}

export const toBytes = (text: string): Uint8Array<ArrayBuffer> => encode(text)
export const toText = (bytes: Uint8Array): string => decode(bytes)
export const toJson = (value: unknown): string => stringify(value)
export const fromJson = (text: string): unknown => parse(text)

export function makeWire(conn: Conn): Wire {
  const write = conn.write.bind(conn)
  const read = conn.read.bind(conn)
  const sender = makeSender(write)
  return {
    send: (header, body = EMPTY) => sender.push(frame(header, body)),
    frames: () => readFrames(read),
  }
}

function frame(header: FromIsolate, body: Uint8Array): Uint8Array {
  const head = encode(stringify(header))
  const bytes = new Uint8Array(HEAD_BYTES + head.length + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, head.length)
  view.setUint32(4, body.length)
  bytes.set(head, HEAD_BYTES)
  bytes.set(body, HEAD_BYTES + head.length)
  return bytes
}

/**
 * Writes in order. A small frame is handed to the kernel at once, even while an earlier write has not reported back:
 * what a function logs just before an endless loop still leaves the process.
 */
function makeSender(write: Conn['write']) {
  const queue: Uint8Array[] = []
  let underWay = 0

  async function put(bytes: Uint8Array): Promise<void> {
    underWay += bytes.length
    let sent = await write(bytes)
    if (sent < bytes.length && underWay > bytes.length) Deno.exit(70) // order is lost: see EAGER_BYTES
    while (sent < bytes.length) sent += await write(bytes.subarray(sent))
    underWay -= bytes.length
    pump()
  }
  function pump(): void {
    while (queue[0] && (underWay === 0 || underWay + queue[0].length <= EAGER_BYTES)) {
      put(queue.shift() as Uint8Array).catch(() => Deno.exit(0))
    }
  }
  return {
    push(bytes: Uint8Array): void {
      queue.push(bytes)
      pump()
    },
  }
}

async function* readFrames(read: Conn['read']): AsyncGenerator<[ToIsolate, Uint8Array]> {
  const take = makeTaker(read)
  for (;;) {
    const head = await take(HEAD_BYTES)
    if (!head) return
    const view = new DataView(head.buffer, head.byteOffset)
    const header = await take(view.getUint32(0))
    const body = await take(view.getUint32(4))
    if (!header || !body) return
    yield [parse(decode(header)) as ToIsolate, body]
  }
}

/** Reads exactly so many bytes; undefined at the end of the stream. */
function makeTaker(read: Conn['read']) {
  let buffer = new Uint8Array(READ_BYTES)
  let start = 0
  let end = 0

  function makeRoom(wanted: number): void {
    if (start + wanted <= buffer.length) return
    const bigger = new Uint8Array(wanted > READ_BYTES ? wanted : READ_BYTES)
    bigger.set(buffer.subarray(start, end))
    buffer = bigger
    end -= start
    start = 0
  }
  return async function take(wanted: number): Promise<Uint8Array | undefined> {
    while (end - start < wanted) {
      makeRoom(wanted)
      const got = await read(buffer.subarray(end))
      if (got === null) return undefined
      end += got
    }
    const bytes = buffer.slice(start, start + wanted)
    start += wanted
    if (start === end) start = end = 0
    return bytes
  }
}
