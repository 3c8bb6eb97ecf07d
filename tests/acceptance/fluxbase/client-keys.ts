/** Client keys: made, listed, changed, revoked and deleted, and what they open. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { type App, applySchema, body, newApp, newEmail, PASSWORD, UUID } from '../support.ts'
import { refusal, sdk, server, type Signed, type User, userOf } from './server.ts'
import type { Key, List, Made } from './client-keys-fixture.ts'

const KEYS = '/api/v1/client-keys'
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
const UNKNOWN = '00000000-0000-4000-8000-000000000000'
const T = '/api/v1/tables/key_notes'

/** An app of its own, whose tables no other test makes. */
const app = {} as App

let ada: User
let bob: User

async function newUser(): Promise<User> {
  const asked = { email: newEmail(), password: PASSWORD }
  return userOf(await body<Signed>(sdk(app.anonKey).auth('signup', asked), 201))
}

const service = () => server.as(app.serviceKey)

/** As the SDK's users do: the key in its own header. */
const shows = (key: string, header = 'x-client-key') => ({
  get: (path: string) => server.nobody.get(path, { [header]: key }),
  post: (path: string, sent: object) => server.nobody.post(path, sent, { [header]: key }),
  patch: (path: string, sent: object) => server.nobody.patch(path, sent, { [header]: key }),
  delete: (path: string) => server.nobody.delete(path, undefined, { [header]: key }),
})

const make = (by: Client, scopes: string[], more: object = {}) =>
  body<Made>(by.post(KEYS, { name: 'a program', scopes, ...more }), 201)

beforeAll(async () => {
  Object.assign(app, await newApp(server))
  ada = await newUser()
  bob = await newUser()
  const columns = {
    id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
    user_id: { type: 'uuid' },
    text: { type: 'text' },
  }
  const schema = { tables: { key_notes: { columns } } }
  await applySchema(server, app, schema)
  const isolation = { table_name: 'key_notes', user_column: 'user_id' }
  await body(server.owner.post(`/v1/${app.id}/rls`, isolation))
  await body(bob.post(T, { text: 'of bob' }), 201)
})

