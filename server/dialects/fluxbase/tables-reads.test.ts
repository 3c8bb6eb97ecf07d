/** Reading tables: filters, columns, order, groups, embeds, documents, paths and what is told of the tables. */
import { expect, test } from 'vitest'
import { app, list, type Row, said, service, T, useProducts } from './tables-fixture.ts'

useProducts()

const names = async (query: string) => (await list(`${query}&order=id`)).map(({ name }) => name)

test('nobody is asked for a credential; the anon key is enough', async () => {
  const res = await app.nobody.get(`${T}/products`)
  expect(res.status).toBe(401)
  expect(await res.json()).toMatchObject({
    error: expect.stringContaining('Authentication required'),
  })
  expect((await app.as(app.anonKey).get(`${T}/products`)).status).toBe(200)
})

test('filters mean the same in both spellings, first and from the kept statement', async () => {
  const expected: Record<string, string[]> = {
    'id=eq.1': ['p1'],
    'id.eq=1': ['p1'],
    'age=gte.110&age=lte.120': ['p11', 'p12'],
    'age.gte=110&age.lt=120': ['p11'],
    'name.like=p1%': ['p1', 'p10', 'p11', 'p12'],
    'name=like.p1*': ['p1', 'p10', 'p11', 'p12'],
    'name=ilike.P2': ['p2'],
    'id.in=(1,2)': ['p1', 'p2'],
    'id=in.(1,2)': ['p1', 'p2'],
    'id=in.()': [],
    'name=in.("p1","p2")': ['p1', 'p2'],
    'id=nin.(1,2,3,4,5,6,7,8,9,10)': ['p11', 'p12'],
    'id=not.gt.1': ['p1'],
    'id.not.gt=1': ['p1'],
    'deleted_at.is.null&id.lt=2': ['p1'],
    'deleted_at=not.is.null': [],
    'deleted_at=is.not_null': [],
    'tags=cs.(b3,a)': ['p3'],
    'tags=cs.{b3}': ['p3'],
    'tags=ov.["b1","b2"]': ['p1', 'p2'],
    'meta=cs.{"n":"4"}': ['p4'],
    'meta->>n=gt.10': ['p11', 'p12'],
    'meta->>k=eq.v7': ['p7'],
    'during=cs.[14,15)': ['p12'],
    'id=between.(3,4)': ['p3', 'p4'],
    'id=not.between.(2,12)': ['p1'],
    'name=fts.p5 p5': ['p5'],
    'or=(id.eq.1,id.eq.2)': ['p1', 'p2'],
    'or=id.eq.1,id.eq.2': ['p1', 'p2'],
    'or=(id.eq.1,id.eq.2)&or=(id.eq.2,id.eq.3)': ['p2'],
    'and=(or(id.lt.2,id.gt.11),or(id.lt.3,id.gt.3))': ['p1', 'p12'],
    'not.or=(id.gt.2,id.lt.2)': ['p2'],
    'or=(tags.cs.(b1,a),id.in.(2,3))': ['p1', 'p2', 'p3'],
    '_=123&id=eq.4': ['p4'],
  }
  for (const [query, found] of Object.entries(expected)) {
    expect([query, await names(query)]).toEqual([query, found])
    expect([query, await names(query)]).toEqual([query, found])
  }
})

test('unknown operators, parameters and columns are refused, never dropped', async () => {
  for (const bad of [
    'id=xx.1',
    'id.xx=1',
    'nope',
    'nope=1',
    'id=is.maybe',
    'limit=-1',
    'limit=x',
    'or=(id.eq.1',
    'order=id.up',
    'select=id,(',
    'count=many',
  ]) {
    expect([bad, ...(await said(await service.get(`${T}/products?${bad}`)))]).toEqual([
      bad,
      400,
      'INVALID_INPUT',
    ])
  }
  const res = await service.get(`${T}/products?nope=eq.1`)
  expect(await res.json()).toMatchObject({
    error: 'Unknown column: nope',
    code: 'INVALID_INPUT',
    sqlstate: '42703',
  })
  expect((await service.patch(`${T}/products?id.xx=1`, { age: 1 })).status).toBe(400)
})

