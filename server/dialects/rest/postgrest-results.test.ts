/** Corners of what PostgREST answers: embeds, spreads, functions, headers, rows, plans and GeoJSON. */
import { expect, test } from 'vitest'
import { accepting, app, ask, bodyOf, useShop } from './postgrest-fixture.ts'

useShop()

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

test('headers of the database travel as UTF-8, and those that no header can hold are told', async () => {
  await app.sql(`create function tell(header text) returns int language sql stable as
    $$ select 1 from set_config('response.headers', json_build_array(json_build_object('X-Why', header))::text, true) $$`)
  const tell = async (name: string, header: string) => {
    const { status, headers, body } = await ask(`/rpc/${name}`, {
      method: 'POST',
      body: { header },
    })
    const why = headers.get('x-why')
    const told = why === null ? null : Buffer.from(why, 'latin1').toString()
    return [status, told, (body as { code?: string }).code]
  }
  for (const text of ['plain', 'h\u00e9', '\u20ac 5', '\ud83d\ude00']) {
    expect(await tell('tell', text)).toEqual([200, text, undefined])
    expect(await tell('fail_with', text)).toEqual([402, text, '78'])
  }
  for (const text of ['a\u0001b', 'a\r\nb: c', '\u007f']) {
    expect(await tell('tell', text)).toEqual([500, null, 'PGRST111'])
    expect(await tell('fail_with', text)).toEqual([500, null, 'PGRST121'])
  }
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
  const single =
    'application/vnd.pgrst.plan+text; for="application/vnd.pgrst.object+json"; options=analyze|verbose'
  const promised = await ask('/placed?good_id=eq.0', { method: 'DELETE', ...accepting(single) })
  expect([promised.status, promised.body]).toEqual([200, expect.not.stringContaining('guard')])
  await configure({ db_plan_enabled: false })
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
