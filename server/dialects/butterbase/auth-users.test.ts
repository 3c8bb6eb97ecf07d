/** Whose tokens are good where, and users in the hands of the owner. */
import { createHmac, createPublicKey, randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import { expect, test } from 'vitest'
import type { Client } from '#support/client'
import {
  app,
  auth,
  clock,
  json,
  logIn,
  me,
  newEmail,
  newUser,
  PASSWORD,
  refresh,
  refusalCode,
  secret,
  signUp,
  type Tokens,
  useAuth,
} from './auth-fixture.ts'

useAuth()

const MINUTE_MS = 60_000

const parts = (token: string): Record<string, unknown>[] =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))

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
  clock.aheadMs = 15 * MINUTE_MS + 1000
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
