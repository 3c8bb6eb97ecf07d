/**
 * Answers and their headers without copies. Hono collects what `c.header` adds, and more than one header of
 * an answer, in a `Headers` object, which is built, sorted and taken apart again: a tenth of a request's time.
 */
import type { Pieces } from '#core/pieces'
import type { Http } from './env.ts'

/** A header of whatever will be the answer, an error too. An answer's own header of that name goes before it. */
export const addHeader = (c: Http, name: string, value: string): void =>
  c.env.outgoing.addHeader(name, value)

/** An answer with these headers and those added with `addHeader`. What `c.header` added is lost. */
export const respond = (
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null,
  status: number,
  headers: Record<string, string>,
): Response => new Response(body, { status, headers })

/** What is long, as fast as the other side takes it; what is short goes as one. Of HEAD only what it would be. */
export function respondInPieces(
  c: Http,
  { list, bytes }: Pieces,
  headers: Record<string, string>,
): Response {
  const all = { ...headers, 'Content-Length': String(bytes) }
  if (c.req.method === 'HEAD') return respond(null, 200, all)
  const [only, ...others] = list
  return respond(only && others.length === 0 ? only : ReadableStream.from(list), 200, all)
}
