/** The service itself: health, regions, the shape of every refusal, cross-origin rules. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type App, body, newApp, UUID } from '../support.ts'
import { anyApp, refusal, server } from './server.ts'

describe('the service', () => {
  test('GET /health is public and says ok', async () => {
    expect(await body(server.nobody.get('/health'))).toMatchObject({
      status: 'ok',
      service: 'control-api',
    })
  })

  test('GET /health/ready asks both databases', async () => {
    expect(await body(server.nobody.get('/health/ready'))).toMatchObject({
      status: 'ready',
      service: 'control-api',
      checks: { controlDb: 'ok', dataPlaneDb: 'ok' },
    })
  })

  test('GET /v1/regions lists at least two slugs to anybody', async () => {
    const { regions } = await body<{ regions: string[] }>(server.nobody.get('/v1/regions'))
    expect(regions.length).toBeGreaterThanOrEqual(2)
    for (const region of regions) expect(region).toMatch(/^[a-z]+(-[a-z0-9]+)+$/)
  })

  test('public routes ignore a credential that is not valid', async () => {
    for (const path of ['/health', '/health/ready', '/v1/regions']) {
      await body(server.as(`bb_sk_${'0'.repeat(40)}`).get(path))
    }
  })

  test('GET /llms.txt is Markdown as plain text', async () => {
    const res = await server.as(`bb_sk_${'0'.repeat(40)}`).get('/llms.txt')
    expect(res.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await res.text()).toMatch(/^# \S[^]*\/openapi\.json[^]*remediation/)
  })

  test('every answer carries a request id, the one that was sent if there was one', async () => {
    const own = await server.nobody.get('/v1/regions')
    expect(own.headers.get('x-request-id')).toBeTruthy()
    const sent = await server.nobody.get('/v1/regions', { 'x-request-id': 'my-request-7' })
    expect(sent.headers.get('x-request-id')).toBe('my-request-7')
  })
})

describe('refusals', () => {
  test('a route that needs a credential is 401 with code, message and remediation', async () => {
    await refusal(server.nobody.get('/apps'), 401, 'AUTH_REQUIRED')
    await refusal(server.nobody.post('/init', { name: 'x' }), 401, 'AUTH_REQUIRED')
    await refusal(server.nobody.get('/api-keys'), 401, 'AUTH_REQUIRED')
    await refusal(server.nobody.get('/v1/app_000000000000/config'), 401, 'AUTH_REQUIRED')
  })

  test('a random key is 401 AUTH_INVALID_API_KEY, another bearer 401 AUTH_INVALID_TOKEN', async () => {
    const random = server.as(`bb_sk_${'a'.repeat(40)}`)
    await refusal(random.get('/apps'), 401, 'AUTH_INVALID_API_KEY')
    await refusal(server.as('not-a-token').get('/apps'), 401, 'AUTH_INVALID_TOKEN')
  })

  test('the credential is judged before the body', async () => {
    const broken = { 'content-type': 'application/json' }
    await refusal(server.nobody.post('/init', '{', broken), 401, 'AUTH_REQUIRED')
    await refusal(server.nobody.post('/api-keys', '[]', broken), 401, 'AUTH_REQUIRED')
  })

  test('a bad body is 400 and lists what is wrong with it', async () => {
    const error = await refusal(server.owner.post('/init', {}), 400, 'VALIDATION_INVALID_SCHEMA')
    expect(error.details).toEqual(expect.any(Array))
  })

  test('JSON that cannot be read is 400 REQUEST_ERROR', async () => {
    const json = { 'content-type': 'application/json' }
    await refusal(server.owner.post('/init', '{"name":', json), 400, 'REQUEST_ERROR')
  })

  test('a body above 1 MiB is 413', async () => {
    const name = 'x'.repeat(1024 * 1024)
    await refusal(server.owner.post('/init', { name }), 413, 'REQUEST_ERROR')
  })

  test('an unknown path is JSON too', async () => {
    const { error } = await body<{ error: object }>(server.owner.get('/no/such/path'), 404)
    expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  })

  test('the body is checked before the app is looked up, and an unknown app is 404', async () => {
    const path = '/v1/app_000000000000/config/access-mode'
    await refusal(server.owner.patch(path, {}), 400, 'VALIDATION_INVALID_SCHEMA')
    const asked = server.owner.patch(path, { access_mode: 'public' })
    await refusal(asked, 404, 'RESOURCE_NOT_FOUND')
  })
})

describe('pages of other origins', () => {
  let app: App

  beforeAll(async () => {
    app = await newApp(server)
  })

  const from = (origin: string) => ({ origin })

  test('an origin on the list reads the answers', async () => {
    const res = await server.nobody.get(`${app.path}/nothing`, from('http://localhost:3000'))
    expect(res.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    expect(res.headers.get('access-control-allow-credentials')).toBe('true')
  })

  test('another origin is served without the header', async () => {
    const res = await server.owner.get(`${app.path}/config`, from('https://evil.example'))
    expect(res.status).toBe(200)
    expect(res.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('a preflight names methods and headers that clients send', async () => {
    const res = await server.nobody.request('OPTIONS', `${app.path}/posts`, undefined, {
      origin: 'http://localhost:3000',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization,content-type',
    })
    expect(res.status).toBeLessThan(300)
    const methods = res.headers.get('access-control-allow-methods') ?? ''
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      expect(methods).toContain(method)
    const headers = (res.headers.get('access-control-allow-headers') ?? '').toLowerCase()
    const expected = 'content-type authorization x-organization-id x-butterbase-as-user'
    for (const header of `${expected} x-butterbase-as-role apikey last-event-id`.split(' ')) {
      expect(headers).toContain(header)
    }
  })

  test('PATCH config/cors replaces the list, in either spelling', async () => {
    const path = `${app.path}/config/cors`
    const origins = ['https://one.example']
    const done = await body(server.owner.patch(path, { allowedOrigins: origins }))
    expect(done).toEqual({
      message: 'CORS configuration updated successfully',
      app_id: app.id,
      allowed_origins: origins,
    })
    const old = await server.nobody.get(`${app.path}/nothing`, from('http://localhost:3000'))
    expect(old.headers.get('access-control-allow-origin')).toBeNull()
    const now = await server.nobody.get(`${app.path}/nothing`, from('https://one.example'))
    expect(now.headers.get('access-control-allow-origin')).toBe('https://one.example')
    await body(server.owner.patch(path, { allowed_origins: ['http://localhost:3000'] }))
  })

  test('PATCH config/cors refuses an empty list, a word that is no URL, and nothing at all', async () => {
    const path = `${app.path}/config/cors`
    for (const bad of [{ allowed_origins: [] }, { allowed_origins: ['word'] }, {}]) {
      await refusal(server.owner.patch(path, bad), 400, 'VALIDATION_INVALID_SCHEMA')
    }
  })
})

describe('limits', () => {
  test('every route of an app tells its limit and what is left of it', async () => {
    const app = await anyApp()
    const res = await server.owner.get(`${app.path}/config`)
    expect(Number(res.headers.get('x-ratelimit-limit'))).toBeGreaterThan(0)
    expect(Number(res.headers.get('x-ratelimit-remaining'))).toBeGreaterThan(0)
    expect(Number(res.headers.get('x-ratelimit-reset'))).toBeGreaterThanOrEqual(0)
    const { organization_id: workspace } = await body<{ organization_id: string }>(
      server.owner.get(`/apps/${app.id}`),
    )
    expect(workspace).toMatch(UUID)
  })
})
