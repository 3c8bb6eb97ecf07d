import { expect, test } from 'vitest'
import { startApp } from '#support/app'

test('a path that is no route says which methods it takes, a browser gets a page that says the same', async () => {
  await using app = await startApp()
  const refusal = async (method: string, path: string) => {
    const res = await app.owner.request(method, path)
    const { error } = (await res.json()) as { error: { message: string; remediation: string } }
    return { status: res.status, ...error }
  }

  expect(await refusal('PUT', '/init')).toMatchObject({
    status: 404,
    message: 'There is nothing at /init for PUT',
    remediation: expect.stringMatching(/^This path takes POST;/),
  })
  expect(await refusal('PUT', `/v1/${app.appId}/schema/apply`)).toMatchObject({
    remediation: expect.stringMatching(/^This path takes POST;/),
  })
  expect(await refusal('GET', `/v1/${app.appId}/schema/apply`)).toMatchObject({
    status: 404,
    remediation: '"schema" is not a table here but a route: look up its methods at /docs/api.',
  })
  expect(await refusal('GET', '/nowhere')).toMatchObject({
    message: 'There is nothing at /nowhere',
    remediation: expect.stringContaining('/docs/api'),
  })

  const res = await app.nobody.get('/<b>nowhere', { accept: 'text/html' })
  const page = await res.text()
  expect(res.status).toBe(404)
  expect(res.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
  expect(res.headers.get('vary')).toContain('Accept')
  for (const [, target = ''] of page.matchAll(/href="(\/[^"]*)"/g)) {
    expect((await app.nobody.get(target, { accept: 'text/html' })).status, target).toBe(200)
  }
  expect(page).not.toContain('<b>nowhere')
  const login = await app.nobody.get(`/auth/${app.appId}/login`, { accept: 'text/html' })
  expect(await login.text()).toContain('This path takes POST')
})
