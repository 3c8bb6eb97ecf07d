/** Corners of PostgREST's language that a shop of small tables shows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

const SCHEMA = `
create table makers (id int primary key, name text not null);
create table goods (id int primary key, maker_id int references makers, name text not null,
  price numeric not null default 1, tags jsonb);
create table shelves (id int primary key, label text);
create table placed (good_id int references goods, shelf_id int references shelves,
  primary key (good_id, shelf_id));
insert into makers values (1, 'Abel'), (2, 'Bea');
insert into goods values (1, 1, 'pen', 2, '{"ink-colour": {"a b": 7}}'), (2, 1, 'pad', 3, null),
  (3, 2, 'cup', 5, null);
insert into shelves values (1, 'low'), (2, 'high');
insert into placed values (1, 1), (1, 2), (3, 2);
create view goods_seen as select id, maker_id, name from goods;
create view goods_seen_twice as select id as good, maker_id as maker, name from goods_seen;
create view placed_seen as select good_id, shelf_id from placed;
create view sums as select maker_id, sum(price) as total from goods group by maker_id;
create function shout(goods) returns text stable language sql as $$ select upper($1.name) $$;

create domain "text/x-note" as text;
create domain "image/x-dot" as bytea;
create domain "*/*" as text;
create function note() returns "text/x-note" stable language sql as $$ select 'a note' $$;
create function dot() returns "image/x-dot" stable language sql as $$ select '\\x00ff'::bytea $$;
create function whatever() returns "*/*" stable language sql as $$ select 'yes' $$;
create function add_line("text/x-note", makers) returns "text/x-note" immutable language sql
  as $$ select concat($1, $2.id, ':', $2.name, ';')::"text/x-note" $$;
create aggregate lines(makers) (sfunc = add_line, stype = "text/x-note", initcond = '');

create table logs (day int, note text, primary key (day)) partition by range (day);
create table logs_all partition of logs for values from (0) to (1000);

create function touch() returns void language sql as $$ select 1 $$;
create function pair(out left_side int, out right_side int) language sql as $$ select 1, 2 $$;
create function sole(out answer int) language sql as $$ select 42 $$;
create function letters(code char(3), bits bit(2)) returns text language sql
  as $$ select code || bits::text $$;
