/** One page that explains every error code, made from docs/errors; `documentation_url` points into it. */
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { html, raw } from 'hono/html'
import type { Http } from '#http/env'
import { type PublicAddress, rootOf } from '#http/request'
import { markdownToHtml } from './markdown.ts'
import { headOf, sealPage } from './sealed-page.ts'

const FOLDER = fileURLToPath(new URL('../../../docs/errors', import.meta.url))

const OWN_STYLE = `
ul { padding-left: 1.2rem; color: var(--soft); max-width: 46rem }
ul.codes { columns: 18rem; list-style: none; padding: 0; max-width: none; font-size: .85rem; line-height: 1.9 }
article { scroll-margin-top: 1rem }
article :is(h2, h3) { margin: 0 }
article pre { padding-right: .9rem }
`

type Page = { anchor: string; code: string; html: string }

let pages: Promise<Page[]> | undefined

/** Read once; the files come with the program and do not change while it runs. */
async function readPages(): Promise<Page[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.md')).toSorted()
  return Promise.all(
    files.map(async (file) => {
      const anchor = file.slice(0, -'.md'.length)
      const text = await readFile(`${FOLDER}/${file}`, 'utf8')
      const [, code = anchor] = /^# (.+)$/m.exec(text) ?? []
      return { anchor, code, html: markdownToHtml(text, { anchor }) }
    }),
  )
}

export async function errorPages(c: Http, address: PublicAddress): Promise<Response> {
  pages ??= readPages()
  const found = await pages.catch((error: unknown) => {
    pages = undefined
    throw error
  })
  const nonce = sealPage(c)
  c.header('Cache-Control', 'no-cache')
  return c.html(render(found, { nonce, root: rootOf(c, address) }))
}

type Around = { nonce: string; root: string }

const render = (found: readonly Page[], { nonce, root }: Around) => html`<!doctype html>
  <html lang="en">
    ${headOf({ title: 'Error codes · Stead', nonce, ownStyle: OWN_STYLE })}
    <body>
      <main>
        <header>
          <h1>Error codes</h1>
          <nav class="away" aria-label="Pages"><a href="${root}/docs/api">API reference</a><a href="${root}/">Console</a></nav>
        </header>
        <p>
          Every error carries a code, a message, what to do, and the address of its place on this page. Fluxbase’s and
          PostgREST’s routes have words of their own; what they mean stands in the message.
        </p>
        <ul class="codes">
          ${found.map(({ anchor, code }) => html`<li><a href="#${anchor}"><code>${code}</code></a></li>`)}
        </ul>
        ${found.map((page) => html`<article>${raw(page.html)}</article>`)}
      </main>
    </body>
  </html>`
