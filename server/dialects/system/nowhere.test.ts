import { createClient } from '@supabase/supabase-js'
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

test("what Supabase's client asks beside rows is said not to be here, in the message that it shows, to pages of any origin", async () => {
  await using app = await startApp()
  const { auth, storage } = createClient(app.url, app.anonKey, { auth: { persistSession: false } })

  const signedIn = await auth.signInWithPassword({ email: 'ada@example.com', password: 'x' })
  expect(signedIn.error).toMatchObject({
    status: 404,
    message: expect.stringMatching(/^Stead has no \/auth\/v1: sign in at POST \/api\/v1\/auth\//),
  })
  const listed = await storage.from('photos').list()
  expect(listed.error).toMatchObject({
    status: 404,
    message: 'Stead has no /storage/v1: files cannot be kept yet',
  })

  const page = { origin: 'https://shop.example' }
  for (const part of ['/auth/v1/signup', '/functions/v1/hello', '/graphql/v1', '/realtime/v1/x']) {
    const asked = { ...page, 'access-control-request-method': 'POST' }
    const names = { 'access-control-request-headers': 'apikey,x-client-info' }
    const preflight = await app.nobody.request('OPTIONS', part, undefined, { ...asked, ...names })
    expect(preflight.status, part).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toBe('apikey,x-client-info')
    const answer = await app.nobody.post(part, {}, page)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(await answer.json()).toMatchObject({ hint: expect.stringContaining('supabase.md') })
  }
  const near = await app.nobody.get('/storage/v2')
  expect(await near.json()).toMatchObject({ error: { message: 'There is nothing at /storage/v2' } })
})
