import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cloneWebhookSecret } from '#domains/apps'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let id: string
let serviceKey: string

beforeAll(async () => {
  app = await startApp()
})

beforeEach(async () => {
  ;({ id, serviceKey } = await app.createApp())
})

afterAll(() => app[Symbol.asyncDispose]())

const patch = async (what: string, body: object) => {
  const res = await app.owner.patch(`/v1/${id}/config/${what}`, body)
  return { status: res.status, body: (await res.json()) as Record<string, unknown> }
}

const config = async () =>
  (await (await app.owner.get(`/v1/${id}/config`)).json()) as Record<string, unknown>

const refuses = async (what: string, bodies: readonly object[]) => {
  const before = await config()
  for (const body of bodies) {
    const res = await patch(what, body)
    const { error } = res.body as { error?: { code: string } }
    expect([body, res.status, error?.code]).toEqual([body, 400, 'VALIDATION_INVALID_SCHEMA'])
  }
  expect(await config()).toEqual(before)
}

const eventsOf = (eventType: string) =>
  app.instance.services.platform.query<{ row: string }>`
    select row_to_json(e)::text as row from audit_events e
    where app_id = ${id} and event_type = ${eventType}`

test('GET config has the aliases that the client library reads', async () => {
  expect(await config()).toMatchObject({
    id,
    allowed_origins: ['http://localhost:3000'],
    cors_allowed_origins: ['http://localhost:3000'],
    jwt_config: { accessTokenTtl: '15m', refreshTokenTtlDays: 7 },
    jwt_token_ttl: 900,
    storage_public_read_enabled: false,
    storage_used_bytes: 0,
    storage_limit_bytes: null,
  })
})

test('PATCH config/cors replaces the origins, named as a browser names them', async () => {
  const { status, body } = await patch('cors', {
    allowedOrigins: [
      'https://App.example.com:443/path',
      'http://localhost:5173',
      'capacitor://localhost',
    ],
  })
  expect([status, body]).toEqual([
    200,
    {
      message: 'CORS configuration updated successfully',
      app_id: id,
      allowed_origins: [
        'https://app.example.com',
        'http://localhost:5173',
        'capacitor://localhost',
      ],
    },
  ])
  expect((await patch('cors', { allowedHeaders: ['X-Mine'] })).body.allowed_origins).toEqual(
    body.allowed_origins,
  )
  expect((await config()).allowed_origins).toEqual(body.allowed_origins)
  expect(await eventsOf('app.config.cors')).toHaveLength(2)
  await refuses('cors', [
    {},
    { allowed_origins: [] },
    { allowed_origins: ['*'] },
    { allowed_origins: ['not a url'] },
    { allowed_origins: 'https://a.example' },
    { allowedHeaders: ['X-Bad\r\nSet-Cookie: a=b'] },
    { allowedMethods: [7] },
  ])
})

test('PATCH config/jwt merges what it is given', async () => {
  expect((await patch('jwt', { accessTokenTtl: '2h' })).body).toEqual({
    message: 'JWT configuration updated successfully',
    app_id: id,
    jwt_config: { accessTokenTtl: '2h', refreshTokenTtlDays: 7 },
  })
  expect((await patch('jwt', { refreshTokenTtlDays: 30 })).body.jwt_config).toEqual({
    accessTokenTtl: '2h',
    refreshTokenTtlDays: 30,
  })
  expect((await config()).jwt_token_ttl).toBe(7200)
  expect(await eventsOf('app.config.jwt')).toHaveLength(2)
  await refuses('jwt', [
    { accessTokenTtl: '2 hours' },
    { accessTokenTtl: '0m' },
    { accessTokenTtl: '999999999d' },
    { refreshTokenTtlDays: 0 },
    { refreshTokenTtlDays: 1.5 },
    { refreshTokenTtlDays: '7' },
  ])
})

test('two changes of one part of the configuration at once are both kept', async () => {
  await Promise.all([
    patch('jwt', { accessTokenTtl: '3h' }),
    patch('jwt', { refreshTokenTtlDays: 3 }),
    patch('storage', { maxFileSizeMb: 20 }),
    patch('storage', { publicReadEnabled: true }),
  ])
  expect(await config()).toMatchObject({
    jwt_config: { accessTokenTtl: '3h', refreshTokenTtlDays: 3 },
    storage_config: { maxFileSizeMb: 20, publicReadEnabled: true },
  })
})

