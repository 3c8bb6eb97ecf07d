import { createHmac, createPublicKey, randomUUID } from 'node:crypto'
import { createRemoteJWKSet, type JWK, jwtVerify } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

const PASSWORD = 'Correct horse 1!'
const MINUTE_MS = 60_000

let app: TestApp
let auth: string
/** Milliseconds that the instance's clock is ahead of ours. */
let ahead = 0

beforeAll(async () => {
  const clock = () => new Date(Date.now() + ahead)
  app = await startApp({ clock, env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
  auth = `/auth/${app.appId}`
})

beforeEach(() => {
  ahead = 0
})

afterAll(() => app[Symbol.asyncDispose]())

type Tokens = {
  access_token: string
  refresh_token: string
  expires_in: number
  token_type: string
  user: { id: string; email: string }
}

const json = async <T>(res: Response): Promise<T> => (await res.json()) as T

let made = 0
const newEmail = (): string => `user${++made}@example.com`

async function signUp(email = newEmail(), base = auth): Promise<string> {
  const res = await app.nobody.post(`${base}/signup`, { email, password: PASSWORD })
  expect(res.status).toBe(201)
  return email
}

const logIn = (email: string, password = PASSWORD) =>
  app.nobody.post(`${auth}/login`, { email, password })

async function newUser(): Promise<Tokens> {
  const res = await logIn(await signUp())
  expect(res.status).toBe(200)
  return json<Tokens>(res)
}

const refresh = (token: string) => app.nobody.post(`${auth}/refresh`, { refresh_token: token })

const me = (token: string) => app.as(token).get(`${auth}/me`)

const parts = (token: string): Record<string, unknown>[] =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))

const countOf = (answers: Response[], status: number): number =>
  answers.filter((res) => res.status === status).length

/** Code of the envelope that the data plane refuses with. */
async function refusalCode(client: Client): Promise<[number, string]> {
  const res = await client.get(`/v1/${app.appId}/admin/auth/users`)
  const { error } = await json<{ error: { code: string } }>(res)
  return [res.status, error.code]
}

test('signup answers 201 with the user and without tokens', async () => {
  const res = await app.nobody.post(`${auth}/signup`, {
    email: ' Ada@Example.com ',
    password: PASSWORD,
    display_name: 'Ada',
    metadata: { theme: 'dark' },
    role: 'service_role',
    email_verified: true,
    app_metadata: { admin: true },
  })
  expect(res.status).toBe(201)
  expect(await res.json()).toEqual({
    user: {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: 'ada@example.com',
      email_verified: false,
      display_name: 'Ada',
    },
    message: 'Verification email sent',
  })
  const [row] = await app.sql(
    `select role, app_metadata, user_metadata, password_hash from auth.users where email = $1`,
    ['ada@example.com'],
  )
  expect(row).toMatchObject({
    role: 'authenticated',
    app_metadata: {},
    user_metadata: { theme: 'dark' },
    password_hash: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/),
  })
})

test('signup refuses a taken address in any spelling, and one of two at once', async () => {
  const email = await signUp()
  const taken = await app.nobody.post(`${auth}/signup`, {
    email: email.toUpperCase(),
    password: PASSWORD,
  })
  expect(taken.status).toBe(409)
  expect(await taken.json()).toEqual({ error: 'User already exists' })
  const body = { email: newEmail(), password: PASSWORD }
  const both = await Promise.all([1, 2].map(() => app.nobody.post(`${auth}/signup`, body)))
  expect([countOf(both, 201), countOf(both, 409)]).toEqual([1, 1])
})

