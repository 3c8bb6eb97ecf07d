/** Cross-origin answers as PostgREST gives them: to everybody, without credentials. */
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import { addHeader } from '#http/respond'

const METHODS = 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD'
const EXPOSED =
  'Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit'
const MAX_AGE_SECONDS = '86400'

/** Lets the page that asks read the answer. */
export function allowEveryOrigin(c: Http): void {
  if (headerOf(c, 'origin') === undefined) return
  addHeader(c, 'Access-Control-Allow-Origin', '*')
  addHeader(c, 'Access-Control-Expose-Headers', EXPOSED)
}

/** Whatever headers are asked for may be sent. */
export function preflight(c: Http): Response {
  const asked = headerOf(c, 'access-control-request-headers')
  const names = asked?.split(',').map((name) => name.trim()) ?? []
  const headers = ['Authorization', ...names, 'Accept', 'Accept-Language', 'Content-Language']
  return c.body(null, 200, {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': headers.join(', '),
    'Access-Control-Max-Age': MAX_AGE_SECONDS,
    'Content-Length': '0',
  })
}
