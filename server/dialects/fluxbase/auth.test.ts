import { createHmac, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

const AUTH = '/api/v1/auth'
const PASSWORD = 'correct horse'
const MINUTE_MS = 60_000

let app: TestApp
/** Milliseconds that the instance's clock is ahead of ours. */
let ahead = 0

beforeAll(async () => {
  const clock = () => new Date(Date.now() + ahead)
  app = await startApp({ clock, env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
})

beforeEach(() => {
  ahead = 0
})

afterAll(() => app[Symbol.asyncDispose]())

type Session = {
  user: Record<string, unknown> & { id: string; email: string }
  access_token: string
  refresh_token: string
  expires_in: number
  token_type: string
}

type Failure = { error: string; code: string; [field: string]: unknown }

const json = async <T>(res: Response): Promise<T> => (await res.json()) as T

let made = 0
const newEmail = (): string => `user${++made}@example.com`

async function signUp(email = newEmail(), client: Client = app.nobody): Promise<Session> {
  const res = await client.post(`${AUTH}/signup`, { email, password: PASSWORD })
  expect(res.status).toBe(201)
  return json<Session>(res)
}

const signIn = (email: string, password = PASSWORD) =>
  app.nobody.post(`${AUTH}/signin`, { email, password })

const refresh = (token: string) => app.nobody.post(`${AUTH}/refresh`, { refresh_token: token })

const whoami = (token: string) => app.as(token).get(`${AUTH}/user`)

async function refused(res: Response): Promise<[number, string, string]> {
  const { error, code } = await json<Failure>(res)
  return [res.status, code, error]
}

const countOf = (answers: Response[], status: number): number =>
  answers.filter((res) => res.status === status).length

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

/** A token signed as HS256, or not at all. */
function forge(secret: string, claims: object, header: object = { alg: 'HS256' }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = `${part(header)}.${part(claims)}`
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}

async function secretOf(appId = app.appId): Promise<string> {
  const { apps } = app.instance.services
  const found = await apps.find(appId)
  if (!found) throw new Error('no such app')
  return apps.keysOf(found).secret
}

const soon = () => Math.floor(Date.now() / 1000) + 600

test('POST /auth/signup answers 201 with user, tokens and expires_in at the top', async () => {
  const res = await app.nobody.post(`${AUTH}/signup`, {
    email: '  New.User@Example.COM ',
    password: PASSWORD,
    user_metadata: { theme: 'dark' },
  })
  expect(res.status).toBe(201)
  const body = await json<Session>(res)
  expect(body).toEqual({
    user: {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: 'new.user@example.com',
      email_verified: false,
      role: 'authenticated',
      user_metadata: { theme: 'dark' },
      metadata: { theme: 'dark' },
      app_metadata: {},
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    },
    access_token: expect.stringMatching(/^eyJ/),
    refresh_token: expect.stringMatching(/^[\w-]{32}$/),
    expires_in: 900,
    token_type: 'bearer',
  })
  expect(claimsOf(body.access_token)).toMatchObject({
    iss: 'fluxbase',
    aud: ['fluxbase'],
    sub: body.user.id,
    user_id: body.user.id,
    app_id: app.appId,
    email: 'new.user@example.com',
    role: 'authenticated',
    token_type: 'access',
    is_anonymous: false,
    user_metadata: { theme: 'dark' },
    session_id: expect.any(String),
    jti: expect.any(String),
  })
})

test('POST /auth/signup takes no role, app_metadata, email_verified or id from the body', async () => {
  const id = randomUUID()
  const res = await app.nobody.post(`${AUTH}/signup`, {
    email: newEmail(),
    password: PASSWORD,
    id,
    role: 'service_role',
    app_metadata: { admin: true },
    email_verified: true,
    tenant_id: id,
  })
  const { user, access_token: token } = await json<Session>(res)
  const plain = { role: 'authenticated', app_metadata: {}, email_verified: false }
  expect(user).toMatchObject(plain)
  expect(user.id).not.toBe(id)
  expect(claimsOf(token)).toMatchObject({ role: 'authenticated', app_metadata: {} })
})

test('POST /auth/signup refuses weak and overlong passwords, bad addresses and unusable metadata', async () => {
  const good = { email: newEmail(), password: PASSWORD }
  const refusals = [
    [{ ...good, password: 'short12' }, 'VALIDATION_FAILED', /at least 8 characters/],
    // 25 characters, 75 bytes.
    [{ ...good, password: '€'.repeat(25) }, 'VALIDATION_FAILED', /at most 72 bytes/],
    [{ ...good, email: 'nobody' }, 'VALIDATION_FAILED', /Invalid email/],
    [{ ...good, email: 'a b@example.com' }, 'VALIDATION_FAILED', /Invalid email/],
    [{ ...good, email: 'a\0b@example.com' }, 'VALIDATION_FAILED', /Invalid email/],
    [{ ...good, email: 'half\ud800@example.com' }, 'VALIDATION_FAILED', /Invalid email/],
    [{ ...good, email: `${'x'.repeat(250)}@example.com` }, 'VALIDATION_FAILED', /Invalid email/],
    [{ ...good, user_metadata: { a: 'x'.repeat(9000) } }, 'VALIDATION_FAILED', /bytes/],
    [{ ...good, user_metadata: { a: '\0' } }, 'VALIDATION_FAILED', /NUL/],
    [{ ...good, user_metadata: { a: '\ud800' } }, 'VALIDATION_FAILED', /half/],
    [{ ...good, user_metadata: ['a'] }, 'INVALID_INPUT', /user_metadata/],
    [{ ...good, email: 7 }, 'INVALID_INPUT', /email/],
    [{ email: good.email }, 'MISSING_REQUIRED_FIELD', /Email and password are required/],
  ] as const
  for (const [body, code, text] of refusals) {
    const res = await app.nobody.post(`${AUTH}/signup`, body)
    const failure = await json<Failure>(res)
    expect([res.status, failure.code]).toEqual([400, code])
    expect(failure.error).toMatch(text)
  }
  const backslash = { ...good, user_metadata: { a: '\\u0000' } }
  expect((await app.nobody.post(`${AUTH}/signup`, backslash)).status).toBe(201)
})

test('POST /auth/signup refuses a taken address, in any spelling, without saying so', async () => {
  const { user } = await signUp()
  const res = await app.nobody.post(`${AUTH}/signup`, {
    email: user.email.toUpperCase(),
    password: PASSWORD,
  })
  expect(await refused(res)).toEqual([400, 'INVALID_INPUT', 'Registration failed'])
})

test('of two sign-ups of one address at once exactly one succeeds', async () => {
  const body = { email: newEmail(), password: PASSWORD }
  const both = await Promise.all([1, 2, 3].map(() => app.nobody.post(`${AUTH}/signup`, body)))
  expect(countOf(both, 201)).toBe(1)
  expect(countOf(both, 400)).toBe(2)
})

test('POST /auth/signin answers 200 with tokens that GET /auth/user accepts', async () => {
  const { user } = await signUp()
  const res = await signIn(user.email.toUpperCase())
  expect(res.status).toBe(200)
  const session = await json<Session>(res)
  const me = await whoami(session.access_token)
  expect(me.status).toBe(200)
  expect(await me.json()).toEqual(session.user)
  const answers = [res, me, await whoami('nonsense'), await app.nobody.get(`${AUTH}/config`)]
  const types = answers.map(({ headers }) => headers.get('content-type'))
  expect(types).toEqual(answers.map(() => 'application/json; charset=utf-8'))
})

test('POST /auth/signin answers the same for an unknown address, a wrong and an overlong password', async () => {
  const { user } = await signUp()
  const answers = [
    await signIn(user.email, 'wrong password'),
    await signIn('nobody@example.com'),
    await signIn('no address at all'),
    await signIn('nul\0@example.com'),
    await signIn(user.email, 'x'.repeat(1000)),
  ]
  for (const res of answers) {
    const body = await json<Failure>(res)
    expect(res.status).toBe(401)
    expect({ ...body, request_id: '' }).toEqual({
      error: 'Invalid email or password',
      code: 'INVALID_CREDENTIALS',
      request_id: '',
    })
  }
  expect(await refused(await app.nobody.post(`${AUTH}/signin`, {}))).toEqual([
    400,
    'MISSING_REQUIRED_FIELD',
    'Email and password are required',
  ])
})

test('an unknown address takes as long as a wrong password', async () => {
  const { user } = await signUp()
  const fastest = async (email: string): Promise<number> => {
    const times = []
    for (let n = 0; n < 6; n++) {
      const began = performance.now()
      await signIn(email, 'wrong')
      times.push(performance.now() - began)
    }
    return Math.min(...times)
  }
  const known = await fastest(user.email)
  const unknown = await fastest('nobody@example.com')
  const nonsense = await fastest('nonsense')
  // The hash is nearly all of it; a look-up alone takes a tenth.
  expect(unknown).toBeGreaterThan(known / 2)
  expect(nonsense).toBeGreaterThan(known / 2)
  // A wrong password is counted, which takes a commit: so do the others, locked accounts too.
  const transactions = async (): Promise<number> => {
    const [row] = await app.sql('select pg_snapshot_xmax(pg_current_snapshot())::text as next')
    return Number(row?.next)
  }
  for (const email of [user.email, 'nobody@example.com', 'nonsense']) {
    const before = await transactions()
    await signIn(email, 'wrong')
    expect([email, (await transactions()) > before]).toEqual([email, true])
  }
})

test('a password of 72 bytes is not cut: its first 71 do not sign in', async () => {
  const email = newEmail()
  const password = 'p'.repeat(72)
  await app.nobody.post(`${AUTH}/signup`, { email, password })
  expect((await signIn(email, password)).status).toBe(200)
  expect((await signIn(email, password.slice(0, 71))).status).toBe(401)
  expect((await signIn(email, `${password}p`)).status).toBe(401)
})

test('five wrong passwords lock the account for 15 minutes, for the right password too', async () => {
  const { user, refresh_token: token } = await signUp()
  for (let n = 0; n < 5; n++) expect((await signIn(user.email, 'wrong')).status).toBe(401)
  const locked = await refused(await signIn(user.email))
  expect(locked.slice(0, 2)).toEqual([403, 'ACCOUNT_LOCKED'])
  expect((await refresh(token)).status).toBe(401)
  ahead = 14 * MINUTE_MS
  expect((await signIn(user.email)).status).toBe(403)
  ahead = 15 * MINUTE_MS + 1000
  expect((await signIn(user.email, 'wrong')).status).toBe(401)
  expect((await signIn(user.email)).status).toBe(200)
})

test('a right password begins the count of wrong ones anew', async () => {
  const { user } = await signUp()
  for (const round of [1, 2]) {
    for (let n = 0; n < 4; n++) await signIn(user.email, 'wrong')
    expect([round, (await signIn(user.email)).status]).toEqual([round, 200])
  }
})

test('wrong passwords that arrive at once are all counted', async () => {
  const { user } = await signUp()
  await Promise.all(Array.from({ length: 8 }, () => signIn(user.email, 'wrong')))
  expect((await signIn(user.email)).status).toBe(403)
})

test('POST /auth/refresh gives new tokens of the same session; the old refresh token is dead', async () => {
  const first = await signUp()
  const res = await refresh(first.refresh_token)
  expect(res.status).toBe(200)
  const second = await json<Session>(res)
  expect(second).toMatchObject({ expires_in: 900, user: { id: first.user.id } })
  expect(second.refresh_token).not.toBe(first.refresh_token)
  expect(claimsOf(second.access_token).session_id).toBe(claimsOf(first.access_token).session_id)
  expect(await refused(await refresh(first.refresh_token))).toEqual([
    401,
    'INVALID_TOKEN',
    'Invalid or expired refresh token',
  ])
  expect((await refresh(second.refresh_token)).status).toBe(200)
})

test('a spent refresh token that comes back is recorded, and the session goes on', async () => {
  const { user, refresh_token: old } = await signUp()
  const { refresh_token: current } = await json<Session>(await refresh(old))
  expect((await refresh(old)).status).toBe(401)
  const [spent] = await app.sql(
    `select t.reused_at from auth.spent_refresh_tokens t join auth.sessions s on s.id = t.session_id
     where s.user_id = $1`,
    [user.id],
  )
  expect(spent?.reused_at).toBeInstanceOf(Date)
  const events = await app.instance.services.platform
    .query`select event_data from audit_events where event_type = 'auth.refresh_token_reused'`
  expect(events.map(({ eventData }) => eventData)).toContainEqual({ userId: user.id })
  expect((await refresh(current)).status).toBe(200)
})

test('of two refreshes at once exactly one succeeds', async () => {
  const { refresh_token: token } = await signUp()
  const both = await Promise.all([1, 2, 3, 4].map(() => refresh(token)))
  expect(countOf(both, 200)).toBe(1)
  expect(countOf(both, 401)).toBe(3)
})

test('POST /auth/refresh takes neither an access token, nor nonsense, nor a token past its week', async () => {
  const { access_token: access, refresh_token: token } = await signUp()
  expect((await refresh(access)).status).toBe(401)
  expect((await refresh('nonsense')).status).toBe(401)
  expect(await refused(await app.nobody.post(`${AUTH}/refresh`))).toEqual([
    400,
    'MISSING_REQUIRED_FIELD',
    'Refresh token is required',
  ])
  ahead = 7 * 24 * 60 * MINUTE_MS + 1000
  expect((await refresh(token)).status).toBe(401)
})

test('a refresh carries what the database says now, and slides the end of the session', async () => {
  const { user, refresh_token: token } = await signUp()
  await app.sql(`update auth.users set role = 'editor' where id = $1`, [user.id])
  ahead = 6 * 24 * 60 * MINUTE_MS
  const second = await json<Session>(await refresh(token))
  expect(claimsOf(second.access_token).role).toBe('editor')
  ahead = 12 * 24 * 60 * MINUTE_MS
  expect((await refresh(second.refresh_token)).status).toBe(200)
})

test('a refresh fails when the user was deleted', async () => {
  const { user, refresh_token: token } = await signUp()
  await app.sql('delete from auth.users where id = $1', [user.id])
  expect((await refresh(token)).status).toBe(401)
})

test('the sixth session of a user ends the oldest', async () => {
  const { user, access_token: oldest, refresh_token: token } = await signUp()
  const later = []
  for (let n = 0; n < 5; n++) {
    expect((await whoami(oldest)).status).toBe(200)
    later.push(await json<Session>(await signIn(user.email)))
  }
  expect((await refused(await whoami(oldest)))[1]).toBe('REVOKED_TOKEN')
  expect((await refresh(token)).status).toBe(401)
  for (const { access_token: access } of later) expect((await whoami(access)).status).toBe(200)
})

test('five sessions are kept when ten sign in at once', async () => {
  const { user } = await signUp()
  const all = await Promise.all(Array.from({ length: 10 }, () => signIn(user.email)))
  expect(all.every((res) => res.status === 200)).toBe(true)
  const kept = await app.sql('select from auth.sessions where user_id = $1', [user.id])
  expect(kept).toHaveLength(5)
})

test('requests that cross a sign-out do not bring the session back', async () => {
  const { access_token: access } = await signUp()
  const crossing = Array.from({ length: 10 }, () => whoami(access))
  const out = app.as(access).post(`${AUTH}/signout`)
  const more = Array.from({ length: 10 }, () => whoami(access))
  await Promise.all([...crossing, out, ...more])
  expect((await whoami(access)).status).toBe(401)
})

test('a refresh token is no access token', async () => {
  const { refresh_token: token } = await signUp()
  expect((await whoami(token)).status).toBe(401)
})

test('POST /auth/signout refuses the access and the refresh token at once, and other sessions remain', async () => {
  const { user, access_token: access, refresh_token: token } = await signUp()
  const other = await json<Session>(await signIn(user.email))
  expect((await whoami(access)).status).toBe(200)
  const res = await app.as(access).post(`${AUTH}/signout`, undefined, {
    'content-type': 'application/json',
  })
  expect(res.status).toBe(200)
  expect(await res.json()).toEqual({ message: 'Successfully signed out' })
  expect(await refused(await whoami(access))).toEqual([
    401,
    'REVOKED_TOKEN',
    'Token has been revoked',
  ])
  expect((await refresh(token)).status).toBe(401)
  expect((await whoami(other.access_token)).status).toBe(200)
  expect((await app.as(access).post(`${AUTH}/signout`)).status).toBe(200)
  expect((await app.nobody.post(`${AUTH}/signout`)).status).toBe(401)
  expect((await app.as('eyJ.nonsense').post(`${AUTH}/signout`)).status).toBe(401)
})

test('another process forgets a remembered session as soon as it hears that it ended', async () => {
  const { user, access_token: access } = await signUp()
  expect((await whoami(access)).status).toBe(200)
  const { session_id: id } = claimsOf(access)
  // What another process does: the row, then the word to all who listen.
  await app.sql('delete from auth.sessions where id = $1', [id])
  expect((await whoami(access)).status).toBe(200)
  await app.instance.services.platform
    .query`select pg_notify('stead_sessions', ${`${app.appId} ${user.id}`})`
  await expect.poll(async () => (await whoami(access)).status).toBe(401)
})

test('GET /auth/user refuses nobody, the anon key, keys and users that are gone', async () => {
  const missing = [401, 'MISSING_AUTHENTICATION', 'Missing authentication']
  expect(await refused(await app.nobody.get(`${AUTH}/user`))).toEqual(missing)
  expect(await refused(await whoami(app.anonKey))).toEqual(missing)
  expect((await refused(await whoami(app.serviceKey)))[1]).toBe('INSUFFICIENT_PERMISSIONS')
  expect((await whoami('sk_unknown')).status).toBe(401)
  const { user, access_token: access } = await signUp()
  await app.sql('delete from auth.users where id = $1', [user.id])
  expect((await whoami(access)).status).toBe(401)
})

test('GET /auth/user accepts a slash at the end', async () => {
  const { access_token: access } = await signUp()
  expect((await app.as(access).get(`${AUTH}/user/`)).status).toBe(200)
})

test('an access token is refused once it has expired', async () => {
  const { access_token: access } = await signUp()
  expect((await whoami(access)).status).toBe(200)
  ahead = 15 * MINUTE_MS + 1000
  expect(await refused(await whoami(access))).toEqual([
    401,
    'INVALID_TOKEN',
    'Invalid or expired Bearer token',
  ])
})

test('expires_in and exp follow the access TTL of the app', async () => {
  const { id, anonKey } = await app.createApp()
  await app.instance.services.apps.update(id, {
    jwtConfig: { accessTokenTtl: '2h', refreshTokenTtlDays: 1 },
  })
  const session = await signUp(newEmail(), app.as(anonKey))
  expect(session.expires_in).toBe(7200)
  const { exp, iat } = claimsOf(session.access_token)
  expect(Number(exp) - Number(iat)).toBe(7200)
})

test('forged tokens are refused: no algorithm, wrong secret, changed claims, refresh as access', async () => {
  const { user, access_token: access } = await signUp()
  const claims = claimsOf(access)
  const secret = await secretOf()
  const [head, , signature] = access.split('.')
  const elevated = Buffer.from(JSON.stringify({ ...claims, role: 'service_role' }))
  const forged = [
    `${forge(secret, claims, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`,
    forge(secret, claims, { alg: 'HS512' }),
    forge('another secret of at least 32 chars', claims),
    `${head}.${elevated.toString('base64url')}.${signature}`,
    forge(secret, { ...claims, token_type: 'refresh' }),
    forge(secret, { ...claims, session_id: randomUUID() }),
    forge(secret, { ...claims, sub: randomUUID() }),
    forge(secret, { ...claims, session_id: 7 }),
    forge(secret, { ...claims, app_id: 'app_000000000000' }),
    forge(secret, { ...claims, nbf: soon() }),
    forge(secret, { iss: 'elsewhere', role: 'authenticated', sub: user.id }),
    forge(secret, { iss: 'fluxbase', role: 'postgres', sub: user.id }),
    forge(secret, { iss: 'stead', role: 'service_role', app_id: app.appId }),
    forge(secret, { role: 'authenticated', sub: 'nul\0' }),
    forge(secret, { role: 'authenticated', sub: 7 }),
    'eyJhbGciOiJIUzI1NiJ9.e30',
    'eyJ',
  ]
  for (const [index, token] of forged.entries()) {
    expect([index, (await whoami(token)).status]).toEqual([index, 401])
  }
  expect((await whoami(forge(secret, claims))).status).toBe(200)
})

test('tokens that others signed with the secret of the app are taken for what their role says', async () => {
  const { user } = await signUp()
  const secret = await secretOf()
  for (const iss of [undefined, '', 'fluxbase', 'supabase', 'supabase-demo']) {
    const token = forge(secret, { iss, role: 'authenticated', sub: user.id })
    expect([iss, (await whoami(token)).status]).toEqual([iss, 200])
  }
  const expired = forge(secret, { role: 'authenticated', sub: user.id, exp: soon() - 1200 })
  expect((await whoami(expired)).status).toBe(401)
  expect((await whoami(forge(secret, { role: 'anon' }))).status).toBe(401)
  expect((await whoami(forge(secret, { role: 'service_role' }))).status).toBe(403)
  expect((await whoami(forge(secret, { role: 'authenticated' }))).status).toBe(401)
})

test('such a token is read with the secret of the app that the request names', async () => {
  const other = await app.createApp()
  const otherSecret = await secretOf(other.id)
  const { user } = await signUp(newEmail(), app.as(other.anonKey))
  const token = forge(otherSecret, { role: 'authenticated', sub: user.id })
  expect((await whoami(token)).status).toBe(401)
  const named = await app.as(token).get(`${AUTH}/user`, { 'x-fb-tenant': other.id })
  expect(named.status).toBe(200)
})

test('PATCH /auth/user replaces user_metadata and ignores what is not the user’s to change', async () => {
  const { access_token: access } = await signUp()
  const res = await app.as(access).patch(`${AUTH}/user`, {
    user_metadata: { name: 'Ada' },
    role: 'service_role',
    app_metadata: { admin: true },
    email_verified: true,
    is_locked: true,
  })
  expect(res.status).toBe(200)
  expect(await res.json()).toMatchObject({
    user_metadata: { name: 'Ada' },
    role: 'authenticated',
    app_metadata: {},
    email_verified: false,
  })
  const alias = await app.as(access).patch(`${AUTH}/user`, { data: { name: 'Bob' } })
  expect(await alias.json()).toMatchObject({ user_metadata: { name: 'Bob' } })
  expect(await (await whoami(access)).json()).toMatchObject({ user_metadata: { name: 'Bob' } })
})

test('PATCH /auth/user with a new address makes it unverified, and refuses a taken one', async () => {
  const { user, access_token: access } = await signUp()
  const { user: other } = await signUp()
  await app.sql('update auth.users set email_verified = true where id = $1', [user.id])
  const same = await app.as(access).patch(`${AUTH}/user`, { email: user.email.toUpperCase() })
  expect(await same.json()).toMatchObject({ email: user.email, email_verified: true })
  const taken = await app.as(access).patch(`${AUTH}/user`, { email: other.email })
  expect((await refused(taken)).slice(0, 2)).toEqual([409, 'ALREADY_EXISTS'])
  const email = newEmail()
  const moved = await app.as(access).patch(`${AUTH}/user`, { email })
  expect(await moved.json()).toMatchObject({ email, email_verified: false })
  expect((await signIn(email)).status).toBe(200)
  expect((await app.as(access).patch(`${AUTH}/user`, { email: 'bad' })).status).toBe(400)
})

test('PATCH /auth/user with a new password ends the other sessions and keeps this one', async () => {
  const { user, access_token: access, refresh_token: token } = await signUp()
  const other = await json<Session>(await signIn(user.email))
  expect((await whoami(other.access_token)).status).toBe(200)
  expect((await app.as(access).patch(`${AUTH}/user`, { password: 'short' })).status).toBe(400)
  const res = await app.as(access).patch(`${AUTH}/user`, { password: 'a new password' })
  expect(res.status).toBe(200)
  expect((await whoami(other.access_token)).status).toBe(401)
  expect((await refresh(other.refresh_token)).status).toBe(401)
  expect((await whoami(access)).status).toBe(200)
  expect((await refresh(token)).status).toBe(200)
  expect((await signIn(user.email)).status).toBe(401)
  expect((await signIn(user.email, 'a new password')).status).toBe(200)
})

test('PATCH /auth/user refuses a nonce that is not good, and changes nothing then', async () => {
  const { user, access_token: access } = await signUp()
  const body = { password: 'a new password', nonce: randomUUID() }
  const res = await app.as(access).patch(`${AUTH}/user`, body)
  expect(await refused(res)).toEqual([400, 'INVALID_TOKEN', 'Invalid or expired nonce'])
  expect((await signIn(user.email)).status).toBe(200)
})

test('PATCH /auth/user refuses nobody, keys and the anon key', async () => {
  const change = (client: Client) => client.patch(`${AUTH}/user`, { user_metadata: {} })
  expect((await change(app.nobody)).status).toBe(401)
  expect((await change(app.as(app.anonKey))).status).toBe(401)
  expect((await change(app.as(app.serviceKey))).status).toBe(403)
})

test('GET /auth/config tells what is enforced', async () => {
  const res = await app.as('a bad bearer').get(`${AUTH}/config`)
  expect(res.status).toBe(200)
  expect(await res.json()).toMatchObject({
    signup_enabled: true,
    password_login_enabled: true,
    password_min_length: 8,
    password_require_uppercase: false,
    oauth_providers: [],
    saml_providers: [],
  })
})

test('malformed and oversized bodies are refused in the words of the dialect', async () => {
  const type = { 'content-type': 'application/json' }
  const malformed = await app.nobody.post(`${AUTH}/signin`, '{"email":', type)
  expect(await refused(malformed)).toEqual([400, 'INVALID_REQUEST_BODY', 'Invalid request body'])
  const deep = await app.nobody.post(`${AUTH}/signin`, '['.repeat(100), type)
  expect((await refused(deep))[1]).toBe('JSON_TOO_DEEP')
  const huge = await app.nobody.post(`${AUTH}/signin`, { email: 'x'.repeat(65 * 1024) })
  expect(huge.status).toBe(413)
  expect(await huge.json()).toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    details: { max_bytes: 65_536, endpoint_type: 'auth' },
  })
})

const cookiesOf = (res: Response): Record<string, string> =>
  Object.fromEntries(
    res.headers.getSetCookie().map((cookie) => {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=')
      return [name, value]
    }),
  )

const asCookies = (cookies: Record<string, string>) => ({
  cookie: Object.entries(cookies)
    .map(([name, value]) => `${name}=${value}`)
    .join('; '),
})

test('sign-in sets cookies that scripts cannot read, and they sign in on /auth only', async () => {
  const { user } = await signUp()
  const res = await signIn(user.email)
  const [access = '', token = ''] = res.headers.getSetCookie()
  expect(access).toMatch(
    /^fluxbase_access_token=eyJ.*; Max-Age=900; Path=\/; HttpOnly; SameSite=Lax$/,
  )
  expect(token).toMatch(
    /^fluxbase_refresh_token=.*; Max-Age=604800; Path=\/api\/v1\/auth; HttpOnly; SameSite=Strict$/,
  )
  const cookies = asCookies(cookiesOf(res))
  expect((await app.nobody.get(`${AUTH}/user`, cookies)).status).toBe(200)
  // A bearer goes before the cookie, and a bad one is not made good by it.
  expect((await app.as('eyJ.bad').get(`${AUTH}/user`, cookies)).status).toBe(401)
})

test('writes by cookie need the token that GET /auth/csrf gives', async () => {
  const { user } = await signUp()
  const session = cookiesOf(await signIn(user.email))
  const csrf = await app.nobody.get(`${AUTH}/csrf`)
  const { csrf_token: token } = await json<{ csrf_token: string }>(csrf)
  expect(csrf.headers.getSetCookie()[0]).toMatch(
    /^csrf_token=[\w-]{43}; Max-Age=86400; Path=\/; HttpOnly; SameSite=Strict$/,
  )
  expect(cookiesOf(csrf)).toEqual({ csrf_token: token })
  const change = (cookies: Record<string, string>, headers: Record<string, string> = {}) =>
    app.nobody.patch(`${AUTH}/user`, { user_metadata: {} }, { ...asCookies(cookies), ...headers })
  const both = { ...session, csrf_token: token }
  expect((await refused(await change(both)))[2]).toBe('CSRF token required')
  expect((await refused(await change(session, { 'x-csrf-token': token })))[2]).toBe(
    'CSRF token expired',
  )
  const wrong = await change(both, { 'x-csrf-token': 'wrong' })
  expect(wrong.status).toBe(403)
  expect(await wrong.json()).toMatchObject({
    error: 'CSRF token validation failed',
    message: expect.any(String),
  })
  expect((await change(both, { 'x-csrf-token': token })).status).toBe(200)
  const again = await app.nobody.get(`${AUTH}/csrf`, asCookies(both))
  expect(await again.json()).toEqual({ csrf_token: token })
  expect(again.headers.getSetCookie()).toEqual([])
})

test('POST /auth/refresh takes the cookie; a failed one clears both cookies, as signing out does', async () => {
  const { user } = await signUp()
  const cookies = cookiesOf(await signIn(user.email))
  const res = await app.nobody.post(`${AUTH}/refresh`, undefined, asCookies(cookies))
  expect(res.status).toBe(200)
  expect(Object.keys(cookiesOf(res))).toEqual(['fluxbase_access_token', 'fluxbase_refresh_token'])
  const cleared = { fluxbase_access_token: '', fluxbase_refresh_token: '' }
  const failed = await app.nobody.post(`${AUTH}/refresh`, undefined, asCookies(cookies))
  expect(failed.status).toBe(401)
  expect(cookiesOf(failed)).toEqual(cleared)
  const out = await app.as(cookiesOf(res).fluxbase_access_token ?? '').post(`${AUTH}/signout`)
  expect(cookiesOf(out)).toEqual(cleared)
})
