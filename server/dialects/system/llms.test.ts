import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let text: string

beforeAll(async () => {
  app = await startApp()
  const res = await app.as('a bad credential').get('/llms.txt')
  expect([res.status, res.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
  text = await res.text()
})

afterAll(() => app?.[Symbol.asyncDispose]())

test('GET /llms.txt says where this instance and its documents are, and holds no secret', () => {
  expect(text).toMatch(/^# Stead\n\n> /)
  for (const address of ['/openapi.json', '/docs/api', '/docs/errors', '/health/ready']) {
    expect(text).toContain(`(${app.url}${address})`)
  }
  for (const { dialect } of app.instance.router.routes) expect(text).toContain(dialect.description)
  for (const secret of [app.platformKey, app.anonKey, app.serviceKey, app.appId]) {
    expect(text).not.toContain(secret)
  }
  expect(Buffer.byteLength(text)).toBeLessThan(10_000)
})

test('every route that the text names is there, and so is every page it links to', async () => {
  const listed = new Set(
    app.instance.router.routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`),
  )
  const named = [...text.matchAll(/`((?:GET|POST|PATCH|PUT|DELETE) [^`\s]+)`/g)].map(([, it]) => it)
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter((route) => !listed.has(String(route)))).toEqual([])
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
  const statuses = await Promise.all(links.map(async (link) => (await fetch(link)).status))
  expect(statuses).toEqual(links.map(() => 200))
})

test('the commands of the quick start work as they stand', async () => {
  const [, script = ''] = /```sh\n([^]*?)```/.exec(text) ?? []
  const known = [`API_URL=${app.url}`, `PLATFORM_KEY=${app.platformKey}`]
  const { stdout } = await promisify(execFile)('env', [...known, 'sh', '-ec', script])
  expect(stdout).toContain('"applied":1')
  expect(stdout).toContain('[{"title":"Try Stead"}]')
  expect(stdout).toMatch(/\{"n":1\}$/)
})
