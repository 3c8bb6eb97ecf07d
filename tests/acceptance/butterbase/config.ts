/** Configuration of an app: access, tokens, storage, visibility, pause, environment, secure. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type App, applySchema, body, INSTANT, newApp } from '../support.ts'
import { anyApp, newUser, refusal, server } from './server.ts'

let app: App

const TABLES = {
  tables: {
    posts: {
      columns: {
        id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
        author_id: { type: 'uuid' },
        title: { type: 'text', nullable: false },
        public: { type: 'boolean', default: 'false' },
      },
    },
  },
}

beforeAll(async () => {
  app = await newApp(server)
  await applySchema(server, app, TABLES)
})

const patch = (part: string, asked: object) =>
  server.owner.patch(`${app.path}/config/${part}`, asked)

const config = () => body(server.owner.get(`${app.path}/config`))

describe('text that holds NUL', () => {
  const url = 'https://example.com/hook'
  const columns = { id: { type: 'uuid', primaryKey: true } }
  test.each([
    ['POST', '/api-keys', { name: 'a\0b' }],
    ['PATCH', 'config/pause', { paused: true, reason: '\0' }],
    ['PATCH', 'config/storage', { allowedContentTypes: ['image/\0'] }],
    ['PATCH', 'config/clone-webhook', { webhook_url: url, webhook_secret: `\0${'x'.repeat(16)}` }],
    ['PATCH', 'env', { envVars: { A: '\0' } }],
    ['POST', 'schema/apply', { name: '\0', schema: { tables: { a: { columns } } } }],
    ['POST', 'rls', { table_name: 'a\0', user_column: 'b' }],
    ['POST', 'secure', { tables: [{ table_name: 'a', user_column: '\0' }] }],
  ])('is refused by %s %s, which says where', async (method, path, asked) => {
    const target = path.startsWith('/') ? path : `${app.path}/${path}`
    const res = server.owner.request(method, target, asked)
    const error = await refusal(res, 400, 'VALIDATION_INVALID_SCHEMA')
    expect(error.message).toMatch(/^[\w.]+: holds the character NUL/)
  })
})

test('a body that JSON was promised for and that is empty is refused; none at all is {}', async () => {
  const json = { 'content-type': 'application/json' }
  const send = (headers = {}) => server.owner.patch(`${app.path}/config/jwt`, '', headers)
  const { message } = await refusal(send(json), 400, 'REQUEST_ERROR')
  expect(message).toContain('content type is JSON')
  await body(server.owner.request('PATCH', `${app.path}/config/jwt`))
})

describe('GET config', () => {
  test('shows a new app with its defaults and no secret', async () => {
    const fresh = await anyApp()
    const res = await server.owner.get(`${fresh.path}/config`)
    const text = await res.clone().text()
    expect(await body(res)).toMatchObject({
      id: fresh.id,
      name: expect.any(String),
      db_name: expect.any(String),
      db_provisioned: true,
      region: 'us-east-1',
      subdomain: expect.any(String),
      allowed_origins: ['http://localhost:3000'],
      cors_allowed_origins: ['http://localhost:3000'],
      storage_config: { maxFileSizeMb: 10, publicReadEnabled: false, allowedContentTypes: ['*/*'] },
      storage_public_read_enabled: false,
      jwt_config: { accessTokenTtl: '15m', refreshTokenTtlDays: 7 },
      jwt_token_ttl: 900,
      auth_hook_function: null,
      access_mode: 'public',
      visibility: 'private',
      listed: true,
      paused: false,
      paused_at: null,
      paused_reason: null,
      template_source_app_id: null,
      repo_latest_snapshot: null,
      fork_count: 0,
      substrate_organization_id: null,
      created_at: expect.stringMatching(INSTANT),
      updated_at: expect.stringMatching(INSTANT),
    })
    expect(text).not.toMatch(/eyJ|bb_sk_|secret|password|postgres:/i)
  })

  test('is the owner’s only', async () => {
    await refusal(server.nobody.get(`${app.path}/config`), 401, 'AUTH_REQUIRED')
    const user = await newUser(app)
    await refusal(user.get(`${app.path}/config`), 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
    const asked = user.patch(`${app.path}/config/jwt`, {
      accessTokenTtl: 'no body of theirs is read',
    })
    await refusal(asked, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
    await body(server.as(app.serviceKey).get(`${app.path}/config`))
  })
})

describe('access mode', () => {
  test('authenticated keeps nobody out of the data, and public lets them in again', async () => {
    const asNobody = () => server.nobody.get(`${app.path}/posts`)
    await body(asNobody())
    expect(await body(patch('access-mode', { access_mode: 'authenticated' }))).toEqual({
      message: 'Access mode updated to "authenticated"',
      app_id: app.id,
      access_mode: 'authenticated',
    })
    await refusal(asNobody(), 401, 'AUTH_REQUIRED')
    await refusal(server.as(app.anonKey).get(`${app.path}/posts`), 401, 'AUTH_REQUIRED')
    await body((await newUser(app)).get(`${app.path}/posts`))
    await body(server.as(app.serviceKey).get(`${app.path}/posts`))
    await body(patch('access-mode', { access_mode: 'public' }))
    await body(asNobody())
  })

  test('has no third value', async () => {
    const asked = patch('access-mode', { access_mode: 'open' })
    await refusal(asked, 400, 'VALIDATION_INVALID_SCHEMA')
  })
})

