/** Requests as the SDK writes them: values without quotes, parameters encoded as a form. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Body } from '#support/client'
import { type App, body, newApp, unique } from '../support.ts'
import { refusal, server } from './server.ts'

const T = '/api/v1/tables'
const DDL = '/api/v1/admin/ddl'

type Row = Record<string, unknown>

/** An app of its own, whose tables are made the way the SDK's admin client does. */
const shop = {} as App

const service = () => server.as(shop.serviceKey)

/** Both as the SDK sends the key it was made with. */
const headers = () => ({ apikey: shop.serviceKey, 'content-type': 'application/json' })

// oxlint-disable-next-line max-params -- reads like HTTP at the call
const ask = (method: string, path: string, asked?: Body, more = {}) =>
  service().request(method, path, asked, { ...headers(), ...more })

/** `URLSearchParams`, as the SDK's query builder fills it. */
async function select(...pairs: [string, string][]): Promise<Row[]> {
  const query = new URLSearchParams(pairs).toString()
  return body<Row[]>(ask('GET', `${T}/items?${query}`))
}

const ids = async (...pairs: [string, string][]) =>
  (await select(['select', 'id'], ...pairs, ['order', 'id.asc.nullslast'])).map(({ id }) => id)

beforeAll(async () => {
  Object.assign(shop, await newApp(server))
  const columns = [
    { name: 'id', type: 'INTEGER', primaryKey: true, nullable: false },
    { name: 'name', type: 'TEXT' },
    { name: 'category', type: 'TEXT', nullable: true },
    { name: 'price', type: 'DECIMAL(10,2)', nullable: true },
    { name: 'meta', type: 'JSONB', nullable: true },
    { name: 'deleted_at', type: 'TIMESTAMPTZ', nullable: true },
    { name: 'made_at', type: 'TIMESTAMPTZ', nullable: false, defaultValue: 'NOW()' },
  ]
  await body(ask('POST', `${DDL}/tables`, { schema: 'public', name: 'items', columns }), 201)
  const rows = Array.from({ length: 12 }, (_, n) => ({
    id: n + 1,
    name: n === 4 ? 'a, (b) "c"' : `item ${n + 1}`,
    category: n % 2 ? 'odd' : 'even',
    price: n + 0.25,
    meta: { n, tags: ['x', `t${n}`] },
  }))
  await body(ask('POST', `${T}/items`, rows), 201)
})

describe('the query builder of the SDK', () => {
  test.each<[string, [string, string][], number[]]>([
    ['eq with commas and quotes in it', [['name', 'eq.a, (b) "c"']], [5]],
    ['in, values without quotes', [['id', 'in.(1,2,3)']], [1, 2, 3]],
    [
      'is null',
      [
        ['deleted_at', 'is.null'],
        ['id', 'lt.3'],
      ],
      [1, 2],
    ],
    ['not is null', [['deleted_at', 'not.is.null']], []],
    ['not in', [['id', 'not.in.(1,2,3,4,5,6,7,8,9,10)']], [11, 12]],
    ['contains, an object', [['meta', 'cs.{"n":3}']], [4]],
    [
      'between as two filters',
      [
        ['price', 'gte.2'],
        ['price', 'lte.4'],
      ],
      [3, 4],
    ],
    ['not between', [['or', '(price.lt.1,price.gt.11)']], [1, 12]],
    ['two or() as one and()', [['and', '(or(id.eq.1,id.eq.2),or(id.eq.2,id.eq.3))']], [2]],
    ['and()', [['and', '(id.gte.2,id.lte.3)']], [2, 3]],
    ['a JSON path', [['meta->>n', 'gt.9']], [11, 12]],
    ['textSearch', [['name', 'fts.item 7']], [7]],
    [
      'range()',
      [
        ['limit', '2'],
        ['offset', '3'],
      ],
      [4, 5],
    ],
  ])('%s', async (_, pairs, found) => {
    expect(await ids(...pairs)).toEqual(found)
  })

  test('aggregates and groups', async () => {
    expect(await select(['select', 'count(*)'])).toEqual([{ count: 12 }])
    expect(
      await select(
        ['select', 'sum(price)'],
        ['group_by', 'category'],
        ['order', 'category.asc.nullslast'],
      ),
    ).toEqual([
      { category: 'even', sum_price: 31.5 },
      { category: 'odd', sum_price: 37.5 },
    ])
  })

  test('counts in the header, whatever is asked for', async () => {
    const res = await ask('GET', `${T}/items?limit=5&count=exact`)
    expect(res.headers.get('content-range')).toBe('0-4/12')
  })

  test('a long query goes by POST and means the same', async () => {
    const asked = {
      filters: [
        { column: 'id', operator: 'in', value: [1, 2, 3, 4] },
        { column: 'name', operator: 'not', value: 'eq.item 2' },
        { column: 'deleted_at', operator: 'is', value: null },
        { column: 'meta', operator: 'cs', value: { tags: ['x'] } },
      ],
      orFilters: ['category.eq.even,category.eq.odd'],
      andFilters: ['id.gt.0'],
      betweenFilters: [{ column: 'price', min: 1, max: 3, negated: true }],
      order: [{ column: 'id', direction: 'desc', nulls: 'last' }],
      limit: 5,
      count: 'exact',
      select: 'id',
    }
    const res = await ask('POST', `${T}/items/query`, asked)
    expect(res.headers.get('content-range')).toBe('0-1/2')
    expect(await body(res)).toEqual([{ id: 4 }, { id: 1 }])
    const found = await body(ask('POST', `${T}/items/query`, { select: 'nope(' }), 400)
    expect(found).toMatchObject({ error: 'Invalid query parameters', details: expect.any(String) })
  })

  test('single() changes one row', async () => {
    const rows = await body<Row[]>(ask('PATCH', `${T}/items?id=gt.10&limit=1`, { category: 'one' }))
    expect(rows).toEqual([expect.objectContaining({ id: 11, category: 'one' })])
    expect(await ids(['category', 'eq.one'])).toEqual([11])
  })

  test('upsert without onConflict goes by the key; defaultToNull resets what is absent', async () => {
    const merge = { prefer: 'resolution=merge-duplicates' }
    const merged = await body<Row>(ask('POST', `${T}/items`, { id: 12, name: 'new' }, merge), 201)
    expect(merged).toMatchObject({ id: 12, name: 'new', price: 11.25 })
    const reset = { prefer: 'resolution=merge-duplicates,missing=default' }
    const lost = await body<Row>(ask('POST', `${T}/items`, { id: 12, name: 'new' }, reset), 201)
    expect(lost).toMatchObject({ id: 12, price: null, made_at: expect.any(String) })
  })
})

