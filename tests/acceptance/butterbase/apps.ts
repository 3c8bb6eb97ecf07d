/** Apps: made, listed, looked at, deleted. */
import { describe, expect, test } from 'vitest'
import { body, INSTANT, newApp, unique, UUID, statusesOf } from '../support.ts'
import { anyApp, appKey, newUser, otherApp, refusal, server } from './server.ts'

type Made = { app_id: string; subdomain: string }

const APP_ID = /^app_[0-9a-z]{12}$/

const init = (asked: object, status = 201) => body<Made>(server.owner.post('/init', asked), status)

describe('POST /init', () => {
  test('answers 201 with the id and the address, and lists the app', async () => {
    const name = unique('shop')
    const made = await init({ name, region: 'us-west-2' })
    const url = `${server.url}/v1/${made.app_id}`
    expect(made).toMatchObject({
      app_id: expect.stringMatching(APP_ID),
      name,
      region: 'us-west-2',
      api_url: url,
      api_base_url: url,
      subdomain: name,
      url: expect.stringContaining(name),
      db_provisioned: true,
      provisioning_status: 'ready',
      organization_id: expect.stringMatching(UUID),
      created_at: expect.stringMatching(INSTANT),
      _meta: { next_actions: [{ action: 'apply_schema', recommended: true }] },
    })
    const { apps } = await body<{ apps: { id: string }[] }>(server.owner.get('/apps'))
    expect(apps[0]?.id).toBe(made.app_id)
  })

  test('uses the first region when none is named', async () => {
    const { regions } = await body<{ regions: string[] }>(server.nobody.get('/v1/regions'))
    expect(await init({ name: unique('here') })).toMatchObject({ region: regions[0] })
  })

  test('answers 200 with the same app when the name is taken by the caller', async () => {
    const name = unique('same')
    const { app_id: id } = await init({ name })
    expect(await init({ name }, 200)).toMatchObject({ app_id: id, name })
  })

  test('makes another app of that name in another region', async () => {
    const name = unique('twice')
    const first = await init({ name, region: 'us-east-1' })
    const second = await init({ name, region: 'us-west-2' })
    expect(second.app_id).not.toBe(first.app_id)
    expect(second.subdomain.startsWith(`${name}-`)).toBe(true)
  })

  test('of two at once for one name makes one app', async () => {
    const name = unique('race')
    const both = await Promise.all([1, 2].map(() => server.owner.post('/init', { name })))
    expect(statusesOf(both)).toEqual([200, 201])
    const [one, two] = (await Promise.all(both.map((res) => res.json()))) as Made[]
    expect(one?.app_id).toBe(two?.app_id)
  })

  test('makes a subdomain of the name', async () => {
    const made = await init({ name: unique('my_app_') })
    expect(made.subdomain).toMatch(/^my-app--?[0-9a-f]+$/)
  })

  test('keeps the names of the platform to itself', async () => {
    expect((await init({ name: 'www' })).subdomain).not.toBe('www')
  })

  test('refuses a subdomain that is taken, with 409', async () => {
    const subdomain = unique('taken')
    await init({ name: unique('a'), subdomain })
    const asked = server.owner.post('/init', { name: unique('b'), subdomain })
    await refusal(asked, 409, 'RESOURCE_ALREADY_EXISTS')
  })

  test.each(['', 'Upper', '-dash', '_low', 'sp ace', 'dot.ted', 'x'.repeat(64)])(
    'refuses the name "%s"',
    async (name) => {
      await refusal(server.owner.post('/init', { name }), 400, 'VALIDATION_INVALID_SCHEMA')
    },
  )

  test.each(['-a', 'a-', 'A', 'a_b', 'x'.repeat(64)])('refuses the subdomain "%s"', async (bad) => {
    const asked = { name: unique('sub'), subdomain: bad }
    await refusal(server.owner.post('/init', asked), 400, 'VALIDATION_INVALID_SCHEMA')
  })

  test('refuses an unknown region and tells which there are', async () => {
    const asked = server.owner.post('/init', { name: unique('far'), region: 'mars-1' })
    const { details } = await refusal(asked, 400, 'VALIDATION_INVALID_SCHEMA')
    const { regions } = await body(server.nobody.get('/v1/regions'))
    expect(details).toEqual({ allowed: regions })
  })

  test('refuses an organisation that is not the caller’s', async () => {
    const asked = { name: unique('org'), organization_id: crypto.randomUUID() }
    await refusal(server.owner.post('/init', asked), 403, 'AUTH_ORG_FORBIDDEN')
  })

  test('refuses the key of an app', async () => {
    const key = await appKey(await anyApp())
    const asked = key.post('/init', { name: unique('no') })
    await refusal(asked, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
  })

  test('ignores members that it does not know', async () => {
    expect(await init({ name: unique('more'), color: 'red' })).toHaveProperty('app_id')
  })
})

describe('GET /apps', () => {
  test('lists the newest first, with what the console shows', async () => {
    const older = await newApp(server)
    const newer = await newApp(server)
    const { apps } = await body<{ apps: { id: string }[] }>(server.owner.get('/apps'))
    expect(apps.slice(0, 2).map(({ id }) => id)).toEqual([newer.id, older.id])
    expect(apps[0]).toEqual({
      id: newer.id,
      name: expect.any(String),
      subdomain: expect.any(String),
      db_name: expect.any(String),
      db_provisioned: true,
      provisioning_status: 'ready',
      region: 'us-east-1',
      visibility: 'private',
      listed: true,
      template_source_app_id: null,
      fork_count: 0,
      organization_id: expect.stringMatching(UUID),
      substrate_organization_id: null,
      substrate_autopropagate: expect.any(Boolean),
      paused: false,
      created_at: expect.stringMatching(INSTANT),
    })
  })

  test('shows the key of an app that app alone', async () => {
    const app = await anyApp()
    const { apps } = await body<{ apps: { id: string }[] }>((await appKey(app)).get('/apps'))
    expect(apps.map(({ id }) => id)).toEqual([app.id])
  })

  test('refuses a user of an app', async () => {
    const user = await newUser(await anyApp())
    const res = await user.get('/apps')
    expect([401, 403]).toContain(res.status)
  })
})

describe('GET /apps/{app_id}', () => {
  test('is one row of the list, and the addresses', async () => {
    const app = await anyApp()
    expect(await body(server.owner.get(`/apps/${app.id}`))).toMatchObject({
      id: app.id,
      api_url: `${server.url}${app.path}`,
      url: expect.stringMatching(/^https?:\/\//),
      access_mode: 'public',
    })
    expect(await body(server.owner.get(`/apps/${app.id}/status`))).toEqual({
      app_id: app.id,
      name: expect.any(String),
      db_provisioned: true,
      provisioning_status: 'ready',
      provisioning_error: null,
    })
  })

  test('is 404 alike for an id that is unknown and one that is another’s', async () => {
    const [mine, other] = [await anyApp(), await otherApp()]
    const stranger = await appKey(mine)
    const hidden = await refusal(stranger.get(`/apps/${other.id}`), 404, 'RESOURCE_NOT_FOUND')
    const absent = stranger.get('/apps/app_000000000000')
    expect(await refusal(absent, 404, 'RESOURCE_NOT_FOUND')).toEqual(hidden)
    for (const path of ['/config', '/schema', '/rls', '/env', '/functions', '/migrations']) {
      const res = await stranger.get(`${other.path}${path}`)
      expect([path, res.status]).toEqual([path, 404])
    }
  })
})

describe('DELETE /apps/{app_id}', () => {
  test('removes the app, its keys and its data for good', async () => {
    const app = await newApp(server)
    const key = await appKey(app)
    expect(await body(server.owner.delete(`/apps/${app.id}`))).toMatchObject({
      message: 'App deleted successfully',
      app_id: app.id,
      db_name: expect.any(String),
    })
    await refusal(server.owner.get(`/apps/${app.id}`), 404, 'RESOURCE_NOT_FOUND')
    await refusal(server.owner.get(`${app.path}/config`), 404, 'RESOURCE_NOT_FOUND')
    await refusal(server.owner.delete(`/apps/${app.id}`), 404, 'RESOURCE_NOT_FOUND')
    expect((await key.get('/apps')).status).toBe(401)
  })

  test('lets the name be used again', async () => {
    const name = unique('again')
    const app = await newApp(server, name)
    await body(server.owner.delete(`/apps/${app.id}`))
    expect((await init({ name })).app_id).not.toBe(app.id)
  })
})