test('select chooses and renames columns, order and pages hold', async () => {
  expect(await list('select=name&order=price.desc.nullslast&limit=2')).toEqual([
    { name: 'p12' },
    { name: 'p11' },
  ])
  expect(await list('select=n:meta->>n,age::text&id=eq.3')).toEqual([{ n: '3', age: '30' }])
  const page = await service.get(`${T}/products?count=exact&limit=5&offset=5&order=id`)
  expect([page.status, page.headers.get('content-range')]).toEqual([200, '5-9/12'])
  const none = await service.get(`${T}/products?count=exact&id=eq.0`)
  expect([none.headers.get('content-range'), await none.json()]).toEqual(['*/0', []])
  expect(await list('limit=0')).toEqual([])
})

test('aggregates gather all rows, or each group of them', async () => {
  expect(await list('select=count(*)')).toEqual([{ count: 12 }])
  expect(await list('select=count(*)&group_by=category&order=category')).toEqual([
    { category: 'even', count: 6 },
    { category: 'odd', count: 6 },
  ])
  expect(await list('select=category,max(age),sum(price)&order=category')).toEqual([
    { category: 'even', max_age: 120, sum_price: 45 },
    { category: 'odd', max_age: 110, sum_price: 39 },
  ])
})

test('embeds by table, by column and by the column without its _id', async () => {
  const ada = { name: 'Ada' }
  expect(await list('select=id,authors(name)&id=eq.2')).toEqual([{ id: 2, authors: ada }])
  expect(await list('select=id,author_id(name)&id=eq.2')).toEqual([{ id: 2, author_id: ada }])
  expect(await list('select=id,author(name)&id=eq.2')).toEqual([{ id: 2, author: ada }])
  expect(
    await list('select=name,products(id)&products.id=lt.4&products.order=id&order=id', '/authors'),
  ).toEqual([
    { name: 'Ada', products: [{ id: 2 }] },
    { name: 'Bob', products: [{ id: 1 }, { id: 3 }] },
  ])
  expect(await said(await service.get(`${T}/products?select=id,nope(id)`))).toEqual([
    400,
    'PGRST200',
  ])
})

test('paths: schema.table, schema/table, records, and what is not there', async () => {
  expect(await list('', '/logging.entries')).toEqual([{ id: 1, line: 'hello' }])
  expect(await list('', '/logging/entries')).toEqual([{ id: 1, line: 'hello' }])
  expect(await (await service.get(`${T}/logging/entries/1`)).json()).toEqual({
    id: 1,
    line: 'hello',
  })
  expect(await (await service.get(`${T}/public/products/1?select=name`)).json()).toEqual({
    name: 'p1',
  })
  expect(await (await service.get(`${T}/products/nope`)).json()).toMatchObject({
    code: 'INVALID_INPUT',
  })
  expect(await said(await service.get(`${T}/products/999`))).toEqual([404, 'NOT_FOUND'])
  const missing = await service.get(`${T}/nope`)
  expect(await missing.json()).toMatchObject({
    error: "Table 'public.nope' not found",
    code: 'NOT_FOUND',
  })
  expect((await service.get(`${T}/stead.catalog_version`)).status).toBe(404)
  expect((await service.get(`${T}/pg_catalog.pg_class`)).status).toBe(404)
})

test('POST /query is the GET as a document', async () => {
  const res = await service.post(`${T}/products/query`, {
    select: 'id,authors(name)',
    filters: [
      { column: 'id', operator: 'in', value: [1, 2, 3] },
      { column: 'tags', operator: 'cs', value: ['a'] },
      { column: 'deleted_at', operator: 'is', value: null },
    ],
    orFilters: ['id.eq.1,id.eq.2'],
    andFilters: ['age.gt.0,or(id.eq.2,id.eq.9)'],
    betweenFilters: [{ column: 'age', min: 1, max: 1000 }],
    order: [{ column: 'id', direction: 'desc', nulls: 'last' }],
    limit: 5,
    count: 'exact',
  })
  expect([res.status, res.headers.get('content-range')]).toEqual([200, '0-0/1'])
  expect(await res.json()).toEqual([{ id: 2, authors: { name: 'Ada' } }])
})

