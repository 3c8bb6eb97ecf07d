/** Sign-in of an app's users. */
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type App,
  body,
  INSTANT,
  newApp,
  newEmail,
  PASSWORD,
  UUID,
  statusesOf,
} from '../support.ts'
import { newUser, otherApp, refusal, server, signIn } from './server.ts'

let app: App

beforeAll(async () => {
  app = await newApp(server)
})

const post = (path: string, asked?: object) => server.nobody.post(`/auth/${app.id}/${path}`, asked)

type Tokens = { access_token: string; refresh_token: string; user: object }

/** A refusal as sign-in words it: a sentence in `error`. */
async function refused(asked: Promise<Response>, status: number, error: string): Promise<object> {
  const found = await body<{ error: string }>(asked, status)
  expect(found.error).toBe(error)
  return found
}

describe('sign-up', () => {
  test('answers 201 with the user and without tokens', async () => {
    const email = newEmail()
    const asked = { email, password: PASSWORD, display_name: 'Ada', metadata: { plan: 'pro' } }
    expect(await body(post('signup', asked), 201)).toEqual({
      user: {
        id: expect.stringMatching(UUID),
        email,
        email_verified: false,
        display_name: 'Ada',
      },
      message: 'Verification email sent',
    })
  })

  test('keeps addresses in lower case and refuses one that is taken', async () => {
    const email = newEmail()
    const first = await body<{ user: { email: string } }>(
      post('signup', { email: email.toUpperCase(), password: PASSWORD }),
      201,
    )
    expect(first.user.email).toBe(email)
    await refused(post('signup', { email, password: PASSWORD }), 409, 'User already exists')
  })

  test('takes the same address in another app', async () => {
    const other = await otherApp()
    const email = newEmail()
    const [one, two] = [await newUser(app, email), await newUser(other, email)]
    expect(one.id).not.toBe(two.id)
    const res = await two.get(`/auth/${app.id}/me`)
    expect(res.status).toBe(401)
  })

  test.each(['short', 'alllowercase1!', 'ALLUPPERCASE1!', 'NoDigits!!', 'NoOther123'])(
    'refuses the password "%s" and lists what it lacks',
    async (password) => {
      const found = await body<{ error: string; details: string[] }>(
        post('signup', { email: newEmail(), password }),
        400,
      )
      expect(found.error).toMatch(/^Password does not meet requirements\./)
      expect(found.details.length).toBeGreaterThan(0)
    },
  )

  test('refuses a body that is not right', async () => {
    for (const asked of [{}, { email: newEmail() }, { email: 'word', password: PASSWORD }]) {
      const found = await body(post('signup', asked), 400)
      expect(found.error).toEqual(expect.any(String))
    }
    const found = await refused(post('signup', {}), 400, 'Invalid request body')
    expect(found).toMatchObject({ details: expect.any(Array) })
  })

  test('of two at once with one address lets one through', async () => {
    const asked = { email: newEmail(), password: PASSWORD }
    const both = await Promise.all([post('signup', asked), post('signup', asked)])
    expect(statusesOf(both)).toEqual([201, 409])
  })

  test('is 404 in an app that is not there', async () => {
    const asked = { email: newEmail(), password: PASSWORD }
    const res = server.nobody.post('/auth/app_000000000000/signup', asked)
    await refused(res, 404, 'App not found')
  })
})

describe('sign-in', () => {
  test('answers tokens and the user, also while the address is not verified', async () => {
    const { email, id } = await newUser(app)
    const asked = { email: email.toUpperCase(), password: PASSWORD }
    expect(await body(post('login', asked))).toEqual({
      access_token: expect.stringMatching(/^eyJ/),
      refresh_token: expect.stringMatching(/\S/),
      expires_in: 900,
      token_type: 'Bearer',
      user: { id, email, email_verified: false, display_name: null, avatar_url: null },
    })
  })

  test('says the same of an unknown address and a wrong password', async () => {
    const { email } = await newUser(app)
    for (const asked of [
      { email, password: 'Wrong-Horse-8' },
      { email: newEmail(), password: PASSWORD },
    ]) {
      await refused(post('login', asked), 401, 'Invalid credentials')
    }
    await refused(post('login', { email }), 400, 'Invalid request body')
  })

  test('goes on while the app is paused', async () => {
    const own = await newApp(server)
    await body(server.owner.patch(`${own.path}/config/pause`, { paused: true }))
    await newUser(own)
  })
})

