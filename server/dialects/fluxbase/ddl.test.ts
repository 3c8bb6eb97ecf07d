import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let service: Client

const DDL = '/api/v1/admin/ddl'
const ADMIN = '/api/v1/admin'
const T = '/api/v1/tables'

beforeAll(async () => {
  app = await startApp()
  service = app.as(app.serviceKey)
})

afterAll(() => app[Symbol.asyncDispose]())

const column = (name: string, type: string, more = {}) => ({ name, type, ...more })

const id = column('id', 'uuid', { primaryKey: true, defaultValue: 'gen_random_uuid()' })

const answer = async (asked: Promise<Response>) => {
  const res = await asked
  return [res.status, await res.json()]
}

const refusal = async (asked: Promise<Response>) => {
  const res = await asked
  const { code, error } = (await res.json()) as { code: string; error: string }
  expect(error).toMatch(/\S/)
  return [res.status, code]
}

test('a schema and a table are there for the next request, and for the service alone', async () => {
  expect(await answer(service.post(`${DDL}/schemas`, { name: 'shop' }))).toEqual([
    201,
    { success: true, schema: 'shop', message: expect.any(String) },
  ])
  const made = service.post(`${DDL}/tables`, {
    schema: 'shop',
    name: 'items',
    columns: [
      id,
      column('name', 'TEXT'),
      column('price', 'decimal(10,2)', { nullable: true, defaultValue: 9.5 }),
      column('meta', 'JSONB', { nullable: true, defaultValue: `'{"a":1}'::jsonb` }),
      column('made_at', 'timestamptz', { defaultValue: 'NOW()' }),
      column('live', 'bool', { defaultValue: 'true' }),
      column('note', 'varchar(20)', { defaultValue: `it's now()` }),
      column('address', 'inet', { nullable: true, defaultValue: 'NULL' }),
    ],
  })
  expect(await answer(made)).toEqual([
    201,
    { success: true, schema: 'shop', table: 'items', message: expect.any(String) },
  ])
  const [status, row] = await answer(service.post(`${T}/shop/items`, { name: 'ball' }))
  expect([status, row]).toEqual([
    201,
    {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'ball',
      price: 9.5,
      meta: { a: 1 },
      made_at: expect.stringMatching(/^20/),
      live: true,
      note: `it's now()`,
      address: null,
    },
  ])
  expect(await refusal(service.post(`${T}/shop/items`, { price: 1 }))).toEqual([
    400,
    'NOT_NULL_VIOLATION',
  ])
  expect(await refusal(app.as(app.anonKey).get(`${T}/shop/items`))).toEqual([
    401,
    'AUTHENTICATION_REQUIRED',
  ])
  const [secured] = await app.sql(
    `select relrowsecurity as rls from pg_class where oid = 'shop.items'::regclass`,
  )
  expect(secured).toEqual({ rls: true })
})

test('a change with an Idempotency-Key is made once, and what is missing is named', async () => {
  const key = { 'idempotency-key': 'schema-1' }
  const create = (name: string) => service.request('POST', `${DDL}/schemas`, { name }, key)
  const first = await create('keyed')
  const again = await create('keyed')
  expect([first.status, again.status, await again.json()]).toEqual([201, 201, await first.json()])
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(await refusal(create('other'))).toEqual([422, 'IDEMPOTENCY_REQUEST_BODY_MISMATCH'])
  const missing: [string, object, string][] = [
    [`${DDL}/schemas`, {}, 'Name is required'],
    [`${DDL}/tables`, { schema: 'keyed', columns: [] }, 'Name is required'],
    [`${DDL}/tables`, { name: 'x' }, 'Columns is required'],
    [`${DDL}/tables`, { name: 'x', columns: [{ name: 'a' }] }, 'Columns.0.type is required'],
  ]
  for (const [path, sent, error] of missing) {
    const [status, said] = await answer(service.post(path, sent))
    expect([status, said]).toEqual([
      400,
      expect.objectContaining({ error, code: 'MISSING_REQUIRED_FIELD' }),
    ])
  }
  expect(await refusal(service.post(`${DDL}/schemas`, { name: null }))).toEqual([
    400,
    'INVALID_INPUT',
  ])
  await app.sql('drop schema keyed')
})

