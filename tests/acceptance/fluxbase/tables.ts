/** Rows of tables, in Fluxbase's spelling and PostgREST's. */
import { beforeAll, describe, expect, test } from 'vitest'
import { applySchema, body } from '../support.ts'
import { app, newUser, refusal, sdk, server, type User } from './server.ts'
import { SCHEMA } from './tables-fixture.ts'

const T = '/api/v1/tables'

type Row = Record<string, unknown>

let ada: User
let bob: User

const key = () => server.as(app.serviceKey)
const get = <T = Row[]>(path: string, headers = {}) => body<T>(key().get(`${T}/${path}`, headers))
const post = (path: string, rows: object, headers = {}) => key().post(`${T}/${path}`, rows, headers)
const names = async (query: string) => {
  const rows = await get(`products?select=name&order=id&${query}`)
  return rows.map(({ name }) => name)
}

beforeAll(async () => {
  await applySchema(server, app, SCHEMA)
  const own = 'user_id = auth.uid()'
  const policy = { table_name: 'notes', policy_name: 'own', using_expression: own }
  const asked = { ...policy, with_check_expression: own, role: 'user' }
  await body(server.owner.post(`${app.path}/rls/policies`, asked))
  ada = await newUser()
  bob = await newUser()
  await body(post('authors', [{ name: 'Ada', email: 'ada@x.org' }]), 201)
  const rows = Array.from({ length: 12 }, (_, n) => ({
    name: `p${n + 1}`,
    price: n + 0.5,
    age: n * 10,
    category: n % 2 ? 'odd' : 'even',
    location: n === 0 ? 'here' : null,
    tags: n === 1 ? ['a', 'b', 'c'] : [],
    meta: { n },
    title: n === 2 ? 'some two old words' : null,
    author_id: n === 3 ? 1 : null,
  }))
  await body(post('products', rows), 201)
})

describe('who may ask', () => {
  test('nobody is 401, the anon key 200', async () => {
    const asked = server.nobody.get(`${T}/products`)
    const found = await body(asked, 401)
    expect(found.error).toContain('Authentication required')
    expect(await body(sdk().get(`${T}/products`))).toEqual([])
  })

  test('auth.uid() in a policy is the sub of the token', async () => {
    const row = await body<Row>(ada.post(`${T}/notes`, { text: 'mine' }), 201)
    expect(row).toMatchObject({ user_id: ada.id, text: 'mine' })
    expect(await body(ada.get(`${T}/notes`))).toEqual([row])
    expect(await body(bob.get(`${T}/notes`))).toEqual([])
    expect(await body(sdk().get(`${T}/notes`))).toEqual([])
  })

  test('anon sees no row of a table that no policy opens, and may not write to it', async () => {
    await body(post('closed', { text: 'hidden' }), 201)
    expect(await body(sdk().get(`${T}/closed`))).toEqual([])
    await refusal(sdk().post(`${T}/closed`, { text: 'x' }), 401, 'AUTHENTICATION_REQUIRED')
    await refusal(ada.post(`${T}/closed`, { text: 'x' }), 403, 'RLS_POLICY_VIOLATION')
  })

  test('another user’s row is neither changed nor deleted, and its existence not told', async () => {
    const row = await body<Row>(ada.post(`${T}/notes`, { text: 'kept' }), 201)
    const path = `${T}/notes/${String(row.id)}`
    await refusal(bob.get(path), 404, 'NOT_FOUND')
    for (const one of [path, `${T}/notes/999999`]) {
      const refused = await refusal(bob.delete(one), 403, 'RLS_POLICY_VIOLATION')
      expect(refused.error).toBe('Insufficient permissions')
      await refusal(bob.patch(one, { text: 'x' }), 403, 'RLS_POLICY_VIOLATION')
      await refusal(sdk().delete(one), 401, 'AUTHENTICATION_REQUIRED')
    }
    expect(await body(ada.get(path))).toEqual(row)
  })
})

