/** Bodies that are text, or that come as a stream because they are large. */
import type { Http } from './env.ts'
import { passing } from './passing.ts'

export type Sendable = {
  body: string
  large?: { length: number | undefined; bytes: ReadableStream<Uint8Array> } | undefined
}

/** What to send, and the header that a stream needs so that a reader knows when it has all. */
export function bodyOf(
  c: Http,
  { body, large }: Sendable,
): {
  body: string | ReadableStream<Uint8Array>
  headers: Record<string, string>
} {
  if (!large) return { body, headers: {} }
  const { bytes, length } = large
  return {
    body: passing(c, bytes),
    headers: length === undefined ? {} : { 'Content-Length': String(length) },
  }
}