test('GET /tables describes the tables to who manages the app', async () => {
  const res = await service.get(`${T}?schema=public`)
  expect(await res.json()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        name: 'pairs',
        type: 'table',
        primary_key: ['a', 'b'],
        rls_enabled: false,
      }),
    ]),
  )
  expect((await app.as(app.anonKey).get(T)).status).toBe(403)
})

test('credentials of another app are refused', async () => {
  const other = await app.createApp()
  const res = await app.as(other.serviceKey).get(`${T}/products`, { 'x-fb-tenant': app.appId })
  expect([401, 403, 404]).toContain(res.status)
})

test('a column called like a reserved word is a filter, also from the kept statement', async () => {
  await app.sql(`create table public.words (id int primary key, token text, "limit" int, _hidden text, count int);
    grant all on public.words to service_role;
    insert into public.words values (1, 'a', 10, 'x', 5), (2, 'b', 20, 'y', 6)`)
  const ids = async (query: string) => (await list(query, '/words')).map(({ id }) => id)
  for (const [query, found] of [
    ['token=eq.a', [1]],
    ['token=eq.b', [2]],
    ['token.eq=a', [1]],
    ['limit=eq.20', [2]],
    ['limit.lt=15', [1]],
    ['limit=eq.20&limit=1', [2]],
    ['count=eq.5', [1]],
    ['_hidden=eq.y', [2]],
    ['_hidden.eq=x', [1]],
    ['_=1&id=eq.1', [1]],
    ['token=whatever&id=eq.2', [2]],
  ] as const) {
    expect([query, await ids(query)]).toEqual([query, found])
    expect([query, await ids(query)]).toEqual([query, found])
  }
  const changed = await service.patch(`${T}/words?_hidden=eq.x&select=id`, { count: 7 })
  expect(await changed.json()).toEqual([{ id: 1 }])
})

test('an operator may stand after .not, and embeds take operands as their own columns need them', async () => {
  expect(await names('id.not=gt.1')).toEqual(['p1'])
  expect(await names('id=in.[1,2]&or=(id.in.[2,3],id.in.(4))')).toEqual(['p2'])
  const authors = 'select=name,products(id)&products.order=id&order=id'
  expect(await list(`${authors}&products.tags=cs.(a,b2)`, '/authors')).toEqual([
    { name: 'Ada', products: [{ id: 2 }] },
    { name: 'Bob', products: [] },
  ])
  expect(await list(`${authors}&products.not.or=(id.gt.2,id.lt.2)`, '/authors')).toEqual([
    { name: 'Ada', products: [{ id: 2 }] },
    { name: 'Bob', products: [] },
  ])
  await app.sql(`alter table logging.entries add column author_id int references public.authors;
    update logging.entries set author_id = 1`)
  expect(await list('select=line,author(name)', '/logging/entries')).toEqual([
    { line: 'hello', author: { name: 'Ada' } },
  ])
  await app.sql('alter table logging.entries drop column author_id')
})

test('operands of jsonb in parentheses are JSON where they look like it', async () => {
  await app.sql(`create table public.bags (id int primary key, bag jsonb);
    grant all on public.bags to service_role;
    insert into public.bags values (1, '[1, 2]'), (2, '["a", "b"]'), (3, '[{"k": 1, "l": 2}]')`)
  const ids = async (query: string) =>
    (await list(`${query}&order=id`, '/bags')).map(({ id }) => id)
  expect(await ids('bag=cs.(1,2)')).toEqual([1])
  expect(await ids('bag=cs.(b)')).toEqual([2])
  expect(await ids('bag=cs.({"k":1,"l":2})')).toEqual([3])
})