describe('the access token', () => {
  test('is verified with the published keys', async () => {
    const { token = '' } = await newUser(app)
    const res = await server.nobody.get(`/auth/${app.id}/.well-known/jwks.json`)
    expect(res.headers.get('cache-control')).toBe('public, max-age=300')
    const { keys } = await body<{ keys: Record<string, string>[] }>(res)
    const [head = '', payload = '', signature = ''] = token.split('.')
    const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<
      string,
      string
    >
    expect(alg).toBe('RS256')
    const jwk = keys.find((key) => key.kid === kid)
    expect(jwk).toEqual({
      kty: 'RSA',
      n: expect.any(String),
      e: expect.any(String),
      kid,
      alg: 'RS256',
      use: 'sig',
    })
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    const key = await crypto.subtle.importKey('jwk', jwk ?? {}, algorithm, false, ['verify'])
    const signed = new TextEncoder().encode(`${head}.${payload}`)
    const good = await crypto.subtle.verify(
      algorithm,
      key,
      Buffer.from(signature, 'base64url'),
      signed,
    )
    expect(good).toBe(true)
  })

  test('names the app, the user and its end', async () => {
    const { token = '', id } = await newUser(app)
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
    const claims = JSON.parse(text) as { iat: number; exp: number }
    expect(claims).toMatchObject({ iss: `butterbase:app:${app.id}`, sub: id })
    expect(claims.exp - claims.iat).toBe(900)
  })

  test('that was changed is 401 everywhere', async () => {
    const { token = '' } = await newUser(app)
    const [head, , signature] = token.split('.')
    const claims = { iss: `butterbase:app:${app.id}`, sub: crypto.randomUUID(), exp: 4_000_000_000 }
    const forged = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
    await refused(server.as(forged).get(`/auth/${app.id}/me`), 401, 'Invalid token')
    const rows = server.as(forged).get(`${app.path}/any`)
    await refusal(rows, 401, 'AUTH_INVALID_END_USER_JWT')
  })

  test('of another app is 401', async () => {
    const stranger = await newUser(await otherApp())
    await refusal(stranger.get(`${app.path}/any`), 401, 'AUTH_INVALID_END_USER_JWT')
  })

  test('that has ended is 401 AUTH_END_USER_JWT_EXPIRED', async () => {
    const own = await newApp(server)
    await body(server.owner.patch(`${own.path}/config/jwt`, { accessTokenTtl: '1s' }))
    const user = await newUser(own)
    const ended = async () => (await user.get(`${own.path}/any`)).status === 401
    await expect.poll(ended, { timeout: 10_000 }).toBe(true)
    await refusal(user.get(`${own.path}/any`), 401, 'AUTH_END_USER_JWT_EXPIRED')
  })
})

describe('refresh', () => {
  const refresh = (refresh_token: string) => post('refresh', { refresh_token })

  test('answers new tokens and the user, and the old refresh token is dead', async () => {
    const { refreshToken, id } = await newUser(app)
    const renewed = await body<Tokens>(refresh(refreshToken))
    expect(renewed).toMatchObject({ expires_in: 900, token_type: 'Bearer', user: { id } })
    expect(renewed.refresh_token).not.toBe(refreshToken)
    await body(server.as(renewed.access_token).get(`/auth/${app.id}/me`))
    await refused(refresh(refreshToken), 401, 'Invalid or expired refresh token')
  })

  test('of two at once lets one through', async () => {
    const { refreshToken } = await newUser(app)
    const both = await Promise.all([refresh(refreshToken), refresh(refreshToken)])
    expect(statusesOf(both)).toEqual([200, 401])
  })

  test('refuses what is no refresh token', async () => {
    const { token = '' } = await newUser(app)
    for (const bad of ['word', token]) {
      await refused(refresh(bad), 401, 'Invalid or expired refresh token')
    }
    await refused(post('refresh', {}), 400, 'Invalid request body')
  })

  test('refuses the token of another app', async () => {
    const { refreshToken } = await newUser(await otherApp())
    await refused(refresh(refreshToken), 401, 'Invalid or expired refresh token')
  })
})

