/** Row security that isolates users: one table, the whole app, and who may set it up. */
import { expect, test } from 'vitest'
import {
  ada,
  ADA,
  app,
  bob,
  BOB,
  call,
  COLUMNS,
  good,
  id,
  nobody,
  policies,
  refused,
  service,
  sql,
  usePosts,
} from './rls-fixture.ts'

usePosts()

test('POST rls: users see their own rows, whatever id they send; the service sees all', async () => {
  const answer = await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  expect(answer).toEqual({
    success: true,
    table: 'posts',
    user_column: 'user_id',
    policy_name: 'posts_user_isolation',
    _meta: { next_actions: [expect.any(Object)] },
  })
  await ada(`insert into posts (user_id, body) values ('${BOB}', 'by ada')`)
  await bob(`insert into posts (body) values ('by bob')`)
  expect(await ada('select user_id, body from posts')).toEqual([{ user_id: ADA, body: 'by ada' }])
  expect(await bob('select user_id, body from posts')).toEqual([{ user_id: BOB, body: 'by bob' }])
  expect(await nobody('select * from posts')).toEqual([])
  expect(await service('select body from posts order by id')).toHaveLength(2)
  await service(`insert into posts (user_id, body) values ('${ADA}', 'by the service')`)
  expect(await ada('select body from posts order by id')).toHaveLength(2)
  await expect(ada(`update posts set user_id = '${BOB}'`)).rejects.toThrow(/row-level security/)
  await expect(nobody(`insert into posts (body) values ('x')`)).rejects.toThrow(
    /row-level security/,
  )
  expect(await bob(`delete from posts where body <> 'by bob' returning id`)).toEqual([])
})

test('POST rls twice is the same as once, also on a text column', async () => {
  const body = { table_name: 'posts', user_column: 'owner' }
  await good('POST', 'rls', body)
  const once = await policies()
  await good('POST', 'rls', body)
  expect(await policies()).toEqual(once)
  await ada(`insert into posts (body) values ('a')`)
  expect(await ada('select owner from posts')).toEqual([{ owner: ADA }])
  const triggers = await sql(
    `select tgname from pg_trigger where tgrelid = 'posts'::regclass and not tgisinternal`,
  )
  expect(triggers).toEqual([{ tgname: 'posts_set_user_id_trigger' }])
  const [table] = await sql(`select relforcerowsecurity from pg_class where relname = 'posts'`)
  expect(table).toEqual({ relforcerowsecurity: true })
})

test('POST rls with public_read_column opens those rows to everybody, and without it closes them', async () => {
  const body = { table_name: 'posts', user_column: 'user_id' }
  const answer = await good('POST', 'rls', { ...body, public_read_column: 'shared' })
  expect(answer.public_read_policies).toEqual(['posts_public_read_user', 'posts_public_read_anon'])
  await ada(`insert into posts (body, shared) values ('open', true), ('closed', false)`)
  expect(await nobody('select body from posts')).toEqual([{ body: 'open' }])
  expect(await bob('select body from posts')).toEqual([{ body: 'open' }])
  expect(await bob(`update posts set body = 'mine' returning id`)).toEqual([])
  await good('POST', 'rls', body)
  expect(await nobody('select body from posts')).toEqual([])
})

test('POST rls isolates tables with the longest names from each other', async () => {
  const [one, other] = [`${'x'.repeat(62)}a`, `${'x'.repeat(62)}b`] as const
  const tables = {
    posts: { columns: COLUMNS },
    teams: { columns: COLUMNS },
    [one]: { columns: COLUMNS },
    [other]: { columns: COLUMNS },
  }
  await good('POST', 'schema/apply', { schema: { tables } })
  await good('POST', 'rls', { table_name: one, user_column: 'user_id' })
  await good('POST', 'rls', { table_name: other, user_column: 'owner' })
  await ada(`insert into ${one} (body) values ('a')`)
  await ada(`insert into ${other} (body) values ('b')`)
  expect(await ada(`select user_id from ${one}`)).toEqual([{ user_id: ADA }])
  expect(await ada(`select owner from ${other}`)).toEqual([{ owner: ADA }])
  expect(await bob(`select * from ${one}`)).toEqual([])
})

test('POST rls says what is wrong with the table and its columns', async () => {
  await sql('create table _hidden (user_id uuid)')
  const cases = [
    [{ table_name: 'posts', user_column: 'nope' }, 'VALIDATION_COLUMN_NOT_FOUND'],
    [{ table_name: 'posts', user_column: 'shared' }, 'VALIDATION_INVALID_TYPE'],
    [
      { table_name: 'posts', user_column: 'user_id', public_read_column: 'body' },
      'VALIDATION_INVALID_TYPE',
    ],
    [
      { table_name: 'posts', user_column: 'user_id', public_read_column: 'x' },
      'VALIDATION_COLUMN_NOT_FOUND',
    ],
    [{ table_name: 'nope', user_column: 'user_id' }, 'VALIDATION_TABLE_NOT_FOUND'],
    [
      { table_name: 'posts"; drop table posts; --', user_column: 'user_id' },
      'VALIDATION_TABLE_NOT_FOUND',
    ],
    [{ table_name: 'posts', user_column: 'user_id" = 1 or "id' }, 'VALIDATION_COLUMN_NOT_FOUND'],
    [{ table_name: '_hidden', user_column: 'user_id' }, 'VALIDATION_RESERVED_TABLE'],
    [{ table_name: 'posts' }, 'VALIDATION_INVALID_SCHEMA'],
    [{}, 'VALIDATION_INVALID_SCHEMA'],
  ] as const
  for (const [body, code] of cases) {
    expect([body, ...(await refused('POST', 'rls', body))]).toEqual([body, 400, code])
  }
  const names = (await policies()).map(({ policyname }) => policyname)
  expect(names).toEqual(['posts_service_bypass', 'teams_service_bypass'])
})

