import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app[Symbol.asyncDispose]())

type Key = { key: string; keyId: string; id: string; prefix: string; scopes: string[] }

const make = async (body: object): Promise<Key> => {
  const res = await app.owner.post('/api-keys', body)
  expect(res.status).toBe(201)
  return (await res.json()) as Key
}

const list = async (query = '', client = app.owner): Promise<Record<string, unknown>[]> =>
  ((await (await client.get(`/api-keys${query}`)).json()) as { keys: Record<string, unknown>[] })
    .keys

const codeOf = async (res: Response) =>
  ((await res.json()) as { error: { code: string } }).error.code

test('POST /api-keys makes a key of the account, shown once, that works at once', async () => {
  const made = await make({ name: 'laptop' })
  expect(made).toEqual({
    key: expect.stringMatching(/^bb_sk_[0-9a-f]{40}$/),
    keyId: made.id,
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    prefix: made.key.slice(0, 12),
    name: 'laptop',
    scopes: ['*'],
    created_at: expect.stringMatching(/Z$/),
  })
  expect((await app.as(made.key).get('/apps')).status).toBe(200)
  const [row] = await app.instance.services.platform.query`
    select row_to_json(c)::text as row from credentials c where id = ${made.id}`
  expect(row?.row).not.toContain(made.key)
  const [newest] = await list()
  expect(newest).toEqual({
    id: made.id,
    key_prefix: made.prefix,
    prefix: made.prefix,
    name: 'laptop',
    scopes: ['*'],
    scope: 'app',
    substrate_organization_id: null,
    last_used_at: null,
    expires_at: null,
    created_at: expect.any(String),
  })
})

test('POST /api-keys keeps the extra scopes that may be asked for', async () => {
  expect((await make({ name: 'a', additional_scopes: ['ai:gateway'] })).scopes).toEqual([
    '*',
    'ai:gateway',
  ])
  expect((await make({ name: 'b', scopes: ['substrate'] })).scopes).toEqual(['*', 'substrate'])
  expect((await make({ name: 'c', scope: 'both' })).scopes).toEqual(['*', 'substrate'])
})

test('a key of one app reaches that app and nothing else', async () => {
  const mine = await app.createApp()
  const other = await app.createApp()
  const { key, scopes } = await make({ name: 'x', key_scope: 'app', target_app_id: mine.id })
  expect(scopes).toEqual([`app:${mine.id}`, 'ai:gateway'])
  const client = app.as(key)
  expect((await client.get(`/v1/${mine.id}/config`)).status).toBe(200)
  expect((await client.get(`/v1/${other.id}/config`)).status).toBe(404)
  const { apps } = (await (await client.get('/apps')).json()) as { apps: { id: string }[] }
  expect(apps.map(({ id }) => id)).toEqual([mine.id])
  for (const [method, path, body] of [
    ['POST', '/api-keys', { name: 'y' }],
    ['GET', '/api-keys', undefined],
    ['POST', '/init', { name: 'y' }],
  ] as const) {
    const res = await client.request(method, path, body)
    expect([path, res.status, await codeOf(res)]).toEqual([
      path,
      403,
      'AUTH_INSUFFICIENT_PERMISSIONS',
    ])
  }
})

test('a substrate key opens no route of the platform', async () => {
  const { key, prefix } = await make({ name: 's', scope: 'substrate' })
  expect(key).toMatch(/^bb_sub_[0-9a-f]{40}$/)
  expect(prefix).toBe(key.slice(0, 12))
  for (const path of ['/apps', '/api-keys', `/v1/${app.appId}/config`, `/v1/${app.appId}/schema`]) {
    expect([path, (await app.as(key).get(path)).status]).toEqual([path, 403])
  }
  expect((await list('?scope=substrate')).map(({ scope }) => scope)).toEqual(['substrate'])
  expect((await list('?scope=app')).every(({ scope }) => scope === 'app')).toBe(true)
  expect((await list('?scope=me')).length).toBe((await list()).length)
})

