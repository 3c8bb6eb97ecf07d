import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startApp } from '#support/app'

test('GET / gives a browser a page that says where the API answers, and holds no secret', async () => {
  await using app = await startApp()

  const res = await app.nobody.get('/', { accept: 'text/html,application/xhtml+xml' })

  const page = await res.text()
  expect(res.status).toBe(200)
  expect(res.headers.get('content-type')).toMatch(/^text\/html/)
  for (const text of [app.url, 'All is well', '/v1/{app_id}', '/api/v1', '/rest/v1']) {
    expect(page).toContain(text)
  }
  for (const secret of [app.platformKey, app.anonKey, app.serviceKey, app.appId]) {
    expect(page).not.toContain(secret)
  }

  // Works without internet: nothing is loaded from anywhere, and the policy forbids it.
  expect(page).not.toMatch(/(src|href)="(https?:)?\/\//)
  expect(res.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
  const [, nonce] = /<script nonce="([^"]+)"/.exec(page) ?? []
  expect(res.headers.get('content-security-policy')).toContain(`script-src 'nonce-${nonce}'`)
})

const ENTITIES: Record<string, string> = { '&quot;': '"', '&#39;': "'", '&amp;': '&', '&lt;': '<' }

test('the commands of the page work as they stand, one after the other', async () => {
  await using app = await startApp()
  const page = await (await app.nobody.get('/', { accept: 'text/html' })).text()
  const commands = [...page.matchAll(/<pre>([^<]+)<\/pre>/g)].map(([, text = '']) =>
    text.replaceAll(/&[^;]+;/g, (entity) => ENTITIES[entity] ?? entity),
  )
  const [keys, ...curls] = commands
  expect(keys).toBe('eval "$(npx stead status --env)"')
  const keyed = [`APP_ID=${app.appId}`, `SERVICE_KEY=${app.serviceKey}`]
  const script = curls
    .map((command) => command.replace('curl ', 'curl -sS --fail-with-body '))
    .join('\n')
  const { stdout } = await promisify(execFile)('env', [...keyed, 'sh', '-ec', script])
  expect(curls).toHaveLength(4)
  expect(stdout).toMatch(/\[\{.*"title":"Try Stead".*\}\]$/)
})

test('GET / gives everybody else health, and says where the guides are', async () => {
  await using app = await startApp()
  const res = await app.nobody.get('/', { accept: '*/*' })
  expect(await res.json()).toEqual({ status: 'ok', timestamp: expect.any(String) })
  const links = [...(res.headers.get('link') ?? '').matchAll(/<([^>]+)>/g)].map(([, at = '']) => at)
  expect(links).toContain('/llms.txt')
  for (const link of links) expect((await app.nobody.get(link)).status, link).toBe(200)
})
