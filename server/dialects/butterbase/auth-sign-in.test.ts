/** Signing up, in and out: addresses, passwords, tokens, keys and sessions. */
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { startApp } from '#support/app'
import type { Client } from '#support/client'
import {
  app,
  auth,
  json,
  logIn,
  me,
  newEmail,
  newUser,
  PASSWORD,
  refresh,
  refusalCode,
  signUp,
  type Tokens,
  useAuth,
} from './auth-fixture.ts'

useAuth()

const countOf = (answers: Response[], status: number): number =>
  answers.filter((res) => res.status === status).length

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