test('PATCH config/storage merges what it is given', async () => {
  const { body } = await patch('storage', { maxFileSizeMb: 50, storageLimitBytes: 1_000_000 })
  expect(body).toEqual({
    message: expect.any(String),
    app_id: id,
    storage_config: {
      maxFileSizeMb: 50,
      storageLimitBytes: 1_000_000,
      publicReadEnabled: false,
      allowedContentTypes: ['*/*'],
    },
  })
  expect((await config()).storage_limit_bytes).toBe(1_000_000)
  expect(await eventsOf('app.config.storage')).toHaveLength(1)
  await refuses('storage', [
    {},
    { maxFileSizeMb: 0 },
    { storageLimitBytes: -1 },
    { publicReadEnabled: 'yes' },
    { allowedContentTypes: [] },
  ])
})

test('PATCH config/visibility keeps listed across flips', async () => {
  const flip = async (body: object) => (await patch('visibility', body)).body
  expect(await flip({ visibility: 'public', listed: false })).toEqual({
    message: 'Visibility updated to "public"',
    app_id: id,
    visibility: 'public',
    listed: false,
  })
  expect(await flip({ visibility: 'private' })).toMatchObject({ listed: false })
  expect(await flip({ visibility: 'public' })).toMatchObject({
    visibility: 'public',
    listed: false,
  })
  expect(await eventsOf('app.config.visibility')).toHaveLength(3)
  await refuses('visibility', [{ visibility: 'secret' }, {}, { visibility: 'public', listed: 1 }])
})

test('PATCH config/clone-webhook seals its secret, shows it never, and clears', async () => {
  const webhook_secret = 'a very secret secret'
  const { body } = await patch('clone-webhook', {
    webhook_url: 'https://hooks.example.com/clone',
    webhook_secret,
  })
  expect(body).toEqual({
    app_id: id,
    clone_webhook_configured: true,
    webhook_url: 'https://hooks.example.com/clone',
  })
  const [row] = await app.instance.services.platform.query`
    select row_to_json(a)::text as row from apps a where id = ${id}`
  expect(row?.row).not.toContain(webhook_secret)
  expect(JSON.stringify(await config())).not.toContain(webhook_secret)
  expect(JSON.stringify(await eventsOf('app.config.clone_webhook'))).not.toContain(webhook_secret)
  const { apps, keyring } = app.instance.services
  const stored = await apps.find(id)
  expect(stored && cloneWebhookSecret(keyring, stored)).toBe(webhook_secret)
  await refuses('clone-webhook', [
    {},
    { clear: false },
    { webhook_url: 'https://x.example', webhook_secret: 'short' },
    { webhook_url: 'ftp://x.example', webhook_secret },
    { webhook_url: 'javascript:alert(1)', webhook_secret },
    { webhook_secret },
  ])
  const half = await patch('clone-webhook', { webhook_url: 'https://x.example' })
  expect(JSON.stringify(half.body)).toContain('give webhook_url and webhook_secret')
  expect((await patch('clone-webhook', { clear: true })).body).toEqual({
    app_id: id,
    clone_webhook_configured: false,
  })
})

test('only who manages the app configures it', async () => {
  const stranger = await app.stranger()
  const other = await app.createApp()
  const bodies = {
    cors: { allowed_origins: ['https://evil.example'] },
    jwt: { accessTokenTtl: '9d' },
    storage: { publicReadEnabled: true },
    visibility: { visibility: 'public' },
    'clone-webhook': { clear: true },
  }
  const before = await config()
  for (const [what, body] of Object.entries(bodies)) {
    const path = `/v1/${id}/config/${what}`
    const statusOf = async (client: typeof app.owner) => (await client.patch(path, body)).status
    expect([what, await statusOf(app.nobody)]).toEqual([what, 401])
    expect([what, await statusOf(stranger)]).toEqual([what, 404])
    expect([what, await statusOf(app.as(other.serviceKey))]).toEqual([what, 404])
  }
  expect(await config()).toEqual(before)
  for (const [what, body] of Object.entries(bodies)) {
    expect((await app.as(serviceKey).patch(`/v1/${id}/config/${what}`, body)).status).toBe(200)
  }
})

const originOf = (res: Response) => res.headers.get('access-control-allow-origin')

const preflight = (path: string, origin: string) =>
  app.nobody.request('OPTIONS', path, undefined, {
    origin,
    'access-control-request-method': 'PATCH',
  })

