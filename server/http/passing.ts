/** Answers that are sent as they come. */
import type { Http } from './env.ts'

/**
 * What `bytes` brings, no faster than the client takes it. When it breaks off, so does the connection, because the client
 * would otherwise take what came for the whole; the log has one line.
 */
export function passing(c: Http, bytes: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = bytes.getReader()
  // At once, also while the client takes nothing.
  reader.closed.catch((error: unknown) => breakOff(c, error))
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await reader.read().catch(() => undefined)
        if (next?.done) controller.close()
        else if (next) controller.enqueue(next.value)
      },
      cancel: (reason) => reader.cancel(reason).catch(() => {}),
    },
    { highWaterMark: 0 },
  )
}

/** Whoever writes the answer cancels it then. Told of an error it would print the stack, and send the message. */
function breakOff(c: Http, error: unknown): void {
  const { outgoing, requestId, log } = c.env
  const reason = error instanceof Error ? error.message : String(error)
  log.warn({ requestId, reason }, 'an answer broke off')
  outgoing.destroy()
}
