/** Writes and calls: rows, duplicates, functions, transactions, and whose rows are whose. */
import { expect, test } from 'vitest'
import { app, get, got, REPRESENT, type Row, send, useTables } from './rest-fixture.ts'

useTables()

test('POST inserts one, many, CSV and forms; what comes back is what was asked for', async () => {
  const silent = await send('/clients', { body: { name: 'S' } })
  expect([silent.status, silent.body, silent.headers.get('content-range')]).toEqual([
    201,
    '',
    '*/*',
  ])
  const shown = await send('/clients?select=name', {
    body: [{ name: 'A' }, { name: 'B' }],
    headers: REPRESENT,
  })
  expect([shown.status, shown.body]).toEqual([201, [{ name: 'A' }, { name: 'B' }]])
  const headers = await send('/clients', {
    body: { name: 'H' },
    headers: { prefer: 'return=headers-only' },
  })
  expect([headers.status, headers.headers.get('location')]).toEqual([
    201,
    expect.stringMatching(/^\/clients\?id=eq\.\d+$/),
  ])
  const csv = await send('/clients?select=name', {
    body: 'name\nC\n"D, E"\n',
    headers: { ...REPRESENT, 'content-type': 'text/csv' },
  })
  expect(csv.body).toEqual([{ name: 'C' }, { name: 'D, E' }])
  const form = await send('/clients?select=name', {
    body: 'name=F+G',
    headers: { ...REPRESENT, 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(form.body).toEqual([{ name: 'F G' }])
  const embedded = await send('/projects?select=name,clients(name)', {
    body: { name: 'P', client_id: 1 },
    headers: REPRESENT,
  })
  expect(embedded.body).toEqual([{ name: 'P', clients: { name: 'Ada' } }])
  expect(
    (
      await send('/tasks?select=name,pri', {
        body: { name: 'x' },
        headers: { ...REPRESENT, accept: 'application/vnd.pgrst.object+json' },
      })
    ).body,
  ).toEqual({ name: 'x', pri: 5 })
  expect((await send('/clients', { body: [], headers: REPRESENT })).body).toEqual([])
  await send('/tasks?name=eq.x', { method: 'DELETE' })
  await send('/projects?name=eq.P', { method: 'DELETE' })
})

test('POST with columns: only those are written, and missing ones are null or their default', async () => {
  const body = [{ name: 'd1', pri: 1, nope: 1 }, { name: 'd2' }]
  const nulls = await send('/tasks?columns=name,pri&select=pri', { body, headers: REPRESENT })
  expect(nulls.body).toEqual([{ pri: 1 }, { pri: null }])
  await send('/tasks?name=like.d*', { method: 'DELETE' })
  const defaults = await send('/tasks?columns=name,pri&select=pri', {
    body,
    headers: { prefer: 'return=representation,missing=default' },
  })
  expect(defaults.body).toEqual([{ pri: 1 }, { pri: 5 }])
  await send('/tasks?name=like.d*', { method: 'DELETE' })
  expect(await send('/tasks', { body: [{ name: 'a' }, { pri: 1 }] })).toMatchObject({
    status: 400,
    body: { code: 'PGRST102', message: 'All object keys must match' },
  })
  expect(await send('/tasks', { body: { nope: 1 } })).toMatchObject({
    status: 400,
    body: {
      code: 'PGRST204',
      message: "Could not find the 'nope' column of 'tasks' in the schema cache",
    },
  })
  expect(
    await send('/tasks', { body: '{"a', headers: { 'content-type': 'application/json' } }),
  ).toMatchObject({ status: 400, body: { code: 'PGRST102' } })
  expect(
    await send('/tasks', { body: 'x', headers: { 'content-type': 'text/plain' } }),
  ).toMatchObject({
    status: 400,
    body: { code: 'PGRST102', message: 'Content-Type not acceptable: text/plain' },
  })
})

test('an on_conflict that PostgreSQL cannot use is refused in its own words', async () => {
  const upsert = (columns: string) =>
    send(`/tasks?on_conflict=${columns}`, {
      body: { name: 'x' },
      headers: { prefer: 'resolution=merge-duplicates' },
    })
  expect(await upsert('nothing')).toMatchObject({
    status: 400,
    body: { code: '42703', message: 'column "nothing" does not exist', details: null },
  })
  expect(await upsert('pri')).toMatchObject({ status: 400, body: { code: '42P10' } })
  expect(await upsert('na"me')).toMatchObject({ status: 400, body: { code: 'PGRST100' } })
})

test('upserts merge or ignore, by key or by on_conflict', async () => {
  const merge = { prefer: 'return=representation,resolution=merge-duplicates' }
  const fresh = await send('/members?select=id,name', {
    body: { id: 50, name: 'New' },
    headers: merge,
  })
  expect([fresh.status, fresh.body, fresh.headers.get('preference-applied')]).toEqual([
    201,
    [{ id: 50, name: 'New' }],
    'resolution=merge-duplicates, return=representation',
  ])
  const again = await send('/members?select=id,name', {
    body: { id: 50, name: 'Newer' },
    headers: merge,
  })
  expect([again.status, again.body]).toEqual([200, [{ id: 50, name: 'Newer' }]])
  expect(
    (
      await send('/members', {
        body: { id: 50, name: 'x' },
        headers: { prefer: 'return=representation,resolution=ignore-duplicates' },
      })
    ).body,
  ).toEqual([])
  const byName = await send('/tasks?on_conflict=name&select=name,pri', {
    body: { name: 't1', pri: 1 },
    headers: merge,
  })
  expect(byName.body).toEqual([{ name: 't1', pri: 1 }])
  expect(
    (await send('/members?id=eq.50', { method: 'DELETE', headers: REPRESENT })).body,
  ).toMatchObject([{ id: 50, name: 'Newer' }])
})

test('PUT needs the whole key and the same values', async () => {
  const put = (path: string, body: object) =>
    send(path, { method: 'PUT', body, headers: REPRESENT })
  expect(await put('/members?id=eq.60', { id: 60, name: 'P' })).toMatchObject({
    status: 201,
    body: [{ id: 60, name: 'P' }],
  })
  expect(await put('/members?id=eq.60', { id: 60, name: 'Q' })).toMatchObject({
    status: 200,
    body: [{ name: 'Q' }],
  })
  expect(await put('/members?id=eq.60', { id: 61 })).toMatchObject({
    status: 400,
    body: { code: 'PGRST115' },
  })
  expect(await put('/members?id=eq.60', [])).toMatchObject({ body: { code: 'PGRST115' } })
  const two = [
    { id: 61, name: 'other' },
    { id: 60, name: 'Q' },
  ]
  expect(await put('/members?id=eq.60', two)).toMatchObject({ status: 200, body: [{ id: 60 }] })
  const same = [{ id: 60 }, { id: 60 }]
  expect(await put('/members?id=eq.60', same)).toMatchObject({ body: { code: '21000' } })
  expect(await put('/members?id=eq.060', { id: 60, name: 'Q' })).toMatchObject({ status: 200 })
  expect(await put('/members?id=eq.60', { name: 'Q' })).toMatchObject({
    body: { code: 'PGRST115' },
  })
  expect(await put('/members?id=eq.x', { id: 60 })).toMatchObject({ body: { code: '22P02' } })
  expect(await put('/members?name=eq.Q', { id: 60 })).toMatchObject({
    status: 405,
    body: { code: 'PGRST105' },
  })
  expect(await put('/members?id=eq.60&limit=1', { id: 60 })).toMatchObject({
    status: 400,
    body: { code: 'PGRST114' },
  })
  await send('/members?id=eq.60', { method: 'DELETE' })
})

test('PATCH and DELETE change what the filters find, within max-affected, or as a rehearsal', async () => {
  await send('/clients', { body: [{ name: 'x1' }, { name: 'x2' }] })
  const patched = await send('/clients?name=like.x*&select=name', {
    method: 'PATCH',
    body: { name: 'y' },
    headers: { prefer: 'return=representation,count=exact' },
  })
  expect([patched.status, patched.body, patched.headers.get('content-range')]).toEqual([
    200,
    [{ name: 'y' }, { name: 'y' }],
    '0-1/2',
  ])
  const silent = await send('/clients?name=eq.y', { method: 'PATCH', body: { name: 'z' } })
  expect([silent.status, silent.body, silent.headers.get('content-range')]).toEqual([
    204,
    '',
    '0-1/*',
  ])
  const strict = { prefer: 'handling=strict,max-affected=1' }
  expect(await send('/clients?name=eq.z', { method: 'DELETE', headers: strict })).toMatchObject({
    status: 400,
    body: { code: 'PGRST124', details: 'The query affects 2 rows' },
  })
  const single = { prefer: 'return=representation', accept: 'application/vnd.pgrst.object+json' }
  expect(
    await send('/clients?name=eq.z', { method: 'PATCH', body: { name: 'w' }, headers: single }),
  ).toMatchObject({ status: 406, body: { code: 'PGRST116' } })
  const filter = async (id: string, headers: Record<string, string>) => {
    const path = `/clients?id=eq.${encodeURIComponent(id)}`
    const { status, body } = await send(path, { method: 'DELETE', headers })
    return [status, body]
  }
  for (const disguise of ['stead guard single 2', 'stead guard max 2']) {
    for (const headers of [single, { ...single, ...strict }, strict, {}]) {
      const message = `invalid input syntax for type integer: "${disguise}"`
      const refused = [400, { code: '22P02', message, details: null, hint: null }]
      expect(await filter(disguise, headers)).toEqual(refused)
    }
  }
  const rehearsed = await send('/clients?name=eq.z', {
    method: 'DELETE',
    headers: { prefer: 'return=representation,tx=rollback' },
  })
  expect([
    rehearsed.status,
    (rehearsed.body as Row[]).length,
    rehearsed.headers.get('preference-applied'),
  ]).toEqual([200, 2, 'return=representation, tx=rollback'])
  expect(((await get('/clients?name=eq.z')).body as Row[]).length).toBe(2)
  expect(await send('/clients?name=eq.z', { method: 'DELETE' })).toMatchObject({ status: 204 })
  expect((await get('/clients?name=eq.z')).body).toEqual([])
  expect(
    await send('/clients', { body: {}, headers: { prefer: 'handling=strict,odd=1' } }),
  ).toMatchObject({
    status: 400,
    body: { code: 'PGRST122', details: 'Invalid preferences: odd=1' },
  })
})

test('functions: arguments by URL and body, sets, nothing, overloads, statuses, and no writes by GET', async () => {
  expect((await get('/rpc/add_them?a=1&b=2')).body).toBe(3)
  expect((await send('/rpc/add_them', { body: { a: 3, b: 4 } })).body).toBe(7)
  expect((await get('/rpc/get_tasks?min_pri=10&select=id,projects(name)&id=gt.11')).body).toEqual([
    { id: 12, projects: { name: 'Alpha' } },
  ])
  const paged = await send('/rpc/get_tasks?order=id&limit=2&select=id', {
    body: {},
    headers: { prefer: 'count=exact' },
  })
  expect([paged.status, paged.body, paged.headers.get('content-range')]).toEqual([
    206,
    [{ id: 1 }, { id: 2 }],
    '0-1/12',
  ])
  expect(await send('/rpc/nothing', { body: {} })).toMatchObject({ status: 204, body: '' })
  const tea = await get('/rpc/teapot')
  expect([tea.status, tea.body, tea.headers.get('x-tea')]).toEqual([418, 'short', 'green'])
  expect(await get('/rpc/raise_it')).toMatchObject({
    status: 402,
    body: { code: 'PT402', message: 'Pay', details: 'more', hint: 'now' },
  })
  expect(await get('/rpc/writes')).toMatchObject({ status: 405, body: { code: '25006' } })
  expect((await send('/rpc/writes', { body: {} })).status).toBe(200)
  expect(await get('/rpc/add_them?a=1')).toMatchObject({
    status: 404,
    body: {
      code: 'PGRST202',
      message: 'Could not find the function public.add_them(a) in the schema cache',
    },
  })
  expect(await get('/rpc/add_then?a=1&b=2')).toMatchObject({
    body: { hint: 'Perhaps you meant to call the function public.add_them' },
  })
})

test('a transaction that was undone for another tries again, and gives up after three times', async () => {
  await app.sql(`create sequence public.tries; grant usage on sequence public.tries to service_role;
    create function public.collide(times int) returns int language plpgsql as $$
      declare tried int := nextval('public.tries');
      begin if tried <= times then raise sqlstate '40001' using message = 'collision'; end if; return tried; end $$;
    grant execute on function public.collide to service_role`)
  expect((await send('/rpc/collide', { body: { times: 3 } })).body).toBe(4)
  await app.sql(`select setval('public.tries', 1, false)`)
  expect(await send('/rpc/collide', { body: { times: 9 } })).toMatchObject({
    body: { code: '40001' },
  })
})

test("rows belong to their users; nobody and another app's key get nothing", async () => {
  const ada = await signUp('ada@example.com')
  const bob = await signUp('bob@example.com')
  const made = await got(await ada.post('/rest/v1/notes', { body: 'mine' }, REPRESENT))
  expect(made).toMatchObject({ status: 201, body: [{ body: 'mine' }] })
  const [{ id, user_id: owner } = {}] = made.body as Row[]
  expect((await got(await ada.get('/rest/v1/notes'))).body).toHaveLength(1)
  expect((await got(await bob.get('/rest/v1/notes'))).body).toEqual([])
  expect(
    (await got(await bob.patch(`/rest/v1/notes?id=eq.${String(id)}`, { body: 'his' }, REPRESENT)))
      .body,
  ).toEqual([])
  expect(
    (await got(await bob.delete(`/rest/v1/notes?id=eq.${String(id)}`, undefined, REPRESENT))).body,
  ).toEqual([])
  expect(await got(await bob.post('/rest/v1/notes', { body: 'x', user_id: owner }))).toMatchObject({
    status: 403,
    body: { code: '42501' },
  })
  const anonymous = await got(await app.as(app.anonKey).get('/rest/v1/notes'))
  expect([
    anonymous.status,
    anonymous.headers.get('www-authenticate'),
    anonymous.body,
  ]).toMatchObject([401, 'Bearer', { code: '42501' }])
  expect((await get('/notes')).body).toHaveLength(1)
  const other = await app.createApp()
  const foreign = await app.as(other.serviceKey).get('/rest/v1/notes', { 'x-fb-tenant': app.appId })
  expect([401, 403, 404]).toContain(foreign.status)
  const bad = await got(await app.as('eyJhbGciOiJIUzI1NiJ9.e30.x').get('/rest/v1/notes'))
  expect([bad.status, bad.body]).toMatchObject([401, { code: expect.stringMatching(/^PGRST30/) }])
})

test('the apikey header alone names the caller, and a browser may ask from anywhere', async () => {
  const res = await app.nobody.get('/rest/v1/clients?limit=1', {
    apikey: app.serviceKey,
    origin: 'https://x.example',
  })
  expect([res.status, res.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
})

test('a key in the address of a read names the caller, and of a write it is a filter like any other', async () => {
  const [key, other] = [app.serviceKey, app.anonKey]
  expect((await got(await app.nobody.get(`/rest/v1/notes?apikey=${other}`))).status).toBe(401)
  for (const query of [`apikey=${key}`, `body=eq.none&apikey=${key}&limit=1`]) {
    expect((await got(await app.nobody.get(`/rest/v1/notes?${query}`))).status).toBe(200)
  }
  const bad = await got(await app.nobody.get(`/rest/v1/clients?apikey=${key}x`))
  expect([bad.status, bad.body]).toMatchObject([401, { code: 'PGRST301' }])
  expect((await get(`/clients?apikey=${other}&limit=1`)).body).toHaveLength(1)
  for (const method of ['PATCH', 'DELETE']) {
    const res = await send(`/clients?apikey=${key}`, { method, body: { name: 'x' } })
    expect([res.status, res.body], method).toMatchObject([400, { code: 'PGRST100' }])
  }
})

test('a column or an argument may be named apikey', async () => {
  await app.sql(`create table integrations (id int primary key, apikey text);
    insert into integrations values (1, 'a'), (2, 'b'), (3, null);
    create function key_of(apikey text) returns text language sql stable as 'select apikey';
    grant all on integrations to service_role`)
  const ids = async (query: string) =>
    ((await get(`/integrations?${query}`)).body as Row[]).map(({ id }) => id)
  expect(await ids('apikey=eq.a')).toEqual([1])
  expect(await ids('apikey=in.(a,b)&order=id')).toEqual([1, 2])
  expect(await ids('apikey=is.null')).toEqual([3])
  expect((await get('/integrations?apikey=a')).body).toMatchObject({ code: 'PGRST100' })
  const headers = REPRESENT
  const set = { method: 'PATCH', body: { apikey: 'c' }, headers }
  expect((await send('/integrations?apikey=eq.b', set)).body).toEqual([{ id: 2, apikey: 'c' }])
  const gone = await send('/integrations?apikey=eq.a', { method: 'DELETE', headers })
  expect(gone.body).toEqual([{ id: 1, apikey: 'a' }])
  expect((await get('/rpc/key_of?apikey=x')).body).toBe('x')
})

test.each(['limit', 'offset', 'columns', 'on_conflict'])(
  'a change by a column named %s needs quotes: without them the filter would be passed over',
  async (word) => {
    const table = `odd_${word}`
    await app.sql(`create table ${table} (id int primary key, "${word}" int);
      insert into ${table} values (1, 5), (2, 6); grant all on ${table} to service_role`)
    for (const method of ['PATCH', 'DELETE']) {
      const lost = await send(`/${table}?${word}=eq.5`, { method, body: { id: 9 } })
      expect([lost.status, lost.body], method).toMatchObject([400, { code: 'PGRST100' }])
    }
    const quoted = `/${table}?%22${word}%22=eq.5`
    const gone = await send(quoted, { method: 'DELETE', headers: REPRESENT })
    expect(gone.body).toEqual([{ id: 1, [word]: 5 }])
  },
)

async function signUp(email: string) {
  const res = await app.nobody.post(
    '/api/v1/auth/signup',
    { email, password: 'Long-enough-1' },
    { apikey: app.anonKey },
  )
  const { access_token: token } = (await res.json()) as { access_token: string }
  return app.as(token)
}
