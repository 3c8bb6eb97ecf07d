/**
 * What `fetch` gives a function, with headers that are true of it. Deno takes gzip and Brotli off a body and leaves
 * their headers: a function that passes the response on would then say of plain bytes that they are packed.
 */
const { Response, Headers } = globalThis

/** @param asked the headers of the request */
export function asRead(response: Response, asked: Headers): Response {
  if (response.body === null || !isUnpacked(response, asked)) return response
  const { body, status, statusText, url, redirected, type } = response
  const headers = new Headers(response.headers)
  headers.delete('content-encoding')
  headers.delete('content-length')
  const read = new Response(body, { status, statusText, headers })
  return Object.defineProperties(read, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
  })
}

/** Deno leaves packed what was asked for as it is: a part of it, or "identity". */
function isUnpacked({ headers }: Response, asked: Headers): boolean {
  const encoding = headers.get('content-encoding')?.toLowerCase()
  if (encoding !== 'gzip' && encoding !== 'br') return false
  const accepted = asked.get('accept-encoding')
  return accepted === null ? !asked.has('range') : accepted.trim().toLowerCase() !== 'identity'
}