describe('inserting', () => {
  test('into another branch than the main one is refused', async () => {
    await refusal(post('closed?branch=dev', { text: 'x' }), 503, 'BRANCHING_DISABLED')
    expect((await post('closed?branch=main', { text: 'n' })).status).toBe(201)
  })

  test('an object answers an object, an array an array', async () => {
    const row = await body<Row>(post('products', { name: 'lone', price: 29.99 }), 201)
    expect(row).toMatchObject({ id: expect.any(Number), name: 'lone', price: 29.99 })
    const rows = await body<Row[]>(post('products', [{ name: 'x1' }, { name: 'x2' }]), 201)
    expect(rows.map(({ name }) => name)).toEqual(['x1', 'x2'])
    expect(await body(post('products', []), 201)).toEqual([])
    await body(key().delete(`${T}/products?name=in.(lone,x1,x2)`))
  })

  test('says how many, and returns what is preferred', async () => {
    const res = await post('closed', { text: 'n' })
    expect(res.headers.get('x-affected-count')).toBe('1')
    expect(res.headers.get('content-range')).toBe('*/1')
    const minimal = await post('closed', { text: 'n' }, { prefer: 'return=minimal' })
    expect([minimal.status, await minimal.text()]).toEqual([201, ''])
    expect(minimal.headers.get('preference-applied')).toContain('return=minimal')
    const headers = await post('closed', { text: 'n' }, { prefer: 'return=headers-only' })
    expect(headers.headers.get('location')).toMatch(/^\/api\/v1\/tables\/closed\?id=eq\.\d+$/)
    expect(await body(headers, 201)).toEqual({ affected: 1 })
    expect(await body(post('closed?select=text', { text: 'n' }), 201)).toEqual({ text: 'n' })
  })

  test.for([
    [409, 'DUPLICATE_KEY', 'Record with this value already exists', { name: 'p1' }],
    [
      409,
      'FOREIGN_KEY_VIOLATION',
      'Cannot complete operation due to foreign key constraint',
      { name: 'y', author_id: 99 },
    ],
    [400, 'NOT_NULL_VIOLATION', 'Missing required field', { price: 1 }],
    [400, 'INVALID_INPUT', 'Invalid data type provided', { name: 'y', price: 'not-a-number' }],
    [400, 'INVALID_INPUT', 'Unknown column: nope', { name: 'y', nope: 1 }],
  ] as const)('is refused with %i %s', async ([status, code, error, row]) => {
    const found = await refusal(post('products', row), status, code)
    expect(found.error).toBe(error)
  })

  test('is all or nothing, and of 1000 rows at most', async () => {
    const rows = [{ name: 'first' }, { name: 'p1' }]
    const found = await refusal(post('products', rows), 409, 'DUPLICATE_KEY')
    expect(found.sqlstate).toBe('23505')
    expect(await names('name=eq.first')).toEqual([])
    const many = await body(
      post(
        'closed',
        Array.from({ length: 1001 }, () => ({ text: 'x' })),
      ),
      400,
    )
    expect(many.error).toBe('Batch size 1001 exceeds maximum allowed batch size of 1000')
  })

  test('upserts on a column instead of duplicating', async () => {
    const prefer = { prefer: 'resolution=merge-duplicates' }
    const row = { email: 'bo@x.org', name: 'Bo' }
    const first = await body<Row>(post('authors?on_conflict=email', row, prefer), 201)
    const again = { ...row, name: 'Bob' }
    const second = await body<Row>(post('authors?on_conflict=email', again, prefer), 201)
    expect(second).toEqual({ ...first, name: 'Bob' })
    expect(await get('authors?email=eq.bo@x.org')).toHaveLength(1)
    const ignore = { prefer: 'resolution=ignore-duplicates' }
    expect(await body(post('authors?on_conflict=email', [row], ignore), 201)).toEqual([])
    const bad = await body(post('authors?on_conflict=nope', row, prefer), 400)
    expect(bad.error).toBe('Unknown column in on_conflict: nope')
  })
})