create function fail_so(status int) returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"77","message":"so","details":"d","hint":"h"}',
    detail = format('{"status":%s,"status_text":"Quite So \u00e9","headers":{"X-So":"1"}}', status); end $$`

beforeAll(async () => {
  app = await startApp()
  await app.sql(SCHEMA)
})

afterAll(() => app[Symbol.asyncDispose]())

type Sent = {
  method?: string
  body?: object | string | undefined
  headers?: Record<string, string>
}

async function ask(path: string, { method = 'GET', body, headers }: Sent = {}) {
  const res = await app.as(app.serviceKey).request(method, `/rest/v1${path}`, body, headers)
  const bytes = Buffer.from(await res.arrayBuffer())
  const text = bytes.toString()
  const isJson = /^[^;]*json/.test(res.headers.get('content-type') ?? '') && text !== ''
  const { status, statusText, headers: told } = res
  return { status, statusText, headers: told, bytes, body: isJson ? JSON.parse(text) : text }
}

const bodyOf = async (path: string, sent?: Sent) => (await ask(path, sent)).body as unknown
const accepting = (accept: string): Sent => ({ headers: { accept } })
const configure = (settings: object) =>
  app.owner.patch(`/v1/${app.appId}/config/data-api`, settings)

test('keys reach through views of views and through a junction that is a view', async () => {
  expect(await bodyOf('/goods_seen_twice?select=good,makers(name)&good=eq.3')).toEqual([
    { good: 3, makers: { name: 'Bea' } },
  ])
  expect(await bodyOf('/goods_seen?select=id,shelves!placed_seen(label)&id=eq.3')).toEqual([
    { id: 3, shelves: [{ label: 'high' }] },
  ])
})

test('a function of a row is a column in reads, writes and filters', async () => {
  expect(await bodyOf('/goods?select=shout&shout=eq.PAD')).toEqual([{ shout: 'PAD' }])
  const changed = await ask('/goods?id=eq.2&select=name,shout', {
    method: 'PATCH',
    body: { name: 'mat' },
    headers: { prefer: 'return=representation, tx=rollback' },
  })
  expect(changed.body).toEqual([{ name: 'mat', shout: 'MAT' }])
})

test('a table in partitions merges duplicates like any other', async () => {
  const merge = async (note: string) =>
    ask('/logs', {
      method: 'POST',
      body: [{ day: 1, note }],
      headers: { prefer: 'resolution=merge-duplicates, return=representation' },
    })
  expect((await merge('old')).status).toBe(201)
  expect((await merge('new')).body).toEqual([{ day: 1, note: 'new' }])
})

test('asked for one row, a change of several is undone', async () => {
  const changed = await ask('/goods', {
    method: 'PATCH',
    body: { price: 9 },
    headers: { accept: 'application/vnd.pgrst.object+json' },
  })
  expect([changed.status, changed.body]).toMatchObject([406, { code: 'PGRST116' }])
  expect(await bodyOf('/goods?price=eq.9')).toEqual([])
})

test('a function answers as the media type that its result is named for', async () => {
  const note = await ask('/rpc/note', accepting('text/x-note'))
  expect([note.body, note.headers.get('content-type')]).toEqual(['a note', 'text/x-note'])
  const dot = await ask('/rpc/dot', accepting('image/x-dot, application/json;q=0.1'))
  expect([...dot.bytes, dot.headers.get('content-type')]).toEqual([0, 255, 'image/x-dot'])
  const any = await ask('/rpc/whatever', accepting('some/thing'))
  expect([any.body, any.headers.get('content-type')]).toEqual(['yes', 'application/octet-stream'])
  expect((await ask('/rpc/note', accepting('text/html'))).status).toBe(406)
})

test('an aggregate over a table writes its rows when all columns are asked for', async () => {
  const all = await ask('/makers?order=id', accepting('text/x-note'))
  expect([all.status, all.body]).toEqual([200, '1:Abel;2:Bea;'])
  expect((await ask('/makers?select=id', accepting('text/x-note'))).status).toBe(406)
  expect((await ask('/goods', accepting('text/x-note'))).status).toBe(406)
})

test('an embed in a table of text is JSON as jsonb writes it', async () => {
  const csv = await ask('/goods?select=name,makers(name,id)&id=eq.1', accepting('text/csv'))
  expect(csv.body).toBe('name,makers\npen,"{""id"": 1, ""name"": ""Abel""}"')
})

test('OPTIONS tells what a table, a view or a function takes', async () => {
  const allowed = async (path: string) =>
    (await ask(path, { method: 'OPTIONS' })).headers.get('allow')
  expect(await allowed('/goods')).toBe('OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE')
  expect(await allowed('/sums')).toBe('OPTIONS,GET,HEAD')
  expect(await allowed('/rpc/note')).toBe('OPTIONS,GET,HEAD,POST')
  expect(await allowed('/rpc/touch')).toBe('OPTIONS,POST')
  expect((await ask('/nowhere', { method: 'OPTIONS' })).status).toBe(404)
})

test('a spread of one row is its parent’s, aggregates too; one of many gives arrays that belong together', async () => {
  const whole = 'select=name,...goods(good:name,price,...makers(by:name),shelves!placed(label))'
  expect(
    await bodyOf(`/makers?${whole}&order=id&goods.order=price.desc&goods.shelves.order=label.desc`),
  ).toEqual([
    {
      name: 'Abel',
      good: ['pad', 'pen'],
      price: [3, 2],
      by: ['Abel', 'Abel'],
      shelves: [[], [{ label: 'low' }, { label: 'high' }]],
    },
    { name: 'Bea', good: ['cup'], price: [5], by: ['Bea'], shelves: [[{ label: 'high' }]] },
  ])
  const nested = '/makers?select=name,...goods(good:name,...placed(shelf:shelf_id))&order=id'
  expect(await bodyOf(`${nested}&goods.order=name&goods.placed.order=shelf_id`)).toEqual([
    { name: 'Abel', good: ['pad', 'pen'], shelf: [[], [1, 2]] },
    { name: 'Bea', good: ['cup'], shelf: [[2]] },
  ])
  const none = '/shelves?select=id,...placed(good_id)&placed.good_id=eq.2&id=eq.1'
  expect(await bodyOf(none)).toEqual([{ id: 1, good_id: [] }])
  expect(await bodyOf('/makers?select=id,...goods()&id=eq.1')).toEqual([{ id: 1 }])
  const counted = '/makers?select=name,...goods(price.sum())'
  expect(await bodyOf(counted)).toMatchObject({ code: 'PGRST123' })
  await configure({ db_aggregates_enabled: true })
  expect(
    await bodyOf('/goods?select=total:price.sum(),...makers(made_by:name)&order=makers(name)'),
  ).toEqual([
    { total: 5, made_by: 'Abel' },
    { total: 5, made_by: 'Bea' },
  ])
  expect(await bodyOf('/goods?select=maker_id,...makers(count())&order=maker_id')).toEqual([
    { maker_id: 1, count: 2 },
    { maker_id: 2, count: 1 },
  ])
  const refused = {
    code: 'PGRST127',
    message: 'Feature not implemented',
    details: 'Aggregates are not implemented for one-to-many or many-to-many spreads.',
    hint: null,
  }
  expect(await bodyOf(counted)).toEqual(refused)
  expect(await bodyOf('/shelves?select=id,...placed(...goods(price.max()))')).toEqual(refused)
  await configure({ db_aggregates_enabled: false })
})

test('results of functions: one output, several outputs, and lengths of types', async () => {
  expect(await bodyOf('/rpc/pair', { method: 'POST', body: {} })).toEqual({
    left_side: 1,
    right_side: 2,
  })
  expect(await bodyOf('/rpc/sole', { method: 'POST', body: {} })).toEqual({ answer: 42 })
  expect(await bodyOf('/rpc/letters?code=abc&bits=10')).toBe('abc10')
})

test('values of a function are rows of one column: filtered, ordered, paged, counted', async () => {
  await app.sql(`create function numbers() returns setof int stable language sql as 'select generate_series(1, 4)';
    create function facts() returns setof jsonb stable language sql as
      $$ values ('{"n": 2}'::jsonb), ('{"n": 1}') $$`)
  expect(await bodyOf('/rpc/numbers?limit=2&offset=1')).toEqual([2, 3])
  expect(await bodyOf('/rpc/numbers?pgrst_scalar=gt.2&order=pgrst_scalar.desc')).toEqual([4, 3])
  expect(await bodyOf('/rpc/facts?order=pgrst_scalar->n')).toEqual([{ n: 1 }, { n: 2 }])
  const page = await ask('/rpc/numbers?pgrst_scalar=lt.4', {
    headers: { prefer: 'count=exact', range: '0-0' },
  })
  expect([page.status, page.headers.get('content-range'), page.body]).toEqual([206, '0-0/3', [1]])
  expect(await bodyOf('/rpc/numbers?limit=1', accepting('text/csv'))).toBe('pgrst_scalar\n1')
  expect(await bodyOf('/rpc/numbers?select=n')).toMatchObject({ code: '42703' })
})

test('headers that the database sets replace ours, and may stand several times', async () => {
  await app.sql(`create function told(headers text) returns int language sql stable as
    $$ select 1 from set_config('response.headers', headers, true) $$`)
  const told = async (headers: object) =>
    (await ask(`/rpc/told?headers=${encodeURIComponent(JSON.stringify(headers))}`)).headers
  const given = await told([
    { 'Cache-Control': 'public' },
    { 'Content-Type': 'text/x-own' },
    { 'Set-Cookie': 'a=1' },
    { 'cache-control': 'max-age=9' },
    { 'Set-Cookie': 'b=2' },
  ])
  expect(given.get('cache-control')).toBe('public, max-age=9')
  expect(given.get('content-type')).toBe('text/x-own')
  expect(given.getSetCookie()).toEqual(['a=1', 'b=2'])
})

test('a function shapes its own error', async () => {
  const failed = await ask('/rpc/fail_so', { method: 'POST', body: { status: 418 } })
  expect(failed.statusText).toBe('Quite So ?')
  expect([failed.status, failed.headers.get('x-so')]).toEqual([418, '1'])
  expect(failed.body).toEqual({ code: '77', message: 'so', details: 'd', hint: 'h' })
})

test('max rows hold for reads, embeds and functions, and counts stay whole', async () => {
  await configure({ db_max_rows: 1 })
  const rows = await ask('/makers?select=id,goods(id)', { headers: { prefer: 'count=exact' } })
  expect(rows.body).toEqual([{ id: 1, goods: [{ id: 1 }] }])
  expect([rows.status, rows.headers.get('content-range')]).toEqual([206, '0-0/2'])
  await configure({ db_max_rows: null })
})

test('the plan of a statement is told when the app allows it', async () => {
  const asked = accepting('application/vnd.pgrst.plan+json; for="text/csv"; options=verbose')
  expect(await ask('/goods', asked)).toMatchObject({ status: 406, body: { code: 'PGRST107' } })
  await configure({ db_plan_enabled: true })
  const told = await ask('/goods?id=eq.1', asked)
  expect(told.body).toMatchObject([{ Plan: { 'Node Type': 'Aggregate' } }])
  expect(told.headers.get('content-type')).toBe(
    'application/vnd.pgrst.plan+json; for="text/csv"; options=verbose; charset=utf-8',
  )
  const deleting = { method: 'DELETE', ...accepting('application/vnd.pgrst.plan') }
  const lines = (await ask('/placed?good_id=eq.3', deleting)).body as string
  expect(lines).toContain('Delete on placed')
  expect(lines.endsWith('\n')).toBe(true)
  expect(await bodyOf('/placed?good_id=eq.3')).toHaveLength(1)
  await configure({ db_plan_enabled: false })
})

test('errors of parsing name the place and what is known to stand there', async () => {
  const told = async (query: string) => {
    const { message, details } = (await bodyOf(`/makers?${query}`)) as Record<string, string>
    return [/column (\d+)/.exec(message ?? '')?.[1], details]
  }
  const isValue = 'isVal: (null, not_null, true, false, unknown)'
  expect(await told('id=is.started')).toEqual(['4', `unexpected "s" expecting ${isValue}`])
  expect(await told('id=is.not.null')).toEqual(['7', `unexpected "." expecting ${isValue}`])
  expect(await told('id=is.nul')).toEqual(['7', `unexpected end of input expecting ${isValue}`])
  expect(await told('select=:')).toEqual([
    '1',
    'unexpected ":" expecting field name (* or [a..z0..9_$])',
  ])
  expect(await told('select=name::')).toEqual([
    '7',
    'unexpected end of input expecting letter or digit',
  ])
})

test('errors of parsing say what could have stood there', async () => {
  const parse = async (query: string) => (await ask(`/goods?${query}`)).body as { details: string }
  expect(await parse('order=id.up')).toMatchObject({
    details: 'unexpected "u" expecting "asc", "desc", "nullsfirst" or "nullslast"',
  })
  expect(await parse('order=id.ascx')).toMatchObject({
    details: `unexpected 'x' expecting delimiter (.), "," or end of input`,
  })
  expect(await parse('id=7')).toMatchObject({ code: 'PGRST100' })
  expect(await parse('select=tags->(x')).toMatchObject({ code: 'PGRST100' })
})

test('JSON keys may hold whatever means nothing else; lists may begin with blanks', async () => {
  expect(await bodyOf('/goods?select=n:tags->ink-colour->a b&id=eq.1')).toEqual([{ n: 7 }])
  expect(await bodyOf('/goods?select=id&id=in.(  )')).toEqual([])
  expect(await bodyOf('/goods?select=id&and=( or ( id.eq.1 , id.eq.2 ) , price.gt.2 )')).toEqual([
    { id: 2 },
  ])
})

test('JSON that holds no rows inserts none, and is an empty list to a function', async () => {
  for (const body of ['5', '"text"', 'true', 'null', '[]']) {
    const headers = { 'content-type': 'application/json', prefer: 'return=representation' }
    expect(await ask('/makers', { method: 'POST', body, headers }), body).toMatchObject({
      status: 201,
      body: [],
    })
  }
  const headers = { 'content-type': 'application/json' }
  expect(await ask('/makers', { method: 'POST', body: '5 5', headers })).toMatchObject({
    status: 400,
    body: { code: 'PGRST102', message: 'Empty or invalid json' },
  })
  await app.sql(`create function kind(json) returns text language sql as 'select json_typeof($1)'`)
  expect(await bodyOf('/rpc/kind', { method: 'POST', body: '5', headers })).toBe('array')
})

test('GeoJSON is what PostGIS writes, in reads, writes and calls, and not there without it', async () => {
  const geo = accepting('application/geo+json')
  expect(await ask('/makers', geo)).toMatchObject({ status: 406, body: { code: 'PGRST107' } })
  expect((await ask('/makers', accepting('application/geo+json, application/json'))).status).toBe(
    200,
  )
  // In the place of the extension, which the embedded PostgreSQL does not have.
  await app.sql(`create schema gis; grant usage on schema gis to public;
    create function gis.st_asgeojson(feature record, geom text default '', digits int default 9) returns text
      stable language plpgsql as $$ begin
        if to_jsonb(feature) -> 'name' is null then raise sqlstate '22023' using message = 'geometry column is missing'; end if;
        return jsonb_build_object('type', 'Feature', 'properties', to_jsonb(feature)); end $$;
    create function all_makers() returns setof makers stable language sql as 'select * from makers'`)
  const feature = (properties: object) => ({ type: 'Feature', properties })
  const told = await ask('/makers?order=id&limit=1', geo)
  expect(told.headers.get('content-type')).toBe('application/geo+json; charset=utf-8')
  expect(told.body).toEqual({
    type: 'FeatureCollection',
    features: [feature({ id: 1, name: 'Abel' })],
  })
  expect(await bodyOf('/makers?id=eq.99', geo)).toEqual({ type: 'FeatureCollection', features: [] })
  expect(await ask('/makers?select=id', geo)).toMatchObject({
    status: 400,
    body: { code: '22023', message: 'geometry column is missing' },
  })
  expect(await bodyOf('/rpc/all_makers?id=eq.2', geo)).toMatchObject({
    features: [feature({ id: 2, name: 'Bea' })],
  })
  const made = await ask('/makers', {
    method: 'POST',
    body: { id: 9, name: 'Ida' },
    headers: { accept: 'application/geo+json', prefer: 'return=representation, tx=rollback' },
  })
  expect(made).toMatchObject({ status: 201, body: { features: [feature({ id: 9, name: 'Ida' })] } })
})

test('a name that is not there gets the nearest one as a hint', async () => {
  await app.sql(`create function add_up(a int, b int) returns int stable language sql as 'select a + b';
    create table lonely_goods (id int primary key)`)
  const hintOf = async (path: string, sent?: Sent) =>
    ((await bodyOf(path, sent)) as { hint: string | null }).hint
  expect(await hintOf('/maker')).toBe("Perhaps you meant the table 'public.makers'")
  expect(await hintOf('/qqqq')).toBeNull()
  // Like it, but not nearly the same: whoever guesses is not told what is there.
  expect(await hintOf('/mak')).toBeNull()
  expect(await hintOf('/rpc/add_to')).toBeNull()
  expect(await hintOf('/rpc/add_u')).toBe('Perhaps you meant to call the function public.add_up')
  expect(await hintOf('/rpc/add_up?b=1&a=2&c=3')).toBe(
    'Perhaps you meant to call the function public.add_up(a, b)',
  )
  const csv = { method: 'POST', body: 'a,c\n1,2', headers: { 'content-type': 'text/csv' } }
  expect(await bodyOf('/rpc/add_up', csv)).toMatchObject({
    code: 'PGRST202',
    details:
      'Searched for the function public.add_up with parameters a, c, but no matches were found in the schema cache.',
    hint: 'Perhaps you meant to call the function public.add_up(a, b)',
  })
  expect(await hintOf('/goods?select=maker(*)')).toBe(
    "Perhaps you meant 'makers' instead of 'maker'.",
  )
  expect(await hintOf('/lonely_goods?select=makers(*)')).toBe(
    "Perhaps you meant 'goods' instead of 'lonely_goods'.",
  )
  // Both are there, but not so related: the hint of the embed is at fault, not a name.
  expect(await hintOf('/goods?select=makers!nonesuch(*)')).toBeNull()
})

test('a function of one JSON argument without a name takes JSON, not CSV', async () => {
  await app.sql(`create function whole(json) returns json stable language sql as 'select $1'`)
  const sent = (type: string, body: string) => ({
    method: 'POST',
    body,
    headers: { 'content-type': type },
  })
  expect(await bodyOf('/rpc/whole', sent('application/json', '{"a":1}'))).toEqual({ a: 1 })
  expect(await ask('/rpc/whole', sent('text/csv', 'a\n1'))).toMatchObject({ status: 404 })
})

test('a part of a table in partitions is reached through the table', async () => {
  expect(await ask('/logs_all')).toMatchObject({
    status: 404,
    body: { code: 'PGRST205', hint: null },
  })
  for (const method of ['POST', 'PATCH', 'DELETE', 'OPTIONS']) {
    const body = method === 'POST' || method === 'PATCH' ? { day: 1 } : undefined
    expect((await ask('/logs_all?day=eq.1', { method, ...(body && { body }) })).status).toBe(404)
  }
})

test('with columns the database alone reads the JSON, and says what is wrong with it', async () => {
  const insert = (body: string, prefer = 'return=representation, tx=rollback') =>
    ask('/makers?columns=id,name', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', prefer },
    })
  const ida = { id: 70, name: 'Ida' }
  expect((await insert(JSON.stringify(ida))).body).toEqual([ida])
  const extra = ` [{"id": 70, "name": "Ida", "more": 1}, {"name": "Una", "id": 71}]`
  expect((await insert(extra)).body).toEqual([ida, { id: 71, name: 'Una' }])
  for (const [body, code] of [
    ['{"id": 7', '22P02'],
    ['', '22P02'],
    ['5', '22023'],
    ['[5]', '22023'],
    ['{"id": "x"}', '22P02'],
  ] as const) {
    expect([body, await insert(body)]).toMatchObject([body, { status: 400, body: { code } }])
  }
})

test('of what is said twice one counts, and a name without a value means nothing', async () => {
  const names = async (query: string) =>
    ((await bodyOf(`/makers?${query}`)) as { name: string }[]).map(({ name }) => name)
  expect(await bodyOf('/makers?select=id&select=name&id=eq.1')).toEqual([{ id: 1 }])
  expect(await names('order=id.desc&order=id.asc')).toEqual(['Bea', 'Abel'])
  expect(await names('order=id&limit=1&limit=2')).toEqual(['Abel', 'Bea'])
  expect(await names('id&select&order=id&limit')).toEqual(['Abel', 'Bea'])
  const nested = await bodyOf(
    '/goods?select=id,shelves!placed(id)&id=eq.1&shelves.order=id.desc&shelves.order=id',
  )
  expect(nested).toEqual([{ id: 1, shelves: [{ id: 2 }, { id: 1 }] }])
  const located = await ask('/makers?name=in.(Abel,Bea)&id=gt.0&bare&id=lt.9')
  expect(located.headers.get('content-location')).toBe(
    '/makers?bare=&id=gt.0&id=lt.9&name=in.%28Abel%2CBea%29',
  )
})

test('each method tells the preferences that it heeds, in one order', async () => {
  const prefer = [
    'timezone=UTC, max-affected=5, handling=strict, tx=rollback, count=exact',
    'return=representation, missing=default, resolution=merge-duplicates',
  ].join(', ')
  const told = async (method: string, path: string, body?: object) => {
    const { status, headers } = await ask(path, { method, body, headers: { prefer } })
    return [status, headers.get('preference-applied'), headers.get('content-range')]
  }
  const ada = { id: 7, name: 'Ada' }
  const shared = 'return=representation, count=exact, tx=rollback, handling=strict, timezone=UTC'
  const read = 'count=exact, tx=rollback, handling=strict, timezone=UTC'
  expect(await told('POST', '/makers', ada)).toEqual([
    201,
    `resolution=merge-duplicates, missing=default, ${shared}`,
    '*/1',
  ])
  expect(await told('PATCH', '/makers?id=eq.1', { name: 'Ada' })).toEqual([
    200,
    `missing=default, ${shared}, max-affected=5`,
    '0-0/1',
  ])
  expect(await told('DELETE', '/placed?good_id=eq.1')).toEqual([
    200,
    `${shared}, max-affected=5`,
    '*/2',
  ])
  expect(await told('PUT', '/makers?id=eq.7', ada)).toEqual([201, shared, null])
  expect(await told('GET', '/makers')).toEqual([200, read, '0-1/2'])
  // It gives one row, which cannot be too many.
  expect((await told('POST', '/rpc/pair', {}))[0]).toBe(400)
})

test('max-affected is no limit of what is inserted, and says nothing when it is lenient', async () => {
  const two = [
    { id: 8, name: 'H' },
    { id: 9, name: 'I' },
  ]
  const insert = (prefer: string) =>
    ask('/makers', { method: 'POST', body: two, headers: { prefer } })
  const { status, headers } = await insert('handling=strict, max-affected=1, tx=rollback')
  expect([status, headers.get('preference-applied')]).toEqual([201, 'tx=rollback, handling=strict'])
})

test('PUT answers nothing unless asked to, whether the row is new or not', async () => {
  const put = (id: number) =>
    ask(`/makers?id=eq.${id}`, {
      method: 'PUT',
      body: { id, name: 'Put' },
      headers: { prefer: 'tx=rollback' },
    })
  expect([(await put(1)).status, (await put(99)).status]).toEqual([204, 204])
})

test('Accept without a type means any; a part of the types is none', async () => {
  const got = async (accept: string) => {
    const { status, headers } = await ask('/makers?select=id', accepting(accept))
    return [status, headers.get('content-type')]
  }
  const json = [200, 'application/json; charset=utf-8']
  expect(await got('')).toEqual(json)
  expect(await got('text/html, */*;q=0.1')).toEqual(json)
  expect(await got('text/csv;q=0.5, application/json;q=0.9')).toEqual(json)
  expect((await got('text/csv, application/json'))[1]).toBe('text/csv; charset=utf-8')
  expect((await got('application/*'))[0]).toBe(406)
  expect((await got('application/octet-stream'))[0]).toBe(406)
})

test('what cannot be done with the root or a materialized view is refused', async () => {
  await app.sql('create materialized view kept as select * from makers')
  const refused = async (method: string, path: string, body?: object) => {
    const { status, body: error } = await ask(path, { method, body })
    return [status, (error as { code: string }).code, (error as { message: string }).message]
  }
  expect(await refused('PATCH', '/')).toEqual([405, 'PGRST117', 'Unsupported HTTP method: PATCH'])
  expect((await refused('GET', '/makers/'))[1]).toBe('PGRST125')
  const kept = [400, '42809', 'cannot change materialized view "kept"']
  expect(await refused('POST', '/kept', { id: 1 })).toEqual(kept)
  expect(await refused('DELETE', '/kept?id=eq.1')).toEqual(kept)
})

test('the schema that was named is told, where there is something in it to tell', async () => {
  const profile = async (method: string, headers: Record<string, string>) =>
    (
      await ask('/makers?id=eq.1', {
        method,
        headers: { ...headers, prefer: `${headers.prefer ?? ''}, tx=rollback` },
        body: method === 'PATCH' ? { name: 'Ada' } : undefined,
      })
    ).headers.get('content-profile')
  expect(await profile('GET', {})).toBeNull()
  expect(await profile('GET', { 'accept-profile': 'public' })).toBe('public')
  const named = { 'content-profile': 'public' }
  expect(await profile('PATCH', named)).toBeNull()
  expect(await profile('PATCH', { ...named, prefer: 'return=representation' })).toBe('public')
  const asked = { method: 'OPTIONS', headers: { 'accept-profile': 'nowhere' } }
  expect((await ask('/makers', asked)).status).toBe(406)
})