test('signup refuses a weak password with the rules it breaks, and a body of another shape', async () => {
  const weak = [
    ['short1!', ['Password must be at least 8 characters', expect.stringMatching(/upper-case/)]],
    ['alllower1!', [expect.stringMatching(/upper-case/)]],
    ['ALLUPPER1!', [expect.stringMatching(/lower-case/)]],
    ['NoNumber!', [expect.stringMatching(/number/)]],
    ['NoSpecial1', [expect.stringMatching(/special/)]],
    [`Aa1!${'€'.repeat(23)}`, ['Password must be at most 72 bytes']],
  ] as const
  for (const [password, details] of weak) {
    const res = await app.nobody.post(`${auth}/signup`, { email: newEmail(), password })
    expect(res.status).toBe(400)
    expect(await res.json()).toEqual({
      error: expect.stringMatching(/^Password does not meet requirements\. /),
      details,
    })
  }
  const good = { email: newEmail(), password: PASSWORD }
  const bad = [{}, { ...good, email: 'bad' }, { ...good, metadata: 'x' }, { email: 1, password: 2 }]
  for (const body of bad) {
    const res = await app.nobody.post(`${auth}/signup`, body)
    expect([body, res.status]).toEqual([body, 400])
    expect(await res.json()).toEqual({ error: 'Invalid request body', details: expect.any(Array) })
  }
  const malformed = await app.nobody.post(`${auth}/login`, '{"email":', {
    'content-type': 'application/json',
  })
  expect(malformed.status).toBe(400)
  expect(await malformed.json()).toMatchObject({ error: 'Invalid request body' })
})

test('login answers tokens whose access token verifies by the published keys', async () => {
  const email = await signUp()
  const res = await logIn(email.toUpperCase())
  expect(res.status).toBe(200)
  const tokens = await json<Tokens>(res)
  expect(tokens).toEqual({
    access_token: expect.any(String),
    refresh_token: expect.stringMatching(/^[\w-]{32}$/),
    expires_in: 900,
    token_type: 'Bearer',
    user: {
      id: expect.any(String),
      email,
      email_verified: false,
      display_name: null,
      avatar_url: null,
    },
  })
  const keys = createRemoteJWKSet(new URL(`${app.url}${auth}/.well-known/jwks.json`))
  const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
    issuer: `butterbase:app:${app.appId}`,
    algorithms: ['RS256'],
  })
  expect(protectedHeader).toEqual({ alg: 'RS256', kid: expect.any(String), typ: 'JWT' })
  expect(payload).toMatchObject({
    sub: tokens.user.id,
    email,
    email_verified: false,
    app_id: app.appId,
  })
  expect(payload.aud).toBeUndefined()
  expect(Number(payload.exp) - Number(payload.iat)).toBe(900)
})

test('jwks.json publishes the public half only, and may be cached for five minutes', async () => {
  const res = await app.nobody.get(`${auth}/.well-known/jwks.json`)
  expect(res.headers.get('cache-control')).toBe('public, max-age=300')
  expect(await res.json()).toEqual({
    keys: [
      {
        kty: 'RSA',
        n: expect.any(String),
        e: 'AQAB',
        kid: expect.any(String),
        alg: 'RS256',
        use: 'sig',
      },
    ],
  })
})

test('login answers the same for an unknown address, a wrong password, a locked and a password-less account', async () => {
  const email = await signUp()
  const locked = await signUp()
  for (let n = 0; n < 5; n++) await logIn(locked, 'wrong')
  const passwordless = await signUp()
  await app.sql('update auth.users set password_hash = null where email = $1', [passwordless])
  const answers = [
    await logIn(email, 'wrong'),
    await logIn('nobody@example.com'),
    await logIn('no address'),
    await logIn(locked),
    await logIn(passwordless),
    await logIn(email, `${PASSWORD}${'x'.repeat(500)}`),
  ]
  for (const res of answers) {
    expect(res.status).toBe(401)
    expect(await res.json()).toEqual({ error: 'Invalid credentials' })
  }
})

test('refresh rotates and answers the user; the old token is dead, and of two at once one succeeds', async () => {
  const first = await newUser()
  const res = await refresh(first.refresh_token)
  expect(res.status).toBe(200)
  const second = await json<Tokens>(res)
  expect(second).toMatchObject({ token_type: 'Bearer', expires_in: 900, user: first.user })
  const again = await refresh(first.refresh_token)
  expect(again.status).toBe(401)
  expect(await again.json()).toEqual({ error: 'Invalid or expired refresh token' })
  const both = await Promise.all([1, 2].map(() => refresh(second.refresh_token)))
  expect([countOf(both, 200), countOf(both, 401)]).toEqual([1, 1])
  expect((await refresh(first.access_token)).status).toBe(401)
  expect((await app.nobody.post(`${auth}/refresh`, {})).status).toBe(400)
})

