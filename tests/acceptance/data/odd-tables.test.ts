/** Tables that are not as most are, or change while they are used, at every spelling of the data API. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let service: Client

beforeAll(async () => {
  app = await startApp()
  service = app.as(app.serviceKey)
})

afterAll(() => app[Symbol.asyncDispose]())

const TABLES = '/api/v1/tables'

const places = () => [TABLES, '/rest/v1', `/v1/${app.appId}`]

/** Runs SQL in which all tables of `public` are opened to the service key afterwards. */
const setUp = (sql: string) =>
  app.sql(`set search_path = public; ${sql};
    grant all on all tables in schema public to service_role;
    grant usage on all sequences in schema public to service_role`)

const answered = async (asked: Promise<Response>): Promise<[status: number, body: unknown]> => {
  const res = await asked
  return [res.status, await res.json()]
}

describe('a column whose type changes while it is used', () => {
  beforeAll(() =>
    setUp(
      'create table wide (id int primary key, n int, word text); insert into wide values (1, 5, $$one$$)',
    ),
  )

  /** In each spelling, so that its statement is prepared. */
  const filtered = async (value: unknown) => {
    const found: unknown[] = []
    for (const place of places()) {
      found.push(await answered(service.get(`${place}/wide?n=eq.${String(value)}&select=id`)))
    }
    const query = `{ wide(filter: {n_eq: ${JSON.stringify(value)}}) { id } }`
    found.push(await answered(service.post('/api/v1/graphql', { query })))
    return found
  }

  const changed = (value: unknown) =>
    answered(service.patch(`${TABLES}/wide/1?select=n`, { n: value }))

  test('takes the values of the new type with the next request, on every connection', async () => {
    for (const [type, before, after] of [
      ['bigint', 5, 3_000_000_000],
      ['text', 3_000_000_000, 'three'],
    ] as const) {
      await filtered(before)
      await changed(before)
      await app.sql(`alter table public.wide alter column n type ${type}`)
      expect([type, await changed(after)]).toEqual([type, [200, { n: after }]])
      expect([type, ...(await filtered(after))]).toEqual([
        type,
        ...places().map(() => [200, [{ id: 1 }]]),
        [200, { data: { wide: [{ id: 1 }] } }],
      ])
    }
  })
})

describe('what a write changed', () => {
  beforeAll(() =>
    setUp(`create table owners (id int primary key, name text);
      create table cats (id int primary key, mood text, lives int, owner_id int references owners);
      insert into owners values (1, 'Ada');
      insert into cats select n, 'm' || n % 2, 9, case when n = 1 then 1 end from generate_series(1, 6) n`),
  )

  const cats = (query: string, headers = {}) =>
    service.patch(`${TABLES}/cats?${query}`, { lives: 8 }, headers)

  test('is counted by rows, whatever `select` makes of them', async () => {
    for (const [query, count, body] of [
      ['select=count(*)', 6, [{ count: 6 }]],
      ['select=count(*)&group_by=mood&order=mood', 6, undefined],
      ['select=id,owners!inner(name)', 6, [{ id: 1, owners: { name: 'Ada' } }]],
      ['select=id&offset=4', 2, [{ id: 5 }, { id: 6 }]],
      ['select=id&offset=1&limit=2&order=id.desc', 2, undefined],
    ] as const) {
      const res = await cats(query)
      expect([query, res.status, res.headers.get('x-affected-count')]).toEqual([
        query,
        200,
        String(count),
      ])
      if (body) expect(await res.json()).toEqual(body)
    }
    const strict = { prefer: 'handling=strict, max-affected=5' }
    const refused = await cats('select=count(*)', strict)
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'PGRST124' }),
    ])
    const removed = await service.delete(`${TABLES}/cats?id=gt.0&offset=5&select=id`, {
      prefer: 'tx=rollback',
    })
    expect(await removed.json()).toEqual({ affected: 1, records: [{ id: 6 }] })
  })

  test('is a row though `select` shows nothing of it, and no row though it counts none', async () => {
    const shown = 'select=id,owners!inner(name)'
    const row = { id: 7, lives: 1 }
    expect(await answered(service.post(`${TABLES}/cats?${shown}`, row))).toEqual([201, null])
    expect(await answered(service.put(`${TABLES}/cats/7?${shown}`, { lives: 2 }))).toEqual([
      200,
      null,
    ])
    const absent = service.put(`${TABLES}/cats/99?select=count(*)`, { lives: 2 })
    expect((await absent).status).toBe(404)
  })

  test('is what `columns` names', async () => {
    const path = `${TABLES}/cats?id=eq.2&columns=lives&select=lives,mood`
    const asked = service.patch(path, { lives: 3, mood: 'x', nope: 1 })
    expect(await answered(asked)).toEqual([200, [{ lives: 3, mood: 'm0' }]])
    const none = await answered(service.patch(path, { mood: 'x' }))
    expect(none).toEqual([400, expect.objectContaining({ error: 'No fields to update' })])
  })
})

