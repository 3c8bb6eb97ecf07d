/** The data part of the published supabase-js, unmodified: createClient with an address and a key, and nothing else. */
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { SCHEMA } from './supabase-js-fixture.ts'

type Book = { id: number; title: string; price: number | null; author_id: number | null }

let app: TestApp
/** With the service key. */
let db: SupabaseClient
/** With the anon key. */
let guest: SupabaseClient

const OPTIONS = { auth: { persistSession: false, autoRefreshToken: false } }

beforeAll(async () => {
  app = await startApp()
  await app.sql(SCHEMA)
  await app.owner.patch(`/v1/${app.appId}/config/data-api`, {
    db_schemas: ['public', 'archive'],
    db_plan_enabled: true,
    db_aggregates_enabled: true,
  })
  db = createClient(app.url, app.serviceKey, OPTIONS)
  guest = createClient(app.url, app.anonKey, OPTIONS)
})

afterAll(() => app[Symbol.asyncDispose]())

/** The data, or a failed test with the error. */
async function dataOf<T>(query: PromiseLike<{ data: T; error: unknown }>): Promise<NonNullable<T>> {
  const { data, error } = await query
  expect(error).toBeNull()
  return data as NonNullable<T>
}

describe('reading', () => {
  test('select, order, range, limit and counts', async () => {
    const all = await db.from('books').select('id, title', { count: 'exact' }).order('id')
    expect(all).toMatchObject({ status: 200, statusText: 'OK', count: 3, error: null })
    expect(all.data?.map(({ title }) => title)).toEqual(['Engines', 'Looms', 'Gardens'])
    const page = await db.from('books').select('id', { count: 'exact' }).order('id').range(1, 1)
    expect(page).toMatchObject({ status: 206, count: 3, data: [{ id: 2 }] })
    const nulls = db
      .from('books')
      .select('id')
      .order('price', { ascending: false, nullsFirst: true })
    expect(await dataOf(nulls.limit(1))).toEqual([{ id: 3 }])
    const head = await db.from('books').select('*', { head: true, count: 'planned' })
    expect([head.data, typeof head.count]).toEqual([null, 'number'])
  })

  const books = () => db.from('books').select('id').order('id')

  test.each<[name: string, ids: number[], filter: (q: ReturnType<typeof books>) => unknown]>([
    ['eq', [1], (q) => q.eq('title', 'Engines')],
    ['neq', [2, 3], (q) => q.neq('title', 'Engines')],
    ['gt and lte', [2], (q) => q.gt('price', 0).lte('price', 8)],
    ['like', [1], (q) => q.like('title', 'En%')],
    ['ilike', [2], (q) => q.ilike('title', '%OO%')],
    ['likeAnyOf', [1, 2], (q) => q.likeAnyOf('title', ['En%', 'Lo%'])],
    ['is', [3], (q) => q.is('price', null)],
    ['in', [1, 3], (q) => q.in('title', ['Engines', 'Gardens', 'a,b', '(c)'])],
    ['contains an array', [1], (q) => q.contains('tags', ['math'])],
    ['contains JSON', [2], (q) => q.contains('facts', { pages: 64 })],
    ['containedBy', [2, 3], (q) => q.containedBy('tags', ['craft', 'other'])],
    ['overlaps', [1, 2], (q) => q.overlaps('tags', ['notes', 'craft'])],
    ['rangeGte', [1], (q) => q.rangeGte('during', '[2024-01-01,2024-01-05)')],
    ['rangeAdjacent', [1], (q) => q.rangeAdjacent('during', '[2024-02-01,2024-03-01)')],
    [
      'textSearch',
      [2],
      (q) => q.textSearch('title', 'looms', { type: 'plain', config: 'english' }),
    ],
    ['match', [2], (q) => q.match({ title: 'Looms', author_id: 1 })],
    ['not', [2, 3], (q) => q.not('title', 'eq', 'Engines')],
    ['or', [1, 3], (q) => q.or('title.eq.Engines,price.is.null')],
    ['filter on JSON', [1], (q) => q.filter('facts->pages', 'gt', 100)],
    ['gte and lt', [1], (q) => q.gte('price', 8.5).lt('price', 13)],
    ['likeAllOf', [1], (q) => q.likeAllOf('title', ['En%', '%s'])],
    ['ilikeAllOf', [2], (q) => q.ilikeAllOf('title', ['lo%', '%MS'])],
    ['ilikeAnyOf', [1, 3], (q) => q.ilikeAnyOf('title', ['EN%', '%dens'])],
    ['regexMatch', [1], (q) => q.regexMatch('title', '^E.+s$')],
    ['regexIMatch', [2], (q) => q.regexIMatch('title', '^l(o|a){2}')],
    ['isDistinct', [2, 3], (q) => q.isDistinct('price', 12.5)],
    ['notIn', [2], (q) => q.notIn('title', ['Engines', 'Gardens', 'a "quoted" word'])],
    ['not in', [2], (q) => q.not('title', 'in', '("Engines","Gardens")')],
    ['not null', [1, 2], (q) => q.not('price', 'is', null)],
    ['contains a range', [1], (q) => q.contains('during', '[2024-01-10,2024-01-11)')],
    ['containedBy a range', [1], (q) => q.containedBy('during', '[2023-01-01,2025-01-01)')],
    ['containedBy JSON', [2], (q) => q.containedBy('facts', { pages: 64, more: true })],
    ['overlaps a range', [1], (q) => q.overlaps('during', '[2024-01-31,2024-03-01)')],
    ['rangeGt', [1], (q) => q.rangeGt('during', '[2023-01-01,2023-02-01)')],
    ['rangeLt', [1], (q) => q.rangeLt('during', '[2025-01-01,2025-02-01)')],
    ['rangeLte', [1], (q) => q.rangeLte('during', '[2024-01-01,2024-06-01)')],
    ['textSearch as to_tsquery', [1], (q) => q.textSearch('title', `'engines' & !'looms'`)],
    [
      'textSearch of a phrase',
      [3],
      (q) => q.textSearch('title', 'gardens', { type: 'phrase', config: 'simple' }),
    ],
    [
      'textSearch of the web',
      [1, 3],
      (q) => q.textSearch('title', 'engines or gardens', { type: 'websearch', config: 'english' }),
    ],
    ['or with and, not and in', [1, 2], (q) => q.or('and(id.eq.1,price.not.is.null),id.in.(2)')],
    ['or beside others', [1], (q) => q.gt('price', 1).or('title.like.En*,price.is.null')],
    ['filter on text in JSON', [2], (q) => q.eq('facts->>pages', '64')],
    ['filter by any', [1, 3], (q) => q.filter('title', 'like(any)', '{En%,Ga%}')],
    ['filter by a column with a quoted name', [1], (q) => q.eq('"title"', 'Engines')],
    ['a value with reserved characters', [], (q) => q.eq('title', 'a,b.(c):"d" & e=f?#')],
  ])('%s filters', async (_, ids, filter) => {
    const query = books()
    filter(query)
    const rows = await dataOf(query)
    expect(rows.map(({ id }) => id)).toEqual(ids)
  })

  test('embeds to one, to many, through others, inner, spread, filtered, ordered and limited', async () => {
    const nested = db
      .from('authors')
      .select('name, books(title, shelves(label))')
      .order('title', { referencedTable: 'books', ascending: false })
      .limit(1, { referencedTable: 'books' })
      .eq('id', 1)
    expect(await dataOf(nested)).toEqual([
      { name: 'Ada', books: [{ title: 'Looms', shelves: [] }] },
    ])
    const inner = db.from('books').select('title, by:authors!inner(name)').eq('by.name', 'Bob')
    expect(await dataOf(inner)).toEqual([{ title: 'Gardens', by: { name: 'Bob' } }])
    const spread = db.from('books').select('title, ...authors(author:name)').eq('id', 2)
    expect(await dataOf(spread)).toEqual([{ title: 'Looms', author: 'Ada' }])
    const counted = db.from('authors').select('name, books(count)').order('id')
    expect(await dataOf(counted)).toEqual([
      { name: 'Ada', books: [{ count: 2 }] },
      { name: 'Bob', books: [{ count: 1 }] },
    ])
  })

  test('filters, orders and pages of an embed, and orders by one', async () => {
    const embedded = db
      .from('authors')
      .select('name, books(title)')
      .or('title.eq.Looms,price.gt.10', { referencedTable: 'books' })
      .order('title', { referencedTable: 'books' })
      .range(0, 0, { referencedTable: 'books' })
      .order('id')
    expect(await dataOf(embedded)).toEqual([
      { name: 'Ada', books: [{ title: 'Engines' }] },
      { name: 'Bob', books: [] },
    ])
    const byAuthor = db
      .from('books')
      .select('title, authors(name)')
      .order('authors(name)', { ascending: false })
      .order('title')
    expect((await dataOf(byAuthor)).map(({ title }) => title)).toEqual([
      'Gardens',
      'Engines',
      'Looms',
    ])
    const lonely = db.from('books').select('id, placed()').is('placed', null)
    expect(await dataOf(lonely)).toEqual([{ id: 2 }])
    const gathered = db.from('authors').select('name, ...books(titles:title)').eq('id', 2)
    expect(await dataOf(gathered)).toEqual([{ name: 'Bob', titles: ['Gardens'] }])
    const summed = db
      .from('books')
      .select('author_id, price.sum(), copies:id.count()')
      .order('author_id')
    expect(await dataOf(summed)).toEqual([
      { author_id: 1, sum: 20.5, copies: 2 },
      { author_id: 2, sum: null, copies: 1 },
    ])
    const within = db.from('authors').select('name, books(price.max())').eq('id', 1).single()
    expect(await dataOf(within)).toEqual({ name: 'Ada', books: [{ max: 12.5 }] })
  })

  test('single and maybeSingle give one row, none, or say how many there were', async () => {
    expect(await dataOf(db.from('books').select('title').eq('id', 1).single())).toEqual({
      title: 'Engines',
    })
    expect(await db.from('books').select().eq('id', 99).maybeSingle()).toMatchObject({
      data: null,
      error: null,
    })
    expect(await db.from('books').select().eq('id', 99).single()).toMatchObject({
      status: 406,
      error: { code: 'PGRST116', details: 'The result contains 0 rows' },
    })
    expect(await db.from('books').select().maybeSingle()).toMatchObject({
      error: { code: 'PGRST116' },
    })
  })

  test('csv, explain, stripNulls, overrideTypes and throwOnError', async () => {
    const text = await dataOf(db.from('books').select('id, title, price').order('id').csv())
    expect(text.split('\n')).toEqual([
      'id,title,price',
      '1,Engines,12.5',
      '2,Looms,8',
      '3,Gardens,',
    ])
    const plan = await db.from('books').select().eq('id', 1).explain({ verbose: true })
    expect(plan.data).toContain('books')
    const json = await db.from('books').select().explain({ format: 'json' })
    expect(json.data).toMatchObject([{ Plan: {} }])
    const run = await db
      .from('books')
      .select()
      .explain({ analyze: true, settings: true, buffers: true, wal: true, format: 'json' })
    expect(run.data).toMatchObject([{ 'Execution Time': expect.any(Number) as number }])
    const shapes = await db.from('books').select().geojson()
    expect(shapes).toMatchObject({ status: 406, error: { code: 'PGRST107' } })
    const bare = db.from('books').select('id, price').eq('id', 3).stripNulls()
    expect(await dataOf(bare)).toEqual([{ id: 3 }])
    const typed = await dataOf(
      db
        .from('books')
        .select('id, title')
        .order('id')
        .overrideTypes<Pick<Book, 'id' | 'title'>[]>(),
    )
    expect(typed[0]?.title).toBe('Engines')
    const failing = db.from('nowhere').select().throwOnError()
    await expect(Promise.resolve(failing)).rejects.toMatchObject({ code: 'PGRST205' })
    expect(await db.from('books').select('id').eq('id', 1).throwOnError()).toMatchObject({
      data: [{ id: 1 }],
    })
  })

  test('a query that is aborted ends with an error, and with it its statement', async () => {
    const stop = new AbortController()
    const slow = db.rpc('nap', { seconds: 30 }).abortSignal(stop.signal)
    const sleeping = async () => {
      const rows = await app.sql(`select 1 from pg_stat_activity
        where query like '%nap%' and wait_event = 'PgSleep' and datname = current_database()`)
      return (rows as unknown[]).length
    }
    const ended = Promise.resolve(slow)
    await expect.poll(sleeping).toBe(1)
    stop.abort()
    expect((await ended).error?.message).toMatch(/abort/i)
    await expect.poll(sleeping).toBe(0)
  })
})

