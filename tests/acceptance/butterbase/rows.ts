/** Rows of an app's tables, as the SDK reads and writes them. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type App, applySchema, body, newApp, UUID } from '../support.ts'
import { anyApp, refusal, server } from './server.ts'
import { TABLES } from './rows-fixture.ts'

let app: App
let teamId: string

type Row = Record<string, unknown>

const key = () => server.as(app.serviceKey)
const get = <T = Row[]>(path: string) => body<T>(key().get(`${app.path}/${path}`))
const post = (path: string, rows: object) => key().post(`${app.path}/${path}`, rows)
const names = async (query: string) =>
  (await get(`people?order=name&${query}`)).map(({ name }) => name)

beforeAll(async () => {
  app = await newApp(server)
  await applySchema(server, app, { tables: TABLES })
  const team = await body<{ id: string }>(post('teams', { name: 'red' }), 201)
  teamId = team.id
  const people = [
    {
      name: 'Ada',
      age: 36,
      price: 1.5,
      code: 'a',
      active: true,
      tags: ['x', 'y'],
      team_id: teamId,
    },
    { name: 'Bob', age: 20, price: 2.5, code: 'b', active: false, data: { k: [1, 2] } },
    { name: 'Cyd, "C"', age: null, price: 1.5, code: 'c' },
  ]
  await body(post('people', people), 201)
  await body(
    post(
      'numbers',
      [1, 2, 3, 4, 5].map((n) => ({ n, word: `w${n}` })),
    ),
    201,
  )
})

describe('reading', () => {
  test('answers a bare array of rows with every column', async () => {
    const [ada] = await get('people?name=eq.Ada')
    expect(ada).toEqual({
      id: expect.stringMatching(UUID),
      name: 'Ada',
      age: 36,
      price: 1.5,
      born: null,
      tags: ['x', 'y'],
      data: null,
      active: true,
      team_id: teamId,
      code: 'a',
    })
  })

  test.each([
    ['age=eq.36', ['Ada']],
    ['age=neq.36', ['Bob']],
    ['age=gt.20', ['Ada']],
    ['age=gte.20', ['Ada', 'Bob']],
    ['age=lt.36', ['Bob']],
    ['age=lte.20', ['Bob']],
    ['price=eq.1.5', ['Ada', 'Cyd, "C"']],
    ['name=like.%25d%25', ['Ada', 'Cyd, "C"']],
    ['name=ilike.a%25', ['Ada']],
    ['age=is.null', ['Cyd, "C"']],
    ['active=is.true', ['Ada']],
    ['active=is.false', ['Bob']],
    ['name=in.(Ada, Bob)', ['Ada', 'Bob']],
    ['name=in.()', []],
    ['name=fts.ada', ['Ada']],
    ['age=gte.20&age=lt.30', ['Bob']],
  ])('filters by %s', async (query, expected) => {
    expect(await names(query)).toEqual(expected)
  })

  describe('timestamps', () => {
    const moments = () => get('moments?select=at,plain,day&order=id')
    const precise = { at: '1815-12-10T13:00:00.123999+01:00', plain: '2026-01-02 03:04:05' }
    const shown = { at: '1815-12-10T12:00:00.123Z', plain: '2026-01-02T03:04:05.000Z', day: null }

    test('are in UTC with milliseconds and a Z in every answer; days stay days', async () => {
      const wire = { id: 1, ...shown }
      expect(await body(post('moments', { id: 1, ...precise }), 201)).toEqual(wire)
      const day = { ...shown, day: '2026-01-02' }
      const inserted = await body(
        post('moments?select=day,at,plain', [{ id: 2, ...precise, day: '2026-01-02' }]),
        201,
      )
      expect(inserted).toEqual([day])
      expect(await moments()).toEqual([shown, day])
      expect(await get(`moments/1`)).toEqual(wire)
      const updated = key().patch(`${app.path}/moments/1`, { day: '2026-01-03' })
      expect(await body(updated)).toEqual({ ...wire, day: '2026-01-03' })
      const one = key().patch(`${app.path}/moments?id=eq.2&select=at`, { plain: null })
      expect(await body(one)).toEqual([{ at: shown.at }])
    })

    test('are found again by what was shown, and ordered as times', async () => {
      await body(post('moments', { id: 3, at: '2026-01-31T09:00:00.000Z' }), 201)
      expect(await get('moments?select=id&at=eq.2026-01-31T09:00:00.000Z')).toEqual([{ id: 3 }])
      await body(post('moments', { id: 4, at: '0900-01-31T09:00:00Z' }), 201)
      expect(await get('moments?select=id&order=at.desc&id=gte.3')).toEqual([{ id: 3 }, { id: 4 }])
    })

    test('without four digits of a year stay as PostgreSQL says them', async () => {
      const odd = [
        { id: 5, at: 'infinity', plain: '-infinity' },
        { id: 6, at: '0044-03-15 00:00:00+00 BC', plain: '10000-01-01' },
      ]
      await body(post('moments', odd), 201)
      expect(await get('moments?select=at,plain&id=gte.5&order=id')).toEqual([
        { at: 'infinity', plain: '-infinity' },
        { at: '0044-03-15T00:00:00+00:00 BC', plain: '10000-01-01T00:00:00' },
      ])
    })
  })

  test('selects columns, drops unknown ones, and gives all when none is left', async () => {
    expect(await get('numbers?select=n,nope&n=eq.1')).toEqual([{ n: 1 }])
    expect(await get('numbers?select=nope&n=eq.1')).toEqual([{ n: 1, word: 'w1' }])
  })

  test('orders by known columns, several and both ways', async () => {
    expect(await get('numbers?select=n&order=nope.asc,n.desc&limit=2')).toEqual([
      { n: 5 },
      { n: 4 },
    ])
    expect(await get('numbers?select=n&order=n.DESC&limit=1')).toEqual([{ n: 5 }])
    const ordered = await get('people?select=name&order=price.desc,name')
    expect(ordered.map(({ name }) => name)).toEqual(['Bob', 'Ada', 'Cyd, "C"'])
  })

  test('pages with limit and offset, and ignores what is no number', async () => {
    expect(await get('numbers?select=n&order=n&limit=2&offset=1')).toEqual([{ n: 2 }, { n: 3 }])
    expect(await get('numbers?limit=word&offset=-1')).toHaveLength(5)
  })

  test('has no limit of its own', async () => {
    const rows = Array.from({ length: 1500 }, (_, n) => ({ n: n + 100 }))
    await body(post('numbers', rows), 201)
    expect(await get('numbers?n=gte.100')).toHaveLength(1500)
    await body(key().delete(`${app.path}/numbers?n=gte.100`))
  })

  test.each(['nope=eq.1', 'age=36', 'age=like', 'age=between.1', 'age=is.maybe'])(
    'refuses the filter %s by name',
    async (query) => {
      const asked = key().get(`${app.path}/people?${query}`)
      const error = await refusal(asked, 400, 'VALIDATION_INVALID_SCHEMA')
      expect(error.message).toBe('Invalid query filters')
      expect(error.details).toEqual({ invalidFilters: [expect.stringContaining('')] })
    },
  )

  test('a value of the wrong type is 400 with PostgreSQL’s code', async () => {
    const asked = key().get(`${app.path}/people?age=eq.old`)
    const { details } = await refusal(asked, 400, 'VALIDATION_INVALID_INPUT')
    expect(details).toMatchObject({ pg_code: '22P02' })
  })

  test('hostile values are values', async () => {
    const hostile = encodeURIComponent("x'; drop table people; --")
    expect(await names(`name=eq.${hostile}`)).toEqual([])
    expect(await names('')).toHaveLength(3)
  })

  test('is 404 for a table that is not there, a system table, another schema’s', async () => {
    for (const table of ['nope', '_idempotency_keys', '_seed_tables', 'pg_class', 'auth.users']) {
      const error = await refusal(
        key().get(`${app.path}/${table}`),
        404,
        'VALIDATION_TABLE_NOT_FOUND',
      )
      expect(error.message).toBe(`Table "${table}" not found`)
    }
  })

  test('is 404 for an app that is not there', async () => {
    const asked = server.nobody.get('/v1/app_000000000000/people')
    const { message } = await refusal(asked, 404, 'RESOURCE_NOT_FOUND')
    expect(message).toBe('App not found')
  })
})

describe('one row by its key', () => {
  test('whatever the key is called', async () => {
    expect(await get('numbers/3')).toEqual({ n: 3, word: 'w3' })
    expect(await get(`teams/${teamId}`)).toEqual({ id: teamId, name: 'red' })
  })

  test('that is not there is 404', async () => {
    const { message } = await refusal(
      key().get(`${app.path}/numbers/99`),
      404,
      'RESOURCE_NOT_FOUND',
    )
    expect(message).toBe('Not found')
  })

  test('that is no uuid is 400', async () => {
    await refusal(key().get(`${app.path}/teams/word`), 400, 'VALIDATION_INVALID_TYPE')
  })

  test('is 400 where the key is composite or missing', async () => {
    for (const path of ['links/1', 'loose/1']) {
      await refusal(key().get(`${app.path}/${path}`), 400, 'VALIDATION_INVALID_SCHEMA')
    }
  })
})

describe('inserting', () => {
  test('answers 201 with the row and its defaults', async () => {
    const row = await body<{ id: string }>(post('open', { word: 'a' }), 201)
    expect(row).toEqual({ id: expect.stringMatching(UUID), word: 'a' })
  })

  test('several rows answers them in order', async () => {
    const rows = await body<Row[]>(post('open', [{ word: 'b' }, { word: 'c' }]), 201)
    expect(rows.map(({ word }) => word)).toEqual(['b', 'c'])
  })

  test('several rows is all or nothing', async () => {
    const rows = [{ name: 'blue' }, { name: 'red' }]
    await refusal(post('teams', rows), 400, 'VALIDATION_UNIQUE_CONSTRAINT_VIOLATION')
    expect(await get('teams?name=eq.blue')).toEqual([])
  })

  test('returns the columns that are selected', async () => {
    expect(await body(post('open?select=word', { word: 'd', id: undefined }), 201)).toEqual({
      word: 'd',
    })
  })

  test('keeps JSON as JSON, arrays as arrays and instants as instants', async () => {
    const sent = {
      name: 'Dan',
      tags: ['a,b', '"'],
      data: [{ deep: { list: [null, true] } }],
      born: '2026-01-31T10:00:00+01:00',
    }
    const row = await body<Row>(post('people', sent), 201)
    expect(row).toMatchObject({ tags: sent.tags, data: sent.data })
    expect(Date.parse(String(row.born))).toBe(Date.parse(sent.born))
    await body(key().delete(`${app.path}/people/${String(row.id)}`))
  })

  test('drops unknown columns, and refuses a row of nothing else', async () => {
    const row = await body<Row>(post('open', { word: 'e', nope: 1 }), 201)
    expect(row).not.toHaveProperty('nope')
    const error = await refusal(post('open', { nope: 1 }), 400, 'VALIDATION_INVALID_SCHEMA')
    expect(error.message).toBe('No valid columns in request body')
  })

  test.each([
    ['VALIDATION_UNIQUE_CONSTRAINT_VIOLATION', { name: 'x', code: 'a' }],
    ['VALIDATION_FOREIGN_KEY_VIOLATION', { name: 'x', team_id: crypto.randomUUID() }],
    ['VALIDATION_NOT_NULL_VIOLATION', { age: 1 }],
    ['VALIDATION_INVALID_INPUT', { name: 'x', age: 'old' }],
    ['VALIDATION_INVALID_INPUT', { name: 'x', age: 99_999_999_999 }],
    ['VALIDATION_INVALID_INPUT', { name: 'x', code: 'too long' }],
    ['VALIDATION_INVALID_INPUT', { name: 'x', born: '2026-99-99' }],
  ])('is refused with %s', async (code, row) => {
    const { details } = await refusal(post('people', row), 400, code)
    expect(details).toEqual(expect.any(Object))
    if (code.endsWith('VIOLATION')) expect(details).toHaveProperty('constraint_details')
    else expect(details).toHaveProperty('pg_code')
  })

  test('says which column and table may not be null', async () => {
    const asked = post('people', { age: 1 })
    const { details } = await refusal(asked, 400, 'VALIDATION_NOT_NULL_VIOLATION')
    expect(details).toMatchObject({ column: 'name', table: 'people' })
  })

  test('refuses what is no JSON, and JSON that is no row', async () => {
    const json = { 'content-type': 'application/json' }
    const send = (text: string) => key().post(`${app.path}/open`, text, json)
    for (const text of ['', '{', 'word=a']) {
      const { message } = await refusal(send(text), 400, 'REQUEST_ERROR')
      expect(message).toBe('The body is not valid JSON')
    }
    for (const text of ['"word"', '[1]', 'null', '[]', '[[{}]]']) {
      const { message } = await refusal(send(text), 400, 'VALIDATION_INVALID_SCHEMA')
      expect(message).toBe('No valid columns in request body')
    }
  })
})

describe('updating', () => {
  test('one row by its key', async () => {
    const done = await body(key().patch(`${app.path}/numbers/1`, { word: 'one' }))
    expect(done).toEqual({ n: 1, word: 'one' })
    const absent = key().patch(`${app.path}/numbers/99`, { word: 'x' })
    await refusal(absent, 404, 'RESOURCE_NOT_FOUND')
    const unfit = [{ nope: 1 }, [], [{ word: 'a' }], [{ word: 'a' }, { word: 'b' }]]
    for (const changes of unfit) {
      for (const path of ['numbers/1', 'numbers?n=eq.1']) {
        const refused = key().patch(`${app.path}/${path}`, changes)
        await refusal(refused, 400, 'VALIDATION_INVALID_SCHEMA')
      }
    }
    expect(await get('numbers/1')).toEqual(done)
  })

  test('what the filters find, which may be nothing', async () => {
    const update = (query: string) => key().patch(`${app.path}/numbers${query}`, { word: 'many' })
    expect(await body<Row[]>(update('?n=gte.4'))).toHaveLength(2)
    expect(await body(update('?n=eq.99'))).toEqual([])
    await refusal(update(''), 400, 'VALIDATION_INVALID_SCHEMA')
    await refusal(update('?select=n&limit=1'), 400, 'VALIDATION_INVALID_SCHEMA')
    expect(await get('numbers?word=eq.many')).toHaveLength(2)
  })
})

describe('deleting', () => {
  test('one row by its key', async () => {
    await body(post('numbers', { n: 50 }), 201)
    expect(await body(key().delete(`${app.path}/numbers/50`))).toEqual({ deleted: true })
    await refusal(key().delete(`${app.path}/numbers/50`), 404, 'RESOURCE_NOT_FOUND')
  })

  test('what the filters find, and how many; never everything', async () => {
    await body(
      post('numbers', [
        { n: 60, word: 'z' },
        { n: 61, word: 'z' },
      ]),
      201,
    )
    const done = await body(key().delete(`${app.path}/numbers?word=eq.z&n=gte.60`))
    expect(done).toEqual({ deleted: true, count: 2 })
    const all = key().delete(`${app.path}/numbers`)
    await refusal(all, 400, 'VALIDATION_INVALID_SCHEMA')
    // What a read passes over would let these reach every row.
    for (const page of ['limit=0', 'limit=x', 'limit=1&offset=-1', 'limit=1&order=nope.desc']) {
      const path = `${app.path}/numbers?n=gt.0&${page}`
      await refusal(key().delete(path), 400, 'VALIDATION_INVALID_SCHEMA')
      await refusal(key().patch(path, { word: 'x' }), 400, 'VALIDATION_INVALID_SCHEMA')
    }
    expect(await get('numbers')).toHaveLength(5)
  })
})

describe('a client that has the anon key only', () => {
  test('reads and writes what a policy opens, and is never 401', async () => {
    const asked = { table_name: 'open', policy_name: 'all', using_expression: 'true' }
    await body(server.owner.post(`${app.path}/rls/policies`, { ...asked, role: 'anon' }))
    const anon = server.as(app.anonKey)
    const row = await body<{ id: string }>(anon.post(`${app.path}/open`, { word: 'anon' }), 201)
    const path = `${app.path}/open/${row.id}`
    expect(await body(anon.get(path))).toEqual(row)
    expect(await body(anon.patch(path, { word: 'changed' }))).toMatchObject({ word: 'changed' })
    expect(await body(server.nobody.delete(path))).toEqual({ deleted: true })
    expect(await body(anon.get(`${app.path}/people`))).toEqual([])
  })

  test('of another app is refused, like any credential that is not the app’s', async () => {
    const other = await anyApp()
    const res = await server.as(other.serviceKey).get(`${app.path}/open`)
    expect(res.status).toBe(404)
    const bad = server.as(`bb_sk_${'f'.repeat(40)}`).get(`${app.path}/open`)
    await refusal(bad, 401, 'AUTH_INVALID_API_KEY')
  })
})
