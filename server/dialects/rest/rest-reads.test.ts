/** Reads: filters, columns, embeds, ranges, media types, errors, and what the schema and the request say. */
import { expect, test } from 'vitest'
import { app, get, got, REPRESENT, type Row, send, useTables } from './rest-fixture.ts'

useTables()

const names = async (query: string) =>
  ((await get(`/tasks?select=name&order=id&${query}`)).body as Row[]).map(({ name }) => name)

test('every operator filters, first and from the kept statement', async () => {
  const expected: Record<string, string[]> = {
    'id=eq.1': ['t1'],
    'id=neq.1&id=lt.3': ['t2'],
    'id=gte.11': ['t11', 't12'],
    'id=gt.11': ['t12'],
    'id=lte.1': ['t1'],
    'id=not.gt.1': ['t1'],
    'name=like.t1*': ['t1', 't10', 't11', 't12'],
    'name=ilike.T2': ['t2'],
    'name=match.^t1.$': ['t10', 't11', 't12'],
    'name=imatch.^T2$': ['t2'],
    'name=like(any).{*0,*2}': ['t2', 't10', 't12'],
    'name=like(all).{t1*,*2}': ['t12'],
    'id=eq(any).{1,2}': ['t1', 't2'],
    'id=in.(1,2)': ['t1', 't2'],
    'name=in.("t1",t2)': ['t1', 't2'],
    'id=in.()': [],
    'id=not.in.(3,4,5,6,7,8,9,10,11,12)': ['t1', 't2'],
    'project_id=is.null': [],
    'done=is.false&id=eq.1': ['t1'],
    'done=not.is.true&id=eq.1': ['t1'],
    'id=isdistinct.1&id=lt.3': ['t2'],
    'tags=cs.{b3}': ['t3'],
    'tags=cd.{a,b3}': ['t3'],
    'tags=ov.{b1,b2}': ['t1', 't2'],
    'meta=cs.{"n":4}': ['t4'],
    'meta->n=eq.4': ['t4'],
    'meta->>n=eq.4': ['t4'],
    'meta->a->>1=eq.x&id=eq.2': ['t2'],
    'meta->a->0=eq.7': ['t7'],
    'during=cs.[12,13)&id=gt.11': ['t12'],
    'during=sl.[7,9)': ['t1', 't2'],
    'during=adj.[6,7)&id=lt.5': ['t1'],
    'name=fts.t5': ['t5'],
    'name=plfts(english).t5': ['t5'],
    'name=wfts.t5 or t6': ['t5', 't6'],
    'or=(id.eq.1,id.eq.2)': ['t1', 't2'],
    'or=(id.eq.1,and(id.gt.10,name.like.*2))': ['t1', 't12'],
    'not.or=(id.gt.2,id.lt.2)': ['t2'],
    'and=(id.gte.2,not.or(id.gt.3,id.eq.3))': ['t2'],
    'or=(name.in.(t1,"t2"),id.not.lte.11)': ['t1', 't2', 't12'],
    'or=(name.eq."t1",tags.cs.{a,b2})': ['t1', 't2'],
  }
  for (const [query, found] of Object.entries(expected)) {
    const url = query.replaceAll('"', '%22').replaceAll('^', '%5E')
    expect([query, await names(url)]).toEqual([query, found])
    expect([query, await names(url)]).toEqual([query, found])
  }
})

test('a kept statement takes the values of the request at hand', async () => {
  for (const id of ['3', '7', '11']) expect(await names(`id=eq.${id}`)).toEqual([`t${id}`])
  for (const limit of ['1', '3', '0'])
    expect(await names(`limit=${limit}`)).toHaveLength(Number(limit))
})

test('select renames, casts, goes into JSON and aggregates', async () => {
  const path = '/tasks?id=eq.2&select=title:name,id::text,meta->n,x:meta->a->>1'
  expect((await get(path)).body).toEqual([{ title: 't2', id: '2', n: 2, x: 'x' }])
  expect(
    (await get('/projects?select=client_id,total:budget.sum(),count()&order=client_id')).body,
  ).toEqual([
    { client_id: 1, total: 10.5, count: 2 },
    { client_id: 2, total: 3, count: 1 },
    { client_id: null, total: 4, count: 1 },
  ])
  expect((await get('/projects?select=name,full_label&id=eq.1')).body).toEqual([
    { name: 'Alpha', full_label: 'Alpha!' },
  ])
})