describe('writing', () => {
  test('insert, upsert, update and delete give back what was asked for', async () => {
    const one = await db.from('books').insert({ title: 'Bridges' }).select('title, price').single()
    expect(one).toMatchObject({ status: 201, data: { title: 'Bridges', price: null } })
    const many = await db.from('books').insert([{ title: 'A', price: 1 }, { title: 'B' }])
    expect(many).toMatchObject({ status: 201, data: null, error: null })
    const upserted = db.from('authors').upsert([{ name: 'Ada' }, { name: 'Cy' }], {
      onConflict: 'name',
      ignoreDuplicates: true,
    })
    expect(await dataOf(upserted.select('name'))).toEqual([{ name: 'Cy' }])
    const changed = await db
      .from('books')
      .update({ price: 2 })
      .in('title', ['A', 'B'])
      .select('price')
    expect(changed).toMatchObject({ status: 200, data: [{ price: 2 }, { price: 2 }] })
    const gone = await db.from('books').delete({ count: 'exact' }).gt('id', 10)
    expect(gone).toMatchObject({ status: 204, count: 3, data: null })
  })

  test('a rehearsal and a limit leave things as they are', async () => {
    const rehearsed = await db.from('books').delete().eq('author_id', 2).select('id').rollback()
    expect(rehearsed.error?.code ?? rehearsed.data).toEqual('23503')
    const shelf = await db.from('shelves').insert({ id: 7, label: 'new' }).select().rollback()
    expect(shelf.data).toEqual([{ id: 7, label: 'new' }])
    expect(await dataOf(db.from('shelves').select('id').eq('id', 7))).toEqual([])
    const careful = await db
      .from('placed')
      .delete()
      .gt('book_id', 0)
      .setHeader('Prefer', 'handling=strict, max-affected=1')
    expect(careful.error).toMatchObject({ code: 'PGRST124' })
  })

  test('what is missing is null or the default, in rows of one kind or several', async () => {
    const mixed = [{ title: 'M1', tags: ['x'] }, { title: 'M2' }]
    const nulls = await db.from('books').insert(mixed).select('tags').rollback()
    expect(nulls.error).toMatchObject({ code: '23502' })
    const defaults = db.from('books').insert(mixed, { defaultToNull: false }).select('tags')
    expect(await dataOf(defaults.rollback())).toEqual([{ tags: ['x'] }, { tags: [] }])
    const upserted = db
      .from('books')
      .upsert(
        [
          { id: 1, title: 'Engines II' },
          { id: 40, title: 'New', price: 3 },
        ],
        {
          defaultToNull: false,
          count: 'exact',
        },
      )
      .select('id, price')
      .order('id')
      .rollback()
    expect(await upserted).toMatchObject({
      status: 201,
      count: 2,
      data: [
        { id: 1, price: null },
        { id: 40, price: 3 },
      ],
    })
  })

  test('maxAffected bounds changes and calls', async () => {
    // Its type knows the method only when a version of PostgREST is declared.
    const answerOf = async (query: unknown) => await (query as PromiseLike<object>)
    const few = db.from('placed').delete().gt('book_id', 0).maxAffected(2)
    expect(await answerOf(few)).toMatchObject({ status: 400, error: { code: 'PGRST124' } })
    const enough = db.from('placed').delete().gt('book_id', 0).rollback().maxAffected(3)
    expect(await answerOf(enough)).toMatchObject({ status: 204, error: null })
    const called = db.rpc('cheap_books', { most: 20 }).maxAffected(1)
    expect(await answerOf(called)).toMatchObject({ error: { code: 'PGRST124' } })
    const single = db.rpc('double_of', { n: 1 }).maxAffected(1)
    expect(await answerOf(single)).toMatchObject({ status: 400, error: { code: 'PGRST128' } })
  })

  test('errors carry code, message, details and hint', async () => {
    const { error, status } = await db.from('authors').insert({ name: 'Ada' })
    expect(status).toBe(409)
    expect(error).toMatchObject({ code: '23505', hint: null })
    expect(error?.message).toContain('duplicate key')
    expect(error?.details).toContain('already exists')
    const near = await db.from('book').select()
    expect(near.error).toMatchObject({
      code: 'PGRST205',
      hint: "Perhaps you meant the table 'public.books'",
    })
  })
})