describe('pages and long texts', () => {
  test('a cursor leads through all rows', async () => {
    const seen: unknown[] = []
    let cursor: string | null = ''
    while (cursor !== null && seen.length < 20) {
      const res = await ask('GET', `${T}/items?select=id&order=id.desc&limit=5&cursor=${cursor}`)
      cursor = res.headers.get('x-next-cursor')
      seen.push(...(await body<Row[]>(res)).map(({ id }) => id))
    }
    expect(seen).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  })

  test('truncate', async () => {
    expect(await select(['select', 'name'], ['id', 'eq.5'], ['truncate', '4'])).toEqual([
      { name: 'a, (... (10 chars)' },
    ])
  })
})

describe('Idempotency-Key', () => {
  test('the same write is done once; another is refused', async () => {
    const key = { 'idempotency-key': unique('key') }
    const send = (id: number) => ask('POST', `${T}/items`, { id, name: 'once' }, key)
    const first = await body(send(100), 201)
    const second = await send(100)
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect(await body(second, 201)).toEqual(first)
    await refusal(send(101), 422, 'IDEMPOTENCY_REQUEST_BODY_MISMATCH')
    const elsewhere = ask('DELETE', `${T}/items/100`, undefined, key)
    await refusal(elsewhere, 422, 'IDEMPOTENCY_KEY_MISMATCH')
    expect(await ids(['name', 'eq.once'])).toEqual([100])
    await ask('DELETE', `${T}/items/100`)
  })
})

describe('schema tools', () => {
  test('schemas and tables are made, listed and dropped', async () => {
    expect(await body(ask('POST', `${DDL}/schemas`, { name: 'analytics' }), 201)).toMatchObject({
      success: true,
      schema: 'analytics',
    })
    await refusal(ask('POST', `${DDL}/schemas`, { name: 'analytics' }), 409, 'ALREADY_EXISTS')
    const events = { schema: 'analytics', name: 'events', columns: [{ name: 'id', type: 'UUID' }] }
    expect(await body(ask('POST', `${DDL}/tables`, events), 201)).toMatchObject({
      success: true,
      schema: 'analytics',
      table: 'events',
    })
    expect(await body(ask('GET', `${T}/analytics/events`))).toEqual([])
    expect(await body(ask('GET', `${DDL}/tables?schema=analytics`))).toEqual({
      tables: [{ schema: 'analytics', name: 'events' }],
    })
    const gone = await body(ask('DELETE', `${DDL}/tables/analytics/events`))
    expect(gone).toMatchObject({ success: true, message: expect.any(String) })
    await refusal(ask('GET', `${T}/analytics/events`), 404, 'NOT_FOUND')
    await refusal(ask('POST', `${DDL}/schemas`, { name: 'a; b' }), 400, 'VALIDATION_FAILED')
  })

  test('whoever only uses the app may not', async () => {
    const anon = server.as(shop.anonKey)
    await refusal(anon.get(`${DDL}/schemas`), 403, 'INSUFFICIENT_PERMISSIONS')
    await body(server.nobody.get(`${DDL}/schemas`), 401)
  })

  test('tells whether there are vectors', async () => {
    const found = await body(server.as(shop.anonKey).get('/api/v1/capabilities/vector'))
    expect(found).toEqual({ enabled: expect.any(Boolean) })
    expect(await body(ask('GET', '/api/v1/capabilities/vector'))).toMatchObject({
      enabled: expect.any(Boolean),
      pgvector_installed: expect.any(Boolean),
    })
  })
})