test('embeds: to one, to many, many to many, to itself, nested, spread, inner, filtered', async () => {
  const cases: Record<string, unknown> = {
    '/projects?id=in.(1,4)&select=id,clients(name)&order=id': [
      { id: 1, clients: { name: 'Ada' } },
      { id: 4, clients: null },
    ],
    '/projects?id=eq.1&select=client:clients!projects_client_id_fkey(name)': [
      { client: { name: 'Ada' } },
    ],
    '/projects?id=eq.1&select=client_id(name)': [{ client_id: { name: 'Ada' } }],
    '/clients?id=eq.1&select=projects(name)&projects.order=name.desc&projects.limit=1': [
      { projects: [{ name: 'Beta' }] },
    ],
    '/projects?id=eq.1&select=members(name)&members.order=name': [
      { members: [{ name: 'Yan' }, { name: 'Zoe' }] },
    ],
    '/members?select=name,members(name),boss:boss_id(name)&id=in.(1,2)&order=id&members.order=name':
      [
        { name: 'Zoe', members: [{ name: 'Xi' }, { name: 'Yan' }], boss: null },
        { name: 'Yan', members: [], boss: { name: 'Zoe' } },
      ],
    '/clients?select=name,projects(name,tasks(count))&projects.tasks.id=gt.0&id=eq.2': [
      { name: 'Bob', projects: [{ name: 'Gamma', tasks: [{ count: 4 }] }] },
    ],
    '/projects?select=name,...clients(client:name)&id=eq.1': [{ name: 'Alpha', client: 'Ada' }],
    '/clients?select=name,...projects(titles:name)&id=eq.1': [
      { name: 'Ada', titles: ['Alpha', 'Beta'] },
    ],
    '/projects?select=name,clients!inner(name)&clients.name=eq.Bob': [
      { name: 'Gamma', clients: { name: 'Bob' } },
    ],
    '/projects?select=name,clients()&clients=is.null': [{ name: 'Delta' }],
    '/projects?select=name,clients()&or=(clients.is.null,name.eq.Alpha)&order=name': [
      { name: 'Alpha' },
      { name: 'Delta' },
    ],
    '/projects?select=name,clients(name)&order=clients(name).desc,name&limit=2&clients=not.is.null':
      [
        { name: 'Gamma', clients: { name: 'Bob' } },
        { name: 'Alpha', clients: { name: 'Ada' } },
      ],
  }
  for (const [path, body] of Object.entries(cases)) {
    expect([path, (await get(path)).body]).toEqual([path, body])
  }
})

test('an embed that is not there, and one that could be two, say so', async () => {
  expect(await get('/projects?select=nope(*)')).toMatchObject({
    status: 400,
    body: {
      code: 'PGRST200',
      message: "Could not find a relationship between 'projects' and 'nope' in the schema cache",
      details:
        "Searched for a foreign key relationship between 'projects' and 'nope' in the schema 'public', but no matches were found.",
    },
  })
  await app.sql(
    `create table public.letters (id int primary key, sender int references public.members, receiver int references public.members)`,
  )
  expect(await get('/letters?select=members(*)')).toMatchObject({
    status: 300,
    body: { code: 'PGRST201', details: [{ cardinality: 'many-to-one' }, {}] },
  })
  expect((await get('/projects?select=id&clients.id=eq.1')).body).toMatchObject({
    code: 'PGRST108',
  })
  expect((await get('/projects?select=id,clients(id)&clients=eq.1')).body).toMatchObject({
    code: 'PGRST120',
  })
  expect((await get('/clients?select=id,projects(id)&order=projects(id)')).body).toMatchObject({
    code: 'PGRST118',
  })
})

