/** Signing up and in: addresses, passwords, locks, configuration and cookies. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  app,
  AUTH,
  claimsOf,
  clock,
  countOf,
  type Failure,
  json,
  MINUTE_MS,
  newEmail,
  PASSWORD,
  refresh,
  refused,
  type Session,
  signIn,
  signUp,
  useAuth,
  whoami,
} from './auth-fixture.ts'

useAuth()

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
    [[good], 'INVALID_REQUEST_BODY', /^Invalid request body$/],
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

test('an unknown address costs as much as a wrong password', async () => {
  const { user } = await signUp()
  // Time on the processor: others on the machine do not change it, as they do what a clock shows.
  const costOf = async (email: string): Promise<number> => {
    const costs = []
    for (let n = 0; n < 6; n++) {
      const began = process.cpuUsage()
      await signIn(email, 'wrong')
      const { user, system } = process.cpuUsage(began)
      costs.push(user + system)
    }
    return Math.min(...costs)
  }
  const known = await costOf(user.email)
  const unknown = await costOf('nobody@example.com')
  const nonsense = await costOf('nonsense')
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
  clock.aheadMs = 14 * MINUTE_MS
  expect((await signIn(user.email)).status).toBe(403)
  clock.aheadMs = 15 * MINUTE_MS + 1000
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
