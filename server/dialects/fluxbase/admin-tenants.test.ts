/** Apps as tenants: who is told of which. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

const TENANTS = '/api/v1/admin/tenants'

type Tenant = { id: string; slug: string; name: string; metadata: { app_id: string } }

let app: TestApp
let shop: { id: string; anonKey: string; serviceKey: string }

/** Of the shop. */
const SETTINGS = `${TENANTS}/my-shop/settings`

async function signedUp(email: string, headers = {}): Promise<string> {
  const sent = { email, password: 'correct horse' }
  const res = await app.nobody.post('/api/v1/auth/signup', sent, headers)
  return ((await res.json()) as { access_token: string }).access_token
}

beforeAll(async () => {
  app = await startApp()
  shop = await app.createApp('my-shop')
})

afterAll(() => app?.[Symbol.asyncDispose]())

async function listed(client: Client, path = TENANTS, headers = {}): Promise<Tenant[]> {
  const res = await client.get(path, headers)
  expect(res.status).toBe(200)
  return (await res.json()) as Tenant[]
}

const appIds = (tenants: Tenant[]) => tenants.map(({ metadata }) => metadata.app_id)

test('an account is told of its apps, the oldest first; a service key of its own', async () => {
  const all = await listed(app.owner)
  expect(appIds(all)).toEqual([app.appId, shop.id])
  expect(all[1]).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    slug: 'my-shop',
    name: 'my-shop',
    db_name: shop.id,
    status: 'active',
    is_default: false,
    metadata: { app_id: shop.id, region: expect.any(String) },
    created_at: expect.stringMatching(/Z$/),
    updated_at: expect.stringMatching(/Z$/),
  })
  expect(all[0]).toMatchObject({ is_default: true })
  expect(appIds(await listed(app.as(shop.serviceKey)))).toEqual([shop.id])
  const shown = { 'x-service-key': shop.serviceKey }
  expect(appIds(await listed(app.nobody, TENANTS, shown))).toEqual([shop.id])
  const mine = await listed(app.owner, `${TENANTS}/mine`)
  expect(mine).toEqual(all.map((tenant) => ({ ...tenant, my_role: 'tenant_admin' })))
})

test('a stranger is told of nothing that is another’s, whatever app the request names', async () => {
  const stranger = await app.stranger()
  expect(await listed(stranger)).toEqual([])
  expect(await listed(stranger, TENANTS, { 'x-fb-tenant': shop.id })).toEqual([])
  const made = (await (await stranger.post('/init', { name: 'other' })).json()) as {
    app_id: string
  }
  expect(appIds(await listed(stranger, `${TENANTS}/mine`))).toEqual([made.app_id])
  expect(appIds(await listed(app.owner))).not.toContain(made.app_id)
})

test('one is found by tenant id, app id and subdomain; another’s is as absent as one that never was', async () => {
  const [, tenant] = await listed(app.owner)
  for (const name of [tenant?.id, shop.id, 'my-shop', 'MY-SHOP']) {
    const res = await app.owner.get(`${TENANTS}/${name}`)
    expect([name, res.status, await res.json()]).toEqual([name, 200, tenant])
  }
  const stranger = await app.stranger()
  const unknown = [randomUUID(), 'nowhere', 'app_000000000000', '%25', 'x'.repeat(300)]
  const asked: [Client, string | undefined][] = [
    [stranger, tenant?.id],
    [stranger, 'my-shop'],
    [app.as(app.serviceKey), shop.id],
    ...unknown.map((name): [Client, string] => [app.owner, name]),
  ]
  for (const [client, name] of asked) {
    const res = await client.get(`${TENANTS}/${name}`)
    const { error, code } = (await res.json()) as { error: string; code: string }
    expect([name, res.status, error, code]).toEqual([name, 404, 'tenant not found', 'NOT_FOUND'])
  }
})

