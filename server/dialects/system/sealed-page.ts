/** Pages that hold all they need: their own style and script, nothing from anywhere else, in nobody's frame. */
import { html, raw } from 'hono/html'
import { randomToken } from '#core/ids'
import type { Http } from '#http/env'
import { STYLE } from './console-style.ts'

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

type Head = { title: string; nonce: string; ownStyle?: string }

/** The head of such a page, with the style that all of them share and its own after it. */
export const headOf = ({ title, nonce, ownStyle = '' }: Head) => html`<head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title}</title>
    <link rel="icon" href="data:," />
    <style nonce="${nonce}">${raw(STYLE + ownStyle)}</style>
  </head>`