describe('POST client-keys', () => {
  test('shows the key once, with its facts at the top and as client_key', async () => {
    const asked = {
      description: 'for the nightly import',
      rate_limit_per_minute: 7,
      allowed_namespaces: ['billing'],
      expires_at: '2099-01-31T10:30:00+01:00',
    }
    const made = await make(ada, ['tables:read', 'my:own'], asked)
    const { key, client_key: facts, ...top } = made
    expect(key).toMatch(/^fbk_[\w-]{43}$/)
    expect(facts).toEqual({
      id: expect.stringMatching(UUID),
      name: 'a program',
      description: 'for the nightly import',
      key_prefix: key.slice(0, 12),
      user_id: ada.id,
      scopes: ['tables:read', 'my:own'],
      allowed_namespaces: ['billing'],
      rate_limit_per_minute: 7,
      created_at: expect.stringMatching(TIME),
      updated_at: expect.stringMatching(TIME),
      last_used_at: null,
      expires_at: '2099-01-31T09:30:00.000Z',
      revoked_at: null,
    })
    expect(top).toEqual(facts)
    for (const path of [KEYS, `${KEYS}/${made.id}`]) {
      expect(await (await ada.get(path)).text()).not.toContain(key)
    }
  })

  test('without more, may be used a hundred times a minute, for ever; rate_limit is the same word', async () => {
    const plain = await make(ada, ['*'])
    expect(plain).toMatchObject({ rate_limit_per_minute: 100, expires_at: null })
    expect(await make(ada, ['*'], { rate_limit: 3 })).toMatchObject({ rate_limit_per_minute: 3 })
    const soon = await make(ada, ['*'], { expires_in: '30d', expires_at: null })
    const days =
      (Date.parse((soon as unknown as { expires_at: string }).expires_at) - Date.now()) / 86_400_000
    expect(Math.round(days)).toBe(30)
  })

  test('binds the key to who makes it; what no user makes acts as nobody', async () => {
    expect((await make(ada, ['*'], { user_id: bob.id })).user_id).toBe(ada.id)
    expect((await make(service(), ['*'])).user_id).toBeNull()
    const byOwner = server.owner.post(KEYS, { name: 'x', scopes: ['*'] }, { 'x-fb-tenant': app.id })
    expect((await body<Made>(byOwner, 201)).user_id).toBeNull()
  })

  test.each([
    [{ scopes: ['*'] }, 'MISSING_REQUIRED_FIELD', 'Name is required'],
    [{ name: ' ', scopes: ['*'] }, 'MISSING_REQUIRED_FIELD', 'Name is required'],
    [{ name: 'x' }, 'MISSING_REQUIRED_FIELD', 'Scopes is required'],
    [{ name: 'x', scopes: [] }, 'MISSING_REQUIRED_FIELD', 'Scopes is required'],
    [{ name: 7, scopes: ['*'] }, 'INVALID_INPUT', /name/],
    [{ name: 'x', scopes: '*' }, 'INVALID_INPUT', /scopes/],
    [{ name: 'x', scopes: [7] }, 'INVALID_INPUT', /scopes/],
    [{ name: 'x\0', scopes: ['*'] }, 'INVALID_INPUT', /NUL/],
    [{ name: 'x', scopes: ['*'], rate_limit_per_minute: 0 }, 'INVALID_INPUT', /rate_limit/],
    [{ name: 'x', scopes: ['*'], rate_limit: 1.5 }, 'INVALID_INPUT', /rate_limit/],
    [{ name: 'x', scopes: ['*'], expires_at: 'tomorrow' }, 'INVALID_INPUT', /expires_at/],
    [
      { name: 'x', scopes: ['*'], expires_at: '2099-02-30T00:00:00Z' },
      'INVALID_INPUT',
      /expires_at/,
    ],
    [{ name: 'x', scopes: ['*'], expires_in: '30 days' }, 'INVALID_INPUT', /expires_in/],
    [{ name: 'x', scopes: ['*'], expires_in: '999999w' }, 'INVALID_INPUT', /year/],
    [
      { name: 'x', scopes: ['*'], expires_in: '1d', expires_at: '2099-01-01T00:00:00Z' },
      'INVALID_INPUT',
      /not both/,
    ],
  ])('refuses %j', async (asked, code, text) => {
    const { error } = await refusal(ada.post(KEYS, asked), 400, code)
    expect(error).toMatch(text)
  })

  test('refuses a body that is no JSON', async () => {
    await refusal(ada.post(KEYS, '{"name"'), 400, 'INVALID_REQUEST_BODY')
  })
})

describe('GET client-keys', () => {
  test('lists one’s own, newest first; for whoever manages the app everybody’s', async () => {
    const [first, second] = [await make(bob, ['read']), await make(bob, ['write'])]
    const { client_keys: own, total } = await body<List>(bob.get(KEYS))
    expect(own.map(({ id }) => id)).toEqual([second.id, first.id])
    expect(total).toBe(2)
    await make(ada, ['*'])
    for (const admin of [service(), server.owner]) {
      const tenant = { 'x-fb-tenant': app.id }
      const { client_keys: all } = await body<List>(admin.get(KEYS, tenant))
      expect(new Set(all.map(({ user_id: id }) => id)).size).toBeGreaterThan(1)
      const of = await body<List>(admin.get(`${KEYS}?user_id=${bob.id}`, tenant))
      expect(of).toMatchObject({ total: 2, client_keys: [{ id: second.id }, { id: first.id }] })
    }
    const page = await body<List>(bob.get(`${KEYS}?limit=1&offset=1`))
    expect(page).toMatchObject({ total: 2, client_keys: [{ id: first.id }] })
  })

  test('with user_id: one’s own to oneself, others’ to whoever manages the app', async () => {
    const own = await body<List>(bob.get(`${KEYS}?user_id=${bob.id}`))
    expect(own.client_keys.every(({ user_id: id }) => id === bob.id)).toBe(true)
    await refusal(bob.get(`${KEYS}?user_id=${ada.id}`), 403, 'INSUFFICIENT_PERMISSIONS')
    await refusal(bob.get(`${KEYS}?user_id=word`), 403, 'INSUFFICIENT_PERMISSIONS')
    await refusal(service().get(`${KEYS}?user_id=word`), 400, 'INVALID_ID')
    await refusal(bob.get(`${KEYS}?limit=word`), 400, 'INVALID_INPUT')
  })

  test('is a bare list for the command line', async () => {
    const res = await bob.get(KEYS, { 'user-agent': 'fluxbase-cli/1.2.3' })
    expect(await body(res)).toEqual((await body<List>(bob.get(KEYS))).client_keys)
    const nothing = await (await newUser()).get(KEYS, { 'user-agent': 'fluxbase-cli/1.2.3' })
    expect(await body(nothing)).toEqual([])
  })

  test('by id gives the key without its text', async () => {
    const { key: _, client_key: facts, ...made } = await make(ada, ['tables:read'])
    expect(await body(ada.get(`${KEYS}/${made.id}`))).toEqual(facts)
    expect(await body(ada.get(`${KEYS}/${made.id}/`))).toEqual(facts)
    expect(await body(service().get(`${KEYS}/${made.id.toUpperCase()}`))).toEqual(facts)
  })
})