test('a refresh token of another app is refused', async () => {
  const { id } = await app.createApp()
  const { refresh_token: token } = await newUser()
  const res = await app.nobody.post(`/auth/${id}/refresh`, { refresh_token: token })
  expect(res.status).toBe(401)
  expect((await refresh(token)).status).toBe(200)
})

test('me answers the user, flat', async () => {
  const { user, access_token: token } = await newUser()
  const res = await me(token)
  expect(res.status).toBe(200)
  expect(await res.json()).toEqual({
    id: user.id,
    email: user.email,
    email_verified: false,
    display_name: null,
    avatar_url: null,
    provider: 'email',
    created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    last_sign_in_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    metadata: {},
  })
})

test('me and logout refuse whoever is no user of this app', async () => {
  const other = await app.createApp()
  const theirs = await signUp(newEmail(), `/auth/${other.id}`)
  const login = await app.nobody.post(`/auth/${other.id}/login`, {
    email: theirs,
    password: PASSWORD,
  })
  const { access_token: foreign } = await json<Tokens>(login)
  for (const path of ['/me', '/logout']) {
    const ask = (client: Client) =>
      path === '/me' ? client.get(auth + path) : client.post(auth + path)
    const missing = await ask(app.nobody)
    expect([missing.status, await missing.json()]).toEqual([
      401,
      { error: 'Missing or invalid Authorization header' },
    ])
    const bad = ['nonsense', 'eyJ.a.b', foreign, app.anonKey, app.serviceKey, app.platformKey]
    for (const token of bad) {
      const res = await ask(app.as(token))
      expect([res.status, await res.json()]).toEqual([401, { error: 'Invalid token' }])
    }
  }
})

test('logout ends every session of the user, access tokens included, at once', async () => {
  const first = await newUser()
  const second = await json<Tokens>(await logIn(first.user.email))
  for (const { access_token: token } of [first, second]) expect((await me(token)).status).toBe(200)
  const res = await app.as(first.access_token).post(`${auth}/logout`)
  expect([res.status, await res.json()]).toEqual([200, { message: 'Logged out successfully' }])
  for (const { access_token: access, refresh_token: token } of [first, second]) {
    expect((await me(access)).status).toBe(401)
    expect((await refresh(token)).status).toBe(401)
    expect(await refusalCode(app.as(access))).toEqual([401, 'AUTH_INVALID_END_USER_JWT'])
  }
})

test('an app that does not exist answers 404 in one sentence', async () => {
  const nowhere = '/auth/app_000000000000'
  const body = { email: newEmail(), password: PASSWORD }
  const answers = [
    await app.nobody.post(`${nowhere}/signup`, body),
    await app.nobody.post(`${nowhere}/login`, body),
    await app.nobody.post(`${nowhere}/refresh`, { refresh_token: 'x' }),
    await app.nobody.get(`${nowhere}/.well-known/jwks.json`),
  ]
  for (const res of answers) {
    expect([res.status, await res.json()]).toEqual([404, { error: 'App not found' }])
  }
})

test('sign-in goes on while the app is paused', async () => {
  const { id } = await app.createApp()
  await app.owner.patch(`/v1/${id}/config/pause`, { paused: true })
  const email = await signUp(newEmail(), `/auth/${id}`)
  const res = await app.nobody.post(`/auth/${id}/login`, { email, password: PASSWORD })
  expect(res.status).toBe(200)
})

test('expires_in follows the configuration of the app', async () => {
  const { id } = await app.createApp()
  await app.instance.services.apps.update(id, {
    jwtConfig: { accessTokenTtl: '1h', refreshTokenTtlDays: 7 },
  })
  const email = await signUp(newEmail(), `/auth/${id}`)
  const res = await app.nobody.post(`/auth/${id}/login`, { email, password: PASSWORD })
  expect(await res.json()).toMatchObject({ expires_in: 3600 })
})

