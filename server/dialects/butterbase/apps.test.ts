import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp({
    env: { STEAD_APP_RATE_LIMIT: '-1', STEAD_SIGN_IN_RATE_LIMITS: 'off' },
  })
})

afterAll(() => app[Symbol.asyncDispose]())

const errorOf = async (res: Response) =>
  ((await res.json()) as { error: Record<string, string> }).error

test('GET /v1/regions answers without credentials, and ignores bad ones', async () => {
  const expected = { regions: ['us-east-1', 'us-west-2'] }
  expect(await (await app.nobody.get('/v1/regions')).json()).toEqual(expected)
  expect(await (await app.as('bb_sk_wrong').get('/v1/regions')).json()).toEqual(expected)
})

test('POST /init creates an app, and gives the same app for the same name', async () => {
  const res = await app.owner.post('/init', { name: 'my-app', region: 'us-west-2' })
  expect(res.status).toBe(201)
  const body = (await res.json()) as Record<string, unknown>
  expect(body).toMatchObject({
    app_id: expect.stringMatching(/^app_[0-9a-z]{12}$/),
    name: 'my-app',
    region: 'us-west-2',
    provisioning_status: 'ready',
    api_url: body.api_base_url,
    subdomain: 'my-app',
  })
  const again = await app.owner.post('/init', { name: 'my-app', region: 'us-west-2' })
  expect(again.status).toBe(200)
  expect(await again.json()).toMatchObject({ app_id: body.app_id })
  const { apps } = (await (await app.owner.get('/apps')).json()) as { apps: { id: string }[] }
  expect(apps.map(({ id }) => id)).toContain(body.app_id)
})

test('POST /init of one name at the same moment gives everybody the same app', async () => {
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => app.owner.post('/init', { name: 'race' })),
  )
  const bodies = await Promise.all(answers.map((res) => res.json() as Promise<{ app_id: string }>))
  expect(new Set(bodies.map(({ app_id: id }) => id)).size).toBe(1)
})

test('POST /init refuses nobody, a revoked key, a bad name, an unknown region and a taken subdomain', async () => {
  const refusals = [
    [app.nobody, { name: 'x' }, 401, 'AUTH_REQUIRED'],
    [app.as(`bb_sk_${'0'.repeat(40)}`), { name: 'x' }, 401, 'AUTH_INVALID_API_KEY'],
    [app.as(app.serviceKey), { name: 'x' }, 403, 'AUTH_INSUFFICIENT_PERMISSIONS'],
    [app.owner, { name: 'Not A Name' }, 400, 'VALIDATION_INVALID_SCHEMA'],
    [app.owner, {}, 400, 'VALIDATION_INVALID_SCHEMA'],
    [app.owner, { name: 'x', region: 'mars-1' }, 400, 'VALIDATION_INVALID_SCHEMA'],
    [app.owner, { name: 'x', subdomain: 'default' }, 409, 'RESOURCE_ALREADY_EXISTS'],
  ] as const
  for (const [client, body, status, code] of refusals) {
    const res = await client.post('/init', body)
    expect([res.status, (await errorOf(res)).code]).toEqual([status, code])
  }
  const malformed = await app.owner.post('/init', '{"name":', {
    'content-type': 'application/json',
  })
  expect(malformed.status).toBe(400)
})

