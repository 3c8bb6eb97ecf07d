/** Sessions and tokens: refreshing, signing out, forged and foreign tokens, and users who change themselves. */
import { createHmac, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Client } from '#support/client'
import {
  app,
  AUTH,
  claimsOf,
  clock,
  countOf,
  json,
  MINUTE_MS,
  newEmail,
  refresh,
  refused,
  type Session,
  signIn,
  signUp,
  useAuth,
  whoami,
} from './auth-fixture.ts'

useAuth()

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
  clock.aheadMs = 7 * 24 * 60 * MINUTE_MS + 1000
  expect((await refresh(token)).status).toBe(401)
})

test('a refresh carries what the database says now, and slides the end of the session', async () => {
  const { user, refresh_token: token } = await signUp()
  await app.sql(`update auth.users set role = 'editor' where id = $1`, [user.id])
  clock.aheadMs = 6 * 24 * 60 * MINUTE_MS
  const second = await json<Session>(await refresh(token))
  expect(claimsOf(second.access_token).role).toBe('editor')
  clock.aheadMs = 12 * 24 * 60 * MINUTE_MS
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
  clock.aheadMs = 15 * MINUTE_MS + 1000
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

const nonceOf = async (access: string, type = {}): Promise<string> => {
  const res = await app.as(access).post(`${AUTH}/reauthenticate`, undefined, type)
  expect(res.status).toBe(200)
  return (await json<{ nonce: string }>(res)).nonce
}

test('POST /auth/reauthenticate gives a nonce that is good once, for its user, for five minutes', async () => {
  const { access_token: access } = await signUp()
  const { access_token: other } = await signUp()
  const change = (token: string, nonce: string) =>
    app.as(token).patch(`${AUTH}/user`, { user_metadata: { at: nonce }, nonce })
  const nonce = await nonceOf(access, { 'content-type': 'application/json' })
  expect(nonce).toMatch(/^[0-9a-f-]{36}$/)
  expect(await refused(await change(other, nonce))).toEqual([
    400,
    'INVALID_TOKEN',
    'Invalid or expired nonce',
  ])
  const both = await Promise.all([change(access, nonce), change(access, nonce)])
  expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400])
  const late = await nonceOf(access)
  clock.aheadMs = 5 * MINUTE_MS + 1000
  expect((await change(access, late)).status).toBe(400)
  expect((await change(access, await nonceOf(access))).status).toBe(200)
})

test('POST /auth/reauthenticate keeps ten nonces of a user, as hashes, and none of a user who is gone', async () => {
  const { user, access_token: access } = await signUp()
  const nonces: string[] = []
  for (let at = 0; at < 12; at++) nonces.push(await nonceOf(access))
  const kept = await app.sql(
    'select hash::text, used_at from auth.one_time_tokens where user_id = $1',
    [user.id],
  )
  expect(kept).toHaveLength(10)
  expect(JSON.stringify(kept)).not.toContain(nonces[11])
  const use = (nonce: string | undefined) => app.as(access).patch(`${AUTH}/user`, { nonce })
  expect((await use(nonces[1])).status).toBe(400)
  expect((await use(nonces[2])).status).toBe(200)
  const forged = forge(await secretOf(), {
    sub: randomUUID(),
    role: 'authenticated',
    exp: soon(),
  })
  expect((await app.as(forged).post(`${AUTH}/reauthenticate`)).status).toBe(401)
})

test('PATCH /auth/user refuses nobody, keys and the anon key', async () => {
  const change = (client: Client) => client.patch(`${AUTH}/user`, { user_metadata: {} })
  expect((await change(app.nobody)).status).toBe(401)
  expect((await change(app.as(app.anonKey))).status).toBe(401)
  expect((await change(app.as(app.serviceKey))).status).toBe(403)
})