test('schemas and tables are listed; the server’s own are not', async () => {
  const [, { schemas }] = (await answer(service.get(`${DDL}/schemas`))) as [
    number,
    { schemas: { name: string; owner: string }[] },
  ]
  expect(schemas).toContainEqual({ name: 'shop', owner: expect.any(String) })
  const names = schemas.map(({ name }) => name)
  expect(names).toContain('public')
  for (const own of ['stead', 'functions', 'pg_catalog', 'information_schema']) {
    expect(names).not.toContain(own)
  }
  expect(await answer(service.get(`${DDL}/tables?schema=shop`))).toEqual([
    200,
    { tables: [{ schema: 'shop', name: 'items' }] },
  ])
  const [, all] = await answer(service.get(`${DDL}/tables`))
  expect(JSON.stringify(all)).not.toMatch(/_idempotency_keys|one_time_tokens|schema_migrations/)
})

test('tables are renamed, get and lose columns, and go', async () => {
  await service.post(`${ADMIN}/schemas`, { name: 'lab' })
  const serial = column('n', 'SERIAL', { primaryKey: true })
  await service.post(`${ADMIN}/tables`, { schema: 'lab', name: 'rats', columns: [serial] })
  expect(await answer(service.post(`${T}/lab/rats`, {}))).toEqual([201, { n: 1 }])
  const added = column('name', 'text', { nullable: true, defaultValue: 'nobody' })
  expect((await service.post(`${ADMIN}/tables/lab/rats/columns`, added)).status).toBe(201)
  expect(await answer(service.get(`${T}/lab/rats`))).toEqual([200, [{ n: 1, name: 'nobody' }]])
  const renamed = service.patch(`${ADMIN}/tables/lab/rats`, { newName: 'mice' })
  expect(await answer(renamed)).toEqual([200, { success: true, message: expect.any(String) }])
  expect(await refusal(service.get(`${T}/lab/rats`))).toEqual([404, 'NOT_FOUND'])
  expect((await service.delete(`${ADMIN}/tables/lab/mice/columns/name`)).status).toBe(200)
  expect(await answer(service.get(`${T}/lab/mice`))).toEqual([200, [{ n: 1 }]])
  expect(await answer(service.delete(`${DDL}/tables/lab/mice`))).toEqual([
    200,
    { success: true, message: expect.any(String) },
  ])
  expect(await refusal(service.get(`${T}/lab/mice`))).toEqual([404, 'NOT_FOUND'])
  expect(await refusal(service.delete(`${ADMIN}/tables/lab/mice`))).toEqual([404, 'NOT_FOUND'])
})

