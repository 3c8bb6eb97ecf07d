/**
 * /rest/v1 as @supabase/postgrest-js asks it on behalf of supabase-js: the anon key both as `apikey` and as bearer
 * until somebody signs in, then their token as bearer. Row security decides what each of them gets.
 */
import { PostgrestClient } from '@supabase/postgrest-js'
import { beforeAll, describe, expect, test } from 'vitest'
import { type App, applySchema, body, newApp, newEmail, PASSWORD, useServer } from '../support.ts'

const server = useServer()

type User = { id: string; token: string; db: PostgrestClient }

let app: App
let ada: User
let bob: User

const id = { type: 'serial', primaryKey: true }

const SCHEMA = {
  tables: {
    lists: { columns: { id, name: { type: 'text', unique: true } } },
    todos: {
      columns: {
        id,
        user_id: { type: 'uuid', default: 'auth.uid()' },
        title: { type: 'text', nullable: false },
        done: { type: 'boolean', default: 'false' },
        size: { type: 'integer' },
        list_id: { type: 'integer', references: 'lists.id' },
        due: { type: 'timestamptz' },
      },
    },
    closed: { columns: { id, word: { type: 'text' } } },
  },
}

/** As supabase-js makes it. */
function clientOf(bearer: string): PostgrestClient {
  const headers = {
    apikey: app.anonKey,
    Authorization: `Bearer ${bearer}`,
    'X-Client-Info': 'supabase-js-web/2.119.0',
  }
  return new PostgrestClient(`${server.url}/rest/v1`, { headers })
}

const anon = () => clientOf(app.anonKey)
const service = () =>
  new PostgrestClient(`${server.url}/rest/v1`, {
    headers: { apikey: app.serviceKey, Authorization: `Bearer ${app.serviceKey}` },
  })

async function newUser(): Promise<User> {
  const signed = await body<{ access_token: string; user: { id: string } }>(
    server.as(app.anonKey).post('/api/v1/auth/signup', { email: newEmail(), password: PASSWORD }),
    201,
  )
  const token = signed.access_token
  return { id: signed.user.id, token, db: clientOf(token) }
}

beforeAll(async () => {
  app = await newApp(server)
  await applySchema(server, app, SCHEMA)
  const own = 'user_id = auth.uid()'
  const policies = [
    {
      table_name: 'todos',
      policy_name: 'own',
      role: 'user',
      using_expression: own,
      with_check_expression: own,
    },
    { table_name: 'lists', policy_name: 'read', command: 'SELECT', using_expression: 'true' },
  ]
  for (const policy of policies) {
    await body(server.owner.post(`${app.path}/rls/policies`, policy))
  }
  ada = await newUser()
  bob = await newUser()
  await service()
    .from('lists')
    .insert([{ name: 'home' }, { name: 'work' }])
})

describe('row security', () => {
  test('lets A write and read their rows, and B see none of them', async () => {
    const made = await ada.db.from('todos').insert({ title: 'a1', list_id: 1 }).select().single()
    expect(made).toMatchObject({ status: 201, data: { user_id: ada.id, done: false } })
    expect((await ada.db.from('todos').select('title')).data).toEqual([{ title: 'a1' }])
    expect((await bob.db.from('todos').select('title')).data).toEqual([])
    expect((await anon().from('todos').select('title')).data).toEqual([])
    expect((await service().from('todos').select('title')).data).toEqual([{ title: 'a1' }])
  })

  test('refuses a row in another’s name with 403 and 42501, from anon with 401', async () => {
    const row = { title: 'forged', user_id: bob.id }
    const forged = await ada.db.from('todos').insert(row)
    expect(forged).toMatchObject({ status: 403, error: { code: '42501' } })
    const nobody = await anon().from('todos').insert(row)
    expect(nobody).toMatchObject({ status: 401, error: { code: '42501' } })
  })

  test('lets B neither change nor delete the rows of A', async () => {
    const updated = await bob.db.from('todos').update({ title: 'x' }).eq('title', 'a1').select()
    expect(updated.data).toEqual([])
    await bob.db.from('todos').delete().eq('title', 'a1')
    expect((await ada.db.from('todos').select('title')).data).toEqual([{ title: 'a1' }])
  })

  test('holds inside embeds', async () => {
    const query = 'name, todos(title)'
    const mine = await ada.db.from('lists').select(query).eq('name', 'home').single()
    expect(mine.data).toEqual({ name: 'home', todos: [{ title: 'a1' }] })
    const theirs = await bob.db.from('lists').select(query).eq('name', 'home').single()
    expect(theirs.data).toEqual({ name: 'home', todos: [] })
  })

  test('shows a table without policies as empty, and counts nothing', async () => {
    await service().from('closed').insert({ word: 'hidden' })
    const seen = await ada.db.from('closed').select('*', { count: 'exact' })
    expect(seen).toMatchObject({ data: [], count: 0, status: 200 })
  })
})

