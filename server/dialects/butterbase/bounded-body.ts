/** The body of a call, byte for byte, as long as it is not too large. */
import { type AppError, tooLarge } from '#core/errors'
import { MEBIBYTE, readBytes } from '#http/body'
import { headerOf } from '#http/request'
import type { Http } from '#http/env'

/** Bytes of a call's body at most. */
export const MAX_FUNCTION_BODY = 10 * MEBIBYTE

/** A body that says it is no larger is read before the function starts: one message instead of a stream. */
const READ_FIRST = 65_536

export type BoundedBody = {
  body: Uint8Array | ReadableStream<Uint8Array> | null
  /** Aborts when the client leaves before the answer begins, or the body is refused. */
  signal: AbortSignal
  /** The answer has begun: whoever sends it sees by itself that the client has left. */
  answered(): void
  /** Rejects when more has come than may; absent where no more can come. @throws `too_large` body_too_large */
  refused?: Promise<never>
}

/** @throws `too_large` body_too_large when the request says so itself */
export async function boundedBody(c: Http): Promise<BoundedBody> {
  const stop = new AbortController()
  const whole = untilAnswered(c.req.raw.signal, stop)
  const declared = headerOf(c, 'content-length')
  // Looking at `body` makes a whole request of what is so far only read as far as needed.
  const body = isBodiless(c) ? null : c.req.raw.body
  if (body === null) return { ...whole, body: null }
  if (declared !== undefined && Number(declared) > MAX_FUNCTION_BODY) throw refusal(c)
  if (declared !== undefined && Number(declared) <= READ_FIRST) {
    return { ...whole, body: await readBytes(c, READ_FIRST) }
  }
  return { ...whole, ...counted(c, body, stop) }
}

function isBodiless(c: Http): boolean {
  const declared = headerOf(c, 'content-length')
  return declared === '0' || (declared === undefined && !headerOf(c, 'transfer-encoding'))
}

function untilAnswered(client: AbortSignal, stop: AbortController) {
  const onGone = (): void => stop.abort(client.reason)
  client.addEventListener('abort', onGone, { once: true })
  return { signal: stop.signal, answered: () => client.removeEventListener('abort', onGone) }
}

function counted(c: Http, body: ReadableStream<Uint8Array>, stop: AbortController) {
  const { promise: refused, reject } = Promise.withResolvers<never>()
  let size = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength
      if (size <= MAX_FUNCTION_BODY) return controller.enqueue(chunk)
      const error = refusal(c)
      controller.error(error)
      reject(error)
      stop.abort(error)
    },
  })
  refused.catch(() => {})
  // Cancelling what comes in would close the connection before it can be told why.
  return { body: body.pipeThrough(counter, { preventCancel: true }), refused }
}

/** The rest of the body is not read, so the connection cannot serve another request. */
function refusal(c: Http): AppError {
  c.header('Connection', 'close')
  return tooLarge('body_too_large', `The body is larger than ${MAX_FUNCTION_BODY} bytes`, {
    details: { max_bytes: MAX_FUNCTION_BODY },
    hint: 'Send less at once.',
  })
}