test('nobody, anon keys and users of an app are refused; a client key too', async () => {
  const token = await signedUp('ada@example.com')
  const made = await app
    .as(app.serviceKey)
    .post('/api/v1/client-keys', { name: 'all', scopes: ['*'] })
  const { key } = (await made.json()) as { key: string }
  expect(made.status).toBe(201)
  for (const path of [TENANTS, `${TENANTS}/deleted`, `${TENANTS}/${app.appId}`, SETTINGS]) {
    expect((await app.nobody.get(path)).status).toBe(401)
    expect((await app.as('nonsense').get(path)).status).toBe(401)
    expect((await app.as(app.anonKey).get(path)).status).toBe(403)
    expect((await app.as(token).get(path)).status).toBe(403)
    expect((await app.nobody.get(path, { 'x-client-key': key })).status).toBe(403)
  }
})

test('GET /tenants/mine is empty for users of an app, and refuses who is nobody in particular', async () => {
  const token = await signedUp('mine@example.com')
  const mine = `${TENANTS}/mine`
  for (const headers of [{}, { 'x-fb-tenant': app.appId }]) {
    expect(await listed(app.as(token), mine, headers)).toEqual([])
  }
  const codeOf = async (asked: Promise<Response>) => {
    const res = await asked
    return [res.status, ((await res.json()) as { code: string }).code]
  }
  const elsewhere = app.as(token).get(mine, { 'x-fb-tenant': shop.id })
  expect(await codeOf(elsewhere)).toEqual([403, 'ACCESS_DENIED'])
  expect(await codeOf(app.nobody.get(mine))).toEqual([401, 'MISSING_AUTHENTICATION'])
  expect(await codeOf(app.as(app.anonKey).get(mine))).toEqual([401, 'MISSING_AUTHENTICATION'])
  expect(await codeOf(app.as('eyJ.a.b').get(mine))).toEqual([401, 'INVALID_TOKEN'])
  const made = await app.as(token).post('/api/v1/client-keys', { name: 'k', scopes: ['*'] })
  const { key } = (await made.json()) as { key: string }
  const byKey = app.nobody.get(mine, { 'x-client-key': key })
  expect(await codeOf(byKey)).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
  await app.as(token).post('/api/v1/auth/signout')
  expect(await codeOf(app.as(token).get(mine))).toEqual([401, 'REVOKED_TOKEN'])
})

test('GET /tenants/deleted lists none: what is deleted is gone', async () => {
  const gone = await app.createApp('soon-gone')
  expect((await app.owner.delete(`/apps/${gone.id}`)).status).toBe(200)
  expect(await listed(app.owner, `${TENANTS}/deleted`)).toEqual([])
  expect(appIds(await listed(app.owner))).not.toContain(gone.id)
})

