import { afterAll, expect, test } from 'vitest'
import { listen } from './http-server.ts'

const server = await listen('127.0.0.1', 0)
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

afterAll(() => server.drain(1_000))

const ask = (accept: string | undefined, method = 'GET') =>
  fetch(`${server.localUrl}/v1/apps?limit=1`, { method, ...(accept && { headers: { accept } }) })

test.each([
  ['curl', '*/*', 'GET'],
  ['a client of the API', 'application/json', 'GET'],
  ['a form that a browser sends', BROWSER, 'POST'],
])(
  'before the instance is there %s gets 503 in JSON and when to ask again',
  async (_, accept, method) => {
    const res = await ask(accept, method)
    expect([res.status, res.headers.get('retry-after')]).toEqual([503, '1'])
    expect(res.headers.get('content-type')).toBe('application/json')
    expect(res.headers.has('refresh')).toBe(false)
    expect(await res.json()).toEqual({ error: 'Stead is starting' })
  },
)

test('a browser gets a page that holds all it needs, loads itself again and is kept nowhere', async () => {
  const res = await ask(BROWSER)
  expect([res.status, res.headers.get('retry-after')]).toEqual([503, '1'])
  expect(res.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(res.headers.get('refresh')).toBe('1')
  expect(res.headers.get('cache-control')).toBe('no-store')
  expect(res.headers.get('content-security-policy')).toContain("default-src 'none'")
  const page = await res.text()
  expect(page).toContain('<h1>Stead is starting</h1>')
  expect(page).not.toMatch(/<script|(src|href)="(?!data:)/)
})

test('once it is there everybody gets its own answers', async () => {
  server.open(() => Promise.resolve(new Response('it is there')))
  expect(await (await ask(BROWSER)).text()).toBe('it is there')
})