test('truncate cuts long texts and says how long they are', async () => {
  await app.sql(`create table public.essays (id int primary key, body text, facts jsonb, author_id int references authors);
    grant all on public.essays to service_role;
    insert into public.essays values (1, repeat('é', 20), '{"t": "long enough to cut"}', 1), (2, 'short', '{}', 1)`)
  const cut = `${'é'.repeat(5)}... (20 chars)`
  expect(await list('truncate=5&order=id&select=id,body', '/essays')).toEqual([
    { id: 1, body: cut },
    { id: 2, body: 'short' },
  ])
  const [row] = await list('truncate=5&id=eq.1', '/essays')
  expect(row).toEqual({ id: 1, body: cut, facts: { t: 'long enough to cut' }, author_id: 1 })
  expect(await list('truncate=4&id=eq.1&select=t:facts->>t', '/essays')).toEqual([
    { t: 'long... (18 chars)' },
  ])
  expect(
    await list('truncate=2&select=name,essays(body)&essays.id=eq.1&id=eq.1', '/authors'),
  ).toEqual([{ name: 'Ad... (3 chars)', essays: [{ body: 'éé... (20 chars)' }] }])
  expect(await (await service.get(`${T}/essays/1?truncate=5&select=body`)).json()).toEqual({
    body: cut,
  })
  expect(await list('truncate=999999999999999&id=eq.2&select=body', '/essays')).toEqual([
    { body: 'short' },
  ])
  for (const bad of ['0', '-1', 'x']) {
    expect((await service.get(`${T}/essays?truncate=${bad}`)).status).toBe(400)
  }
})

test('POST /query: refusals, vectors of no vector column, and a query string beside it', async () => {
  const ask = (body: object, query = '') => service.post(`${T}/products/query${query}`, body)
  for (const bad of [
    { filters: [{ column: 'id', operator: 'xx', value: 1 }] },
    { filters: [{ column: 'tags', operator: 'vec_cos', value: [1, 2] }] },
    { orFilters: ['id.eq.1)'] },
    { order: [{ column: 'id,name' }] },
    { order: [{ column: 'id', direction: 'up' }] },
    { count: 'many' },
    { limit: -1 },
    { truncate: 0.5 },
    { filters: 'id' },
    [],
  ]) {
    const res = await ask(bad)
    expect([bad, res.status, await res.json()]).toEqual([
      bad,
      400,
      expect.objectContaining({
        error: 'Invalid query parameters',
        code: 'INVALID_INPUT',
        details: expect.any(String),
      }),
    ])
  }
  const both = await ask(
    { select: 'id', filters: [{ column: 'id', operator: 'lt', value: 4 }] },
    '?id=gt.2',
  )
  expect(await both.json()).toEqual([{ id: 3 }])
  const counted = await ask({
    select: 'count(*)',
    groupBy: ['category'],
    order: [{ column: 'category' }],
  })
  expect(await counted.json()).toEqual([
    { category: 'even', count: 6 },
    { category: 'odd', count: 6 },
  ])
  const not = await ask({
    select: 'id',
    filters: [{ column: 'id', operator: 'not', value: 'gt.1' }],
  })
  expect(await not.json()).toEqual([{ id: 1 }])
})

test('groups: what is grouped by is the output when nothing is selected; empty sets count nothing', async () => {
  expect(await list('group_by=category&order=category')).toEqual([
    { category: 'even' },
    { category: 'odd' },
  ])
  expect(await list('select=count(*),sum(price)&id=lt.0')).toEqual([{ count: 0, sum_price: null }])
  const res = await service.get(
    `${T}/products?select=count(*)&group_by=category&limit=1&count=exact`,
  )
  expect(res.headers.get('content-range')).toBe('0-0/2')
  expect(await list('select=category,n:count(*)&order=n.desc,category&limit=1')).toEqual([
    { category: 'even', n: 6 },
  ])
  expect((await service.get(`${T}/products?group_by=nope`)).status).toBe(400)
})

test('GET /tables leaves out what is the server’s own', async () => {
  const told = (await (
    await service.get(`${T}?schema=public,auth,functions,stead`)
  ).json()) as Row[]
  const paths = told.map(({ path }) => path)
  expect(paths).toContain('/api/v1/tables/products')
  expect(paths).toContain('/api/v1/tables/auth/users')
  expect(told.filter(({ schema }) => schema === 'functions' || schema === 'stead')).toEqual([])
  expect(
    paths.filter((path) => /_idempotency|one_time_tokens|spent_refresh/.test(String(path))),
  ).toEqual([])
})
