/** The reference page: every route of the instance, from the table of routes. It fetches nothing from anywhere. */
import { html, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { version } from '#core/version'
import type { About, Given } from '#http/about'
import type { Http } from '#http/env'
import { operationIdOf } from '#http/openapi/paths'
import { rootOf } from '#http/request'
import type { Listed, ListedRoute } from '#http/routes'
import type { Services } from '#services'
import {
  answersOf,
  bodySchema,
  exampleOf,
  type Field,
  formsOf,
  refusalOf,
  shapeTexts,
  type Told,
} from './reference-fields.ts'
import { REFERENCE_STYLE } from './reference-style.ts'
import { headOf, sealPage } from './sealed-page.ts'

type Html = HtmlEscapedString | Promise<HtmlEscapedString>

/** The routes are rendered once, when the page is first asked for: they do not change while the process runs. */
export function referencePage(services: Services, listed: Listed): (c: Http) => Promise<Response> {
  const contents = new Map<string, Html>()
  return async (c) => {
    // Two at most: of the instance's own address, and of the hosts of apps.
    const root = rootOf(c, services)
    const content = contents.get(root) ?? contentOf(listed(), { url: services.publicUrl, root })
    contents.set(root, content)
    const nonce = sealPage(c)
    c.header('Cache-Control', 'no-cache')
    return c.html(await page(await content, nonce))
  }
}

const page = (content: HtmlEscapedString, nonce: string) => html`<!doctype html>
<html lang="en" class="no-script">
  ${headOf({ title: 'API reference · Stead', nonce, ownStyle: REFERENCE_STYLE })}
  <body>
    <main>${content}</main>
    <script nonce="${nonce}">${raw(SCRIPT)}</script>
  </body>
</html>`

type Chapter = { dialect: About; id: string; routes: readonly ListedRoute[] }

function chaptersOf(routes: readonly ListedRoute[]): Chapter[] {
  return [...Map.groupBy(routes, ({ dialect }) => dialect)].map(([dialect, own]) => ({
    dialect,
    id: dialect.title.toLowerCase().replaceAll(/[^a-z]+/g, '-'),
    routes: own,
  }))
}

type Addresses = { url: string; root: string }

function contentOf(routes: readonly ListedRoute[], { url, root }: Addresses): Html {
  const chapters = chaptersOf(routes)
  return html`<header>
      <h1>API reference</h1>
      <span class="version">${version}</span>
      <nav class="away" aria-label="Pages"><a href="${root}/docs/errors">Error codes</a><a href="${root}/">Console</a></nav>
    </header>
    <section>
      <p>
        Every route of this instance. The same for programs: <a href="${root}/openapi.json">OpenAPI 3.0</a> and
        <a href="${root}/openapi.json?version=3.1">3.1</a>, which also hold the tables and functions of an app for whoever manages it.
        What errors mean is told <a href="${root}/docs/errors">on a page of its own</a>.
      </p>
    </section>
    <nav aria-label="Chapters">${chapters.map(({ dialect, id }) => html`<a href="#${id}">${dialect.title}</a>`)}</nav>
    <div class="finder">
      <input type="search" placeholder="Find a route: a word of path or purpose" aria-label="Find a route" />
      <output>${routes.length} routes</output>
    </div>
    <p class="none" hidden>No route has these words. Try fewer, or a part of one.</p>
    ${chapters.map((chapter) => chapterHtml(chapter, url))}
    <footer>Served by the instance itself; it works without the internet.</footer>`
}

const chapterHtml = ({ dialect, id, routes }: Chapter, url: string): Html =>
  html`<section class="chapter" id="${id}">
    <h2>${dialect.title}</h2>
    <p>${dialect.description}</p>
    <div class="list">${routes.map((route, at) => routeHtml(route, url, isNewGroup(route, routes[at - 1])))}</div>
    <div class="refusal"><p>A refusal, of any of these:</p>${fieldTable('', refusalOf(dialect), 'may be absent')}</div>
  </section>`

/** Routes of one noun stand together. */
const isNewGroup = (route: ListedRoute, before: ListedRoute | undefined): boolean =>
  before !== undefined && nounOf(route) !== nounOf(before)

/** `config` of `/v1/{app_id}/config/cors`. */
const nounOf = ({ path }: ListedRoute): string | undefined =>
  path.replace(/^\/(api\/v1|v1\/\{app_id\}|auth\/\{app_id\}|rest\/v1)\//, '/').split('/')[1]

function routeHtml(route: ListedRoute, url: string, isFirst: boolean): Html {
  const { method, path, summary, access, dialect, docs } = route
  const verb = method === 'all' ? 'any' : method
  return html`<details data-find="${`${verb} ${path} ${summary}`.toLowerCase()}" id="${operationIdOf(verb, path)}" class="${isFirst ? 'first' : ''}">
    <summary>
      <span class="method ${method}">${verb.toUpperCase()}</span>
      <code class="path">${pathHtml(path)}</code>
      <span class="does">${summary}</span>
    </summary>
    <div class="more">
      ${docs?.description === undefined ? '' : html`<p>${prose(docs.description)}</p>`}
      <p><b>Who:</b> ${dialect.access[access]?.meaning} · <code>${access}</code></p>
      <pre>${exampleOf(route, method === 'all' ? 'post' : method, url)}</pre>
      ${given('Query', docs?.query)} ${given('Headers', docs?.headers)} ${bodyHtml(route)}
      ${answerHtml(route)}
    </div>
  </details>`
}

/** Parameters stand out less than the words around them. */
const pathHtml = (path: string): Html =>
  html`${path.split(/(\{[^}]+\})/).map((part) => (part.startsWith('{') ? html`<i>${part}</i>` : part))}`

/** Text with code between backticks. */
const prose = (text: string): Html =>
  html`${text.split('`').map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part))}`

const given = (caption: string, named: Readonly<Record<string, Given>> = {}): Html | '' => {
  const rows = Object.entries(named)
  if (rows.length === 0) return ''
  return html`<div class="wide"><table class="fields">
    <caption>${caption}</caption>
    <tbody>${rows.map(([name, given]) => parameterHtml(name, given))}</tbody>
  </table></div>`
}

function parameterHtml(name: string, given: Given): Html {
  const { type, about } =
    typeof given === 'string' ? { type: 'string', about: given } : shapeTexts(given)
  return html`<tr><td><code>${name}</code></td><td>${type}</td><td>${prose(about)}</td></tr>`
}

/** What comes back, each status with its fields. */
const answerHtml = (route: ListedRoute): Html => html`${answersOf(route).map(toldHtml)}`

const toldHtml = ({ status, about, types, forms }: Told): Html => html`<div>
    <p><b>Answer ${status}</b> ${types.length === 0 ? 'without a body' : types.join(', ')}${about === '' ? '' : html` · ${prose(about)}`}</p>
    ${formTables('', forms, 'may be absent')}
  </div>`

function bodyHtml(route: ListedRoute): Html | '' {
  const schema = bodySchema(route)
  const forms = schema ? formsOf(schema) : []
  if (forms.length > 0) return formTables('Body', forms, 'required')
  const types = Object.keys(route.docs?.content ?? {})
  if (types.length === 0) return ''
  return html`<p><b>Body:</b> ${types.join(', ')}</p>`
}

/** What is said of a field: of what is sent, that it is required; of what comes, that it may be absent. */
type Mark = 'required' | 'may be absent'

// oxlint-disable-next-line max-params -- a table and what stands above and in it
const formTables = (caption: string, forms: readonly (readonly Field[])[], mark: Mark): Html =>
  html`${forms.map((fields, at) => html`${at > 0 ? html`<p>or</p>` : ''}${fieldTable(at > 0 ? '' : caption, fields, mark)}`)}`

// oxlint-disable-next-line max-params -- as above
const fieldTable = (caption: string, fields: readonly Field[], mark: Mark): Html =>
  html`<div class="wide"><table class="fields">
    ${caption === '' ? '' : html`<caption>${caption}</caption>`}
    <tbody>${fields.map(
      ({ name, type, required, about }) =>
        html`<tr><td><code>${name}</code></td><td>${type} ${required === (mark === 'required') ? html`<b>${mark}</b>` : ''}</td><td>${prose(about)}</td></tr>`,
    )}</tbody>
  </table></div>`

/** Without it every route is shown. */
const SCRIPT = `
document.documentElement.classList.remove('no-script')
const input = document.querySelector('input')
const output = document.querySelector('output')
const none = document.querySelector('.none')
const chapters = [...document.querySelectorAll('.chapter')]
function find() {
  const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean)
  let shown = 0
  for (const chapter of chapters) {
    let here = 0
    for (const route of chapter.querySelectorAll('details')) {
      route.hidden = !words.every((word) => route.dataset.find.includes(word))
      if (!route.hidden) here++
    }
    chapter.hidden = here === 0
    shown += here
  }
  output.textContent = shown === 1 ? '1 route' : shown + ' routes'
  none.hidden = shown > 0
}
input.addEventListener('input', find)
find()
function open() {
  const route = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (route?.matches('details')) route.open = true
}
addEventListener('hashchange', open)
open()
for (const route of document.querySelectorAll('details')) {
  route.addEventListener('toggle', () => {
    if (route.open) history.replaceState(null, '', '#' + route.id)
  })
}
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target === input || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  input.focus()
})
`