describe('credentials', () => {
  const ask = (headers: Record<string, string>) =>
    server.nobody.get('/rest/v1/lists?select=name&order=id', headers)

  test('may be an apikey alone', async () => {
    const found = await body(ask({ apikey: app.anonKey }))
    expect(found).toEqual([{ name: 'home' }, { name: 'work' }])
  })

  test('that are no token are 401 with PostgREST’s words', async () => {
    const res = await ask({ apikey: app.anonKey, authorization: 'Bearer eyJ.not.good' })
    expect(await body(res, 401)).toMatchObject({
      code: 'PGRST301',
      message: expect.any(String),
      details: null,
      hint: null,
    })
    expect(res.headers.get('www-authenticate')).toMatch(/^Bearer/)
  })

  test('of another app beside this app’s key are refused', async () => {
    const other = await newApp(server)
    const headers = { apikey: app.anonKey, authorization: `Bearer ${other.serviceKey}` }
    const res = await server.nobody.get('/rest/v1/lists', { ...headers, 'x-fb-tenant': app.id })
    expect([401, 403]).toContain(res.status)
  })

  test('that were revoked by signing out are 401', async () => {
    const user = await newUser()
    await body(server.as(user.token).post('/api/v1/auth/signout'))
    expect((await user.db.from('lists').select()).status).toBe(401)
  })
})

describe('reading', () => {
  beforeAll(async () => {
    const rows = [1, 2, 3, 4, 5].map((n) => ({ title: `t${n}`, size: n, list_id: (n % 2) + 1 }))
    await bob.db.from('todos').insert(rows)
  })

  const titles = async (query: PromiseLike<{ data: unknown; error: unknown }>) => {
    const { data, error } = await query
    expect(error).toBeNull()
    return (data as { title: string }[]).map(({ title }) => title)
  }
  const todos = () => bob.db.from('todos').select('title').order('size')

  test('compares', async () => {
    expect(await titles(todos().eq('size', 3))).toEqual(['t3'])
    expect(await titles(todos().neq('size', 3))).toEqual(['t1', 't2', 't4', 't5'])
    expect(await titles(todos().gt('size', 1).lte('size', 3))).toEqual(['t2', 't3'])
    expect(await titles(todos().gte('size', 2).lt('size', 3))).toEqual(['t2'])
    expect(await titles(todos().like('title', 't%').in('size', [1, 5]))).toEqual(['t1', 't5'])
    expect(await titles(todos().ilike('title', 'T1'))).toEqual(['t1'])
    expect(
      await titles(todos().is('due', null).is('done', false).not('size', 'in', '(1,2,3)')),
    ).toEqual(['t4', 't5'])
    expect(await titles(todos().or('size.eq.1,and(size.gt.3,done.is.false)'))).toEqual([
      't1',
      't4',
      't5',
    ])
  })

  test('orders, limits, ranges and counts', async () => {
    const page = await bob.db
      .from('todos')
      .select('size', { count: 'exact' })
      .order('size', { ascending: false })
      .range(1, 2)
    expect(page).toMatchObject({ data: [{ size: 4 }, { size: 3 }], count: 5, status: 206 })
    expect(await titles(todos().limit(2))).toEqual(['t1', 't2'])
    const head = await bob.db.from('todos').select('*', { count: 'exact', head: true })
    expect(head).toMatchObject({ count: 5, data: null, status: 200 })
  })

  test('renames and casts columns', async () => {
    const { data } = await bob.db
      .from('todos')
      .select('name:title, size::text')
      .eq('size', 1)
      .single()
    expect(data).toEqual({ name: 't1', size: '1' })
  })

  test('one row must be one', async () => {
    const many = await bob.db.from('todos').select().single()
    expect(many).toMatchObject({ status: 406, error: { code: 'PGRST116' } })
    const none = await bob.db.from('todos').select().eq('size', 99).maybeSingle()
    expect(none).toMatchObject({ data: null, error: null })
  })

  test('a range past the end of a counted read is 416', async () => {
    const past = await bob.db.from('todos').select('*', { count: 'exact' }).range(50, 60)
    expect(past).toMatchObject({ status: 416, error: { code: 'PGRST103' } })
  })

  test('what is wrong is named', async () => {
    const cases = [
      [bob.db.from('nope').select(), 404, 'PGRST205'],
      [bob.db.from('todos').select('nope'), 400, '42703'],
      [bob.db.from('todos').select().eq('size', 'many'), 400, '22P02'],
      [bob.db.from('todos').select('nope(id)'), 400, 'PGRST200'],
      [bob.db.schema('auth').from('users').select(), 406, 'PGRST106'],
      [bob.db.rpc('nope'), 404, 'PGRST202'],
    ] as const
    for (const [query, status, code] of cases) {
      expect(await query).toMatchObject({ status, error: { code } })
    }
  })
})

