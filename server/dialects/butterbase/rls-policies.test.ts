/** Policies one by one: made, refused, changed, dropped, and what comes with them. */
import { expect, test } from 'vitest'
import {
  ada,
  ADA,
  bob,
  BOB,
  call,
  COLUMNS,
  good,
  nobody,
  policies,
  refused,
  service,
  sql,
  usePosts,
} from './rls-fixture.ts'

usePosts()

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

test('a policy that reads its own table warns, whomever it is for', async () => {
  for (const role of [{ role: 'anon' }, { role: 'user' }, {}]) {
    const rule = { table_name: 'posts', policy_name: 'itself', ...role }
    const circle = { ...rule, using_expression: 'exists (select 1 from posts)' }
    const { warnings } = await good('POST', 'rls/policies', circle)
    expect(warnings).toEqual([expect.stringContaining('Reading "posts" fails')])
    const mended = { ...rule, using_expression: 'true' }
    expect(await good('PATCH', 'rls/policies/itself', mended)).not.toHaveProperty('warnings')
  }
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
