/** Sign-up, sign-in, refresh, sign-out and the current user. */
import { describe, expect, test } from 'vitest'
import { body, newApp, newEmail, PASSWORD, UUID, statusesOf } from '../support.ts'
import { app, newUser, refusal, sdk, server, type Signed, userOf } from './server.ts'

const USER = '/api/v1/auth/user'

/** RFC 3339 in UTC. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

const userShape = (email: string) => ({
  id: expect.stringMatching(UUID),
  email,
  email_verified: expect.any(Boolean),
  role: 'authenticated',
  created_at: expect.stringMatching(TIME),
  updated_at: expect.stringMatching(TIME),
})

const cookiesOf = (res: Response) => res.headers.getSetCookie().join('\n')

describe('GET auth/config', () => {
  test('says how one may sign in, and never null for a list', async () => {
    expect(await body(server.nobody.get('/api/v1/auth/config'))).toEqual({
      signup_enabled: true,
      require_email_verification: expect.any(Boolean),
      magic_link_enabled: expect.any(Boolean),
      password_login_enabled: true,
      mfa_available: expect.any(Boolean),
      password_min_length: 8,
      password_require_uppercase: false,
      password_require_lowercase: false,
      password_require_number: false,
      password_require_special: false,
      oauth_providers: expect.any(Array),
      saml_providers: expect.any(Array),
      captcha: null,
    })
  })
})

describe('POST auth/signup', () => {
  test('answers 201 with the user and tokens at the top', async () => {
    const email = newEmail()
    const asked = { email, password: PASSWORD, user_metadata: { color: 'red' } }
    const res = await sdk().auth('signup', asked)
    const cookies = cookiesOf(res)
    expect(await body(res, 201)).toMatchObject({
      user: { ...userShape(email), user_metadata: { color: 'red' } },
      access_token: expect.stringMatching(/^eyJ/),
      refresh_token: expect.stringMatching(/\S/),
      expires_in: 900,
      token_type: 'bearer',
    })
    expect(cookies).toMatch(
      /fluxbase_access_token=[^;]+(?=.*Max-Age=900)(?=.*Path=\/)(?=.*HttpOnly)(?=.*SameSite=Lax)/i,
    )
    expect(cookies).toMatch(
      /fluxbase_refresh_token=[^;]+(?=.*Path=\/api\/v1\/auth)(?=.*HttpOnly)(?=.*SameSite=Strict)/i,
    )
  })

  test('takes no role, no verification and no app metadata from the body', async () => {
    const asked = {
      email: newEmail(),
      password: PASSWORD,
      role: 'service_role',
      email_verified: true,
      app_metadata: { admin: true },
    }
    const signed = await body<Signed>(sdk().auth('signup', asked), 201)
    const user = await body(userOf(signed).get(USER))
    expect(user).toMatchObject({ role: 'authenticated' })
    expect(user.app_metadata ?? {}).toEqual({})
    const claims = Buffer.from(signed.access_token.split('.')[1] ?? '', 'base64url').toString()
    expect(JSON.parse(claims)).toMatchObject({ role: 'authenticated' })
  })

  test('does not say that an address is taken', async () => {
    const { email } = await newUser()
    const found = await refusal(
      sdk().auth('signup', { email: email.toUpperCase(), password: PASSWORD }),
      400,
      'INVALID_INPUT',
    )
    expect(found.error).toBe('Registration failed')
  })

  test.each([
    [{ email: 'ada@example.com', password: 'short' }],
    [{ email: 'ada@example.com', password: 'x'.repeat(73) }],
    [{ email: 'word', password: PASSWORD }],
    [{ email: 'a@b', password: PASSWORD }],
  ])('refuses what breaks a rule: %j', async (asked) => {
    await refusal(sdk().auth('signup', asked), 400, 'VALIDATION_FAILED')
  })

  test('refuses JSON that cannot be read', async () => {
    const json = { 'content-type': 'application/json' }
    const asked = sdk().post('/api/v1/auth/signup', '{', json)
    expect((await refusal(asked, 400, 'INVALID_REQUEST_BODY')).error).toBe('Invalid request body')
  })

  test('refuses JSON that is too deep or too large', async () => {
    const json = { 'content-type': 'application/json' }
    const deep = `{"user_metadata":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`
    await refusal(sdk().post('/api/v1/auth/signup', deep, json), 400, 'JSON_TOO_DEEP')
    const large = {
      email: newEmail(),
      password: PASSWORD,
      user_metadata: { a: 'x'.repeat(66_000) },
    }
    const found = await refusal(sdk().auth('signup', large), 413, 'PAYLOAD_TOO_LARGE')
    expect(found.details).toMatchObject({ max_bytes: 65_536, endpoint_type: expect.any(String) })
  })

  test('makes users of the tenant that is named, and ignores a bad bearer', async () => {
    const email = newEmail()
    const headers = { 'x-fb-tenant': app.id }
    const asked = { email, password: PASSWORD }
    await body(server.as('eyJ.bad.one').post('/api/v1/auth/signup', asked, headers), 201)
    await body(sdk().auth('signin', asked))
    const other = await newApp(server)
    await refusal(sdk(other.anonKey).auth('signin', asked), 401, 'INVALID_CREDENTIALS')
  })
})

describe('POST auth/signin', () => {
  test('answers tokens and the user', async () => {
    const { email, id } = await newUser()
    const asked = { email: ` ${email.toUpperCase()} `, password: PASSWORD }
    expect(await body(sdk().auth('signin', asked))).toMatchObject({
      user: { ...userShape(email), id },
      access_token: expect.stringMatching(/^eyJ/),
      refresh_token: expect.any(String),
      expires_in: 900,
      token_type: 'bearer',
    })
  })

  test('says the same of an unknown address and a wrong password', async () => {
    const { email } = await newUser()
    for (const asked of [
      { email, password: 'Wrong-Horse-8' },
      { email: newEmail(), password: PASSWORD },
    ]) {
      const found = await refusal(sdk().auth('signin', asked), 401, 'INVALID_CREDENTIALS')
      expect(found.error).toBe('Invalid email or password')
    }
  })

  test('needs both', async () => {
    for (const asked of [{}, { email: newEmail() }, { password: PASSWORD }]) {
      const found = await body(sdk().auth('signin', asked), 400)
      expect(found.error).toBe('Email and password are required')
    }
  })

  test('locks the account after five wrong passwords, also for the right one', async () => {
    const { email } = await newUser()
    for (let n = 0; n < 5; n += 1) {
      await body(sdk().auth('signin', { email, password: `Wrong-${n}-Horse` }), 401)
    }
    await refusal(sdk().auth('signin', { email, password: PASSWORD }), 403, 'ACCOUNT_LOCKED')
  })

  test('never shows what belongs to the server alone', async () => {
    const { email } = await newUser()
    const res = await sdk().auth('signin', { email, password: PASSWORD })
    expect(await res.text()).not.toMatch(/password|hash|failed|totp_secret/i)
  })
})

describe('the access token', () => {
  test('carries who, what and until when', async () => {
    const user = await newUser()
    const [, payload = ''] = (user.token ?? '').split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<
      string,
      number
    >
    expect(claims).toMatchObject({
      sub: user.id,
      email: user.email,
      role: 'authenticated',
      session_id: expect.stringMatching(UUID),
      token_type: 'access',
    })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900)
  })

  test('without a signature, with another one, or of another app is 401', async () => {
    const [head = '', payload, signature] = ((await newUser()).token ?? '').split('.')
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
    const forged = Buffer.from(JSON.stringify({ sub: crypto.randomUUID(), role: 'service_role' }))
    for (const token of [
      `${none}.${payload}.`,
      `${head}.${forged.toString('base64url')}.${signature}`,
    ]) {
      await refusal(server.as(token).get(USER), 401, 'INVALID_TOKEN')
    }
  })
})

describe('GET auth/user', () => {
  test('is the user, bare', async () => {
    const user = await newUser()
    expect(await body(user.get(USER))).toMatchObject({ ...userShape(user.email), id: user.id })
  })

  test('without a credential is 401', async () => {
    const found = await refusal(server.nobody.get(USER), 401, 'MISSING_AUTHENTICATION')
    expect(found.error).toBe('Missing authentication')
  })

  test('with a refresh token as bearer is 401', async () => {
    const { refreshToken } = await newUser()
    await body(server.as(refreshToken).get(USER), 401)
  })

  test('with the session cookie works', async () => {
    const { token } = await newUser()
    const headers = { cookie: `fluxbase_access_token=${token}`, 'x-fb-tenant': app.id }
    await body(server.nobody.get(USER, headers))
  })
})

describe('PATCH auth/user', () => {
  test('answers the changed user, bare; metadata is replaced', async () => {
    const user = await newUser()
    await body(user.patch(USER, { user_metadata: { a: 1, b: 2 } }))
    const changed = await body(user.patch(USER, { data: { c: 3 } }))
    expect(changed).toMatchObject({ id: user.id, user_metadata: { c: 3 } })
    expect(changed.user_metadata).toEqual({ c: 3 })
  })

  test('ignores what only an admin may change', async () => {
    const user = await newUser()
    const asked = { role: 'admin', email_verified: true, app_metadata: { a: 1 } }
    const changed = await body(user.patch(USER, asked))
    expect(changed).toMatchObject({ role: 'authenticated' })
    expect(changed.app_metadata ?? {}).toEqual({})
  })

  test('refuses an address that is in use, and a password that is too short', async () => {
    const [one, two] = [await newUser(), await newUser()]
    await refusal(one.patch(USER, { email: two.email }), 409, 'ALREADY_EXISTS')
    await refusal(one.patch(USER, { password: 'short' }), 400, 'VALIDATION_FAILED')
  })

  test('with a new password ends the other sessions and keeps this one', async () => {
    const user = await newUser()
    const credentials = { email: user.email, password: PASSWORD }
    const other = userOf(await body<Signed>(sdk().auth('signin', credentials)))
    await body(user.patch(USER, { password: 'Another-Horse-9' }))
    await body(user.get(USER))
    await body(other.get(USER), 401)
    await refusal(sdk().auth('signin', credentials), 401, 'INVALID_CREDENTIALS')
  })
})

describe('POST auth/refresh', () => {
  const refresh = (refresh_token: string) => sdk().auth('refresh', { refresh_token })

  test('answers a new pair of the same session, and the old refresh token is 401', async () => {
    const user = await newUser()
    const renewed = await body<Signed>(refresh(user.refreshToken))
    expect(renewed).toMatchObject({ expires_in: 900, user: { id: user.id } })
    expect(renewed.refresh_token).not.toBe(user.refreshToken)
    expect(renewed.access_token).not.toBe(user.token)
    const session = (token = '') =>
      (
        JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Signed & {
          session_id: string
        }
      ).session_id
    expect(session(renewed.access_token)).toBe(session(user.token))
    await body(userOf(renewed).get(USER))
    const found = await refusal(refresh(user.refreshToken), 401, 'INVALID_TOKEN')
    expect(found.error).toBe('Invalid or expired refresh token')
  })

  test('takes the token from the cookie and clears the cookies when it fails', async () => {
    const user = await newUser()
    const path = '/api/v1/auth/refresh'
    const headers = {
      cookie: `fluxbase_refresh_token=${user.refreshToken}`,
      'x-fb-tenant': app.id,
    }
    await body(server.nobody.post(path, undefined, headers))
    const failed = await server.nobody.post(path, undefined, headers)
    expect(failed.status).toBe(401)
    expect(cookiesOf(failed)).toMatch(/fluxbase_refresh_token=;/)
  })

  test('without a token is 400, with an access token 401', async () => {
    const found = await body(sdk().auth('refresh', {}), 400)
    expect(found.error).toBe('Refresh token is required')
    await refusal(refresh((await newUser()).token ?? ''), 401, 'INVALID_TOKEN')
  })

  test('of two at once lets one through', async () => {
    const { refreshToken } = await newUser()
    const both = await Promise.all([refresh(refreshToken), refresh(refreshToken)])
    expect(statusesOf(both)).toEqual([200, 401])
  })

  test('cures a 401 with one refresh and one more try', async () => {
    const own = await newApp(server)
    await body(server.owner.patch(`${own.path}/config/jwt`, { accessTokenTtl: '1s' }))
    const asked = { email: newEmail(), password: PASSWORD }
    const signed = await body<Signed>(sdk(own.anonKey).auth('signup', asked), 201)
    if (signed.expires_in > 1) return
    const ended = async () => (await userOf(signed).get(USER)).status
    await expect.poll(ended, { timeout: 10_000 }).toBe(401)
    const renewed = sdk(own.anonKey).auth('refresh', { refresh_token: signed.refresh_token })
    await body(userOf(await body<Signed>(renewed)).get(USER))
  })
})

describe('POST auth/signout', () => {
  const signOut = (token: string | undefined) =>
    server.as(token ?? '').post('/api/v1/auth/signout', '', { 'content-type': 'application/json' })

  test('accepts an empty body with a JSON content type; its tokens are dead', async () => {
    const user = await newUser()
    const res = await signOut(user.token)
    expect(cookiesOf(res)).toMatch(/fluxbase_access_token=;/)
    expect(await body(res)).toEqual({ message: 'Successfully signed out' })
    await refusal(user.get(USER), 401, 'REVOKED_TOKEN')
    const refreshed = sdk().auth('refresh', { refresh_token: user.refreshToken })
    await refusal(refreshed, 401, 'INVALID_TOKEN')
    expect(await body(signOut(user.token))).toEqual({ message: 'Successfully signed out' })
  })

  test('leaves other sessions alone', async () => {
    const user = await newUser()
    const asked = { email: user.email, password: PASSWORD }
    const other = userOf(await body<Signed>(sdk().auth('signin', asked)))
    await signOut(user.token)
    await body(other.get(USER))
  })
})

describe('a page that shows the session cookie', () => {
  test('needs the CSRF token to write, and no bearer does', async () => {
    const user = await newUser()
    const session = `fluxbase_access_token=${user.token}`
    const asked = { user_metadata: { a: 1 } }
    const tenant = { 'x-fb-tenant': app.id }
    const without = await server.nobody.patch(USER, asked, { ...tenant, cookie: session })
    expect(without.status).toBe(403)
    expect(await without.json()).toMatchObject({ error: 'CSRF token required' })
    const res = await server.nobody.get('/api/v1/auth/csrf')
    const { csrf_token: token } = await body<{ csrf_token: string }>(res.clone())
    expect(cookiesOf(res)).toMatch(/csrf_token=[^;]+(?=.*HttpOnly)(?=.*SameSite=Strict)/i)
    const cookie = `${session}; csrf_token=${token}`
    const wrong = await server.nobody.patch(USER, asked, {
      ...tenant,
      cookie,
      'x-csrf-token': 'wrong',
    })
    expect(wrong.status).toBe(403)
    expect(await wrong.json()).toMatchObject({ error: 'CSRF token validation failed' })
    const headers = { ...tenant, cookie, 'x-csrf-token': token }
    await body(server.nobody.patch(USER, asked, headers))
    await body(user.patch(USER, asked))
  })
})