describe('functions and schemas', () => {
  test('rpc by POST, GET and HEAD; its rows are filtered like a table', async () => {
    expect(await dataOf(db.rpc('double_of', { n: 21 }))).toBe(42)
    expect(await dataOf(db.rpc('double_of', { n: 4 }, { get: true }))).toBe(8)
    const cheap = db.rpc('cheap_books', { most: 20 }).select('title, authors(name)').gt('price', 10)
    expect(await dataOf(cheap)).toEqual([{ title: 'Engines', authors: { name: 'Ada' } }])
    const counted = await db.rpc('cheap_books', { most: 20 }, { head: true, count: 'exact' })
    expect(counted).toMatchObject({ count: 2, data: null })
    const missing = await db.rpc('double_off', { n: 1 })
    expect(missing.error).toMatchObject({
      code: 'PGRST202',
      hint: 'Perhaps you meant to call the function public.double_of',
    })
  })

  test('schema() reaches another exposed schema, and only such', async () => {
    const archive = db.schema('archive')
    expect(await dataOf(archive.from('scrolls').select())).toEqual([{ id: 1, word: 'alpha' }])
    expect(await dataOf(archive.rpc('oldest'))).toBe('alpha')
    expect(await db.schema('auth').from('users').select()).toMatchObject({
      status: 406,
      error: { code: 'PGRST106' },
    })
  })
})