describe('PATCH client-keys/:id', () => {
  test('changes what is given, and leaves the rest', async () => {
    const made = await make(ada, ['tables:read'], { description: 'old' })
    const asked = { name: 'renamed', rate_limit_per_minute: 9, user_id: bob.id, key: 'fbk_mine' }
    expect(await body(ada.patch(`${KEYS}/${made.id}`, asked))).toEqual({
      ...made.client_key,
      name: 'renamed',
      rate_limit_per_minute: 9,
      updated_at: expect.stringMatching(TIME),
      success: true,
      message: expect.stringMatching(/\S/),
    })
    const cleared = await body(ada.patch(`${KEYS}/${made.id}`, { description: null }))
    expect(cleared).toMatchObject({ name: 'renamed', description: null, scopes: ['tables:read'] })
    await refusal(ada.patch(`${KEYS}/${made.id}`, { name: '' }), 400, 'MISSING_REQUIRED_FIELD')
    await refusal(ada.patch(`${KEYS}/${made.id}`, { scopes: [] }), 400, 'MISSING_REQUIRED_FIELD')
    await refusal(ada.patch(`${KEYS}/${made.id}`, { scopes: 'all' }), 400, 'INVALID_INPUT')
  })

  test('gives and takes scopes and room from the next request on', async () => {
    const { id, key } = await make(ada, ['tables:read'])
    expect((await shows(key).get(T)).status).toBe(200)
    await body(ada.patch(`${KEYS}/${id}`, { scopes: ['tables:write'] }))
    const refused = await refusal(shows(key).get(T), 403, 'INSUFFICIENT_PERMISSIONS')
    expect(refused).toMatchObject({ required_scope: 'tables:read' })
    expect((await shows(key).post(T, { text: 'written' })).status).toBe(201)
    await body(ada.patch(`${KEYS}/${id}`, { rate_limit: 2 }))
    await refusal(shows(key).post(T, { text: 'once more' }), 429, 'RATE_LIMIT_EXCEEDED')
  })
})

describe('a client key that is taken back', () => {
  test('by POST revoke is dead at once; its record stays', async () => {
    const { id, key } = await make(ada, ['tables:read'])
    expect((await shows(key).get(T)).status).toBe(200)
    const res = await ada.post(`${KEYS}/${id}/revoke`, undefined, {
      'content-type': 'application/json',
    })
    expect(await body(res)).toEqual({ success: true, message: expect.stringMatching(/\S/) })
    const { error } = await refusal(shows(key).get(T), 401, 'INVALID_TOKEN')
    expect(error).toBe('Client key has been revoked')
    const record = await body<Key>(ada.get(`${KEYS}/${id}`))
    expect(record.revoked_at).toMatch(TIME)
    await body(ada.post(`${KEYS}/${id}/revoke`))
    expect(await body(ada.get(`${KEYS}/${id}`))).toEqual(record)
    for (const path of ['/rest/v1/key_notes', `/v1/${app.id}/key_notes`]) {
      expect((await server.as(key).get(path)).status).toBe(401)
    }
  })

  test('by DELETE is dead at once, and its record is gone', async () => {
    const { id, key } = await make(ada, ['tables:read'])
    expect((await shows(key).get(T)).status).toBe(200)
    expect(await body(ada.delete(`${KEYS}/${id}`))).toMatchObject({
      success: true,
      message: expect.stringMatching(/\S/),
    })
    const { error } = await refusal(shows(key).get(T), 401, 'INVALID_TOKEN')
    expect(error).toBe('Invalid client key')
    for (const asked of [ada.get(`${KEYS}/${id}`), ada.delete(`${KEYS}/${id}`)]) {
      expect((await refusal(asked, 404, 'NOT_FOUND')).error).toBe('Client key not found')
    }
  })

  test('or has expired, is refused', async () => {
    const { key } = await make(ada, ['*'], { expires_at: '2001-01-01T00:00:00Z' })
    const { error } = await refusal(shows(key).get(T), 401, 'INVALID_TOKEN')
    expect(error).toBe('Invalid client key')
  })

  test('goes with its user too', async () => {
    const carl = await newUser()
    const { id, key } = await make(carl, ['tables:read'])
    expect((await shows(key).get(T)).status).toBe(200)
    await body(server.owner.delete(`/v1/${app.id}/admin/auth/users/${carl.id}`))
    expect((await shows(key).get(T)).status).toBe(401)
    await refusal(service().get(`${KEYS}/${id}`), 404, 'NOT_FOUND')
  })
})