test('what is there already, missing, or still needed is refused', async () => {
  const items = { schema: 'shop', name: 'items', columns: [id] }
  for (const [asked, expected] of [
    [service.post(`${DDL}/schemas`, { name: 'shop' }), [409, 'ALREADY_EXISTS']],
    [service.post(`${DDL}/tables`, items), [409, 'ALREADY_EXISTS']],
    [service.post(`${DDL}/tables`, { ...items, schema: 'nowhere' }), [404, 'NOT_FOUND']],
    [service.post(`${DDL}/tables`, { ...items, schema: 'stead' }), [404, 'NOT_FOUND']],
    [
      service.post(`${DDL}/tables`, { ...items, schema: 'auth', name: 'x' }),
      [403, 'INSUFFICIENT_PERMISSIONS'],
    ],
    [service.delete(`${DDL}/tables/auth/users`), [403, 'INSUFFICIENT_PERMISSIONS']],
    [service.delete(`${DDL}/tables/stead/migrations`), [404, 'NOT_FOUND']],
    [service.patch(`${ADMIN}/tables/shop/items`, { newName: 'items' }), [409, 'ALREADY_EXISTS']],
    [
      service.post(`${ADMIN}/tables/shop/items/columns`, column('name', 'text')),
      [409, 'ALREADY_EXISTS'],
    ],
    [
      service.post(`${ADMIN}/tables/shop/items/columns`, column('needed', 'text')),
      [400, 'NOT_NULL_VIOLATION'],
    ],
    [service.delete(`${ADMIN}/tables/shop/items/columns/nope`), [404, 'NOT_FOUND']],
  ] as const) {
    expect(await refusal(asked)).toEqual(expected)
  }
  await app.sql('create view shop.cheap as select name from shop.items')
  expect(await refusal(service.delete(`${DDL}/tables/shop/items`))).toEqual([409, 'CONFLICT'])
  expect(await refusal(service.delete(`${ADMIN}/tables/shop/items/columns/name`))).toEqual([
    409,
    'CONFLICT',
  ])
})

test('names, types and defaults never become SQL of their own', async () => {
  const table = (more: object) =>
    service.post(`${DDL}/tables`, { schema: 'shop', name: 'odd', columns: [id], ...more })
  const odd = (more: object) => table({ columns: [{ ...column('a', 'text'), ...more }] })
  for (const asked of [
    service.post(`${DDL}/schemas`, { name: 'a"; drop schema shop; --' }),
    service.post(`${DDL}/schemas`, { name: '1st' }),
    service.post(`${DDL}/schemas`, { name: 'Select' }),
    service.post(`${DDL}/schemas`, { name: 'x'.repeat(64) }),
    table({ name: 'user' }),
    table({ name: 'a b' }),
    table({ schema: 'public', name: '_mine' }),
    table({ columns: [] }),
    table({ columns: [id, id] }),
    odd({ name: 'order' }),
    odd({ type: 'text; drop table shop.items' }),
    odd({ type: 'text default now()' }),
    odd({ type: 'regclass' }),
    odd({ defaultValue: `'x'::text); drop table shop.items; --` }),
  ]) {
    expect(await refusal(asked)).toEqual([400, 'VALIDATION_FAILED'])
  }
  expect(await refusal(odd({ type: 'integer', defaultValue: 'abc' }))).toEqual([
    400,
    'INVALID_INPUT',
  ])
  expect(await refusal(table({ columns: 'id' }))).toEqual([400, 'INVALID_INPUT'])
  const texts = [`'); drop table shop.items; --`, 'pg_sleep(9)', `a\\'b`, `'it''s'`]
  await table({
    columns: [id, ...texts.map((text, at) => column(`c${at}`, 'text', { defaultValue: text }))],
  })
  const [, row] = await answer(service.post(`${T}/shop/odd`, {}))
  expect(row).toMatchObject({ c0: texts[0], c1: texts[1], c2: texts[2], c3: `it's` })
})

test('nobody but who manages the app may ask', async () => {
  const signed = await app
    .as(app.anonKey)
    .post('/api/v1/auth/signup', { email: 'u@example.com', password: 'Correct-Horse-7' })
  const { access_token: token } = (await signed.json()) as { access_token: string }
  for (const [client, status] of [
    [app.nobody, 401],
    [app.as(app.anonKey), 403],
    [app.as(token), 403],
    [app.owner, 200],
  ] as const) {
    expect((await client.get(`${DDL}/schemas`)).status).toBe(status)
  }
  const denied = app.as(token).post(`${DDL}/schemas`, { name: 'mine' })
  expect(await refusal(denied)).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
})

test('every change is on record', async () => {
  const rows = await app.sql('select name from stead.schema_migrations order by id')
  expect(rows.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'create_schema shop',
      'create_table shop.items',
      'drop_table lab.mice',
    ]),
  )
})
