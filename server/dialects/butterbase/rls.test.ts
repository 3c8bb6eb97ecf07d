import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let id: string

const ADA = randomUUID()
const BOB = randomUUID()

const COLUMNS = {
  id: { type: 'serial', primaryKey: true },
  user_id: { type: 'uuid' },
  owner: { type: 'text' },
  body: { type: 'text' },
  shared: { type: 'boolean', default: 'false' },
}

beforeAll(async () => {
  app = await startApp()
})

beforeEach(async () => {
  id = (await app.createApp()).id
  const tables = { posts: { columns: COLUMNS }, teams: { columns: COLUMNS } }
  const res = await app.owner.post(`/v1/${id}/schema/apply`, { schema: { tables } })
  expect(res.status).toBe(200)
})

afterAll(() => app[Symbol.asyncDispose]())

type Answer = Record<string, unknown> & {
  error: { code: string; message: string; remediation: string; details: unknown }
}

const call = async (method: string, path: string, body?: object) => {
  const res = await app.owner.request(method, `/v1/${id}/${path}`, body)
  return { status: res.status, body: (await res.json()) as Answer }
}

const good = async (method: string, path: string, body?: object): Promise<Answer> => {
  const answer = await call(method, path, body)
  expect([answer.status, answer.body.error]).toEqual([200, undefined])
  return answer.body
}

const refused = async (method: string, path: string, body?: object) => {
  const answer = await call(method, path, body)
  return [answer.status, answer.body.error?.code]
}

const sql = (text: string, values?: unknown[]) => app.sql(text, values, id)

type Row = Record<string, unknown>

/** As a caller of the API: the login role of the app, then one of the three roles, with claims. */
async function as(role: string, sub: string, text: string): Promise<Row[]> {
  const found = await app.instance.services.apps.find(id)
  if (!found) throw new Error('the app is not there')
  const { api } = app.instance.services.apps.databasesOf(found)
  return api.session(async (client) => {
    await client.query('begin')
    await client.query(
      `select set_config('role', $1, true), set_config('request.jwt.claim.sub', $2, true),
        set_config('request.jwt.claims', $3, true)`,
      [role, sub, JSON.stringify({ role, sub })],
    )
    const { rows } = await client.query<Row>(text)
    await client.query('commit')
    return rows
  })
}

const ada = (text: string) => as('authenticated', ADA, text)
const bob = (text: string) => as('authenticated', BOB, text)
const nobody = (text: string) => as('anon', '', text)
const service = (text: string) => as('service_role', '', text)

const policies = async (): Promise<Row[]> => (await good('GET', 'rls')) as unknown as Row[]

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

test('POST rls/enable forces row security: users see nothing until there is a policy', async () => {
  const body = { table_name: 'posts' }
  expect(await good('POST', 'rls/enable', body)).toEqual({
    success: true,
    table: 'posts',
    rls_enabled: true,
  })
  await good('POST', 'rls/enable', body)
  await service(`insert into posts (body) values ('x')`)
  expect(await ada('select * from posts')).toEqual([])
  expect(await nobody('select * from posts')).toEqual([])
  expect(await refused('POST', 'rls/enable', { table_name: 'nope' })).toEqual([
    400,
    'VALIDATION_TABLE_NOT_FOUND',
  ])
})

test('POST rls/policies binds the role it names, and replaces a policy of that name', async () => {
  await service(`insert into posts (body, shared) values ('open', true), ('closed', false)`)
  const rule = { table_name: 'posts', policy_name: 'readers', command: 'SELECT' }
  const answer = await good('POST', 'rls/policies', {
    ...rule,
    role: 'anon',
    using_expression: 'shared',
  })
  expect(answer).toEqual({
    success: true,
    policy_name: 'readers',
    table: 'posts',
    table_name: 'posts',
  })
  expect(await nobody('select body from posts')).toEqual([{ body: 'open' }])
  expect(await ada('select body from posts')).toEqual([])
  await good('POST', 'rls/policies', { ...rule, using_expression: 'true' })
  expect(await nobody('select body from posts')).toHaveLength(2)
  expect(await ada('select body from posts')).toHaveLength(2)
  await good('POST', 'rls/policies', {
    table_name: 'posts',
    policy_name: 'no_closed',
    restrictive: true,
    using_expression: 'shared',
  })
  expect(await ada('select body from posts')).toEqual([{ body: 'open' }])
})

test('POST rls/policies with user_column fills that column for users', async () => {
  await good('POST', 'rls/policies', {
    table_name: 'posts',
    policy_name: 'writers',
    command: 'ALL',
    role: 'user',
    using_expression: 'true',
    with_check_expression: 'owner = current_user_id()',
    user_column: 'owner',
  })
  await ada(`insert into posts (owner) values ('somebody')`)
  expect(await bob('select owner from posts')).toEqual([{ owner: ADA }])
  const rule = { table_name: 'posts', policy_name: 'x', using_expression: 'true' }
  expect(await refused('POST', 'rls/policies', { ...rule, user_column: 'nope' })).toEqual([
    400,
    'VALIDATION_COLUMN_NOT_FOUND',
  ])
})

