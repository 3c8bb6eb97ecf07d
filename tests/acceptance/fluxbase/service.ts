/** Health, common headers, where a credential may stand, and which app a request means. */
import { describe, expect, test } from 'vitest'
import { body, newApp } from '../support.ts'
import { app, newUser, refusal, sdk, server } from './server.ts'

const CONFIG = '/api/v1/auth/config'
const TABLES = '/api/v1/tables/nothing'
const UNKNOWN_TABLE = 404

describe('the service', () => {
  test('GET /health says ok to anybody, whatever credential is shown', async () => {
    for (const asked of [server.nobody, server.as('word'), server.as(app.anonKey)]) {
      expect(await body(asked.get('/health'))).toMatchObject({ status: 'ok' })
    }
  })

  test('GET / says ok to whoever is no browser', async () => {
    expect(await body(server.nobody.get('/'))).toMatchObject({
      status: 'ok',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })

  test('an unknown path is 404 with its path', async () => {
    const found = await refusal(server.nobody.get('/api/v1/no/such'), 404, 'NOT_FOUND')
    expect(found).toMatchObject({ error: 'Not Found', path: '/api/v1/no/such' })
  })

  test('a slash at the end makes no difference', async () => {
    expect(await body(server.nobody.get(`${CONFIG}/`))).toEqual(
      await body(server.nobody.get(CONFIG)),
    )
  })

  test('every answer has a request id, the one that was sent if there was one', async () => {
    expect((await server.nobody.get(CONFIG)).headers.get('x-request-id')).toBeTruthy()
    const res = await server.nobody.get(CONFIG, { 'x-request-id': 'mine-7' })
    expect(res.headers.get('x-request-id')).toBe('mine-7')
  })

  test('a preflight names what the SDK sends', async () => {
    const res = await server.nobody.request('OPTIONS', TABLES, undefined, {
      origin: 'http://localhost:3000',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'apikey,authorization,prefer,x-fb-tenant',
    })
    expect(res.status).toBeLessThan(300)
    expect(res.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    const headers = (res.headers.get('access-control-allow-headers') ?? '').toLowerCase()
    const named =
      'content-type accept authorization prefer apikey clientkey x-client-app x-request-id'
    const own = 'x-csrf-token x-impersonation-token x-fb-tenant x-client-key x-service-key'
    for (const name of `${named} ${own} x-fluxbase-branch idempotency-key`.split(' ')) {
      expect(headers).toContain(name)
    }
    expect(res.headers.get('access-control-max-age')).toBe('300')
  })
})

describe('a credential', () => {
  test.each([
    ['Authorization: Bearer', () => ({ authorization: `Bearer ${app.serviceKey}` })],
    ['Authorization: ServiceKey', () => ({ authorization: `ServiceKey ${app.serviceKey}` })],
    ['X-Service-Key', () => ({ 'x-service-key': app.serviceKey })],
    ['clientkey', () => ({ clientkey: app.serviceKey })],
    ['apikey', () => ({ apikey: app.serviceKey })],
  ])('may stand in %s', async (_, headers) => {
    expect((await server.nobody.get(TABLES, headers())).status).toBe(UNKNOWN_TABLE)
  })

  test('in Authorization counts before the apikey beside it', async () => {
    const headers = { apikey: app.serviceKey }
    const asked = server.as('eyJ.bad.token').get(TABLES, headers)
    await refusal(asked, 401, 'INVALID_TOKEN')
  })

  test('that is missing is 401 with how to send one', async () => {
    const found = await refusal(server.nobody.get(TABLES), 401, 'MISSING_AUTHENTICATION')
    expect(found.error).toBe(
      'Authentication required. Provide Bearer token, X-Client-Key, or X-Service-Key',
    )
  })

  test('that is bad is 401 with what it is', async () => {
    const bearer = await refusal(server.as('eyJ.a.b').get(TABLES), 401, 'INVALID_TOKEN')
    expect(bearer.error).toBe('Invalid or expired Bearer token')
    const key = server.nobody.get(TABLES, { 'x-service-key': 'sk_nope' })
    expect((await refusal(key, 401, 'INVALID_TOKEN')).error).toBe('Invalid service key')
    const client = server.nobody.get(TABLES, { 'x-client-key': 'fbk_nope' })
    expect((await refusal(client, 401, 'INVALID_TOKEN')).error).toBe('Invalid client key')
  })
})

describe('a tenant', () => {
  test('is found by id or by subdomain, and must be the credential’s', async () => {
    const { subdomain } = await body<{ subdomain: string }>(server.owner.get(`/apps/${app.id}`))
    for (const tenant of [app.id, subdomain]) {
      const res = await server.as(app.serviceKey).get(TABLES, { 'x-fb-tenant': tenant })
      expect([tenant, res.status]).toEqual([tenant, UNKNOWN_TABLE])
    }
    const other = await newApp(server)
    const asked = server.as(app.serviceKey).get(TABLES, { 'x-fb-tenant': other.id })
    const found = await refusal(asked, 403, 'ACCESS_DENIED')
    expect(found.error).toBe('access denied to this tenant')
  })

  test('that is not there is 404', async () => {
    const asked = sdk().get(TABLES, { 'x-fb-tenant': 'no-such-tenant' })
    expect((await refusal(asked, 404, 'NOT_FOUND')).error).toBe('tenant not found')
  })
})

describe('a branch', () => {
  test('that is not the main one is refused: nothing of it may land in the main one', async () => {
    const key = server.as(app.serviceKey)
    for (const asked of [
      key.get(TABLES, { 'x-fluxbase-branch': 'dev' }),
      key.post('/api/v1/graphql?branch=dev', { query: '{ _health }' }),
      key.get('/api/v1/admin/ddl/schemas', { 'x-fluxbase-branch': 'dev' }),
    ]) {
      expect(await refusal(asked, 503, 'BRANCHING_DISABLED')).toMatchObject({
        error: 'branching_disabled',
        message: expect.stringContaining('leave the branch out'),
      })
    }
    expect((await key.get(TABLES, { 'x-fluxbase-branch': 'main' })).status).toBe(UNKNOWN_TABLE)
    expect((await key.get(`${TABLES}?branch=main`)).status).toBe(UNKNOWN_TABLE)
  })
})

describe('tenants', () => {
  const TENANTS = '/api/v1/admin/tenants'

  test('are listed bare, and found by the id of the list and by its slug', async () => {
    const all = await body<{ id: string; slug: string }[]>(server.owner.get(TENANTS))
    const [first] = all
    for (const name of [first?.id, first?.slug]) {
      expect(await body(server.owner.get(`${TENANTS}/${name}`))).toEqual(first)
    }
    const mine = await body<object[]>(server.owner.get(`${TENANTS}/mine`))
    expect(mine).toEqual(
      all.map((tenant) => expect.objectContaining({ ...tenant, my_role: 'tenant_admin' })),
    )
  })

  test('of a user of an app are none, as a bare list', async () => {
    expect(await body((await newUser()).get(`${TENANTS}/mine`))).toEqual([])
  })

  test('have settings by dotted name: those that are set, and those that can be', async () => {
    const path = 'app.auth.allow_user_client_keys'
    const settings = `${TENANTS}/${app.id}/settings`
    const key = server.as(app.serviceKey)
    const set = await body<{ overridable_settings: string[] }>(
      key.patch(settings, { settings: { [path]: false } }),
    )
    expect(set).toMatchObject({
      settings: { [path]: { value: false, source: 'tenant', is_overridable: true } },
    })
    expect(set.overridable_settings).toContain(path)
    expect(await body(key.get(settings))).toMatchObject(set)
    expect((await key.delete(`${settings}/${path}`)).status).toBe(204)
    expect(await body(key.get(`${settings}/${path}`))).toMatchObject({
      path,
      value: true,
      source: 'default',
    })
    await refusal(key.patch(settings, { settings: { 'no.such': 1 } }), 400, 'NOT_OVERRIDABLE')
  })

  test('are not told to users of an app, and one that is not there is 404', async () => {
    await refusal((await newUser()).get(TENANTS), 403, 'INSUFFICIENT_PERMISSIONS')
    await refusal(server.owner.get(`${TENANTS}/nowhere`), 404, 'NOT_FOUND')
  })

  test('need no setup', async () => {
    const status = await body(server.nobody.get('/api/v1/admin/setup/status'))
    expect(status).toEqual({ needs_setup: false, has_admin: true })
  })
})
