/** Many rows of tables: bulk, export, cursors and ranges. */
import { beforeAll, describe, expect, test } from 'vitest'
import { app, list, type Row, said, service, T, useProducts } from './tables-fixture.ts'

useProducts()

test('bulk inserts rows, changes each in its own way or many alike, and deletes', async () => {
  const made = await service.post(`${T}/pairs/bulk`, {
    records: [
      { a: 50, b: 1, v: 'x' },
      { a: 50, b: 2 },
    ],
  })
  expect([made.status, ((await made.json()) as Row[]).length]).toEqual([201, 2])
  const each = await service.patch(`${T}/pairs/bulk`, [
    { a: 50, b: 1, v: 'one' },
    { a: 50, b: 2, v: 'two' },
    { a: 0, b: 0, v: 'no' },
  ])
  expect(await each.json()).toEqual(
    expect.arrayContaining([
      { a: 50, b: 1, v: 'one' },
      { a: 50, b: 2, v: 'two' },
    ]),
  )
  expect(each.headers.get('x-affected-count')).toBe('2')
  const many = await service.patch(`${T}/pairs/bulk`, { ids: ['50,1', '50,2'], data: { v: 'z' } })
  expect(await many.json()).toHaveLength(2)
  expect(await said(await service.delete(`${T}/pairs/bulk`))).toEqual([
    400,
    'MISSING_REQUIRED_FIELD',
  ])
  const gone = await service.delete(`${T}/pairs/bulk`, { ids: ['50,1', '50,2'] })
  expect(await gone.json()).toEqual({
    success: true,
    message: 'Deleted 2 records',
    rows_affected: 2,
    affected: 2,
  })
})

test('export writes CSV and JSON', async () => {
  const csv = await service.get(`${T}/products/export?select=id,name,tags,meta&id=lte.2&order=id`)
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(await csv.text()).toBe(
    'id,name,tags,meta\n1,p1,"[""a"",""b1""]","{""k"": ""v1"", ""n"": ""1""}"\n2,p2,"[""a"",""b2""]","{""k"": ""v2"", ""n"": ""2""}"\n',
  )
  const json = await service.get(`${T}/products/export?format=json&items=[1,2]&select=id`)
  expect(await json.json()).toEqual([{ id: 1 }, { id: 2 }])
  expect((await service.get(`${T}/products/export?items=[0]`)).status).toBe(404)
  expect((await service.get(`${T}/products/export?format=xml`)).status).toBe(400)
})

test('a full page in the order of one column gives a cursor, and the cursor the next page', async () => {
  const seen: unknown[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null && page < 9; page++) {
    const query = `order=id.desc&limit=5&select=id${cursor === '' ? '' : `&cursor=${cursor}`}`
    const res = await service.get(`${T}/products?${query}`)
    for (const { id } of (await res.json()) as Row[]) seen.push(id)
    cursor = res.headers.get('x-next-cursor')
  }
  expect(seen).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  const made = (cursor: object) => Buffer.from(JSON.stringify(cursor)).toString('base64url')
  expect(await list(`cursor=${made({ c: 'id', v: 10, d: false })}&select=id`)).toEqual([
    { id: 11 },
    { id: 12 },
  ])
  expect(
    await list(`cursor=${made({ c: 'x', v: 100, d: false })}&cursor_column=age&select=id`),
  ).toHaveLength(2)
  const unordered = await service.get(`${T}/products?limit=5`)
  expect(unordered.headers.get('x-next-cursor')).toBeNull()
  for (const bad of ['%%%', 'bm90IGpzb24', made({ c: 'id' }), made({ v: 1 }), made([])]) {
    expect((await service.get(`${T}/products?cursor=${bad}`)).status).toBe(400)
  }
  const unknown = await service.get(`${T}/products?cursor=${made({ c: 'nope', v: 1, d: false })}`)
  expect(await unknown.json()).toMatchObject({ error: 'Unknown column: nope' })
})