describe('me', () => {
  test('is flat', async () => {
    const user = await newUser(app)
    expect(await body(user.get(`/auth/${app.id}/me`))).toEqual({
      id: user.id,
      email: user.email,
      email_verified: false,
      display_name: null,
      avatar_url: null,
      provider: 'email',
      created_at: expect.stringMatching(INSTANT),
      last_sign_in_at: expect.stringMatching(INSTANT),
      metadata: {},
    })
  })

  test('is 401 without a user’s token', async () => {
    const me = `/auth/${app.id}/me`
    const missing = 'Missing or invalid Authorization header'
    await refused(server.nobody.get(me), 401, missing)
    await refused(server.as('word').get(me), 401, 'Invalid token')
    expect((await server.as(app.serviceKey).get(me)).status).toBe(401)
  })
})

describe('sign-out', () => {
  test('ends every refresh token of the user', async () => {
    const one = await newUser(app)
    const two = await signIn(app, one.email)
    expect(await body(one.post(`/auth/${app.id}/logout`))).toEqual({
      message: 'Logged out successfully',
    })
    for (const { refreshToken } of [one, two]) {
      const asked = post('refresh', { refresh_token: refreshToken })
      await refused(asked, 401, 'Invalid or expired refresh token')
    }
    await signIn(app, one.email)
  })

  test('is 401 for nobody', async () => {
    await refused(post('logout'), 401, 'Missing or invalid Authorization header')
  })
})

describe('users, for the owner', () => {
  test('are listed newest first, a page at a time', async () => {
    const own = await newApp(server)
    const users = [await newUser(own), await newUser(own), await newUser(own)]
    const path = `${own.path}/admin/auth/users`
    type Page = { users: { id: string }[]; next_cursor: string | null }
    const first = await body<Page>(server.owner.get(`${path}?limit=2`))
    expect(first.users.map(({ id }) => id)).toEqual([users[2]?.id, users[1]?.id])
    expect(first.users[0]).toEqual({
      id: users[2]?.id,
      email: users[2]?.email,
      provider: 'email',
      provider_uid: null,
      email_verified: false,
      last_sign_in_at: expect.stringMatching(INSTANT),
      created_at: expect.stringMatching(INSTANT),
    })
    const cursor = encodeURIComponent(first.next_cursor ?? '')
    const second = await body<Page>(server.owner.get(`${path}?limit=2&cursor=${cursor}`))
    expect(second).toMatchObject({ users: [{ id: users[0]?.id }], next_cursor: null })
    await refusal(server.owner.get(`${path}?cursor=word`), 400, 'VALIDATION_INVALID_TYPE')
    const asUser = users[0]?.get(path)
    if (asUser) await refusal(asUser, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
    await refusal(server.nobody.get(path), 401, 'AUTH_REQUIRED')
  })

  test('are deleted with their sessions', async () => {
    const user = await newUser(app)
    const path = `${app.path}/admin/auth/users/${user.id}`
    expect(await body(server.owner.delete(path))).toEqual({
      deleted: true,
      user_id: user.id,
      email: user.email,
    })
    await refusal(server.owner.delete(path), 404, 'RESOURCE_NOT_FOUND')
    const asked = post('refresh', { refresh_token: user.refreshToken })
    await refused(asked, 401, 'Invalid or expired refresh token')
    await refused(user.get(`/auth/${app.id}/me`), 404, 'User not found')
    await refused(user.post(`/auth/${app.id}/logout`), 401, 'Invalid token')
    await refusal(user.get(`${app.path}/open`), 401, 'AUTH_INVALID_END_USER_JWT')
    const again = { email: user.email, password: PASSWORD }
    await refused(post('login', again), 401, 'Invalid credentials')
  })
})