test('views embed by the keys of their tables, and functions of a row embed what they give', async () => {
  await app.sql(`create view public.client_names as select id as client, name as called from public.clients;
    create view public.project_names as select p.id, upper(p.name) as name, p.client_id from public.projects p;
    create function public.first_task(public.projects) returns setof public.tasks rows 1 language sql stable
      as 'select * from public.tasks where project_id = $1.id order by id limit 1';
    create function public.late_tasks(public.projects) returns setof public.tasks language sql stable
      as 'select * from public.tasks where project_id = $1.id and id > 8';
    grant all on public.client_names, public.project_names to service_role;
    grant execute on all functions in schema public to service_role`)
  const cases: Record<string, unknown> = {
    '/project_names?select=name,clients(name)&id=eq.1': [
      { name: 'ALPHA', clients: { name: 'Ada' } },
    ],
    '/projects?select=name,client_names(called)&id=eq.1': [
      { name: 'Alpha', client_names: { called: 'Ada' } },
    ],
    '/client_names?select=called,project_names(name)&client=eq.2': [
      { called: 'Bob', project_names: [{ name: 'GAMMA' }] },
    ],
    '/projects?select=name,client_id(name)&id=eq.1': [
      { name: 'Alpha', client_id: { name: 'Ada' } },
    ],
    '/projects?select=name,first_task(name),late_tasks(id)&id=eq.1&late_tasks.order=id': [
      { name: 'Alpha', first_task: { name: 't3' }, late_tasks: [{ id: 9 }, { id: 12 }] },
    ],
  }
  for (const [path, body] of Object.entries(cases)) {
    expect([path, (await get(path)).body]).toEqual([path, body])
  }
})

test('ranges and counts: Content-Range, 206, 416', async () => {
  const plain = await get('/tasks?limit=2')
  expect([plain.status, plain.headers.get('content-range')]).toEqual([200, '0-1/*'])
  const counted = await get('/tasks?order=id', { prefer: 'count=exact', range: '2-4' })
  expect([
    counted.status,
    counted.headers.get('content-range'),
    (counted.body as Row[]).length,
  ]).toEqual([206, '2-4/12', 3])
  expect(counted.headers.get('preference-applied')).toBe('count=exact')
  const all = await get('/tasks', { prefer: 'count=exact' })
  expect([all.status, all.headers.get('content-range')]).toEqual([200, '0-11/12'])
  const none = await get('/tasks?id=eq.0', { prefer: 'count=exact' })
  expect([none.status, none.headers.get('content-range'), none.body]).toEqual([200, '*/0', []])
  const past = await get('/tasks?offset=100', { prefer: 'count=exact' })
  expect([past.status, past.body]).toMatchObject([
    416,
    { code: 'PGRST103', details: 'An offset of 100 was requested, but there are only 12 rows.' },
  ])
  expect((await get('/tasks?limit=-1')).body).toMatchObject({ code: 'PGRST103' })
  expect((await get('/tasks', { range: '5-1' })).status).toBe(416)
  const planned = await get('/tasks?limit=1', { prefer: 'count=planned' })
  expect(planned.headers.get('content-range')).toMatch(/^0-0\/\d+$/)
  const estimated = await get('/tasks?limit=1', { prefer: 'count=estimated' })
  expect(estimated.headers.get('content-range')).toBe('0-0/12')
  const head = await app
    .as(app.serviceKey)
    .request('HEAD', '/rest/v1/tasks', undefined, { prefer: 'count=exact' })
  expect([head.status, head.headers.get('content-range')]).toEqual([200, '0-11/12'])
})

test('media types: object, stripped nulls, CSV, and none that we have', async () => {
  const object = { accept: 'application/vnd.pgrst.object+json' }
  expect((await get('/tasks?id=eq.1&select=name', object)).body).toEqual({ name: 't1' })
  expect(await get('/tasks?id=lt.3', object)).toMatchObject({
    status: 406,
    body: { code: 'PGRST116', details: 'The result contains 2 rows' },
  })
  expect(
    (
      await get('/projects?id=eq.4&select=id,client_id', {
        accept: 'application/vnd.pgrst.array+json;nulls=stripped',
      })
    ).body,
  ).toEqual([{ id: 4 }])
  const csv = await get('/projects?select=id,name,starts&order=id&limit=2', { accept: 'text/csv' })
  expect([csv.headers.get('content-type'), csv.body]).toEqual([
    'text/csv; charset=utf-8',
    'id,name,starts\n1,Alpha,2024-01-01\n2,Beta,',
  ])
  expect(await get('/tasks', { accept: 'image/png' })).toMatchObject({
    status: 406,
    body: { code: 'PGRST107' },
  })
})

test('CSV has room for more columns than a function may have arguments', async () => {
  const columns = Array.from({ length: 120 }, (_, at) => `c${at}`)
  await app.sql(`create table wide (${columns.map((name) => `${name} text default '${name}'`).join()});
    grant all on wide to service_role; insert into wide default values`)
  const line = columns.join()
  expect((await get('/wide', { accept: 'text/csv' })).body).toBe(`${line}\n${line}`)
  const exported = await app.as(app.serviceKey).get('/api/v1/tables/wide/export')
  expect(await exported.text()).toBe(`${line}\n${line}\n`)
})