test('POST rls at the same moment leaves one set of policies', async () => {
  const body = { table_name: 'posts', user_column: 'user_id' }
  const answers = await Promise.all(Array.from({ length: 5 }, () => call('POST', 'rls', body)))
  expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200))
  expect((await policies()).map(({ policyname }) => policyname)).toEqual([
    'posts_service_bypass',
    'posts_user_isolation',
    'teams_service_bypass',
  ])
})

test('through the rows of the API, each user finds their own and the owner finds all', async () => {
  await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  const acting = (user: string) => ({
    'x-butterbase-as-role': 'user',
    'x-butterbase-as-user': user,
  })
  const path = `/v1/${id}/posts`
  const written = await app.owner.post(path, { user_id: BOB, body: 'by ada' }, acting(ADA))
  expect([written.status, await written.json()]).toMatchObject([201, { user_id: ADA }])
  expect((await app.owner.post(path, { body: 'by bob' }, acting(BOB))).status).toBe(201)
  const bodies = async (client: typeof app.owner, headers = {}) => {
    const res = await client.get(path, headers)
    return ((await res.json()) as { body: string }[]).map(({ body }) => body).toSorted()
  }
  expect(await bodies(app.owner, acting(ADA))).toEqual(['by ada'])
  expect(await bodies(app.owner, acting(BOB))).toEqual(['by bob'])
  expect(await bodies(app.owner)).toEqual(['by ada', 'by bob'])
  expect(await bodies(app.nobody)).toEqual([])
})

test('GET rls is an array, and the object form tells the protected tables', async () => {
  await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  expect((await policies())[1]).toEqual({
    schemaname: 'public',
    tablename: 'posts',
    policyname: 'posts_user_isolation',
    permissive: 'PERMISSIVE',
    roles: ['butterbase_user'],
    cmd: 'ALL',
    qual: '(user_id = (current_user_id())::uuid)',
    with_check: '(user_id = (current_user_id())::uuid)',
  })
  const object = await good('GET', 'rls?format=object')
  expect(object).toEqual({ policies: await policies(), tables_with_rls: ['posts', 'teams'] })
})

test('POST secure without a body keeps anonymous requests out', async () => {
  expect(await good('POST', 'secure')).toEqual({
    message: 'App secured successfully',
    app_id: id,
    access_mode: 'authenticated',
    tables_secured: [],
    table_errors: [],
  })
  expect(await good('GET', 'config')).toMatchObject({ access_mode: 'authenticated' })
})

test('POST secure: a table that fails stops no other', async () => {
  const answer = await good('POST', 'secure', {
    tables: [
      { table_name: 'nope', user_column: 'user_id' },
      { table_name: 'posts', user_column: 'user_id', public_read_column: 'shared' },
      { table_name: 'teams', user_column: 'user_id' },
    ],
  })
  expect(answer).toMatchObject({
    access_mode: 'authenticated',
    tables_secured: [
      {
        table: 'posts',
        policy: 'posts_user_isolation',
        public_read_policies: ['posts_public_read_user', 'posts_public_read_anon'],
      },
      { table: 'teams', policy: 'teams_user_isolation' },
    ],
    table_errors: [{ table: 'nope', error: expect.stringContaining('nope') }],
  })
  expect(await refused('POST', 'secure', { tables: [{ table_name: 'posts' }] })).toEqual([
    400,
    'VALIDATION_INVALID_SCHEMA',
  ])
})

test('nobody, strangers and keys of other apps cannot touch the row security of an app', async () => {
  const stranger = await app.stranger()
  const other = await app.createApp()
  const isolation = { table_name: 'posts', user_column: 'user_id' }
  const rule = { table_name: 'posts', policy_name: 'p', using_expression: 'true' }
  const routes = [
    ['GET', 'rls', undefined],
    ['POST', 'rls', isolation],
    ['POST', 'rls/enable', isolation],
    ['POST', 'rls/policies', rule],
    ['PATCH', 'rls/policies/p', rule],
    ['DELETE', 'rls/posts', undefined],
    ['DELETE', 'rls/posts/p', undefined],
    ['POST', 'secure', {}],
  ] as const
  const before = await policies()
  for (const [method, path, body] of routes) {
    const statusOf = async (client: typeof app.owner) =>
      (await client.request(method, `/v1/${id}/${path}`, body)).status
    expect([path, await statusOf(app.nobody)]).toEqual([path, 401])
    expect([path, await statusOf(stranger)]).toEqual([path, 404])
    expect([path, await statusOf(app.as(other.serviceKey))]).toEqual([path, 404])
    expect([path, await statusOf(app.as(other.anonKey))]).toEqual([path, 401])
  }
  expect(await policies()).toEqual(before)
})

test('a table made by hand belongs to the app as if the API had made it', async () => {
  await sql(`create table by_hand (id serial primary key, user_id uuid)`)
  await good('POST', 'rls', { table_name: 'by_hand', user_column: 'user_id' })
  const schema = (await good('GET', 'schema')).schema as { tables: Record<string, unknown> }
  expect(Object.keys(schema.tables)).toContain('by_hand')
})

test('a table that another role owns is named as the obstacle', async () => {
  await sql(`create table odd (user_id uuid)`)
  await sql(`alter table odd owner to current_user`)
  const answer = await call('POST', 'rls', { table_name: 'odd', user_column: 'user_id' })
  expect([answer.status, answer.body.error.code]).toEqual([409, 'STATE_PREREQUISITE_MISSING'])
})
