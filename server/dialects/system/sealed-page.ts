/** Pages that hold all they need: their own style and script, nothing from anywhere else, in nobody's frame. */
import { randomToken } from '#core/ids'
import type { Http } from '#http/env'

/** Sets the headers of such a page. @returns the nonce that its style and script must carry */
export function sealPage(c: Http): string {
  const nonce = randomToken(16)
  c.header(
    'Content-Security-Policy',
    `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  )
  c.header('X-Content-Type-Options', 'nosniff')
  c.header('Referrer-Policy', 'no-referrer')
  return nonce
}
