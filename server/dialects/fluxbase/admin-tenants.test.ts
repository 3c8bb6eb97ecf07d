/** Apps as tenants: who is told of which. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

const TENANTS = '/api/v1/admin/tenants'

type Tenant = { id: string; slug: string; name: string; metadata: { app_id: string } }

let app: TestApp
let shop: { id: string; anonKey: string; serviceKey: string }

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
  const unknown = [randomUUID(), 'nowhere', 'app_000000000000', 'deleted', '%25', 'x'.repeat(300)]
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
  const signedUp = await app.nobody.post('/api/v1/auth/signup', {
    email: 'ada@example.com',
    password: 'correct horse',
  })
  const { access_token: token } = (await signedUp.json()) as { access_token: string }
  const made = await app
    .as(app.serviceKey)
    .post('/api/v1/client-keys', { name: 'all', scopes: ['*'] })
  const { key } = (await made.json()) as { key: string }
  expect(made.status).toBe(201)
  for (const path of [TENANTS, `${TENANTS}/mine`, `${TENANTS}/${app.appId}`]) {
    expect((await app.nobody.get(path)).status).toBe(401)
    expect((await app.as('nonsense').get(path)).status).toBe(401)
    expect((await app.as(app.anonKey).get(path)).status).toBe(403)
    expect((await app.as(token).get(path)).status).toBe(403)
    expect((await app.nobody.get(path, { 'x-client-key': key })).status).toBe(403)
  }
})

test('GET /admin/setup/status says that there is nothing to set up', async () => {
  const res = await app.nobody.get('/api/v1/admin/setup/status')
  expect([res.status, await res.json()]).toEqual([200, { needs_setup: false, has_admin: true }])
})