describe('reading', () => {
  test('an unknown table is 404, but only for whoever may ask', async () => {
    const found = await refusal(key().get(`${T}/nope`), 404, 'NOT_FOUND')
    expect(found.error).toBe("Table 'public.nope' not found")
    await body(server.nobody.get(`${T}/nope`), 401)
  })

  test('selects, orders and pages', async () => {
    expect(await get('products?select=name&order=price&limit=1')).toEqual([{ name: 'p1' }])
    const last = await get('products?select=name,location&order=location.desc.nullslast,id&limit=2')
    expect(last.map(({ name }) => name)).toEqual(['p1', 'p2'])
    expect(await get('products?limit=0')).toEqual([])
  })

  test('tells which part of how much it gave', async () => {
    const range = async (query: string, headers = {}) => {
      const res = await key().get(`${T}/products?${query}`, headers)
      expect(res.status).toBe(200)
      return res.headers.get('content-range')
    }
    expect(await range('count=exact&limit=5&offset=5')).toBe('5-9/12')
    expect(await range('limit=5')).toBe('0-4/*')
    expect(await range('name=eq.none&count=exact')).toBe('*/0')
    expect(await range('name=eq.none')).toBe('*/*')
    expect(await range('limit=1', { prefer: 'count=exact' })).toBe('0-0/12')
    expect(await range('offset=50&count=exact')).toBe('*/12')
  })

  test('caps a page at 1000 rows', async () => {
    for (const _ of [1, 2]) {
      await body(
        post(
          'closed',
          Array.from({ length: 600 }, () => ({ text: 'many' })),
        ),
        201,
      )
    }
    expect(await get('closed?text=eq.many')).toHaveLength(1000)
    expect(await get('closed?text=eq.many&limit=5000')).toHaveLength(1000)
    expect(await get('closed?text=eq.many&offset=1000')).toHaveLength(200)
  })

  test.each([
    ['age=gte.20&age=lte.40', ['p3', 'p4', 'p5']],
    ['age.gte=20&age.lte=40', ['p3', 'p4', 'p5']],
    ['name.eq=p2', ['p2']],
    ['name=not.in.(p1,p2)&age=lt.40', ['p3', 'p4']],
    ['name.in=(p1,p2)', ['p1', 'p2']],
    ['name=in.[p1,p2]', ['p1', 'p2']],
    ['or=(name.eq.p1,name.eq.p2)&or=(age.eq.0,age.eq.20)', ['p1']],
    ['and=(or(age.lt.10,age.gt.100),or(name.eq.p1,name.eq.p12))', ['p1', 'p12']],
    ['location=not.is.null', ['p1']],
    ['location.is=not_null', ['p1']],
    ['location.not.is=null', ['p1']],
    ['tags=cs.(a,b)', ['p2']],
    ['tags=ov.["a","z"]', ['p2']],
    ['meta->>n=gt.9', ['p11', 'p12']],
    ['title=fts.two words', ['p3']],
    ['deleted_at.is.null&age=lt.20', ['p1', 'p2']],
    ['name.like=p1%', ['p1', 'p10', 'p11', 'p12']],
    ['name=ilike.P1*', ['p1', 'p10', 'p11', 'p12']],
    ['_cache=7&name=eq.p5', ['p5']],
  ])('filters by %s', async (query, expected) => {
    expect(await names(query)).toEqual(expected)
  })

  test.each([
    'name=p1',
    'name=near.p1',
    'nope=eq.1',
    'select=nope',
    'order=name.up',
    'limit=-1',
    'limit=x',
    'age=is.maybe',
    'or=(a.eq.1',
  ])('refuses ?%s rather than leaving it out', async (query) => {
    await refusal(key().get(`${T}/products?${query}`), 400, 'INVALID_INPUT')
    const before = await get('products?select=id')
    await refusal(key().patch(`${T}/products?${query}`, { age: -1 }), 400, 'INVALID_INPUT')
    expect(await get('products?age=eq.-1')).toEqual([])
    expect(before).toHaveLength(12)
  })

  test('counts, in all and by group', async () => {
    expect(await get('products?select=count(*)')).toEqual([{ count: 12 }])
    expect(await get('products?select=count(*)&group_by=category&order=category')).toEqual([
      { category: 'even', count: 6 },
      { category: 'odd', count: 6 },
    ])
  })

  test('embeds what a reference points at, by table or by column', async () => {
    expect(await get('products?select=name,author(name)&name=eq.p4')).toEqual([
      { name: 'p4', author: { name: 'Ada' } },
    ])
    expect(await get('authors?select=name,products(name)&id=eq.1')).toEqual([
      { name: 'Ada', products: [{ name: 'p4' }] },
    ])
  })

  test('takes a long query as a body', async () => {
    const asked = {
      select: 'name',
      filters: [{ column: 'name', operator: 'in', value: ['p1', 'p2', 'p3'] }],
      orFilters: ['age.eq.0,age.eq.20'],
      order: [{ column: 'name', direction: 'desc', nulls: 'last' }],
      limit: 5,
    }
    expect(await body(post('products/query', asked))).toEqual([{ name: 'p3' }, { name: 'p1' }])
  })
})

