/** Writing tables: rows, duplicates, constraints, policies, preferences, bodies and idempotency keys. */
import { describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { app, list, said, service, T, useProducts } from './tables-fixture.ts'

useProducts(() => now())

test('POST gives an object for an object, an array for an array, in order', async () => {
  const one = await service.post(`${T}/products`, { name: 'new', price: 29.99 })
  expect([
    one.status,
    one.headers.get('content-range'),
    one.headers.get('x-affected-count'),
  ]).toEqual([201, '*/1', '1'])
  expect(await one.json()).toMatchObject({ id: expect.any(Number), name: 'new', price: 29.99 })
  const many = await service.post(`${T}/products?select=name,age`, [
    { name: 'n1' },
    { name: 'n2', age: 7 },
  ])
  expect(await many.json()).toEqual([
    { name: 'n1', age: null },
    { name: 'n2', age: 7 },
  ])
  expect(await (await service.post(`${T}/products`, [])).json()).toEqual([])
  const minimal = await service.post(`${T}/products`, { name: 'n3' }, { prefer: 'return=minimal' })
  expect([minimal.status, await minimal.text()]).toEqual([201, ''])
  const headers = await service.post(
    `${T}/products`,
    { name: 'n4' },
    { prefer: 'return=headers-only' },
  )
  expect(await headers.json()).toEqual({ affected: 1 })
  expect(headers.headers.get('location')).toMatch(/^\/api\/v1\/tables\/products\?id=eq\.\d+$/)
  const removed = await service.delete(`${T}/products?name=in.(new,n1,n2,n3,n4)`, undefined, {
    prefer: 'return=headers-only',
  })
  expect(await removed.json()).toEqual({ affected: 5 })
})

test('POST merges or ignores duplicates', async () => {
  const merge = { prefer: 'resolution=merge-duplicates' }
  const merged = await service.post(
    `${T}/products?on_conflict=name&select=name,age,category`,
    { name: 'p1', age: 11 },
    merge,
  )
  expect([merged.status, await merged.json()]).toEqual([
    201,
    { name: 'p1', age: 11, category: 'odd' },
  ])
  const ignored = await service.post(
    `${T}/products?on_conflict=name`,
    { name: 'p1', age: 99 },
    { prefer: 'resolution=ignore-duplicates' },
  )
  expect([ignored.status, await ignored.json()]).toEqual([200, []])
  expect(await list('name=eq.p1&select=age')).toEqual([{ age: 11 }])
  const reset = await service.post(`${T}/pairs?select=a,b,v`, { a: 1, b: 1, v: 'x' })
  expect(reset.status).toBe(201)
  const again = await service.post(
    `${T}/pairs`,
    { a: 1, b: 1 },
    { prefer: 'resolution=merge-duplicates,missing=default' },
  )
  expect(await again.json()).toEqual({ a: 1, b: 1, v: null })
  const unknown = await service.post(`${T}/products?on_conflict=nope`, { name: 'p1' }, merge)
  expect(await unknown.json()).toMatchObject({ error: 'Unknown column in on_conflict: nope' })
  await service.patch(`${T}/products?name=eq.p1`, { age: 10 })
})

test('constraints and bad values answer by SQLSTATE', async () => {
  const expected = [
    [{ name: 'p1' }, 409, 'DUPLICATE_KEY', '23505'],
    [{ name: 'x', author_id: 99 }, 409, 'FOREIGN_KEY_VIOLATION', '23503'],
    [{ price: 1 }, 400, 'NOT_NULL_VIOLATION', '23502'],
    [{ name: 'x', price: -1 }, 400, 'CHECK_VIOLATION', '23514'],
    [{ name: 'x', price: 'not-a-number' }, 400, 'INVALID_INPUT', '22P02'],
  ] as const
  for (const [body, status, code, sqlstate] of expected) {
    const res = await service.post(`${T}/products`, body)
    expect([res.status, await res.json()]).toEqual([
      status,
      expect.objectContaining({ code, sqlstate }),
    ])
  }
  const unknown = await service.post(`${T}/products`, { name: 'x', nope: 1 })
  expect(await unknown.json()).toMatchObject({ error: 'Unknown column: nope' })
  expect(
    await said(await service.post(`${T}/products`, '{"a"', { 'content-type': 'application/json' })),
  ).toEqual([400, 'INVALID_REQUEST_BODY'])
  for (const path of ['cheap', 'frozen']) {
    const res = await service.post(`${T}/${path}`, { id: 1 })
    expect([path, res.status, res.headers.get('allow')]).toEqual([path, 405, 'GET, HEAD'])
  }
  const onRow = await service.post(`${T}/products/1`, {})
  expect([onRow.status, onRow.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, PATCH, DELETE'])
})

test('PATCH and DELETE reach the rows that filters and limit choose, and DELETE needs a filter', async () => {
  const patched = await service.patch(`${T}/products?id.eq=2&select=id,age`, { age: 21 })
  expect([patched.status, await patched.json()]).toEqual([200, [{ id: 2, age: 21 }]])
  expect(await (await service.patch(`${T}/products?id=eq.2`, {})).json()).toMatchObject({
    error: 'No fields to update',
  })
  const one = await service.patch(`${T}/products?id=gt.0&limit=1&order=id.desc&select=id`, {
    age: 121,
  })
  expect(await one.json()).toEqual([{ id: 12 }])
  expect((await service.delete(`${T}/products`)).status).toBe(400)
  await service.post(`${T}/products`, { id: 500, name: 'gone' })
  const deleted = await service.delete(`${T}/products?id.eq=500&select=id,name`)
  expect(await deleted.json()).toEqual({ affected: 1, records: [{ id: 500, name: 'gone' }] })
})

test('records by id: composite keys, PUT and PATCH keep what they do not name', async () => {
  await service.post(`${T}/pairs`, { a: 7, b: 8, v: 'x' })
  expect(await (await service.get(`${T}/pairs/7,8`)).json()).toEqual({ a: 7, b: 8, v: 'x' })
  expect(await said(await service.get(`${T}/pairs/7`))).toEqual([400, 'INVALID_ID'])
  expect(await (await service.put(`${T}/pairs/7,8`, { a: 9, v: 'y' })).json()).toEqual({
    a: 7,
    b: 8,
    v: 'y',
  })
  expect(await said(await service.patch(`${T}/pairs/1,2`, { v: 'z' }))).toEqual([404, 'NOT_FOUND'])
  expect((await service.delete(`${T}/public/pairs/7,8`)).status).toBe(204)
  expect(await said(await service.delete(`${T}/pairs/7,8`))).toEqual([404, 'NOT_FOUND'])
})

test('what a policy hides is not there to read, and not to be changed', async () => {
  await app.sql(`insert into public.mine (body, user_id) values ('hers', gen_random_uuid())`)
  const anon = app.as(app.anonKey)
  expect(await (await anon.get(`${T}/mine`)).json()).toEqual([])
  expect(await said(await anon.get(`${T}/mine/1`))).toEqual([404, 'NOT_FOUND'])
  for (const id of [1, 99]) {
    expect(await said(await anon.patch(`${T}/mine/${id}`, { body: 'x' }))).toEqual([
      401,
      'AUTHENTICATION_REQUIRED',
    ])
    expect(await said(await anon.delete(`${T}/mine/${id}`))).toEqual([
      401,
      'AUTHENTICATION_REQUIRED',
    ])
  }
  expect(await list('', '/mine')).toHaveLength(1)
})

test('preferences that were followed are told, and a rehearsal changes nothing', async () => {
  const res = await service.get(`${T}/products?limit=1`, {
    prefer: 'handling=strict, timezone=Europe/Berlin, count=exact',
  })
  expect(res.headers.get('preference-applied')).toBe(
    'count=exact, handling=strict, timezone=Europe/Berlin',
  )
  const strict = await service.get(`${T}/products`, { prefer: 'handling=strict, nonsense=1' })
  expect(await said(strict)).toEqual([400, 'PGRST122'])
  const most = { prefer: 'handling=strict, max-affected=2' }
  expect(await said(await service.patch(`${T}/products?id=lt.9`, { age: 0 }, most))).toEqual([
    400,
    'PGRST124',
  ])
  expect(await list('age=eq.0')).toEqual([])
  const tried = await service.delete(`${T}/products?id=lt.9`, undefined, {
    prefer: 'tx=rollback, return=headers-only',
  })
  expect([await tried.json(), await list('select=count(*)')]).toEqual([
    { affected: 8 },
    [{ count: 12 }],
  ])
})

test('bodies: forms, depth, size, and the digits of large numbers', async () => {
  await app.sql(`create table public.bigs (id bigint primary key, v numeric, t text, j jsonb);
    grant all on public.bigs to service_role`)
  const post = (text: string, type: string, path = '/bigs') =>
    service.post(`${T}${path}`, text, { 'content-type': type })
  expect(await (await post('id=1&t=a+b', 'application/x-www-form-urlencoded')).json()).toEqual({
    id: 1,
    v: null,
    t: 'a b',
    j: null,
  })
  expect((await post('<a/>', 'text/xml')).status).toBe(415)
  const deep = `{"id":2,"j":${'['.repeat(70)}${']'.repeat(70)}}`
  expect(await said(await post(deep, 'application/json'))).toEqual([400, 'JSON_TOO_DEEP'])
  const large = await post(JSON.stringify({ id: 3, t: 'x'.repeat(1_100_000) }), 'application/json')
  expect([large.status, await large.json()]).toEqual([
    413,
    expect.objectContaining({
      error: 'Payload Too Large',
      code: 'PAYLOAD_TOO_LARGE',
      message: expect.any(String),
      hint: expect.any(String),
      details: { max_bytes: 1_048_576, endpoint_type: 'default' },
    }),
  ])
  const many = '{"records":[{"id":9007199254740993,"v":1234567890.12345678901234567890}]}'
  expect(await (await post(many, 'application/json', '/bigs/bulk')).text()).toContain(
    '"id":9007199254740993,"v":1234567890.12345678901234567890',
  )
  const asked = '{"filters":[{"column":"id","operator":"eq","value":9007199254740993}]}'
  expect(await (await post(asked, 'application/json', '/bigs/query')).json()).toHaveLength(1)
  const patched = await service.patch(
    `${T}/bigs/bulk`,
    '{"ids":[9007199254740993],"data":{"t":"found"}}',
  )
  expect(patched.headers.get('x-affected-count')).toBe('1')
})

/** The hand of the clock that the app goes by. */
let now = () => new Date()

describe('Idempotency-Key', () => {
  const insert = (key: string, body: object, headers = {}) =>
    service.post(`${T}/pairs?select=a,b`, body, { 'idempotency-key': key, ...headers })
  const rows = (a: number) => list(`select=count(*)&a=eq.${a}`, '/pairs')

  test('a write that is sent again is answered again, and done once', async () => {
    const first = await insert('k1', { a: 100, b: 1 })
    const second = await insert('k1', { a: 100, b: 1 })
    expect([first.status, await first.json(), first.headers.get('idempotency-replayed')]).toEqual([
      201,
      { a: 100, b: 1 },
      null,
    ])
    expect([second.status, await second.json()]).toEqual([201, { a: 100, b: 1 }])
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    for (const name of ['content-type', 'content-range', 'x-affected-count']) {
      expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)])
    }
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
    expect(await rows(100)).toEqual([{ count: 1 }])
  })

  test('refusals are kept too, and deletions without a body', async () => {
    const refused = [await insert('k2', { a: 100, b: 1 }), await insert('k2', { a: 100, b: 1 })]
    expect(refused.map(({ status }) => status)).toEqual([409, 409])
    expect(refused[1]?.headers.get('idempotency-replayed')).toBe('true')
    const remove = () => service.delete(`${T}/pairs/100,1`, undefined, { 'idempotency-key': 'k3' })
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 204])
  })

  test('many at once are done once: the others wait for their turn or get its answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => insert('k4', { a: 101, b: 1 })),
    )
    const fresh = answers.filter(
      ({ status, headers }) => status === 201 && !headers.has('idempotency-replayed'),
    )
    expect(fresh).toHaveLength(1)
    for (const res of answers.filter(({ status }) => status !== 201)) {
      expect(await said(res)).toEqual([409, 'IDEMPOTENCY_REQUEST_IN_PROGRESS'])
    }
    expect(await rows(101)).toEqual([{ count: 1 }])
  })

  test('a key is for one request: another path, query or body is refused', async () => {
    await insert('k5', { a: 102, b: 1 })
    const body = await insert('k5', { a: 102, b: 2 })
    expect(await said(body)).toEqual([422, 'IDEMPOTENCY_REQUEST_BODY_MISMATCH'])
    for (const other of [
      service.post(`${T}/pairs`, { a: 102, b: 1 }, { 'idempotency-key': 'k5' }),
      service.put(`${T}/pairs/102,1`, { v: 'x' }, { 'idempotency-key': 'k5' }),
    ]) {
      expect(await said(await other)).toEqual([422, 'IDEMPOTENCY_KEY_MISMATCH'])
    }
    expect(await rows(102)).toEqual([{ count: 1 }])
  })

  test('a key is its caller’s own', async () => {
    await app.sql(`create table public.open (id int primary key generated by default as identity, v text);
      grant all on public.open to anon, service_role`)
    const send = (client: Client) =>
      client.post(`${T}/open`, { v: 'x' }, { 'idempotency-key': 'shared' })
    const answers = [await send(service), await send(app.as(app.anonKey)), await send(app.owner)]
    expect(answers.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([
      null,
      null,
      null,
    ])
    expect(await list('select=count(*)', '/open')).toEqual([{ count: 3 }])
  })

  test('what ends with a fault or a collision is not kept, nor is a rehearsal', async () => {
    await app.sql(`create function public.burst() returns trigger language plpgsql as $$
        begin if new.v = 'burst' and current_setting('app.burst', true) is distinct from 'off' then
          raise exception 'no more' using errcode = 'XX000'; end if; return new; end $$;
      create trigger burst before insert on public.open for each row execute function public.burst()`)
    const send = (prefer = '') =>
      service.post(`${T}/open`, { v: 'burst' }, { 'idempotency-key': 'k6', prefer })
    expect([(await send()).status, (await send()).status]).toEqual([500, 500])
    await app.sql(`create or replace function public.burst() returns trigger language plpgsql as $$
        begin raise exception 'in the way' using errcode = '40001'; end $$`)
    for (const answer of [await send(), await send()]) {
      expect([answer.headers.get('idempotency-replayed'), ...(await said(answer))]).toEqual([
        null,
        409,
        'CONFLICT',
      ])
    }
    await app.sql('drop trigger burst on public.open')
    expect((await send('tx=rollback')).status).toBe(201)
    const done = await send()
    expect([done.status, done.headers.get('idempotency-replayed')]).toEqual([201, null])
  })

  test('is forgotten after a day, and taken over from an attempt that never ended', async () => {
    await insert('k7', { a: 103, b: 1 })
    await app.sql(`update stead.idempotent_requests set status = null where key = 'k7'`)
    expect(await said(await insert('k7', { a: 103, b: 1 }))).toEqual([
      409,
      'IDEMPOTENCY_REQUEST_IN_PROGRESS',
    ])
    const start = Date.now()
    now = () => new Date(start + 200_000)
    expect(await said(await insert('k7', { a: 103, b: 1 }))).toEqual([409, 'DUPLICATE_KEY'])
    now = () => new Date(start + 25 * 3_600_000)
    expect((await insert('k7', { a: 104, b: 1 })).status).toBe(201)
    now = () => new Date()
    const [left] = await app.sql(
      `select count(*)::int as n from stead.idempotent_requests where key <> 'k7'`,
    )
    expect(left).toEqual({ n: 0 })
  })

  test('an answer that cannot be kept is given all the same, and what was done is not done again', async () => {
    await app.sql(`create table public.moved (id int primary key generated by default as identity, v text);
      grant all on public.moved to service_role;
      create function public.take_away() returns trigger language plpgsql security definer as $$
        begin alter table stead.idempotent_requests rename to taken_away; return new; end $$;
      create trigger take_away before insert on public.moved for each row execute function public.take_away()`)
    const send = () => service.post(`${T}/moved`, { v: 'x' }, { 'idempotency-key': 'k8' })
    const first = await send()
    expect([first.status, await first.json()]).toEqual([201, { id: 1, v: 'x' }])
    await app.sql(`alter table stead.taken_away rename to idempotent_requests;
      drop trigger take_away on public.moved`)
    expect(await said(await send())).toEqual([409, 'IDEMPOTENCY_REQUEST_IN_PROGRESS'])
    expect(await list('select=count(*)', '/moved')).toEqual([{ count: 1 }])
  })

  test('must have 1 to 256 characters; reading takes no notice of it', async () => {
    for (const key of ['', 'x'.repeat(257)]) {
      expect(await said(await insert(key, { a: 1, b: 1 }))).toEqual([400, 'INVALID_INPUT'])
    }
    const read = () =>
      service.post(`${T}/pairs/query`, { limit: 0 }, { 'idempotency-key': 'reading' })
    await read()
    expect((await read()).headers.get('idempotency-replayed')).toBeNull()
  })
})