describe('token lifetimes', () => {
  test('are merged and shape the next token', async () => {
    const done = await body(patch('jwt', { accessTokenTtl: '2h' }))
    expect(done).toEqual({
      message: 'JWT configuration updated successfully',
      app_id: app.id,
      jwt_config: { accessTokenTtl: '2h', refreshTokenTtlDays: 7 },
    })
    await body(patch('jwt', { refreshTokenTtlDays: 30 }))
    expect(await config()).toMatchObject({
      jwt_config: { accessTokenTtl: '2h', refreshTokenTtlDays: 30 },
      jwt_token_ttl: 7200,
    })
  })

  test.each([
    { accessTokenTtl: '2 hours' },
    { refreshTokenTtlDays: 0 },
    { refreshTokenTtlDays: 1.5 },
  ])('refuses %j', async (asked) => {
    await refusal(patch('jwt', asked), 400, 'VALIDATION_INVALID_SCHEMA')
  })
})

describe('the function that hears of sign-ins', () => {
  test('is named when it is deployed, shown, and taken away', async () => {
    const code = 'export default () => new Response()'
    await body(server.owner.post(`${app.path}/functions`, { name: 'hears', code }))
    const named = await body(patch('auth-hooks', { post_auth_function: 'hears' }))
    expect(named).toEqual({ auth_hook_function: 'hears', message: expect.any(String) })
    expect(await config()).toMatchObject({ auth_hook_function: 'hears' })
    const gone = await body(patch('auth-hooks', { post_auth_function: null }))
    expect(gone).toEqual({ auth_hook_function: null, message: expect.any(String) })
    await body(server.owner.delete(`${app.path}/functions/hears`))
  })

  test.each([
    [{ post_auth_function: 'nowhere' }, 'VALIDATION_INVALID_INPUT'],
    [{}, 'VALIDATION_INVALID_SCHEMA'],
    [{ post_auth_function: true }, 'VALIDATION_INVALID_SCHEMA'],
  ])('is refused as %j', async (asked, code) => {
    await refusal(patch('auth-hooks', asked), 400, code)
  })
})

describe('storage rules', () => {
  test('are merged', async () => {
    const done = await body(patch('storage', { publicReadEnabled: true, maxFileSizeMb: 5 }))
    expect(done).toMatchObject({
      message: expect.any(String),
      app_id: app.id,
      storage_config: { publicReadEnabled: true, maxFileSizeMb: 5, allowedContentTypes: ['*/*'] },
    })
    expect(await config()).toMatchObject({ storage_public_read_enabled: true })
  })

  test.each([{}, { maxFileSizeMb: 0 }, { storageLimitBytes: -1 }, { publicReadEnabled: 'yes' }])(
    'refuses %j',
    async (asked) => {
      await refusal(patch('storage', asked), 400, 'VALIDATION_INVALID_SCHEMA')
    },
  )
})

describe('visibility', () => {
  test('keeps "listed" while it goes from public to private and back', async () => {
    const set = (asked: object) => body(patch('visibility', asked))
    const hidden = await set({ visibility: 'public', listed: false })
    expect(hidden).toEqual({
      message: 'Visibility updated to "public"',
      app_id: app.id,
      visibility: 'public',
      listed: false,
    })
    expect(await set({ visibility: 'private' })).toMatchObject({ listed: false })
    expect(await set({ visibility: 'public' })).toMatchObject({ listed: false })
    expect(await config()).toMatchObject({ visibility: 'public', listed: false })
    await set({ visibility: 'private', listed: true })
  })

  test('has no third value', async () => {
    await refusal(patch('visibility', { visibility: 'secret' }), 400, 'VALIDATION_INVALID_SCHEMA')
  })
})

describe('the clone webhook', () => {
  test('is stored without ever showing its secret, and cleared', async () => {
    const secret = 'whsec-0123456789abcdef'
    const webhook = { webhook_url: 'https://hooks.example/clone', webhook_secret: secret }
    const res = await patch('clone-webhook', webhook)
    expect(await res.clone().text()).not.toContain(secret)
    expect(await body(res)).toEqual({
      app_id: app.id,
      clone_webhook_configured: true,
      webhook_url: webhook.webhook_url,
    })
    expect(await body(patch('clone-webhook', { clear: true }))).toEqual({
      app_id: app.id,
      clone_webhook_configured: false,
    })
  })

  test('refuses a short secret', async () => {
    const webhook = { webhook_url: 'https://hooks.example/clone', webhook_secret: 'short' }
    await refusal(patch('clone-webhook', webhook), 400, 'VALIDATION_INVALID_SCHEMA')
  })
})

