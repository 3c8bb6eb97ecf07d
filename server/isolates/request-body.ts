/** The request's body on its way into the isolate. */
import type { ToIsolate } from '../../runtime/protocol.ts'

const PIECE_BYTES = 262_144

type Sending = {
  body: ReadableStream<Uint8Array> | Uint8Array
  capability: string
  send: (frame: ToIsolate, piece?: Uint8Array) => Promise<void>
  /** The invocation has ended: nobody reads the rest. */
  isOver: () => boolean
}

/** Never rejects: a body that breaks is told to the isolate. */
export async function sendRequestBody({
  body,
  capability: c,
  send,
  isOver,
}: Sending): Promise<void> {
  try {
    for await (const piece of pieces(body)) {
      if (isOver()) return
      await send({ t: 'chunk', c }, piece)
    }
    await send({ t: 'end', c })
  } catch {
    await send({ t: 'end', c, broken: true })
  }
}

async function* pieces(body: ReadableStream<Uint8Array> | Uint8Array): AsyncGenerator<Uint8Array> {
  const source = body instanceof Uint8Array ? [body] : body
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      yield bytes.subarray(at, at + PIECE_BYTES)
  }
}