test('POST /api-keys says what is wrong with a request', async () => {
  const stranger = await app.stranger()
  const foreign = (await (await stranger.post('/init', { name: 'theirs' })).json()) as {
    app_id: string
    organization_id: string
  }
  const cases = [
    [{}, 400, 'VALIDATION_INVALID_SCHEMA'],
    [{ name: '  ' }, 400, 'VALIDATION_INVALID_SCHEMA'],
    [{ name: 'x', scopes: ['ai:gateway'], key_scope: 'account' }, 400, 'VALIDATION_INVALID_SCHEMA'],
    [{ name: 'x', scope: 'everything' }, 400, 'VALIDATION_INVALID_SCOPE'],
    [{ name: 'x', key_scope: 'world' }, 400, 'INVALID_KEY_SCOPE'],
    [{ name: 'x', key_scope: 'app' }, 400, 'TARGET_APP_REQUIRED'],
    [{ name: 'x', target_app_id: app.appId }, 400, 'TARGET_APP_NOT_ALLOWED'],
    [{ name: 'x', additional_scopes: ['*'] }, 400, 'RESERVED_SCOPE'],
    [{ name: 'x', additional_scopes: [`app:${app.appId}`] }, 400, 'RESERVED_SCOPE'],
    [{ name: 'x', scopes: ['app:*'] }, 400, 'RESERVED_SCOPE'],
    [{ name: 'x', additional_scopes: ['root'] }, 400, 'UNKNOWN_SCOPE'],
    [{ name: 'x', organization_id: foreign.organization_id }, 403, 'AUTH_ORG_FORBIDDEN'],
    [{ name: 'x', key_scope: 'app', target_app_id: foreign.app_id }, 404, 'RESOURCE_NOT_FOUND'],
    [{ name: 'x', key_scope: 'app', target_app_id: 'app_000000000000' }, 404, 'RESOURCE_NOT_FOUND'],
    [{ name: 'x', key_scope: 'app', target_app_id: 'nonsense' }, 404, 'RESOURCE_NOT_FOUND'],
  ] as const
  const before = await list()
  for (const [body, status, code] of cases) {
    const res = await app.owner.post('/api-keys', body)
    expect([body, res.status, await codeOf(res)]).toEqual([body, status, code])
  }
  expect(await list()).toEqual(before)
})

test('DELETE /api-keys/{id} works from the next request on, once, and only for the own keys', async () => {
  const stranger = await app.stranger()
  const { key, id } = await make({ name: 'short-lived' })
  expect((await app.as(key).get('/apps')).status).toBe(200)
  expect((await stranger.delete(`/api-keys/${id}`)).status).toBe(404)
  expect((await app.as(key).get('/apps')).status).toBe(200)
  const res = await app.owner.delete(`/api-keys/${id}`)
  expect([res.status, await res.json()]).toEqual([200, { revoked: true }])
  const refused = await app.as(key).get('/apps')
  expect([refused.status, await codeOf(refused)]).toEqual([401, 'AUTH_INVALID_API_KEY'])
  expect((await app.owner.delete(`/api-keys/${id}`)).status).toBe(404)
  expect((await app.owner.delete('/api-keys/nonsense')).status).toBe(404)
  expect((await list()).map((one) => one.id)).not.toContain(id)
})

test('making and revoking keys is recorded, without the key', async () => {
  const { key, id } = await make({ name: 'recorded' })
  await app.owner.delete(`/api-keys/${id}`)
  const events = await app.instance.services.platform.query<{ eventType: string; row: string }>`
    select event_type, row_to_json(e)::text as row from audit_events e
    where resource_id = ${id} order by created_at`
  expect(events.map(({ eventType }) => eventType)).toEqual(['api_key.create', 'api_key.revoke'])
  expect(events.some(({ row }) => row.includes(key))).toBe(false)
})

test('nobody and keys of apps have no keys to manage', async () => {
  const res = await app.nobody.get('/api-keys')
  expect([res.status, await codeOf(res)]).toEqual([401, 'AUTH_REQUIRED'])
  expect((await app.as(app.serviceKey).get('/api-keys')).status).toBe(403)
  expect((await app.as(app.anonKey).post('/api-keys', { name: 'x' })).status).toBe(401)
  expect((await app.as('bb_sk_wrong').get('/api-keys')).status).toBe(401)
})