describe('pause', () => {
  test('stops the data with 503 while configuration and sign-in go on, and resume restores', async () => {
    const paused = await body(patch('pause', { paused: true, reason: 'moving house' }))
    expect(paused).toEqual({
      message: expect.any(String),
      app_id: app.id,
      paused: true,
      paused_at: expect.stringMatching(INSTANT),
      paused_reason: 'moving house',
    })
    const res = await server.owner.get(`${app.path}/posts`)
    expect(res.headers.get('retry-after')).toBe('60')
    const error = await refusal(Promise.resolve(res), 503, 'APP_PAUSED')
    expect(error).toMatchObject({
      message: 'App is paused',
      details: { paused_reason: 'moving house' },
    })
    await refusal(server.nobody.post(`${app.path}/fn/any`), 503, 'APP_PAUSED')
    await refusal(server.owner.post(`${app.path}/functions/any/invoke`), 503, 'APP_PAUSED')
    expect(await config()).toMatchObject({ paused: true, paused_reason: 'moving house' })
    await body(server.owner.get(`${app.path}/schema`))
    await body(server.owner.get(`${app.path}/functions`))
    await newUser(app)
    const resumed = await body(patch('pause', { paused: false }))
    expect(resumed).toMatchObject({ paused: false, paused_at: null, paused_reason: null })
    await body(server.owner.get(`${app.path}/posts`))
  })

  test('asked for twice changes nothing the second time', async () => {
    const once = await body(patch('pause', { paused: true }))
    expect(await body(patch('pause', { paused: true }))).toMatchObject({
      paused: true,
      paused_at: once.paused_at,
    })
    for (const _ of [1, 2]) await body(patch('pause', { paused: false }))
  })

  test.each([{}, { paused: 'yes' }, { paused: true, reason: 'x'.repeat(501) }])(
    'refuses a body that is not right (%#)',
    async (asked) => {
      await refusal(patch('pause', asked), 400, 'VALIDATION_INVALID_SCHEMA')
    },
  )
})

describe('environment of the app', () => {
  const env = `/env`
  const put = (envVars: unknown) => server.owner.patch(`${app.path}${env}`, { envVars })

  test('is merged, a null deletes, and values are never shown', async () => {
    const empty = await anyApp()
    const before = await body(server.owner.get(`${empty.path}/env`))
    expect(before).toEqual({ keys: [], updatedAt: null })
    await body(put({ ONE: 'a very secret value', TWO: '2' }))
    const done = await body(put({ TWO: null, THREE: '3' }))
    expect(done).toMatchObject({
      message: expect.any(String),
      updatedKeys: ['ONE', 'THREE'],
      invalidated: { functions: [], count: 0, durable_objects_redeployed: false },
    })
    const res = await server.owner.get(`${app.path}${env}`)
    expect(await res.clone().text()).not.toContain('secret value')
    const shown = { keys: ['ONE', 'THREE'], updatedAt: expect.stringMatching(INSTANT) }
    expect(await body(res)).toEqual(shown)
  })

  test('loses nothing when several change it at once', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `AT_ONCE_${n}`)
    await Promise.all(names.map((name) => body(put({ [name]: 'x' }))))
    const { keys } = await body(server.owner.get(`${app.path}${env}`))
    expect(keys).toEqual(expect.arrayContaining(names))
  })

  test.each([
    [{}],
    [{ BUTTERBASE_X: 'x' }],
    [{ butterbase_x: 'x' }],
    [{ A: 1 }],
    [[]],
    [undefined],
  ])('refuses %j', async (envVars) => {
    await refusal(put(envVars), 400, 'VALIDATION_INVALID_SCHEMA')
  })
})

describe('POST secure', () => {
  test('without a body closes the app and secures no table', async () => {
    const done = await body(server.owner.post(`${app.path}/secure`))
    expect(done).toEqual({
      message: 'App secured successfully',
      app_id: app.id,
      access_mode: 'authenticated',
      tables_secured: [],
      table_errors: [],
    })
    expect(await config()).toMatchObject({ access_mode: 'authenticated' })
  })

  test('tells each table’s success or failure, and is 200 with both', async () => {
    const tables = [
      { table_name: 'posts', user_column: 'author_id', public_read_column: 'public' },
      { table_name: 'nope', user_column: 'author_id' },
    ]
    expect(await body(server.owner.post(`${app.path}/secure`, { tables }))).toMatchObject({
      access_mode: 'authenticated',
      tables_secured: [
        {
          table: 'posts',
          policy: 'posts_user_isolation',
          public_read_policies: ['posts_public_read_user', 'posts_public_read_anon'],
        },
      ],
      table_errors: [{ table: 'nope', error: expect.stringContaining('nope') }],
    })
  })

  test('refuses tables that name no column, before anything changes', async () => {
    await body(patch('access-mode', { access_mode: 'public' }))
    const asked = server.owner.post(`${app.path}/secure`, { tables: [{ table_name: 'posts' }] })
    await refusal(asked, 400, 'VALIDATION_INVALID_SCHEMA')
    expect(await config()).toMatchObject({ access_mode: 'public' })
  })
})