test('POST rls/policies may use auth.uid() and friends', async () => {
  await good('POST', 'rls/policies', {
    table_name: 'posts',
    policy_name: 'own',
    using_expression: `user_id = auth.uid() and auth.role() = 'authenticated'`,
  })
  await service(`insert into posts (user_id, body) values ('${ADA}', 'a'), ('${BOB}', 'b')`)
  expect(await ada('select body from posts')).toEqual([{ body: 'a' }])
})

test('a policy warns when it reads a table that its callers cannot read', async () => {
  const rule = {
    table_name: 'posts',
    policy_name: 'by_team',
    role: 'user',
    using_expression: 'exists (select 1 from teams where teams.user_id = posts.user_id)',
  }
  const { warnings } = await good('POST', 'rls/policies', rule)
  expect(warnings).toEqual([expect.stringContaining('"teams"')])
  await good('POST', 'rls/policies', {
    table_name: 'teams',
    policy_name: 'see',
    command: 'SELECT',
    role: 'user',
    using_expression: 'true',
  })
  expect(await good('POST', 'rls/policies', rule)).not.toHaveProperty('warnings')
})

test.each([
  ['true) with check (true', 'RLS_UNSAFE_EXPRESSION'],
  ['true); drop table posts; --', 'RLS_UNSAFE_EXPRESSION'],
  ['true; drop table posts', 'RLS_UNSAFE_EXPRESSION'],
  ['true -- comment', 'RLS_UNSAFE_EXPRESSION'],
  ["set_config('role', 'service_role', true) is not null", 'RLS_UNSAFE_EXPRESSION'],
  ["pg_catalog.set_config('role', 'x', true) = ''", 'RLS_UNSAFE_EXPRESSION'],
  ["pg_read_file('/etc/passwd') = ''", 'RLS_UNSAFE_EXPRESSION'],
  ['pg_terminate_backend(1)', 'RLS_UNSAFE_EXPRESSION'],
  ["dblink('x', 'select 1') is null", 'RLS_UNSAFE_EXPRESSION'],
  ['(true', 'RLS_INVALID_EXPRESSION'],
  ["body = 'open", 'RLS_INVALID_EXPRESSION'],
  ['', 'RLS_INVALID_EXPRESSION'],
  ['no_such_column = 1', 'RLS_INVALID_EXPRESSION'],
  ['body', 'RLS_INVALID_EXPRESSION'],
  ['select 1', 'RLS_INVALID_EXPRESSION'],
  ['true, false', 'RLS_INVALID_EXPRESSION'],
  ['exists (select 1 from nowhere)', 'RLS_INVALID_EXPRESSION'],
  ["id = 'abc'", 'RLS_INVALID_EXPRESSION'],
  ['exists (with x as (delete from teams returning 1) select 1 from x)', 'RLS_INVALID_EXPRESSION'],
  ['user_id = current_user_id()', 'RLS_TYPE_MISMATCH'],
  ['no_such_function()', 'RLS_TYPE_MISMATCH'],
])('POST rls/policies refuses %j as %s', async (expression, code) => {
  const before = await policies()
  for (const key of ['using_expression', 'with_check_expression']) {
    const rule = { table_name: 'posts', policy_name: 'p', [key]: expression }
    expect(await refused('POST', 'rls/policies', rule)).toEqual([400, code])
  }
  expect(await policies()).toEqual(before)
})

test('POST rls/policies refuses names, commands and combinations that cannot be', async () => {
  const rule = { table_name: 'posts', policy_name: 'p', using_expression: 'true' }
  const check = { table_name: 'posts', policy_name: 'p', with_check_expression: 'true' }
  const cases = [
    [{ ...rule, policy_name: 'Bad Name' }, 'VALIDATION_INVALID_SCHEMA'],
    [{ ...rule, policy_name: 'p" on posts; --' }, 'VALIDATION_INVALID_SCHEMA'],
    [{ ...rule, command: 'TRUNCATE' }, 'VALIDATION_INVALID_SCHEMA'],
    [{ ...rule, role: 'service' }, 'VALIDATION_INVALID_SCHEMA'],
    [{ table_name: 'posts', policy_name: 'p' }, 'VALIDATION_INVALID_SCHEMA'],
    [{ ...rule, table_name: 'nope' }, 'VALIDATION_TABLE_NOT_FOUND'],
    [{ ...rule, table_name: '_x' }, 'VALIDATION_RESERVED_TABLE'],
    [{ ...rule, command: 'INSERT' }, 'RLS_INVALID_EXPRESSION'],
    [{ ...check, command: 'SELECT' }, 'RLS_INVALID_EXPRESSION'],
    [{ ...check, command: 'DELETE' }, 'RLS_INVALID_EXPRESSION'],
  ] as const
  for (const [body, code] of cases) {
    expect([body, ...(await refused('POST', 'rls/policies', body))]).toEqual([body, 400, code])
  }
})