test('limit restricts what is changed, in tables in partitions too', async () => {
  await app.sql(`create table public.parts (id int, part int, v text, primary key (id, part)) partition by list (part);
    create table public.parts_1 partition of public.parts for values in (1);
    create table public.parts_2 partition of public.parts for values in (2);
    grant all on public.parts to service_role;
    insert into public.parts values (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c'), (4, 2, 'd')`)
  const patched = await service.patch(`${T}/parts?id=gt.0&limit=1&select=id`, { v: 'x' })
  expect(await patched.json()).toEqual([{ id: 1 }])
  const removed = await service.delete(`${T}/parts?id=gt.0&limit=2&order=id.desc&select=id`)
  expect(await removed.json()).toMatchObject({ affected: 2 })
  expect(await list('order=id', '/parts')).toEqual([
    { id: 1, part: 1, v: 'x' },
    { id: 2, part: 2, v: 'b' },
  ])
  const deep = await service.get(`${T}/authors?select=name,products(id)&products.id.lt=2&order=id`)
  expect(await deep.json()).toEqual([
    { name: 'Ada', products: [] },
    { name: 'Bob', products: [{ id: 1 }] },
  ])
})

test('raised errors and rows met twice are the caller’s; the answer carries their state', async () => {
  await app.sql(`create function public.fuss() returns trigger language plpgsql as $$ begin
      if new.v = 'raise' then raise exception 'no fuss' using hint = 'calm down'; end if;
      if new.v = 'own' then raise exception 'own words' using errcode = 'ZZ123'; end if;
      if new.v = 'status' then raise exception 'teapot' using errcode = 'PT418'; end if; return new; end $$;
    create trigger fuss before insert on public.pairs for each row execute function public.fuss()`)
  const post = async (v: string) => {
    const res = await service.post(`${T}/pairs`, { a: 900, b: 1, v })
    return [res.status, await res.json()]
  }
  expect(await post('raise')).toEqual([
    400,
    expect.objectContaining({
      error: 'no fuss',
      code: 'DATABASE_ERROR',
      sqlstate: 'P0001',
      hint: 'calm down',
    }),
  ])
  expect(await post('own')).toEqual([
    400,
    expect.objectContaining({ error: 'own words', code: 'DATABASE_ERROR', sqlstate: 'ZZ123' }),
  ])
  expect(await post('status')).toEqual([418, expect.objectContaining({ error: 'teapot' })])
  await app.sql('drop trigger fuss on public.pairs')
})
