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

test('GET / gives everybody else health', async () => {
  await using app = await startApp()
  const res = await app.nobody.get('/', { accept: '*/*' })
  expect(await res.json()).toEqual({ status: 'ok', timestamp: expect.any(String) })
})
