/** An instance whose public address has a path, behind a proxy that takes the path away. */
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { type Client, clientFor } from '#support/client'

const PREFIX = '/backend'

let app: TestApp
let proxy: Server
let world: string
let visitor: Client

beforeAll(async () => {
  proxy = createServer((asked, answer) => {
    const { method, headers, url = '' } = asked
    if (!url.startsWith(`${PREFIX}/`)) return void answer.writeHead(404).end('not of this instance')
    const passed = request(`${app.url}${url.slice(PREFIX.length)}`, { method, headers }, (res) => {
      answer.writeHead(res.statusCode ?? 502, res.headers)
      res.pipe(answer)
    })
    asked.pipe(passed)
    return undefined
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  world = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  app = await startApp({ env: { STEAD_PUBLIC_URL: `${world}${PREFIX}/` } })
  visitor = clientFor(world)
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
  proxy.closeAllConnections()
  proxy.close()
})

const page = async (path: string): Promise<string> =>
  (await visitor.get(`${PREFIX}${path}`, { accept: 'text/html' })).text()

const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found)

/** Links that lead away from the page: those of the address as it is, and those of paths. */
const linksOf = (html: string): string[] =>
  matches(html, /href="([^"]+)"/g).filter((link) => !/^(#|data:)/.test(link))

test('links of every page, of the Link header and of the guide for agents lead somewhere', async () => {
  const head = (await visitor.get(`${PREFIX}/`)).headers.get('link') ?? ''
  const llms = await page('/llms.txt')
  const found = [
    ...(await Promise.all(
      ['/', '/docs/api', '/docs/errors', '/no/such/page'].map(async (path) =>
        linksOf(await page(path)),
      ),
    )),
    matches(head, /<([^>]+)>/g),
    matches(llms, /\]\(([^)]+)\)/g),
  ]
  expect(found.filter((links) => links.length < 2)).toEqual([])
  for (const link of new Set(found.flat())) {
    const res = await fetch(new URL(link, world))
    expect([link, res.status]).toEqual([link, 200])
    await res.text()
  }
})

test('addresses in answers are those of the world', async () => {
  const keyed = clientFor(world, app.serviceKey)
  const json = async (asked: Promise<Response>) => (await (await asked).json()) as never
  const address = `${world}${PREFIX}`
  expect(await json(visitor.get(`${PREFIX}/openapi.json`))).toMatchObject({
    servers: [{ url: address }],
  })
  expect(await json(keyed.get(`${PREFIX}/rest/v1/`))).toMatchObject({
    host: new URL(world).host,
    basePath: `${PREFIX}/rest/v1/`,
  })
  const refusal: { error: { documentation_url: string } } = await json(
    visitor.get(`${PREFIX}/apps`),
  )
  expect(refusal.error.documentation_url).toBe(`${address}/docs/errors#auth-required`)
  const owner = clientFor(world, app.platformKey)
  const deployed: { url: string } = await json(
    owner.post(`${PREFIX}/v1/${app.appId}/functions`, {
      name: 'here',
      code: 'export default () => new Response("here")',
    }),
  )
  expect((await keyed.get(deployed.url.slice(world.length))).status).toBe(200)
})

test('a cookie is sent back to where it came from', async () => {
  const credentials = { email: 'ada@example.com', password: 'Correct-horse-42' }
  await app.nobody.post(`/auth/${app.appId}/signup`, credentials)
  const signedIn = await visitor.post(`${PREFIX}/api/v1/auth/signin`, credentials)
  const refresh = signedIn.headers.getSetCookie().find((cookie) => /refresh/.test(cookie)) ?? ''
  expect(refresh).toContain(`Path=${PREFIX}/api/v1/auth;`)
  const { access_token: token } = (await signedIn.json()) as { access_token: string }
  const out = await clientFor(world, token).post(`${PREFIX}/api/v1/auth/signout`, {})
  expect(out.headers.getSetCookie().join()).toContain(`Path=${PREFIX}/api/v1/auth`)
})

test('at the host of an app, which has no prefix, links have none', async () => {
  const found = await app.instance.services.apps.find(app.appId)
  const host = `${found?.subdomain}.localhost`
  const [res] = (await once(request(app.url, { headers: { host } }).end(), 'response')) as [
    { headers: { link?: string }; resume(): void },
  ]
  res.resume()
  expect(res.headers.link).toContain('</llms.txt>')
})