describe('one row', () => {
  test('is found under table or schema and table', async () => {
    const [row] = await get('products?name=eq.p1')
    const one = String(row?.id)
    expect(await get(`products/${one}`)).toEqual(row)
    expect(await get(`public/products/${one}`)).toEqual(row)
    expect(await get(`public/products?name=eq.p1`)).toEqual([row])
    const found = await refusal(key().get(`${T}/products/9999`), 404, 'NOT_FOUND')
    expect(found.error).toBe('Record not found')
    await refusal(key().get(`${T}/products/word`), 400, 'INVALID_INPUT')
  })

  test('with a key of several columns is named by all of them', async () => {
    await body(post('pairs', { a: 1, b: 2, text: 'x' }), 201)
    expect(await get('pairs/1,2')).toEqual({ a: 1, b: 2, text: 'x' })
    await refusal(key().get(`${T}/pairs/1`), 400, 'INVALID_ID')
  })

  test('PUT and PATCH change what is sent and keep the rest', async () => {
    const row = await body<Row>(post('products', { name: 'changing', price: 1 }), 201)
    const path = `${T}/products/${String(row.id)}`
    expect(await body(key().put(path, { price: 2 }))).toEqual({ ...row, price: 2 })
    expect(await body(key().patch(path, { price: 3 }))).toEqual({ ...row, price: 3 })
    await refusal(key().patch(`${T}/products/9999`, { price: 3 }), 404, 'NOT_FOUND')
    const res = await key().delete(path)
    expect([res.status, await res.text()]).toEqual([204, ''])
    await refusal(key().delete(path), 404, 'NOT_FOUND')
  })

  test('is deleted under schema and table too', async () => {
    const row = await body<Row>(post('products', { name: 'doomed' }), 201)
    const res = await key().delete(`${T}/public/products/${String(row.id)}`)
    expect(res.status).toBe(204)
  })
})

describe('changing and deleting many', () => {
  test('answers the rows, in both spellings of a filter', async () => {
    for (const query of ['name=eq.p1', 'name.eq=p1']) {
      const rows = await body<Row[]>(key().patch(`${T}/products?${query}`, { location: 'moved' }))
      expect(rows.map(({ name }) => name)).toEqual(['p1'])
    }
    expect(await body(key().patch(`${T}/products?name=eq.none`, { age: 1 }))).toEqual([])
    const found = await body(key().patch(`${T}/products?name=eq.p1`, {}), 400)
    expect(found.error).toBe('No fields to update')
  })

  test('never deletes without a filter', async () => {
    const found = await body(key().delete(`${T}/products`), 400)
    expect(found.error).toMatch(/^Batch delete requires at least one filter\./)
    const row = await body<Row>(post('products', { name: 'gone' }), 201)
    const done = await body(key().delete(`${T}/products?id.eq=${String(row.id)}`))
    expect(done).toEqual({ affected: 1, records: [row] })
    expect(await get('products')).toHaveLength(12)
  })
})