test('every error carries code, message, remediation and a page', async () => {
  const error = await errorOf(await app.nobody.get('/apps'))
  expect(error).toEqual({
    code: 'AUTH_REQUIRED',
    message: expect.any(String),
    remediation: expect.any(String),
    documentation_url: expect.stringMatching(/\/docs\/errors#auth-required$/),
  })
})

test('another account finds neither the app nor its configuration', async () => {
  const stranger = await app.stranger()
  const { id } = await app.createApp()
  for (const path of [`/apps/${id}`, `/apps/${id}/status`, `/v1/${id}/config`]) {
    expect((await app.owner.get(path)).status).toBe(200)
    const res = await stranger.get(path)
    expect([path, res.status]).toEqual([path, 404])
    const unknown = await stranger.get(path.replace(id, 'app_000000000000'))
    expect(await unknown.json()).toEqual(await res.json())
  }
  expect((await stranger.delete(`/apps/${id}`)).status).toBe(404)
  expect((await app.owner.get(`/apps/${id}`)).status).toBe(200)
})

test('DELETE /apps/{id} removes the database and everything else', async () => {
  const { id, serviceKey } = await app.createApp()
  expect((await app.owner.delete(`/apps/${id}`)).status).toBe(200)
  expect((await app.owner.get(`/v1/${id}/config`)).status).toBe(404)
  expect((await app.as(serviceKey).get(`/v1/${id}/config`)).status).toBe(401)
  const found = await app.sql('select from pg_database where datname = $1', [id])
  expect(found).toEqual([])
})

test('DELETE /apps/{id} under traffic is never a fault on our side, and ends once', async () => {
  const { id, serviceKey } = await app.createApp('busy')
  const service = app.as(serviceKey)
  const credentials = { email: 'a@example.com', password: 'Abcdef1!' }
  await app.nobody.post(`/auth/${id}/signup`, credentials)
  const login = await app.nobody.post(`/auth/${id}/login`, credentials)
  const user = app.as(((await login.json()) as { access_token: string }).access_token)
  const columns = { id: { type: 'serial', primaryKey: true } }
  const calls = [
    () => service.get(`/v1/${id}/absent`),
    () => user.get(`/v1/${id}/absent`),
    () => user.get(`/auth/${id}/me`),
    () => service.get('/rest/v1/absent'),
    () => service.get('/api/v1/tables/absent'),
    () => service.post('/api/v1/graphql', { query: '{ __typename }' }),
    () => app.nobody.post(`/auth/${id}/login`, credentials),
    () => app.owner.get(`/v1/${id}/schema`),
    () => app.owner.get(`/v1/${id}/functions`),
    () => app.owner.get(`/v1/${id}/admin/auth/users`),
    () => app.owner.patch(`/v1/${id}/config/jwt`, { accessTokenTtl: '10m' }),
    () => app.owner.post(`/v1/${id}/schema/apply`, { schema: { tables: { t: { columns } } } }),
  ]
  const state = { deleting: true }
  const faults: string[] = []
  const traffic = calls.map(async (call) => {
    for (let after = 0; after < 3; after += state.deleting ? 0 : 1) {
      const res = await call()
      const text = await res.text()
      const isFault = ![200, 401, 404, 410, 503].includes(res.status)
      if (isFault || /does not exist|terminating/.test(text)) faults.push(`${res.url} ${text}`)
    }
  })
  const deletions = Array.from({ length: 2 }, () => app.owner.delete(`/apps/${id}`))
  const again = await app.owner.post('/init', { name: 'busy' })
  // 200: it came before both deletions and found the app as it was.
  expect([200, 201, 410]).toContain(again.status)
  const statuses = (await Promise.all(deletions)).map(({ status }) => status)
  state.deleting = false
  await Promise.all(traffic)
  expect([faults, statuses.includes(200)]).toEqual([[], true])
  expect((await app.owner.get(`/v1/${id}/config`)).status).toBe(404)
})

test('DELETE /apps/{id} is no outage of a database to whoever reads the log', async () => {
  const { id, serviceKey } = await app.createApp('queued')
  await app.sql(
    `create function public.nap() returns int language sql as 'select 1 from pg_sleep(0.5)';
    grant execute on function public.nap to service_role`,
    [],
    id,
  )
  const error = vi.spyOn(app.instance.services.log, 'error')
  const service = app.as(serviceKey)
  expect((await service.post('/rest/v1/rpc/nap')).status).toBe(200)
  // More than there are connections, so that some wait for one when the database is closed.
  const naps = Array.from({ length: 30 }, () => service.post('/rest/v1/rpc/nap'))
  await Promise.race(naps)
  expect((await app.owner.delete(`/apps/${id}`)).status).toBe(200)
  const statuses = new Set((await Promise.all(naps)).map(({ status }) => status))
  expect([...statuses].filter((status) => ![200, 401, 404, 410, 503].includes(status))).toEqual([])
  expect(error.mock.calls).toEqual([])
  error.mockRestore()
})

test('PATCH config/pause pauses, tells since when and why, and resumes', async () => {
  const { id } = await app.createApp()
  const paused = await app.owner.patch(`/v1/${id}/config/pause`, {
    paused: true,
    reason: 'tidying',
  })
  expect(await paused.json()).toMatchObject({
    paused: true,
    paused_reason: 'tidying',
    paused_at: expect.any(String),
  })
  expect(await (await app.owner.get(`/v1/${id}/config`)).json()).toMatchObject({ paused: true })
  const resumed = await app.owner.patch(`/v1/${id}/config/pause`, { paused: false })
  expect(await resumed.json()).toMatchObject({
    paused: false,
    paused_at: null,
    paused_reason: null,
  })
})

test('GET /health and /health/ready ask the databases', async () => {
  expect(await (await app.nobody.get('/health')).json()).toMatchObject({
    status: 'ok',
    service: 'control-api',
  })
  const asked = async (client: typeof app.nobody) =>
    (await (await client.get('/health')).json()) as { services?: object }
  expect((await asked(app.owner)).services).toEqual({ database: true, realtime: false })
  for (const client of [app.nobody, app.as('garbage'), app.as(app.anonKey)]) {
    expect(await asked(client)).not.toHaveProperty('services')
  }
  expect(await (await app.as('garbage').get('/health/ready')).json()).toEqual({
    status: 'ready',
    service: 'control-api',
    checks: { controlDb: 'ok', dataPlaneDb: 'ok' },
  })
})