test('PATCH rls/policies/{name} with a bad expression leaves the old policy at work', async () => {
  await service(`insert into posts (body, shared) values ('open', true)`)
  const rule = { table_name: 'posts', command: 'SELECT', using_expression: 'shared' }
  await good('POST', 'rls/policies', { ...rule, policy_name: 'p' })
  const bad = { ...rule, using_expression: 'no_such_column' }
  expect(await refused('PATCH', 'rls/policies/p', bad)).toEqual([400, 'RLS_INVALID_EXPRESSION'])
  expect(await nobody('select body from posts')).toHaveLength(1)
  expect(
    await good('PATCH', 'rls/policies/p', { ...rule, using_expression: 'not shared' }),
  ).toEqual({
    success: true,
    policy_name: 'p',
    table: 'posts',
  })
  expect(await nobody('select body from posts')).toEqual([])
  expect(await refused('PATCH', 'rls/policies/unknown', rule)).toEqual([404, 'RESOURCE_NOT_FOUND'])
  expect(await refused('PATCH', 'rls/policies/Bad%20Name', rule)).toEqual([
    400,
    'VALIDATION_INVALID_SCHEMA',
  ])
})

test('DELETE rls/{table}/{policy} drops one policy and keeps row security on', async () => {
  await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  expect(await good('DELETE', 'rls/posts/posts_user_isolation')).toMatchObject({
    table: 'posts',
    policy_name: 'posts_user_isolation',
    remaining_policies: 1,
  })
  await service(`insert into posts (body) values ('x')`)
  expect(await ada('select * from posts')).toEqual([])
  expect(await refused('DELETE', 'rls/posts/posts_user_isolation')).toEqual([
    404,
    'RESOURCE_NOT_FOUND',
  ])
  expect(await refused('DELETE', 'rls/posts/Bad"Name')).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
  expect(await refused('DELETE', 'rls/nope/x')).toEqual([400, 'VALIDATION_TABLE_NOT_FOUND'])
})

test('DELETE rls/{table} takes policies, trigger and function away; then there is nothing to take', async () => {
  await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  expect(await good('DELETE', 'rls/posts')).toMatchObject({ table: 'posts', policies_removed: 2 })
  const left = await sql(
    `select (select count(*)::int from pg_trigger where not tgisinternal) as triggers,
      (select count(*)::int from pg_proc where proname like 'posts%') as functions,
      relrowsecurity, relforcerowsecurity from pg_class where relname = 'posts'`,
  )
  expect(left).toEqual([
    { triggers: 0, functions: 0, relrowsecurity: false, relforcerowsecurity: false },
  ])
  expect(await refused('DELETE', 'rls/posts')).toEqual([404, 'RESOURCE_NOT_FOUND'])
})

test('dropping a table takes the function of its trigger along', async () => {
  await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  await good('POST', 'schema/apply', {
    schema: { tables: { teams: { columns: COLUMNS } }, _drop: ['posts'] },
  })
  expect(await sql(`select proname from pg_proc where proname like 'posts%'`)).toEqual([])
})

test('a reference added under forced row security is checked against every row', async () => {
  const key = { id: { type: 'uuid', primaryKey: true } }
  const linked = (reference: object) => ({
    posts: { columns: COLUMNS },
    teams: { columns: COLUMNS },
    a: { columns: key },
    b: { columns: { a_id: { type: 'uuid', ...reference } } },
  })
  await good('POST', 'schema/apply', { schema: { tables: linked({}) } })
  for (const table of ['a', 'b']) await good('POST', 'rls/enable', { table_name: table })
  await service(`insert into b values ('${ADA}')`)
  const reference = { schema: { tables: linked({ references: 'a.id' }) } }
  const refusal = await call('POST', 'schema/apply', reference)
  expect([refusal.status, refusal.body.error.details]).toMatchObject([400, { pg_code: '23503' }])
  await service(`insert into a values ('${ADA}')`)
  await good('POST', 'schema/apply', reference)
  const forced = await sql(
    `select relname from pg_class where relforcerowsecurity and relname in ('a', 'b') order by 1`,
  )
  expect(forced).toEqual([{ relname: 'a' }, { relname: 'b' }])
})

test('row security shows in the migrations, and not in the schema', async () => {
  const before = (await good('GET', 'schema')).schema
  await good('POST', 'rls', { table_name: 'posts', user_column: 'user_id' })
  const rule = { table_name: 'posts', using_expression: 'true' }
  await good('POST', 'rls/policies', { ...rule, policy_name: 'p' })
  await good('PATCH', 'rls/policies/p', rule)
  expect((await good('GET', 'schema')).schema).toEqual(before)
  const { migrations } = await good('GET', 'migrations')
  expect((migrations as { name: string }[]).slice(0, 3).map(({ name }) => name)).toEqual([
    'rls_policy_update_posts_p',
    'rls_policy_posts_p',
    'rls_posts_user_isolation',
  ])
  const again = await good('POST', 'schema/apply', { schema: before as object })
  expect(again).toMatchObject({ applied: 0 })
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