test('a list of a document may be longer than any address, and its texts hold what they like', async () => {
  await setUp(
    `create table listed (id int primary key, name text); insert into listed values (1, 'a"b\\,(c)'), (2, 'x')`,
  )
  const asked = (filter: object) =>
    answered(service.post(`${TABLES}/listed/query`, { select: 'id', filters: [filter] }))
  const numbers = Array.from({ length: 40_000 }, (_, n) => n)
  expect(await asked({ column: 'id', operator: 'in', value: numbers })).toEqual([
    200,
    [{ id: 1 }, { id: 2 }],
  ])
  const name = 'a"b\\,(c)'
  for (const [operator, value, found] of [
    ['in', [name], [{ id: 1 }]],
    ['nin', [name, 'z'.repeat(100_000)], [{ id: 2 }]],
    ['eq', name, [{ id: 1 }]],
    ['neq', 'z'.repeat(100_000), [{ id: 1 }, { id: 2 }]],
    ['like', 'a*', [{ id: 1 }]],
    ['in', [], []],
  ] as const) {
    expect([operator, await asked({ column: 'name', operator, value })]).toEqual([
      operator,
      [200, found],
    ])
  }
})

describe('tables of few columns', () => {
  test('take as many empty rows as there are objects', async () => {
    await setUp(`create table ids (id int generated always as identity primary key);
      create table lazy (id int generated by default as identity primary key, note text default 'n')`)
    const inserted = (table: string, rows: object) =>
      answered(service.post(`${TABLES}/${table}`, rows))
    expect(await inserted('ids', [{}, {}, {}])).toEqual([201, [{ id: 1 }, { id: 2 }, { id: 3 }]])
    expect(await inserted('lazy', [{}, {}])).toEqual([
      201,
      [
        { id: 1, note: 'n' },
        { id: 2, note: 'n' },
      ],
    ])
  })
})

