/** Corners of what PostgREST is asked: parsing, names, bodies, preferences and media types. */
import { expect, test } from 'vitest'
import { accepting, app, ask, bodyOf, type Sent, useShop } from './postgrest-fixture.ts'

useShop()

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
