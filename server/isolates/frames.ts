/** The server's end of the wire. What arrives is from code nobody trusts. */
import type { Socket } from 'node:net'
import type { FromIsolate, ToIsolate } from '../../runtime/protocol.ts'

const HEAD_BYTES = 8
export const MAX_FRAME_BYTES = 16 * 1024 * 1024

const EMPTY = new Uint8Array(0)

/** @returns false when the socket asks to wait for `drain` */
export function sendFrame(socket: Socket, header: ToIsolate, body: Uint8Array = EMPTY): boolean {
  const head = Buffer.from(JSON.stringify(header))
  const lengths = Buffer.allocUnsafe(HEAD_BYTES)
  lengths.writeUInt32BE(head.length, 0)
  lengths.writeUInt32BE(body.length, 4)
  if (body.length <= 65_536) {
    return socket.write(
      Buffer.concat([lengths, head, body], HEAD_BYTES + head.length + body.length),
    )
  }
  socket.write(Buffer.concat([lengths, head], HEAD_BYTES + head.length))
  return socket.write(body)
}

export type FrameSink = {
  frame(header: FromIsolate, body: Buffer): void
  /** The other side broke the protocol: nothing after this is read. */
  broken(reason: string): void
}

/** Cuts the byte stream into frames. */
export function readFrames(socket: Socket, sink: FrameSink): void {
  let rest: Buffer = Buffer.alloc(0)
  const parts: Buffer[] = []
  let have = 0
  let need = HEAD_BYTES

  function take(): void {
    if (have < need) return
    rest = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, have)
    parts.length = 0
    while (rest.length >= need) {
      const length = need > HEAD_BYTES ? need : frameLength(rest)
      if (length > MAX_FRAME_BYTES) return stop(`a frame of ${length} bytes`)
      if (rest.length < length) {
        need = length
        break
      }
      if (!deliver(rest.subarray(0, length), sink)) return stop('a frame that is no JSON object')
      rest = rest.subarray(length)
      need = HEAD_BYTES
    }
    have = rest.length
    if (have > 0) parts.push(rest)
  }
  function stop(reason: string): void {
    socket.off('data', onData)
    sink.broken(reason)
  }
  function onData(bytes: Buffer): void {
    parts.push(bytes)
    have += bytes.length
    take()
  }
  socket.on('data', onData)
}

const frameLength = (bytes: Buffer): number =>
  HEAD_BYTES + bytes.readUInt32BE(0) + bytes.readUInt32BE(4)

function deliver(bytes: Buffer, sink: FrameSink): boolean {
  const bodyAt = HEAD_BYTES + bytes.readUInt32BE(0)
  const header = parseObject(bytes.toString('utf8', HEAD_BYTES, bodyAt))
  if (!header) return false
  sink.frame(header as FromIsolate, bytes.subarray(bodyAt))
  return true
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
