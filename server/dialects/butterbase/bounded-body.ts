/** The body of a call, byte for byte, as long as it is not too large. */
import { type AppError, tooLarge } from '#core/errors'
import { MEBIBYTE, readBytes } from '#http/body'
import type { Http } from '#http/env'

/** Bytes of a call's body at most. */
export const MAX_FUNCTION_BODY = 10 * MEBIBYTE

/** A body that says it is no larger is read before the function starts: one message instead of a stream. */
const READ_FIRST = 65_536

export type BoundedBody = {
  body: Uint8Array | ReadableStream<Uint8Array> | null
  /** Aborts when the client leaves or the body is refused. */
  signal: AbortSignal
  /** Rejects when more has come than may. @throws `too_large` body_too_large */
  refused: Promise<never>
}

const never = new Promise<never>(() => {})

/** @throws `too_large` body_too_large when the request says so itself */
export async function boundedBody(c: Http): Promise<BoundedBody> {
  const { body, signal } = c.req.raw
  const declared = c.req.header('content-length')
  if (body === null || declared === '0') return { body: null, signal, refused: never }
  if (declared !== undefined && Number(declared) > MAX_FUNCTION_BODY) throw refusal()
  if (declared !== undefined && Number(declared) <= READ_FIRST) {
    return { body: await readBytes(c, READ_FIRST), signal, refused: never }
  }
  return counted(body, signal)
}

function counted(body: ReadableStream<Uint8Array>, client: AbortSignal): BoundedBody {
  const stop = new AbortController()
  const { promise: refused, reject } = Promise.withResolvers<never>()
  let size = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength
      if (size <= MAX_FUNCTION_BODY) return controller.enqueue(chunk)
      const error = refusal()
      controller.error(error)
      reject(error)
      stop.abort(error)
    },
  })
  refused.catch(() => {})
  return {
    body: body.pipeThrough(counter),
    signal: AbortSignal.any([client, stop.signal]),
    refused,
  }
}

const refusal = (): AppError =>
  tooLarge('body_too_large', `The body is larger than ${MAX_FUNCTION_BODY} bytes`, {
    details: { max_bytes: MAX_FUNCTION_BODY },
    hint: 'Send less at once.',
  })