describe('another’s client key', () => {
  test('is not there: neither to see, nor to change, nor to end', async () => {
    const { id, key } = await make(ada, ['tables:read'])
    const elsewhere = await newApp(server)
    const strangers = [bob, server.as(elsewhere.serviceKey)]
    for (const who of strangers) {
      for (const asked of [
        who.get(`${KEYS}/${id}`),
        who.patch(`${KEYS}/${id}`, { name: 'taken' }),
        who.post(`${KEYS}/${id}/revoke`),
        who.delete(`${KEYS}/${id}`),
        who.get(`${KEYS}/${UNKNOWN}`),
      ]) {
        expect((await refusal(asked, 404, 'NOT_FOUND')).error).toBe('Client key not found')
      }
    }
    expect((await shows(key).get(T)).status).toBe(200)
    expect(await body(ada.get(`${KEYS}/${id}`))).toMatchObject({ name: 'a program' })
    await refusal(ada.get(`${KEYS}/word`), 400, 'INVALID_ID')
    await refusal(ada.patch(`${KEYS}/word`, { name: 'x' }), 400, 'INVALID_ID')
  })

  test('nor are there any for nobody, or for the anon key', async () => {
    for (const [method, path] of [
      ['GET', KEYS],
      ['POST', KEYS],
      ['GET', `${KEYS}/${UNKNOWN}`],
      ['DELETE', `${KEYS}/${UNKNOWN}`],
    ] as const) {
      await refusal(server.nobody.request(method, path), 401, 'MISSING_AUTHENTICATION')
      const anon = server.as(app.anonKey).request(method, path)
      await refusal(anon, 403, 'INSUFFICIENT_PERMISSIONS')
    }
  })
})