describe('the settings of a tenant', () => {
  const KEYS = 'app.auth.allow_user_client_keys'
  const COUNTING = 'app.security.enable_global_rate_limit'

  const patch = async (sent: object, by = app.owner) => {
    const res = await by.patch(SETTINGS, sent)
    return [res.status, await res.json()] as const
  }

  const one = async (key: string) => (await app.owner.get(`${SETTINGS}/${key}`)).json()

  test('list those that were set, and name those that can be', async () => {
    const [, tenant] = await listed(app.owner)
    const found = await (await app.owner.get(SETTINGS)).json()
    expect(found).toEqual({
      tenant_id: tenant?.id,
      tenant_name: 'my-shop',
      settings: {},
      overridable_settings: [KEYS, COUNTING],
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    })
    const about = { tenant_id: tenant?.id, is_overridable: true, source: 'default' }
    expect(await one(KEYS)).toEqual({ ...about, path: KEYS, value: true })
    expect(await one(COUNTING)).toEqual({ ...about, path: COUNTING, value: false })
  })

  test('are set by PATCH and unset by DELETE; the others stay', async () => {
    const by = app.as(shop.serviceKey)
    const set = { value: false, source: 'tenant', is_overridable: true }
    expect(await patch({ settings: { [KEYS]: false } }, by)).toEqual([
      200,
      expect.objectContaining({ settings: { [KEYS]: set } }),
    ])
    expect(await patch({ settings: { [COUNTING]: true } })).toEqual([
      200,
      expect.objectContaining({ settings: { [KEYS]: set, [COUNTING]: { ...set, value: true } } }),
    ])
    expect(await one(KEYS)).toMatchObject({ value: false, source: 'tenant' })
    for (const [key, status] of [
      [KEYS, 204],
      [KEYS, 404],
      [COUNTING, 204],
      ['app.auth.unknown', 404],
      ['constructor', 404],
    ]) {
      expect([key, (await by.delete(`${SETTINGS}/${key}`)).status]).toEqual([key, status])
    }
    expect(await one(KEYS)).toMatchObject({ value: true, source: 'default' })
    expect((await app.owner.get(`${SETTINGS}/app.auth.unknown`)).status).toBe(404)
  })

  test.each([
    [{}, 'MISSING_REQUIRED_FIELD', 'required'],
    [{ settings: {} }, 'MISSING_REQUIRED_FIELD', 'required'],
    [{ settings: { 'app.auth.jwt_secret': 'x' } }, 'NOT_OVERRIDABLE', 'app.auth.jwt_secret'],
    [{ settings: { constructor: true } }, 'NOT_OVERRIDABLE', 'constructor'],
    [{ secrets: { 'app.email.smtp_password': 'x' } }, 'NOT_OVERRIDABLE', 'smtp_password'],
    [{ settings: { [KEYS]: 'no' } }, 'INVALID_INPUT', KEYS],
    [{ settings: { [KEYS]: false, nope: 1 } }, 'NOT_OVERRIDABLE', 'nope'],
    [{ settings: 5 }, 'INVALID_INPUT', 'settings'],
  ])('PATCH %j is refused as %s, and nothing of it stays', async (sent, code, named) => {
    const [status, said] = await patch(sent)
    expect([status, said]).toEqual([
      400,
      expect.objectContaining({ code, error: expect.stringContaining(named) }),
    ])
    expect(await one(KEYS)).toMatchObject({ value: true, source: 'default' })
  })

  test('users’ client keys end with the setting, and come back with it', async () => {
    const shopUser = await signedUp('keys@example.com', { 'x-fb-tenant': shop.id })
    const make = () =>
      app.as(shopUser).post('/api/v1/client-keys', { name: 'k', scopes: ['clientkeys:read'] })
    const { key } = (await (await make()).json()) as { key: string }
    const uses = () => app.nobody.get('/api/v1/client-keys', { 'x-client-key': key })
    expect((await uses()).status).toBe(200)
    await patch({ settings: { [KEYS]: false } })
    expect((await uses()).status).toBe(403)
    expect((await make()).status).toBe(403)
    await app.owner.delete(`${SETTINGS}/${KEYS}`)
    expect((await uses()).status).toBe(200)
  })

  test('with counting on, everybody has their minute; without it nobody is counted', async () => {
    const user = app.as(await signedUp('busy@example.com', { 'x-fb-tenant': shop.id }))
    const G = '/api/v1/graphql'
    const limitOf = async (by: Client, headers = {}) =>
      (await by.get(`${G}?query={_health}`, headers)).headers.get('x-ratelimit-limit')
    const anon = app.as(shop.anonKey)
    expect(await limitOf(anon)).toBe(null)
    await patch({ settings: { [COUNTING]: true } })
    expect(await limitOf(user)).toBe('500')
    expect(await limitOf(app.as(shop.serviceKey))).toBe('10000')
    expect(await limitOf(app.owner, { 'x-fb-tenant': shop.id })).toBe(null)
    expect(await limitOf(app.as(app.anonKey))).toBe(null)
    let last: Response | undefined
    let count = 0
    for (; count < 150 && last?.status !== 429; count += 1) {
      last = await anon.get('/api/v1/auth/config')
    }
    expect(count).toBe(101)
    expect(last?.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(last?.headers.get('x-ratelimit-remaining')).toBe('0')
    expect(await last?.json()).toEqual({
      error: 'Rate limit exceeded',
      code: 'RATE_LIMIT_EXCEEDED',
      message: expect.any(String),
      retry_after: expect.any(Number),
      request_id: expect.any(String),
    })
    expect(await limitOf(user)).toBe('500')
    await app.owner.delete(`${SETTINGS}/${COUNTING}`)
    expect((await anon.get('/api/v1/auth/config')).status).toBe(200)
  })
})

test('GET /admin/setup/status says that there is nothing to set up', async () => {
  const res = await app.nobody.get('/api/v1/admin/setup/status')
  expect([res.status, await res.json()]).toEqual([200, { needs_setup: false, has_admin: true }])
})