describe('who asks', () => {
  test('the anon key is nobody in particular: reads what it may, and is told 401 for the rest', async () => {
    expect(await dataOf(guest.rpc('whoami'))).toBe('anon')
    expect(await dataOf(guest.from('books').select('id').eq('id', 1))).toEqual([{ id: 1 }])
    const refused = await guest.from('books').insert({ title: 'No' })
    expect(refused).toMatchObject({ status: 401, error: { code: '42501' } })
  })

  test('a signed-in user, by a token of their own, gets their rows and no others', async () => {
    const signedIn = async (name: string) => {
      const email = `${name}@books.example`
      const res = await app
        .as(app.anonKey)
        .post('/api/v1/auth/signup', { email, password: 'A long one, 4 letters' })
      const signed = (await res.json()) as { access_token: string; user: { id: string } }
      const accessToken = () => Promise.resolve(signed.access_token)
      return { id: signed.user.id, client: createClient(app.url, app.anonKey, { accessToken }) }
    }
    const ada = await signedIn('ada')
    const bob = await signedIn('bob')
    const written = ada.client
      .from('notes')
      .insert({ body: 'mine' })
      .select('body, user_id')
      .single()
    expect(await dataOf(written)).toEqual({ body: 'mine', user_id: ada.id })
    expect(await dataOf(bob.client.from('notes').select())).toEqual([])
    const forged = await bob.client.from('notes').insert({ body: 'x', user_id: ada.id })
    expect(forged).toMatchObject({ status: 403, error: { code: '42501' } })
  })
})
