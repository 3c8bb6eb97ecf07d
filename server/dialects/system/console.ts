/** The console's first page: what runs here and how to speak to it. It holds no secret and fetches nothing. */
import { html, raw } from 'hono/html'
import { version } from '#core/version'
import type { Http } from '#http/env'
import { rootOf } from '#http/request'
import type { Services } from '#services'
import { LOGO } from './console-style.ts'
import { health } from './health.ts'
import { headOf, sealPage } from './sealed-page.ts'

type Door = {
  name: string
  base: string
  about: string
  /** A first command; $ANON_KEY and the like are filled in by the reader's shell. */
  command: (url: string) => string
}

const TODO_TABLE =
  '{"schema":{"tables":{"todos":{"columns":{"id":{"type":"uuid","primaryKey":true,"default":"gen_random_uuid()"},"title":{"type":"text"}}}}}}'

const DOORS: readonly Door[] = [
  {
    name: 'Platform and data plane',
    base: '/v1/{app_id}',
    about: 'Make and configure apps, describe their tables, read and write rows, deploy functions.',
    command: (url) =>
      `curl ${url}/v1/$APP_ID/schema/apply -H "Authorization: Bearer $SERVICE_KEY" \\\n  -H 'Content-Type: application/json' -d '${TODO_TABLE}'`,
  },
  {
    name: 'Sign-in of an app’s users',
    base: '/auth/{app_id}',
    about: 'Sign up, sign in, refresh, sign out. Rows then answer to the user’s own policies.',
    command: (url) =>
      `curl ${url}/auth/$APP_ID/signup -H 'Content-Type: application/json' \\\n  -d '{"email":"ada@example.com","password":"Correct-horse-42"}'`,
  },
  {
    name: 'Fluxbase',
    base: '/api/v1',
    about:
      'Tables, GraphQL and sign-in as the Fluxbase SDK speaks them. This writes a row; GraphQL is at /api/v1/graphql.',
    command: (url) =>
      `curl ${url}/api/v1/tables/todos -H "Authorization: Bearer $SERVICE_KEY" \\\n  -H 'Content-Type: application/json' -d '{"title":"Try Stead"}'`,
  },
  {
    name: 'PostgREST and Supabase data',
    base: '/rest/v1',
    about:
      'Takes rows and functions of @supabase/supabase-js unchanged (its auth, storage and channels are not here). The service key sees every row; $ANON_KEY and users see what policies show them.',
    command: (url) => `curl '${url}/rest/v1/todos?select=*&limit=10' -H "apikey: $SERVICE_KEY"`,
  },
]

const KEYS_COMMAND = 'eval "$(npx stead status --env)"'

export async function consolePage(c: Http, services: Services): Promise<Response> {
  const { ok } = await health(services)
  const nonce = sealPage(c)
  c.header('Cache-Control', 'no-store')
  return c.html(page(services, ok, { nonce, root: rootOf(c, services) }))
}

type Around = { nonce: string; root: string }

function page(services: Services, ok: boolean, { nonce, root }: Around) {
  const { publicUrl: url } = services
  return html`<!doctype html>
<html lang="en" class="no-script">
  ${headOf({ title: 'Stead', nonce })}
  <body>
    <main>
      <header>
        ${LOGO}
        <h1>Stead</h1>
        <span class="version">${version}</span>
        <span class="${ok ? 'health' : 'health bad'}">${ok ? 'All is well' : 'The database does not answer'}</span>
      </header>
      ${facts(services)}
      <section>
        <h2>Keys</h2>
        <p>This page shows none. On the machine where Stead runs, in its folder, this puts them into your shell, so that the commands below work as they stand:</p>
        ${command(KEYS_COMMAND)}
      </section>
      <section>
        <h2>How to speak to it</h2>
        <div class="dialects">${DOORS.map((door) => dialect(door, url))}</div>
      </section>
      <section>
        <h2>Look it up</h2>
        <nav aria-label="Pages">
          <a href="${root}/docs/api">API reference</a>
          <a href="${root}/llms.txt">For agents</a>
          <a href="${root}/docs/errors">What each error means</a>
          <a href="${root}/health">Health</a>
          <a href="${root}/health/ready">Readiness</a>
        </nav>
      </section>
      <footer>Stead keeps an app’s whole backend in one process, on your own machine.</footer>
    </main>
    <script nonce="${nonce}">${raw(SCRIPT)}</script>
  </body>
</html>`
}

function facts({ publicUrl, apps, config }: Services) {
  const shown: [string, string][] = [
    ['API', publicUrl],
    ['Regions', apps.needs.regions.names.join(', ')],
    ['Database', config.databaseUrl ? 'your own PostgreSQL' : 'embedded PostgreSQL'],
  ]
  return html`<dl class="facts">${shown.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>`
}

const dialect = ({ name, base, about, command: first }: Door, url: string) =>
  html`<article>
    <div class="title"><h3>${name}</h3><code>${base}</code></div>
    <p>${about}</p>
    ${command(first(url))}
  </article>`

const command = (text: string) =>
  html`<div class="command"><pre>${text}</pre><button type="button">Copy</button></div>`

/** Without a script, or where copying is not allowed, the commands can still be marked by hand. */
const SCRIPT = `
if (navigator.clipboard) document.documentElement.classList.remove('no-script')
for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent)
    button.textContent = 'Copied'
    setTimeout(() => { button.textContent = 'Copy' }, 1500)
  })
}
`