describe('writing', () => {
  test('answers nothing unless asked to', async () => {
    const made = await ada.db.from('todos').insert({ title: 'quiet' })
    expect(made).toMatchObject({ status: 201, data: null, error: null })
    const changed = await ada.db.from('todos').update({ size: 1 }).eq('title', 'quiet')
    expect(changed).toMatchObject({ status: 204, data: null, error: null })
    const gone = await ada.db.from('todos').delete().eq('title', 'quiet')
    expect(gone).toMatchObject({ status: 204, data: null, error: null })
  })

  test('inserts many, with defaults or nulls for what is missing', async () => {
    const rows = [{ title: 'm1', size: 1 }, { title: 'm2' }]
    const { data } = await ada.db
      .from('todos')
      .insert(rows, { defaultToNull: false })
      .select('size,done')
    expect(data).toEqual([
      { size: 1, done: false },
      { size: null, done: false },
    ])
    const gone = await ada.db.from('todos').delete({ count: 'exact' }).like('title', 'm%').select()
    expect(gone).toMatchObject({ status: 200, count: 2 })
  })

  test('upserts', async () => {
    const upsert = (options: object) =>
      service()
        .from('lists')
        .upsert({ name: 'home' }, { onConflict: 'name', ...options })
        .select()
    const merged = await upsert({})
    expect(merged).toMatchObject({ error: null, data: [{ id: 1, name: 'home' }] })
    expect((await upsert({ ignoreDuplicates: true })).data).toEqual([])
  })

  test('is refused in PostgreSQL’s words', async () => {
    const twice = await service().from('lists').insert({ name: 'home' })
    expect(twice).toMatchObject({
      status: 409,
      error: { code: '23505', details: 'Key (name)=(home) already exists.', hint: null },
    })
    const nowhere = await ada.db.from('todos').insert({ title: 'x', list_id: 99 })
    expect(nowhere).toMatchObject({ status: 409, error: { code: '23503' } })
    const empty = await ada.db.from('todos').insert({ size: 1 })
    expect(empty).toMatchObject({ status: 400, error: { code: '23502' } })
    const unknown = await ada.db.from('todos').insert({ title: 'x', nope: 1 })
    expect(unknown).toMatchObject({ status: 400, error: { code: 'PGRST204' } })
  })

  test('of more rows than allowed changes none', async () => {
    const asked = bob.db.from('todos').update({ done: true }).gt('size', 0).maxAffected(1)
    // Its type knows the method only when a version of PostgREST is declared.
    const bad = await (asked as unknown as PromiseLike<object>)
    expect(bad).toMatchObject({ status: 400, error: { code: 'PGRST124' } })
    expect((await bob.db.from('todos').select().is('done', true)).data).toEqual([])
  })
})

describe('on the wire', () => {
  test('a read tells its range and its media type', async () => {
    const res = await server.as(app.serviceKey).get('/rest/v1/lists?limit=1', {
      prefer: 'count=exact',
    })
    expect(res.status).toBe(206)
    expect(res.headers.get('content-range')).toBe('0-0/2')
    expect(res.headers.get('content-type')).toBe('application/json; charset=utf-8')
  })

  test('an insert tells where the row is', async () => {
    const res = await server.as(app.serviceKey).post(
      '/rest/v1/closed',
      { word: 'new' },
      {
        prefer: 'return=headers-only',
      },
    )
    expect([res.status, await res.text()]).toEqual([201, ''])
    expect(res.headers.get('location')).toMatch(/^\/closed\?id=eq\.\d+$/)
  })

  test('an unknown preference is ignored, or refused when strict', async () => {
    const ask = (prefer: string) => server.as(app.serviceKey).get('/rest/v1/lists', { prefer })
    await body(ask('color=red'))
    const found = await body(ask('handling=strict, color=red'), 400)
    expect(found.code).toBe('PGRST122')
  })

  test('a table as CSV', async () => {
    const { data } = await service().from('lists').select('name').order('id').csv()
    expect(data).toBe('name\nhome\nwork')
  })

  test('a paused app is 503', async () => {
    const own = await newApp(server)
    await applySchema(server, own, { tables: { t: { columns: { id } } } })
    await body(server.owner.patch(`${own.path}/config/pause`, { paused: true }))
    const res = await server.as(own.serviceKey).get('/rest/v1/t')
    expect(res.status).toBe(503)
    expect(res.headers.get('retry-after')).toBe('60')
  })

  test('pages of allowed origins read it, preflight and all', async () => {
    const res = await server.nobody.request('OPTIONS', '/rest/v1/lists', undefined, {
      origin: 'http://localhost:3000',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'apikey,authorization,x-client-info,prefer,accept-profile',
    })
    expect(res.status).toBeLessThan(300)
    expect(res.headers.get('access-control-allow-origin')).toMatch(/^(\*|http:\/\/localhost:3000)$/)
    const headers = (res.headers.get('access-control-allow-headers') ?? '').toLowerCase()
    for (const name of ['apikey', 'authorization', 'x-client-info', 'prefer', 'accept-profile']) {
      expect(headers).toContain(name)
    }
  })
})