test('a Range asks for a part, and limit or offset go before it', async () => {
  const ask = async (range: string, query = '') => {
    const headers = { range, 'range-unit': 'items', prefer: 'count=exact' }
    const res = await service.get(`${T}/products?order=id&select=id${query}`, headers)
    return [res.status, res.headers.get('content-range')]
  }
  expect(await ask('0-4')).toEqual([206, '0-4/12'])
  expect(await ask('10-')).toEqual([206, '10-11/12'])
  expect(await ask('0-99')).toEqual([200, '0-11/12'])
  expect(await ask('0-4', '&limit=2')).toEqual([200, '0-1/12'])
  expect(await ask('bytes=0-4')).toEqual([200, '0-11/12'])
  const past = await service.get(`${T}/products`, { range: '50-60', prefer: 'count=exact' })
  expect([past.status, await past.json()]).toEqual([
    416,
    expect.objectContaining({ code: 'PGRST103', error: 'Requested range not satisfiable' }),
  ])
  expect((await service.get(`${T}/products`, { range: '5-1' })).status).toBe(416)
})

test('bulk takes keys of several columns and filters beside ids, and refuses what names no row', async () => {
  await service.post(`${T}/pairs/bulk`, [
    { a: 60, b: 1, v: 'x' },
    { a: 60, b: 2, v: 'y' },
  ])
  const both = await service.delete(`${T}/pairs/bulk?v=eq.x`, { ids: ['60,1', [60, 2]] })
  expect(await both.json()).toMatchObject({ affected: 1 })
  const each = await service.patch(`${T}/pairs/bulk?v=eq.none`, [{ a: 60, b: 2, v: 'z' }])
  expect(await each.json()).toEqual([])
  for (const [method, body, code] of [
    ['POST', { action: 'explode', targets: [1] }, 'INVALID_INPUT'],
    ['POST', { action: 'delete', targets: [] }, 'MISSING_REQUIRED_FIELD'],
    ['POST', { nothing: 1 }, 'INVALID_REQUEST_BODY'],
    ['PATCH', [{ a: 60, v: 'z' }], 'MISSING_REQUIRED_FIELD'],
    ['PATCH', [{ a: 60, b: 2 }], 'INVALID_INPUT'],
    ['PATCH', { ids: ['60,2'], data: [] }, 'INVALID_REQUEST_BODY'],
    ['DELETE', { ids: ['60'] }, 'INVALID_ID'],
    ['DELETE', { ids: [] }, 'MISSING_REQUIRED_FIELD'],
  ] as const) {
    const res = await service.request(method, `${T}/pairs/bulk`, body)
    expect([body, ...(await said(res))]).toEqual([body, 400, code])
  }
  const exported = await service.post(`${T}/cheap/bulk`, { action: 'export', targets: [1, 2] })
  expect(await exported.json()).toMatchObject({ success: true, count: 2 })
  const nothing = await service.post(
    `${T}/pairs`,
    { a: 60, b: 2 },
    { prefer: 'resolution=merge-duplicates' },
  )
  expect([nothing.status, await nothing.json()]).toEqual([200, []])
  const twice = [
    { a: 61, b: 1 },
    { a: 61, b: 1, v: 'q' },
  ]
  const merge = { prefer: 'resolution=merge-duplicates' }
  expect(await said(await service.post(`${T}/pairs`, twice, merge))).toEqual([400, 'INVALID_INPUT'])
})