test("a page of the app's allowed origins may read its answers, refusals too, with credentials", async () => {
  await patch('cors', { allowed_origins: ['https://shop.example'], allowedHeaders: ['X-Mine'] })
  const origin = 'https://shop.example'
  for (const path of [`/v1/${id}/config`, `/v1/${id}/no_such_table`, `/v1/${id}/schema`]) {
    for (const client of [app.owner, app.nobody]) {
      const res = await client.get(path, { origin })
      expect([path, originOf(res)]).toEqual([path, origin])
      expect(res.headers.get('access-control-allow-credentials')).toBe('true')
      expect(res.headers.get('vary')).toContain('Origin')
    }
  }
  const asked = await preflight(`/v1/${id}/posts`, origin)
  expect([asked.status, originOf(asked)]).toEqual([204, origin])
  expect(asked.headers.get('access-control-allow-methods')).toBe(
    'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  )
  for (const name of [
    'Content-Type',
    'Authorization',
    'X-Organization-Id',
    'X-Butterbase-As-User',
    'X-Butterbase-As-Role',
    'X-Mine',
  ]) {
    expect(asked.headers.get('access-control-allow-headers')).toContain(name)
  }
})

test('an origin that only another app lists gets no header, and no error', async () => {
  await patch('cors', { allowed_origins: ['https://shop.example'] })
  const other = await app.createApp()
  for (const origin of ['https://shop.example', 'https://evil.example', 'null']) {
    const res = await app.owner.get(`/v1/${other.id}/config`, { origin })
    expect([origin, res.status, originOf(res)]).toEqual([origin, 200, null])
    const asked = await preflight(`/v1/${other.id}/config`, origin)
    expect([asked.status, originOf(asked)]).toEqual([204, null])
    expect(originOf(await app.owner.get('/apps', { origin }))).toBeNull()
  }
  expect(
    originOf(await preflight('/v1/app_000000000000/config', 'https://shop.example')),
  ).toBeNull()
})

test("the console and the app's own host are always let in", async () => {
  const { apps } = app.instance.services
  const found = await apps.find(id)
  const own = new URL(found ? apps.urlOf(found) : '').origin
  for (const origin of [app.url, own]) {
    expect(originOf(await app.owner.get(`/v1/${id}/config`, { origin }))).toBe(origin)
  }
  expect(originOf(await app.owner.get('/apps', { origin: app.url }))).toBe(app.url)
  expect(originOf(await app.owner.get('/apps', { origin: own }))).toBeNull()
})

test('PATCH config/data-api refuses schemas and functions that are not there by name, and keeps what was', async () => {
  const before = await (await app.owner.get(`/v1/${id}/config/data-api`)).json()
  await app.sql(
    `create schema shop; create function shop.watch(loud bool default true) returns void language sql as 'select';
     create function public.needy(n int) returns void language sql as 'select'`,
    [],
    id,
  )
  const nowhere = (setting: string, name: string, places: string) =>
    `Cannot set ${setting}: no function "${name}" without arguments is in ${places}`
  for (const [body, message] of [
    [
      { db_schemas: ['shop', 'later', 'gone'] },
      'Cannot expose the schema "later": it is not there',
    ],
    [{ db_pre_request: 'watch' }, nowhere('db_pre_request', 'watch', '"public"')],
    [{ db_pre_request: 'public.needy' }, nowhere('db_pre_request', 'needy', '"public"')],
    [{ db_pre_request: '"Shop".watch' }, nowhere('db_pre_request', 'watch', '"Shop"')],
    [
      { db_schemas: ['shop', 'public'], db_pre_request: 'watch' },
      nowhere('db_pre_request', 'watch', '"public"'),
    ],
    [{ db_root_spec: 'watch' }, nowhere('db_root_spec', 'watch', '"public"')],
  ] as const) {
    const res = await patch('data-api', body)
    expect([body, res.status, res.body]).toMatchObject([body, 400, { error: { message } }])
  }
  expect(await (await app.owner.get(`/v1/${id}/config/data-api`)).json()).toEqual(before)

  const taken = { db_schemas: ['shop'], db_pre_request: 'watch', db_root_spec: 'watch' }
  expect((await patch('data-api', taken)).body).toMatchObject(taken)
  // With the schemas, what is called leaves them too.
  const moved = await patch('data-api', { db_schemas: ['public'] })
  expect([moved.status, moved.body]).toMatchObject([
    400,
    { error: { message: nowhere('db_pre_request', 'watch', '"public"') } },
  ])
  const searched = { db_schemas: ['public'], db_extra_search_path: ['later', 'shop'] }
  expect((await patch('data-api', { ...searched, db_root_spec: null })).status).toBe(200)
  // A setting that names nothing stays possible when what another names was dropped.
  await app.sql('drop schema shop cascade', [], id)
  expect((await patch('data-api', { db_max_rows: 5 })).status).toBe(200)
  expect((await patch('data-api', { db_pre_request: null })).status).toBe(200)
})
