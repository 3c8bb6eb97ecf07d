import { get as httpGet } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

const AUTH = '/api/v1/auth'
const PASSWORD = 'correct horse'

let app: TestApp
let other: { id: string; anonKey: string; serviceKey: string }

beforeAll(async () => {
  app = await startApp({ env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
  other = await app.createApp('other')
})

afterAll(() => app[Symbol.asyncDispose]())

type Failure = { error: string; code: string }

const refused = async (res: Response) => {
  const { error, code } = (await res.json()) as Failure
  return [res.status, code, error]
}

let made = 0

async function signUp(headers: Record<string, string> = {}): Promise<string> {
  const body = { email: `person${++made}@example.com`, password: PASSWORD }
  const res = await app.nobody.post(`${AUTH}/signup`, body, headers)
  expect(res.status).toBe(201)
  return ((await res.json()) as { access_token: string }).access_token
}

const appIdIn = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).app_id

async function tenantIdOf(id: string): Promise<string> {
  return (await app.instance.services.apps.find(id))?.tenantId ?? ''
}

test('X-FB-Tenant names the app by tenant id, app id or subdomain', async () => {
  for (const name of [await tenantIdOf(other.id), other.id, 'other', 'OTHER']) {
    expect([name, appIdIn(await signUp({ 'x-fb-tenant': name }))]).toEqual([name, other.id])
  }
})

test('without X-FB-Tenant the credential’s app is meant, without both the default app', async () => {
  expect(appIdIn(await signUp())).toBe(app.appId)
  expect(appIdIn(await signUp({ authorization: `Bearer ${other.anonKey}` }))).toBe(other.id)
  expect(appIdIn(await signUp({ apikey: other.serviceKey }))).toBe(other.id)
})

test('the host of an app names it, and must agree with X-FB-Tenant', async () => {
  const theirs = await signUp({ 'x-fb-tenant': other.id })
  // fetch does not let a caller choose the host.
  const get = (token: string, headers: Record<string, string> = {}) =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = { host: 'other.localhost', authorization: `Bearer ${token}`, ...headers }
      httpGet(`${app.url}${AUTH}/user`, { headers: sent }, (res) =>
        resolve(res.resume().statusCode),
      ).on('error', reject)
    })
  expect(await get(theirs)).toBe(200)
  expect(await get(await signUp())).toBe(403)
  expect(await get(theirs, { 'x-fb-tenant': app.appId })).toBe(403)
  expect(await get(theirs, { host: 'nobody.localhost' })).toBe(200)
})

test('a credential of another app than the one named is refused, never reinterpreted', async () => {
  const denied = [403, 'ACCESS_DENIED', 'access denied to this tenant']
  const ours = await signUp()
  const theirs = await signUp({ 'x-fb-tenant': other.id })
  const get = (token: string, tenant: string) =>
    app.as(token).get(`${AUTH}/user`, { 'x-fb-tenant': tenant })
  expect(await refused(await get(ours, other.id))).toEqual(denied)
  expect(await refused(await get(theirs, app.appId))).toEqual(denied)
  expect(await refused(await get(app.serviceKey, other.id))).toEqual(denied)
  expect(await refused(await get(app.anonKey, other.id))).toEqual(denied)
  const stranger = await app.stranger()
  expect(await refused(await get(stranger.key, other.id))).toEqual(denied)
  expect(await refused(await stranger.get(`${AUTH}/user`))).toEqual(denied)
  const body = { email: 'lost@example.com', password: PASSWORD }
  const signUpThere = app.as(app.anonKey).post(`${AUTH}/signup`, body, { 'x-fb-tenant': other.id })
  expect(await refused(await signUpThere)).toEqual(denied)
  expect((await get(theirs, other.id)).status).toBe(200)
  expect((await app.as(theirs).get(`${AUTH}/user`)).status).toBe(200)
})

test('an unknown tenant is 404, with and without credentials', async () => {
  const absent = [404, 'NOT_FOUND', 'tenant not found']
  const headers = { 'x-fb-tenant': 'nowhere' }
  expect(await refused(await app.as(app.anonKey).get(`${AUTH}/user`, headers))).toEqual(absent)
  const body = { email: 'lost@example.com', password: PASSWORD }
  expect(await refused(await app.nobody.post(`${AUTH}/signup`, body, headers))).toEqual(absent)
  expect(await refused(await app.nobody.get(`${AUTH}/config`, headers))).toEqual(absent)
})

test('credentials are taken in the order of the contract', async () => {
  const token = await signUp()
  const me = (headers: Record<string, string>) => app.nobody.get(`${AUTH}/user`, headers)
  const bearer = { authorization: `Bearer ${token}` }
  expect((await me({ ...bearer, apikey: app.anonKey })).status).toBe(200)
  expect((await me({ ...bearer, apikey: 'nonsense' })).status).toBe(200)
  expect((await me({ ...bearer, 'x-client-key': 'fbk_unknown' })).status).toBe(200)
  expect((await me({ ...bearer, 'x-service-key': app.serviceKey })).status).toBe(403)
  expect((await me({ authorization: `ServiceKey ${app.serviceKey}` })).status).toBe(403)
  expect((await me({ clientkey: token })).status).toBe(200)
  expect((await me({ apikey: token })).status).toBe(200)
})

