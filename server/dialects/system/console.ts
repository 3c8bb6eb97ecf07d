/** The console's first page: what runs here and where to go next. It holds no secret. */
import { html } from 'hono/html'
import type { Services } from '#services'

export function consolePage({ publicUrl }: Services) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Stead</title>
      </head>
      <body>
        <h1>Stead</h1>
        <p>The API answers at ${publicUrl}.</p>
      </body>
    </html>`
}