test('a table whose name reads like a query is another table, also when that query is kept', async () => {
  expect((await get('/tasks?select=name&id=eq.1')).body).toEqual([{ name: 't1' }])
  expect((await get('/tasks&select=name?id=eq.1')).status).toBe(404)
  const range = { range: '0-0' }
  expect((await get('/tasks?select=id', range)).body).toEqual([{ id: 1 }])
  expect((await get('/tasks@1?select=id', range)).status).toBe(404)
  await app.sql(`create table "members&select=name" (name text);
    grant all on "members&select=name" to service_role`)
  expect((await get('/members?select=name')).body).toHaveLength(3)
  expect((await get('/members&select=name')).body).toEqual([])
  const tables = async (path: string) =>
    (await app.as(app.serviceKey).get(`/api/v1/tables/${path}`)).json()
  expect(await tables('members?select=name')).toHaveLength(3)
  expect(await tables('members&select=name')).toEqual([])
})

test('words that every object of JavaScript knows are no preferences and no media types', async () => {
  for (const word of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    expect(await get('/tasks?id=eq.1&select=id', { prefer: `${word}=1` })).toMatchObject({
      status: 200,
      body: [{ id: 1 }],
    })
    expect(await get('/tasks', { prefer: `handling=strict, ${word}` })).toMatchObject({
      status: 400,
      body: { code: 'PGRST122', details: `Invalid preferences: ${word}` },
    })
    expect(await get('/tasks', { accept: word })).toMatchObject({
      status: 406,
      body: { code: 'PGRST107' },
    })
  }
})

test("errors are PostgREST's: codes, words and statuses", async () => {
  expect(await get('/taskz')).toMatchObject({
    status: 404,
    body: {
      code: 'PGRST205',
      message: "Could not find the table 'public.taskz' in the schema cache",
      hint: "Perhaps you meant the table 'public.tasks'",
      details: null,
    },
  })
  expect(await get('/tasks?id=eq.abc')).toMatchObject({
    status: 400,
    body: { code: '22P02', message: 'invalid input syntax for type integer: "abc"' },
  })
  expect(await get('/tasks?nope=eq.1')).toMatchObject({
    status: 400,
    body: { code: '42703', message: 'column tasks.nope does not exist' },
  })
  expect(await get('/tasks?id=xx.1')).toMatchObject({
    status: 400,
    body: { code: 'PGRST100', message: '"failed to parse filter (xx.1)" (line 1, column 1)' },
  })
  expect(await get('/tasks?id=like.1')).toMatchObject({ status: 404, body: { code: '42883' } })
  expect(await get('/tasks', { 'accept-profile': 'secret' })).toMatchObject({
    status: 406,
    body: {
      code: 'PGRST106',
      message: 'Invalid schema: secret',
      hint: 'Only the following schemas are exposed: public',
    },
  })
  expect(await send('/tasks', { body: { name: 't1' } })).toMatchObject({
    status: 409,
    body: { code: '23505' },
  })
  expect(await send('/tasks', { body: { name: 'q', project_id: 99 } })).toMatchObject({
    status: 409,
    body: { code: '23503' },
  })
  expect(
    await got(await app.nobody.request('PURGE', '/rest/v1/tasks').catch(() => new Response())),
  ).toBeDefined()
  expect((await got(await app.nobody.get('/rest/v1/a/b'))).body).toMatchObject({ code: 'PGRST125' })
})

test('a change of the schema is seen by the next request', async () => {
  await app.sql('create table public.fresh (a int); grant all on public.fresh to service_role')
  expect((await get('/fresh')).body).toEqual([])
  await app.sql('alter table public.fresh add b text')
  expect((await send('/fresh', { body: { a: 1, b: 'x' }, headers: REPRESENT })).body).toEqual([
    { a: 1, b: 'x' },
  ])
  await app.sql('alter table public.fresh rename to renamed')
  expect((await get('/fresh')).status).toBe(404)
  expect((await get('/renamed')).body).toEqual([{ a: 1, b: 'x' }])
})

test('what functions and policies read of the request is there', async () => {
  await app.sql(`create function public.header(name text) returns text language sql stable as
    $$ select current_setting('request.headers', true)::json->>name $$;
    grant execute on function public.header to service_role`)
  expect((await get('/rpc/header?name=x-mine', { 'x-mine': 'yes' })).body).toBe('yes')
})
