import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let page: string
let policy: string

beforeAll(async () => {
  app = await startApp()
  const res = await app.nobody.get('/docs/api')
  expect(res.status).toBe(200)
  expect(res.headers.get('content-type')).toContain('text/html')
  policy = res.headers.get('content-security-policy') ?? ''
  page = await res.text()
})

afterAll(() => app?.[Symbol.asyncDispose]())

/** What a reader sees, entities resolved. */
const textOf = (html: string): string =>
  html
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

/** The part of the page about one route. */
function entry(method: string, path: string): string {
  const entries = page.split('<details ').slice(1)
  const found = entries.find((one) => one.startsWith(`data-find="${method} ${path} `))
  if (!found) throw new Error(`the page does not tell of ${method} ${path}`)
  return textOf(found.slice(found.indexOf('>') + 1, found.indexOf('</details>')))
}

test('GET /docs/api has an entry for every route, under the heading of its dialect', () => {
  const { routes } = app.instance.router
  expect(page.split('<details ').length - 1).toBe(routes.length)
  for (const { method, path, summary, dialect } of routes) {
    const verb = method === 'all' ? 'any' : method
    expect(textOf(page), dialect.title).toContain(dialect.title)
    expect(entry(verb, path.toLowerCase())).toContain(summary)
  }
})

test('GET /docs/api says who may call a route, and with what body', () => {
  const told = entry('post', '/v1/{app_id}/functions')
  expect(told).toContain('whoever manages the app')
  expect(told).toMatch(/name\s*string\s*required/)
  expect(told).toMatch(/timeoutMs\s*integer\s*from 1, up to 300000, default 30000/)
  expect(told).toMatch(/trigger\.type\s*"http"/)
  expect(told).toMatch(/triggers\[\]\.type\s*"http"/)
})

test('GET /docs/api says what a route answers, and what a refusal looks like', () => {
  const told = entry('post', '/auth/{app_id}/login')
  expect(told).toMatch(/Answer 200\s*application\/json/)
  expect(told).toMatch(/refresh_token\s*string\s*Good once/)
  expect(told).toMatch(/user\.avatar_url\s*string or null/)
  const applied = entry('post', '/v1/{app_id}/schema/apply')
  expect(applied).toMatch(/migration_id\s*number\s*may be absent/)
  expect(applied).toMatch(/statements\[\]\.destructive\s*boolean/)
  expect(textOf(page)).toMatch(/A refusal, of any of these:\s*error\s*object\s*error\.code/)
})

test('GET /docs/api tells what stands under names that a caller chooses, with an example that is good', async () => {
  const told = entry('post', '/v1/{app_id}/schema/apply')
  expect(told).toMatch(/schema\.tables\.\{…\}\.columns\.\{…\}\.type\s*string\s*required/)
  const sample = '{"schema":{"tables":{"notes":{"columns":{"title":{"type":"text"}}}}}}'
  expect(told).toContain(sample)
  const path = `/v1/${app.appId}/schema/apply`
  const res = await app.owner.post(path, sample, { 'content-type': 'application/json' })
  expect(res.status).toBe(200)
})

test('GET /docs/api gives each route an address of its own', () => {
  const ids = [...page.matchAll(/<details [^>]*id="([^"]+)"/g)].map(([, id]) => id)
  expect(ids).toContain('post_v1_app_id_functions')
  expect(new Set(ids).size).toBe(app.instance.router.routes.length)
})

test('GET /docs/api shows commands that work as they stand', async () => {
  const told = entry('post', '/auth/{app_id}/signup')
  const [, url = '', body = ''] =
    /curl -X POST "([^"]+)" \\\n {2}-H 'Content-Type: application\/json' \\\n {2}-d '([^']+)'/.exec(
      told,
    ) ?? []
  const path = url.replace(app.url, '').replace('$APP_ID', app.appId)
  const res = await app.nobody.post(path, body, { 'content-type': 'application/json' })
  expect(res.status).toBe(201)
})

test('GET /docs/api fetches nothing and runs only its own script', () => {
  const [, nonce] = /script-src 'nonce-([^']+)'/.exec(policy) ?? []
  expect(policy).toContain("default-src 'none'")
  expect(page).toContain(`<script nonce="${nonce}">`)
  expect(page.match(/<script/g)).toHaveLength(1)
  expect(page).not.toMatch(/<(img|iframe|object|embed|video|audio)|\ssrc=|@import|url\(/)
  const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, target = '']) => target)
  expect(links.filter((target) => !/^(\/|#|data:,$)/.test(target))).toEqual([])
})

test('GET /docs/api gives each answer a nonce of its own', async () => {
  const res = await app.nobody.get('/docs/api')
  expect(res.headers.get('content-security-policy')).not.toBe(policy)
})

test('GET / leads a browser to the reference', async () => {
  const res = await app.nobody.get('/', { accept: 'text/html' })
  expect(await res.text()).toContain('href="/docs/api"')
})