describe('what PostgreSQL refuses', () => {
  beforeAll(() =>
    setUp(`create materialized view unready as select 1 as x with no data;
      create table late (id int primary key, u int, constraint uu unique (u) deferrable);
      create table "odd.table name" (id int primary key, "a.b c" int);
      create function raised() returns trigger language plpgsql as $$ begin
        if new.what = 'nothing' then return null; end if;
        raise exception using errcode = new.what, message = 'said by the trigger'; end $$;
      create table raising (what text);
      create trigger t before insert on raising for each row execute function raised()`),
  )

  const refusal = async (asked: Promise<Response>) => {
    const [status, body] = await answered(asked)
    const { error, code, message } = body as Record<string, unknown>
    return [status, code, error, message]
  }

  test('with 405 is told with what may be done, in every dialect', async () => {
    await setUp(`create function writing() returns int language plpgsql volatile as $$ begin
        insert into late values (9, 9); return 1; end $$;
      create function unwilling() returns int language plpgsql stable as $$ begin
        raise sqlstate 'PT405' using message = 'Not here'; end $$;
      create function own_words() returns int language plpgsql as $$ begin
        raise sqlstate 'PGRST' using message = '{"code":"x","message":"y"}',
          detail = '{"status":405,"headers":{"allow":"PATCH"}}'; end $$;
      create view writes as select writing() as x; create view refuses as select unwilling() as x`)
    const rows = `/v1/${app.appId}`
    const mutation = `?query=${encodeURIComponent('mutation { __typename }')}`
    for (const [method, path, allowed] of [
      ['PUT', '/rest/v1/', 'OPTIONS,GET,HEAD'],
      ['PROPFIND', '/rest/v1/late', 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE'],
      ['PUT', '/rest/v1/late?u=eq.1', 'OPTIONS,GET,HEAD,POST,PATCH,DELETE'],
      ['DELETE', '/rest/v1/rpc/writing', 'OPTIONS,GET,HEAD,POST'],
      ['GET', '/rest/v1/rpc/writing', 'OPTIONS,POST'],
      ['GET', '/rest/v1/rpc/unwilling', 'OPTIONS,POST'],
      ['GET', '/rest/v1/writes', 'OPTIONS,POST,PUT,PATCH,DELETE'],
      ['POST', '/rest/v1/rpc/own_words', 'PATCH'],
      ['DELETE', `${TABLES}/unready?x=eq.1`, 'GET, HEAD'],
      ['PATCH', `${TABLES}/unready/1`, 'GET, HEAD'],
      ['PATCH', `${TABLES}/unready/bulk`, 'POST'],
      ['POST', `${TABLES}/late/1`, 'GET, HEAD, PUT, PATCH, DELETE'],
      ['GET', `${TABLES}/writes`, 'POST, PATCH, DELETE'],
      ['GET', `${TABLES}/refuses`, 'POST, PATCH, DELETE'],
      ['POST', `${TABLES}/writes/query`, ''],
      ['GET', `/api/v1/graphql${mutation}`, 'POST'],
      ['DELETE', `${rows}/unready?x=eq.1`, 'GET'],
    ] as const) {
      const body = method === 'POST' || method === 'PATCH' || method === 'PUT' ? {} : undefined
      const res = await service.request(method, path, body)
      await res.text()
      expect([method, path, res.status, res.headers.get('allow')]).toEqual([
        method,
        path,
        405,
        allowed,
      ])
    }
  })

  test('is told in Fluxbase’s words, with those of PostgreSQL beside them', async () => {
    const merging = { prefer: 'resolution=merge-duplicates' }
    for (const [asked, ...said] of [
      [service.get(`${TABLES}/unready`), 400, 'INVALID_INPUT', 'Invalid query', /populated/],
      [
        service.post(`${TABLES}/late?on_conflict=u`, { id: 1, u: 1 }, merging),
        400,
        'INVALID_INPUT',
        'Invalid query',
        /deferrable/,
      ],
      [
        service.post(
          `${TABLES}/late`,
          [
            { id: 2, u: 5 },
            { id: 2, u: 6 },
          ],
          merging,
        ),
        400,
        'INVALID_INPUT',
        'Invalid query',
        /second time/,
      ],
      [
        service.get(`${TABLES}/public/odd.table%20name?x.y=eq.1&"x.y"=eq.1`),
        400,
        'INVALID_INPUT',
        "Invalid query parameters: 'x' is not an embedded resource in this request",
        undefined,
      ],
      [
        service.get(`${TABLES}/public/odd.table%20name?"x.y%20z"=eq.1`),
        400,
        'INVALID_INPUT',
        'Unknown column: x.y z',
        /does not exist/,
      ],
    ] as const) {
      const [status, code, error, words] = said
      expect(await refusal(asked)).toEqual([
        status,
        code,
        error,
        words === undefined ? undefined : expect.stringMatching(words),
      ])
    }
  })

  test.for([
    ['55P03', 409, 503],
    ['40001', 409, 503],
    ['55000', 400, 400],
    ['25001', 400, 400],
    ['ZZ123', 400, 400],
    ['PT418', 418, 400],
    ['XX001', 500, 500],
    ['58030', 500, 500],
  ] as const)('SQLSTATE %s, raised by a trigger, is %i or %i', async ([what, ...statuses]) => {
    const found = []
    for (const place of [TABLES, `/v1/${app.appId}`]) {
      const res = await service.post(`${place}/raising`, { what })
      const text = await res.text()
      if (res.status === 500) expect(text).not.toContain('said by the trigger')
      found.push(res.status)
    }
    expect(found).toEqual(statuses)
  })

  test('a row that a trigger keeps back is no error, and none is shown', async () => {
    const what = 'nothing'
    const butterbase = `/v1/${app.appId}/raising`
    expect(await answered(service.post(butterbase, { what }))).toEqual([201, null])
    expect(await answered(service.post(butterbase, [{ what }]))).toEqual([201, []])
    expect(await answered(service.post(`${TABLES}/raising`, { what }))).toEqual([200, []])
  })

  test('a table that is dropped in the middle is told like any that is not there', async () => {
    for (let round = 0; round < 3; round++) {
      await setUp('create table brief (id int)')
      expect((await service.get(`${TABLES}/brief`)).status).toBe(200)
      await app.sql('drop table public.brief')
      expect((await refusal(service.get(`${TABLES}/brief`))).slice(0, 3)).toEqual([
        404,
        'NOT_FOUND',
        "Table 'public.brief' not found",
      ])
    }
  })
})

test('parentheses of an item are part of it, as clients write lists without quotes', async () => {
  await setUp(`create table quotes (id int primary key, name text, tags text[]);
    insert into quotes values (1, 'Foo (Bar)', '{a (b)}'), (2, 'f(a,b)', '{}'), (3, ':(', '{"c,d"}'), (4, '', '{}')`)
  for (const [query, found] of [
    ['name=in.(Foo (Bar))', [1]],
    ['name=in.(Foo (Bar),f(a,b),zz)', [1, 2]],
    ['name=nin.(Foo (Bar),":(")', [2, 4]],
    ['name=in.(:()', [3]],
    ['name=in.(,Foo (Bar))', [1, 4]],
    ['or=(name.in.(Foo (Bar),x),id.eq.4)', [1, 4]],
    ['tags=cs.(a (b))', [1]],
    ['tags=ov.(a (b),"c,d")', [1, 3]],
  ] as const) {
    const path = `${TABLES}/quotes?select=id&order=id&${query.replaceAll(' ', '%20')}`
    const rows = found.map((id) => ({ id }))
    expect([query, await answered(service.get(path))]).toEqual([query, [200, rows]])
  }
  for (const query of ['name=in.(a)b)', 'name=in.(a (b),c', `name=in.${'('.repeat(4_000)}`]) {
    expect((await service.get(`${TABLES}/quotes?${query}`)).status).toBe(400)
  }
})

test('related rows do not choose what is written, and what would choose by them is not passed over', async () => {
  await setUp(`create table shelves (id int primary key, room text); insert into shelves values (1, 'a');
    create table boxes (id int primary key, n int, shelf_id int references shelves);
    insert into boxes values (1, 0, 1), (2, 0, null)`)
  const refused = expect.objectContaining({ error: expect.stringMatching(/columns of the table/) })
  for (const query of [
    'select=id,shelves!inner(room)&shelves.room=eq.zz',
    'select=id,shelves!inner(room)&shelves.or=(room.eq.zz)',
    'select=id,shelf(room)&shelf=is.null',
    'select=id,shelves(room)&or=(id.eq.1,shelves.not.is.null)',
  ]) {
    for (const asked of [
      service.patch(`${TABLES}/boxes?${query}`, { n: 1 }),
      service.patch(`${TABLES}/boxes/1?${query}`, { n: 1 }),
      service.delete(`${TABLES}/boxes?id=gt.0&${query}`),
      service.delete(`${TABLES}/boxes/1?${query}`),
    ]) {
      expect([query, ...(await answered(asked))]).toEqual([query, 400, refused])
    }
  }
  const first = 'select=id,shelves(room)&order=shelves(room)&limit=1'
  expect(await answered(service.patch(`${TABLES}/boxes?${first}`, { n: 1 }))).toEqual([
    400,
    refused,
  ])
  const shown = 'select=id,n,shelves(room)&shelves.room=eq.zz&order=id'
  const changed = await answered(service.patch(`${TABLES}/boxes?id=eq.1&${shown}`, { n: 2 }))
  expect(changed).toEqual([200, [{ id: 1, n: 2, shelves: null }]])
})

test('a column that is called like a parameter can be filtered by, read or written', async () => {
  await setUp(`create table steps (id int primary key, "order" int, "limit" int, "select" text, "offset" int);
    insert into steps values (1, 1, 10, 'a', 0), (2, 2, 20, 'b', 5), (3, 2, 30, 'c', 5)`)
  for (const place of [TABLES, `/v1/${app.appId}`]) {
    for (const [query, found] of [
      ['order=eq.2', [2, 3]],
      ['limit=eq.10', [1]],
      ['limit=eq.20', [2]],
      ['limit=gt.10&limit=1&order=order.desc', [2]],
      ['select=eq.b', [2]],
      ['offset=eq.5&order=eq.2&limit=lt.30', [2]],
      ['limit=is.null', []],
      ['limit=in.(10,30)', [1, 3]],
    ] as const) {
      const path = `${place}/steps?${query}&id=gt.0`
      const [status, rows] = await answered(service.get(path))
      const ids = (rows as { id: number }[]).map(({ id }) => id).toSorted((a, b) => a - b)
      if (!query.includes('limit=1&')) expect([path, status, ids]).toEqual([path, 200, found])
      else expect([path, ids.length]).toEqual([path, 1])
    }
    const changed = service.patch(`${place}/steps?id=gt.0&order=eq.1`, { offset: 7 })
    expect(await answered(changed)).toMatchObject([200, [{ id: 1, offset: 7 }]])
  }
})