describe('GET /export', () => {
  const ROWS = 25_000

  beforeAll(async () => {
    await app.sql(`create table public.lots (id int primary key, v numeric, t text);
      grant all on public.lots to service_role, anon;
      insert into public.lots select i, i + 0.10, case when i % 2 = 0 then 'say "hi", you' end
        from generate_series(1, ${ROWS}) i`)
  })

  test('streams all rows to who manages the app, and ten thousand to others', async () => {
    const all = await service.get(`${T}/lots/export?order=id`)
    expect(all.headers.get('content-disposition')).toBe('attachment; filename=export_lots.csv')
    const lines = (await all.text()).split('\n')
    expect([lines.length, lines.slice(0, 3), lines.at(-2), lines.at(-1)]).toEqual([
      ROWS + 2,
      ['id,v,t', '1,1.10,', '2,2.10,"say ""hi"", you"'],
      '25000,25000.10,"say ""hi"", you"',
      '',
    ])
    const anon = app.as(app.anonKey)
    const some = (await (await anon.get(`${T}/lots/export?format=json&order=id`)).json()) as Row[]
    expect([some.length, some.at(-1)?.id]).toEqual([10_000, 10_000])
    const late = await anon.get(`${T}/lots/export?format=json&offset=9999&order=id&select=id`)
    expect(await late.json()).toEqual([{ id: 10_000 }])
    expect(await (await anon.get(`${T}/lots/export?offset=10000`)).text()).toBe('id,v,t\n')
    expect(await (await anon.get(`${T}/lots/export?format=json&id=lt.0`)).json()).toEqual([])
  })

  test('hands its connection back when the reader goes away, and when it fails halfway', async () => {
    const open = () =>
      app.sql(`select count(*)::int as n from pg_stat_activity
        where state like 'idle in transaction%' and query like '%stead_rows%'`)
    for (let turn = 0; turn < 8; turn++) {
      const res = await service.get(`${T}/lots/export`)
      await res.body?.getReader().read()
      await res.body?.cancel().catch(() => {})
    }
    await expect.poll(open, { timeout: 10_000 }).toEqual([{ n: 0 }])
    await app.sql(`create view public.fragile as select id, 1 / (24000 - id) as v from public.lots;
      grant select on public.fragile to service_role`)
    const half = await service.get(`${T}/fragile/export?order=id`)
    expect(half.status).toBe(200)
    await expect(half.text()).rejects.toThrow()
    expect(await said(await service.get(`${T}/fragile/export?id=gte.24000&order=id`))).toEqual([
      400,
      'INVALID_INPUT',
    ])
    await expect.poll(open, { timeout: 10_000 }).toEqual([{ n: 0 }])
  })

  test('refuses what it does not know; a column may be called format', async () => {
    for (const [query, error] of [
      ['format=xml', "Invalid export format. Must be 'csv' or 'json'"],
      ['items=1', 'Invalid items format: expected a JSON array'],
      ['items=[', 'Invalid items format: expected a JSON array'],
    ]) {
      expect(await (await service.get(`${T}/lots/export?${query}`)).json()).toMatchObject({ error })
    }
    for (const items of ['[]', '[0]', '[-1,-2]']) {
      const res = await service.get(`${T}/lots/export?items=${items}`)
      expect([res.status, await res.json()]).toEqual([
        404,
        expect.objectContaining({ error: 'No records found' }),
      ])
    }
    await app.sql(`create table public.files (id int primary key, format text);
      grant all on public.files to service_role; insert into public.files values (1, 'a'), (2, 'b')`)
    const res = await service.get(`${T}/files/export?format=eq.b`)
    expect(await res.text()).toBe('id,format\n2,b\n')
    const head = await service.request('HEAD', `${T}/files/export`)
    expect([head.status, head.headers.get('content-type')]).toEqual([
      200,
      'text/csv; charset=utf-8',
    ])
  })
})

test('max-affected holds in bulk however the rows are named, and what exceeds it is undone', async () => {
  const ids = ['70,1', '70,2']
  const rows = [
    { a: 70, b: 1, v: 'x' },
    { a: 70, b: 2, v: 'x' },
  ]
  await service.post(`${T}/pairs/bulk`, rows)
  const strictly = { prefer: 'handling=strict, max-affected=1' }
  const path = `${T}/pairs/bulk`
  const changes = rows.map((row) => ({ ...row, v: 'y' }))
  for (const refused of [
    await service.patch(path, { ids, data: { v: 'y' } }, strictly),
    await service.patch(path, changes, strictly),
    await service.delete(path, { ids }, strictly),
    await service.post(path, { action: 'delete', targets: ids }, strictly),
  ]) {
    expect(await said(refused)).toEqual([400, 'PGRST124'])
  }
  expect(await list('select=v&a=eq.70', '/pairs')).toEqual([{ v: 'x' }, { v: 'x' }])
  const loosely = { prefer: 'handling=strict, max-affected=2' }
  expect((await service.delete(path, { ids }, loosely)).status).toBe(200)
})

test('a body too large for bulk says so', async () => {
  const rows = JSON.stringify([{ a: 1, b: 1, v: 'x'.repeat(11_000_000) }])
  const res = await service.post(`${T}/pairs/bulk`, rows, { 'content-type': 'application/json' })
  expect([res.status, await res.json()]).toEqual([
    413,
    expect.objectContaining({ details: { max_bytes: 10_485_760, endpoint_type: 'bulk' } }),
  ])
})