describe('bulk and export', () => {
  test('insert, change and delete by id', async () => {
    const rows = await body<Row[]>(post('closed/bulk', [{ text: 'b1' }, { text: 'b2' }]), 201)
    const more = await body<Row[]>(post('closed/bulk', { records: [{ text: 'b3' }] }), 201)
    const ids = [...rows, ...more].map((row) => row.id)
    const changed = await key().patch(`${T}/closed/bulk`, { ids, data: { text: 'bulk' } })
    expect(changed.headers.get('x-affected-count')).toBe('3')
    expect(await body<Row[]>(changed)).toHaveLength(3)
    const each = [{ id: ids[0], text: 'own' }]
    expect(await body(key().patch(`${T}/closed/bulk`, each))).toEqual(each)
    const keyless = key().patch(`${T}/closed/bulk`, [{ text: 'x' }])
    expect((await keyless).status).toBe(400)
    expect(await body(key().delete(`${T}/closed/bulk`, { ids }))).toEqual({
      success: true,
      message: 'Deleted 3 records',
      rows_affected: 3,
      affected: 3,
    })
    const none = key().delete(`${T}/closed/bulk`, {})
    const found = await refusal(none, 400, 'MISSING_REQUIRED_FIELD')
    expect(found.error).toBe('At least one target ID is required')
  })

  test('export as CSV or JSON, for download', async () => {
    const res = await key().get(`${T}/pairs/export`)
    expect(res.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(res.headers.get('content-disposition')).toBe('attachment; filename=export_pairs.csv')
    expect(await res.text()).toMatch(/^a,b,text\r?\n1,2,x/)
    expect(await get('pairs/export?format=json')).toEqual([{ a: 1, b: 2, text: 'x' }])
    const bad = await body(key().get(`${T}/pairs/export?format=xml`), 400)
    expect(bad.error).toBe("Invalid export format. Must be 'csv' or 'json'")
  })

  test('takes CSV, refuses what it cannot read', async () => {
    const send = (text: string, type: string) =>
      key().post(`${T}/closed`, text, { 'content-type': type })
    expect(await body(send('text\nfrom csv\n', 'text/csv'), 201)).toMatchObject([
      { text: 'from csv' },
    ])
    await body(send('<a/>', 'application/xml'), 415)
    const found = await refusal(send('{"a"', 'application/json'), 400, 'INVALID_REQUEST_BODY')
    expect(found.error).toBe('Invalid request body')
  })

  test('a rehearsal answers normally and changes nothing', async () => {
    const row = post('closed', { text: 'rehearsed' }, { prefer: 'tx=rollback' })
    expect(await body(row, 201)).toMatchObject({ text: 'rehearsed' })
    expect(await get('closed?text=eq.rehearsed')).toEqual([])
  })
})

describe('what belongs to the server', () => {
  test.each(['pg_catalog.pg_authid', 'pg_catalog/pg_class', 'information_schema/tables'])(
    '%s is 404',
    async (path) => {
      await refusal(key().get(`${T}/${path}`), 404, 'NOT_FOUND')
    },
  )

  test('users are not readable through the data API', async () => {
    for (const path of ['auth.users', 'auth/users', 'auth.sessions']) {
      for (const who of [key(), ada, sdk()]) {
        const res = await who.get(`${T}/${path}`)
        expect([401, 403, 404]).toContain(res.status)
      }
    }
  })
})