test('the data plane refuses user tokens with the code that fits', async () => {
  const { user, access_token: token } = await newUser()
  expect(await refusalCode(app.as(token))).toEqual([403, 'AUTH_INSUFFICIENT_PERMISSIONS'])
  const [header = {}, claims = {}] = parts(token)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [head, body, signature] = token.split('.')
  const invalid = [
    // Signed with the published key as if it were a secret.
    await confused(header, claims),
    `${part({ ...header, alg: 'none' })}.${body}.`,
    `${part({ ...header, kid: randomUUID() })}.${body}.${signature}`,
    `${head}.${part({ ...claims, sub: randomUUID() })}.${signature}`,
    `${head}.${body}.${(signature ?? '').split('').toReversed().join('')}`,
    signedBySecret({ ...claims }),
    signedBySecret({ iss: 'fluxbase', role: 'authenticated', sub: user.id, token_type: 'refresh' }),
  ]
  for (const [index, forged] of invalid.entries()) {
    expect([index, ...(await refusalCode(app.as(forged)))]).toEqual([
      index,
      401,
      'AUTH_INVALID_END_USER_JWT',
    ])
  }
  expect(await refusalCode(app.as('eyJ.nonsense'))).toEqual([401, 'AUTH_INVALID_TOKEN'])
  expect(await refusalCode(app.as('nonsense'))).toEqual([401, 'AUTH_INVALID_TOKEN'])
  ahead = 15 * MINUTE_MS + 1000
  expect(await refusalCode(app.as(token))).toEqual([401, 'AUTH_END_USER_JWT_EXPIRED'])
})

async function confused(header: object, claims: object): Promise<string> {
  const res = await app.nobody.get(`${auth}/.well-known/jwks.json`)
  const { keys } = await json<{ keys: JWK[] }>(res)
  const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' })
  const pem = key.export({ format: 'pem', type: 'spki' })
  return hmac(String(pem), { ...header, alg: 'HS256' }, claims)
}

function signedBySecret(claims: object): string {
  return hmac(secret, { alg: 'HS256' }, claims)
}

let secret = ''
beforeAll(async () => {
  const { apps } = app.instance.services
  secret = apps.keysOf(await apps.default()).secret
})

function hmac(key: string, header: object, claims: object): string {
  const body = [header, claims]
    .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
    .join('.')
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`
}

test('a user token of another app is refused, whether that app exists or not', async () => {
  const { access_token: token } = await newUser()
  const other = await app.createApp()
  for (const id of [other.id, 'app_000000000000']) {
    const res = await app.as(token).get(`/v1/${id}/admin/auth/users`)
    const { error } = await json<{ error: { code: string } }>(res)
    expect([res.status, error.code]).toEqual([401, 'AUTH_INVALID_END_USER_JWT'])
  }
})

test('a token of either dialect signs in to the other', async () => {
  const { user, access_token: token } = await newUser()
  const there = await app.as(token).get('/api/v1/auth/user')
  expect(there.status).toBe(200)
  expect(await there.json()).toMatchObject({ id: user.id, email: user.email })
  const res = await app.nobody.post('/api/v1/auth/signin', {
    email: user.email,
    password: PASSWORD,
  })
  const { access_token: theirs } = await json<Tokens>(res)
  expect(await (await me(theirs)).json()).toMatchObject({ id: user.id })
  await app.as(theirs).post(`${auth}/logout`)
  expect((await app.as(token).get('/api/v1/auth/user')).status).toBe(401)
})

test('the owner lists users, newest first, page by page', async () => {
  const { id, serviceKey } = await app.createApp()
  const emails = []
  for (let n = 0; n < 5; n++) emails.unshift(await signUp(newEmail(), `/auth/${id}`))
  type Page = { users: { email: string }[]; next_cursor: string | null }
  const list = async (client: Client, query = '') =>
    json<Page>(await client.get(`/v1/${id}/admin/auth/users${query}`))
  const all = await list(app.owner)
  expect(all.users.map(({ email }) => email)).toEqual(emails)
  expect(all.users[0]).toEqual({
    id: expect.any(String),
    email: emails[0],
    provider: 'email',
    provider_uid: null,
    email_verified: false,
    last_sign_in_at: null,
    created_at: expect.any(String),
  })
  expect(all.next_cursor).toBeNull()
  const found = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: Page = await list(
      app.as(serviceKey),
      `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    found.push(...page.users.map(({ email }) => email))
    cursor = page.next_cursor
  }
  expect(found).toEqual(emails)
})