test('a bad credential is refused in the words of what carries it', async () => {
  const token = await signUp()
  const refusals = [
    [{ 'x-service-key': 'sk_unknown' }, 'Invalid service key'],
    [{ authorization: 'ServiceKey sk_unknown' }, 'Invalid service key'],
    [{ 'x-service-key': token }, 'Invalid service key'],
    [{ authorization: 'Bearer fb_unknown' }, 'Invalid service key'],
    [{ 'x-client-key': 'fbk_unknown' }, 'Invalid client key'],
    [{ clientkey: 'fbk_unknown' }, 'Invalid client key'],
    [{ authorization: 'Bearer fbk_unknown' }, 'Invalid client key'],
    [{ 'x-client-key': app.platformKey }, 'Invalid client key'],
    [{ authorization: 'Bearer nonsense' }, 'Invalid or expired Bearer token'],
    [{ apikey: 'nonsense' }, 'Invalid or expired Bearer token'],
    [{ cookie: 'fluxbase_access_token=nonsense' }, 'Invalid or expired Bearer token'],
  ] as const
  for (const [headers, text] of refusals) {
    const res = await app.nobody.get(`${AUTH}/user`, headers)
    expect([headers, ...(await refused(res))]).toEqual([headers, 401, 'INVALID_TOKEN', text])
  }
})

test('public routes ignore a bad credential, and find the app by the next good one', async () => {
  const bad = { authorization: 'Bearer eyJ.expired.token' }
  expect(appIdIn(await signUp(bad))).toBe(app.appId)
  expect(appIdIn(await signUp({ ...bad, apikey: other.anonKey }))).toBe(other.id)
})

test('a cookie of one app does not keep a browser from signing in to another', async () => {
  const cookie = `fluxbase_access_token=${await signUp()}`
  expect(appIdIn(await signUp({ cookie, 'x-fb-tenant': other.id }))).toBe(other.id)
  expect(appIdIn(await signUp({ cookie }))).toBe(app.appId)
  const named = await app.nobody.get(`${AUTH}/user`, { cookie, 'x-fb-tenant': other.id })
  expect(named.status).toBe(403)
})

test('one address may try to sign in ten times a minute per app, and is told when to come back', async () => {
  await using limited = await startApp()
  const attempt = (headers?: Record<string, string>) =>
    limited.nobody.post(`${AUTH}/signin`, { email: 'a@example.com', password: 'wrong' }, headers)
  for (let n = 0; n < 10; n++) expect((await attempt()).status).toBe(401)
  const res = await attempt({ 'x-forwarded-for': '203.0.113.7' })
  expect(res.status).toBe(429)
  const retryAfter = Number(res.headers.get('retry-after'))
  expect(retryAfter).toBeGreaterThan(0)
  expect(await res.json()).toMatchObject({
    error: 'Rate limit exceeded',
    code: 'RATE_LIMIT_EXCEEDED',
    message: expect.any(String),
    retry_after: retryAfter,
  })
  const { id } = await limited.createApp()
  expect((await attempt({ 'x-fb-tenant': id })).status).toBe(401)
  const token = 'x'.repeat(32)
  const refresh = (tail: string) =>
    limited.nobody.post(`${AUTH}/refresh`, { refresh_token: token + tail })
  for (let n = 0; n < 10; n++) expect((await refresh('a')).status).toBe(401)
  expect((await refresh('a')).status).toBe(429)
  expect((await refresh('b')).status).toBe(401)
})

test('pages of allowed origins may read answers, with credentials; others may not', async () => {
  const origin = 'https://shop.example.com'
  await app.instance.services.apps.update(other.id, { allowedOrigins: [origin] })
  const ask = (from: string, headers: Record<string, string> = {}) =>
    app.nobody.get(`${AUTH}/config`, { origin: from, ...headers })
  const allowed = await ask(origin, { apikey: other.anonKey })
  expect(allowed.headers.get('access-control-allow-origin')).toBe(origin)
  expect(allowed.headers.get('access-control-allow-credentials')).toBe('true')
  expect(allowed.headers.get('access-control-expose-headers')).toContain('Content-Range')
  expect(allowed.headers.get('vary')).toContain('Origin')
  const elsewhere = await ask(origin)
  expect(elsewhere.status).toBe(200)
  expect(elsewhere.headers.get('access-control-allow-origin')).toBeNull()
  const local = await ask('http://localhost:5173')
  expect(local.headers.get('access-control-allow-origin')).toBe('http://localhost:5173')
  const lookalike = await ask('http://localhost.example.com', { apikey: other.anonKey })
  expect(lookalike.headers.get('access-control-allow-origin')).toBeNull()
  const refusal = await app.nobody.get(`${AUTH}/user`, { origin, authorization: 'Bearer nonsense' })
  expect(refusal.headers.get('access-control-allow-origin')).toBe(origin)
})

test('a preflight is answered without credentials', async () => {
  const preflight = (origin: string) =>
    app.nobody.request('OPTIONS', `${AUTH}/signin`, undefined, {
      origin,
      'access-control-request-method': 'POST',
    })
  const res = await preflight('http://localhost:3000')
  expect(res.status).toBe(204)
  expect(res.headers.get('access-control-max-age')).toBe('300')
  expect(res.headers.get('access-control-allow-headers')).toContain('X-FB-Tenant')
  const foreign = await preflight('https://evil.example.com')
  expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
})