describe('a client key', () => {
  test.each([['x-client-key'], ['clientkey'], ['authorization'], ['apikey']])(
    'may stand in %s',
    async (header) => {
      const { key } = await make(ada, ['tables:read'])
      const text = header === 'authorization' ? `Bearer ${key}` : key
      expect((await shows(text, header).get(T)).status).toBe(200)
    },
  )

  test('may stand in the query string, and nowhere as a service key', async () => {
    const { key } = await make(ada, ['tables:read'])
    expect((await server.nobody.get(`${T}?clientkey=${key}`)).status).toBe(200)
    await refusal(shows(key, 'x-service-key').get(T), 401, 'INVALID_TOKEN')
    // The first place that holds something is the one that counts.
    const beside = server.nobody.get(T, { 'x-client-key': key, authorization: 'Bearer nonsense' })
    await refusal(beside, 401, 'INVALID_TOKEN')
  })

  test('reads and writes as its owner, as far as its scopes go', async () => {
    const both = shows((await make(ada, ['tables:read', 'tables:write'])).key)
    const row = await body<{ id: string; user_id: string }>(both.post(T, { text: 'by key' }), 201)
    expect(row.user_id).toBe(ada.id)
    const seen = await body<{ user_id: string }[]>(both.get(`${T}?select=user_id`))
    expect([...new Set(seen.map(({ user_id: id }) => id))]).toEqual([ada.id])
    const reader = shows((await make(ada, ['tables:read'])).key)
    for (const refused of [
      reader.post(T, { text: 'x' }),
      reader.patch(`${T}/${row.id}`, { text: 'x' }),
      reader.delete(`${T}/${row.id}`),
    ]) {
      expect(await refusal(refused, 403, 'INSUFFICIENT_PERMISSIONS')).toMatchObject({
        error: 'Insufficient permissions',
        required_scope: 'tables:write',
      })
    }
    expect((await both.delete(`${T}/${row.id}`)).status).toBe(204)
  })

  test('manages keys only with the scopes for it, and only those of its owner', async () => {
    const plain = shows((await make(ada, ['tables:read'])).key)
    for (const [asked, scope] of [
      [plain.get(KEYS), 'clientkeys:read'],
      [plain.post(KEYS, { name: 'x', scopes: ['tables:read'] }), 'clientkeys:write'],
    ] as const) {
      const found = await refusal(asked, 403, 'INSUFFICIENT_PERMISSIONS')
      expect(found).toMatchObject({ required_scope: scope })
    }
    const reader = shows((await make(ada, ['clientkeys:read'])).key)
    const { client_keys: keys } = await body<List>(reader.get(KEYS))
    expect(new Set(keys.map(({ user_id: id }) => id))).toEqual(new Set([ada.id]))
    const ofBob = await make(bob, ['*'])
    await refusal(reader.get(`${KEYS}/${ofBob.id}`), 404, 'NOT_FOUND')
  })

  test.each([
    [['clientkeys:write', 'tables:read'], ['tables:read'], true],
    [['clientkeys:write', 'tables:read'], ['read:tables'], true],
    [['clientkeys:write', 'read'], ['tables:read', 'functions:read'], true],
    [['clientkeys:write', 'functions:execute'], ['functions:execute:billing'], true],
    [['*'], ['*'], true],
    [['clientkeys:write', 'tables:read'], ['tables:write'], false],
    [['clientkeys:write', 'tables:read'], ['read'], false],
    [['clientkeys:write', 'own'], ['write:own'], false],
    [['clientkeys:write', 'functions:execute:billing'], ['functions:execute'], false],
    [['clientkeys:write'], ['of:later'], false],
    [['read', 'write'], ['*'], false],
  ])('with %j makes a key with %j: %s', async (held, wanted, may) => {
    const maker = await make(ada, held)
    const asked = { name: 'made by a key', scopes: wanted }
    const res = await shows(maker.key).post(KEYS, asked)
    if (may) expect(await body<Made>(res, 201)).toMatchObject({ user_id: ada.id, scopes: wanted })
    else {
      const found = await refusal(Promise.resolve(res), 403, 'INSUFFICIENT_PERMISSIONS')
      expect(found).toMatchObject({ required_scope: wanted[0] })
    }
    const changed = await shows(maker.key).patch(`${KEYS}/${maker.id}`, { scopes: wanted })
    expect(changed.status).toBe(may ? 200 : 403)
  })

  test('that is bound to namespaces makes keys for those only', async () => {
    const maker = shows((await make(ada, ['*'], { allowed_namespaces: ['a', 'b'] })).key)
    const asked = { name: 'x', scopes: ['*'] }
    expect(await body(maker.post(KEYS, asked), 201)).toMatchObject({
      allowed_namespaces: ['a', 'b'],
    })
    const narrower = maker.post(KEYS, { ...asked, allowed_namespaces: ['a'] })
    expect(await body(narrower, 201)).toMatchObject({ allowed_namespaces: ['a'] })
    const other = maker.post(KEYS, { ...asked, allowed_namespaces: ['c'] })
    await refusal(other, 403, 'INSUFFICIENT_PERMISSIONS')
  })

  test('that no user made reads what nobody in particular may, and manages its like', async () => {
    const { id, key } = await make(service(), ['tables:read', 'clientkeys:read'])
    const rows = await shows(key).get(T)
    expect([200, 401]).toContain(rows.status)
    expect(rows.status === 200 ? await rows.json() : []).toEqual([])
    const { client_keys: keys } = await body<List>(shows(key).get(KEYS))
    expect(keys.map((one) => one.id)).toContain(id)
    expect(keys.every(({ user_id: of }) => of === null)).toBe(true)
  })
})