test('the list of users brings limits into range, and refuses bad cursors, nobody, users and strangers', async () => {
  const path = `/v1/${app.appId}/admin/auth/users`
  const never = Buffer.from(`2026-99-99T00:00:00.000000Z ${randomUUID()}`).toString('base64url')
  for (const query of ['limit=0', 'limit=5000', 'limit=x']) {
    expect([query, (await app.owner.get(`${path}?${query}`)).status]).toEqual([query, 200])
  }
  for (const query of ['cursor=x', `cursor=${never}`]) {
    const res = await app.owner.get(`${path}?${query}`)
    const { error } = await json<{ error: { code: string } }>(res)
    expect([query, res.status, error.code]).toEqual([query, 400, 'VALIDATION_INVALID_TYPE'])
  }
  const { access_token: token } = await newUser()
  expect((await app.nobody.get(path)).status).toBe(401)
  expect((await app.as(app.anonKey).get(path)).status).toBe(401)
  expect((await app.as(token).get(path)).status).toBe(403)
  const stranger = await app.stranger()
  expect((await stranger.get(path)).status).toBe(404)
})

test('the owner deletes a user, whose tokens are refused at once', async () => {
  const { user, access_token: access, refresh_token: token } = await newUser()
  expect((await me(access)).status).toBe(200)
  const path = `/v1/${app.appId}/admin/auth/users/${user.id}`
  expect((await app.as(access).delete(path)).status).toBe(403)
  expect((await app.nobody.delete(path)).status).toBe(401)
  const res = await app.owner.delete(path)
  expect(res.status).toBe(200)
  expect(await res.json()).toEqual({ deleted: true, user_id: user.id, email: user.email })
  expect((await me(access)).status).toBe(404)
  expect((await refresh(token)).status).toBe(401)
  expect((await logIn(user.email)).status).toBe(401)
  for (const gone of [path, `/v1/${app.appId}/admin/auth/users/nonsense`]) {
    expect((await app.owner.delete(gone)).status).toBe(404)
  }
})

test('listeners hear of sign-ups and logins, and their failure changes nothing', async () => {
  const heard: string[] = []
  app.instance.services.signInHooks.subscribe((ctx, { event, user }) => {
    heard.push(`${ctx.app.id} ${event} ${user.email}`)
    throw new Error('a listener fails')
  })
  const { user } = await newUser()
  await expect
    .poll(() => heard)
    .toEqual([`${app.appId} signup ${user.email}`, `${app.appId} login ${user.email}`])
})

test('one address may sign up five times in a quarter of an hour per app', async () => {
  await using limited = await startApp()
  const attempt = (id: string) => limited.nobody.post(`/auth/${id}/signup`, {})
  for (let n = 0; n < 5; n++) expect((await attempt(limited.appId)).status).toBe(400)
  const res = await attempt(limited.appId)
  expect(res.status).toBe(429)
  expect(res.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(res.headers.get('x-ratelimit-limit')).toBe('5')
  expect(res.headers.get('x-ratelimit-remaining')).toBe('0')
  expect(await res.json()).toMatchObject({
    error: {
      code: 'QUOTA_RATE_LIMIT',
      message: expect.stringMatching(/^Rate limit exceeded, retry in \d+/),
    },
  })
  const { id } = await limited.createApp()
  expect((await attempt(id)).status).toBe(400)
  const login = await limited.nobody.post(`/auth/${limited.appId}/login`, {})
  expect(login.status).toBe(400)
})
