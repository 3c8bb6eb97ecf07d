/** Row security: user isolation, policies, and what each caller then sees. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type App, applySchema, body, newApp } from '../support.ts'
import { newUser, refusal, server, type User } from './server.ts'

const columns = (more: object) => ({
  columns: { id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' }, ...more },
})

const owned = columns({
  user_id: { type: 'uuid' },
  text: { type: 'text' },
  shared: { type: 'boolean', default: 'false' },
})

let app: App
let ada: User
let bob: User

beforeAll(async () => {
  app = await newApp(server)
  const tables = {
    notes: owned,
    drafts: owned,
    plain: owned,
    named: owned,
    loose: owned,
    undone: owned,
  }
  await applySchema(server, app, { tables })
  ada = await newUser(app)
  bob = await newUser(app)
})

type Row = { id: string; user_id: string; text: string }
type Asker = Pick<User, 'get'>

const rows = (who: Asker, table: string) => body<Row[]>(who.get(`${app.path}/${table}?order=text`))
const texts = async (who: Asker, table: string) => (await rows(who, table)).map(({ text }) => text)
const rls = (asked: object, path = '') => server.owner.post(`${app.path}/rls${path}`, asked)
const policy = (asked: object) => rls(asked, '/policies')
const list = () => body<{ policyname: string }[]>(server.owner.get(`${app.path}/rls`))

describe('user isolation', () => {
  beforeAll(async () => {
    const asked = { table_name: 'notes', user_column: 'user_id', public_read_column: 'shared' }
    for (const _ of ['once', 'again']) {
      expect(await body(rls(asked))).toMatchObject({
        success: true,
        table: 'notes',
        user_column: 'user_id',
        policy_name: 'notes_user_isolation',
        public_read_policies: ['notes_public_read_user', 'notes_public_read_anon'],
        _meta: { next_actions: expect.any(Array) },
      })
    }
    await body(ada.post(`${app.path}/notes`, { text: 'a private' }), 201)
    await body(ada.post(`${app.path}/notes`, { text: 'a shared', shared: true }), 201)
  })

  test('hides A’s rows from B, and the key of the app sees all', async () => {
    expect(await texts(ada, 'notes')).toEqual(['a private', 'a shared'])
    expect(await texts(bob, 'notes')).toEqual(['a shared'])
    expect(await texts(server.nobody, 'notes')).toEqual(['a shared'])
    expect(await texts(server.as(app.anonKey), 'notes')).toEqual(['a shared'])
    expect(await texts(server.as(app.serviceKey), 'notes')).toEqual(['a private', 'a shared'])
    expect(await texts(server.owner, 'notes')).toEqual(['a private', 'a shared'])
  })

  test('gives inserts by A the id of A, whatever is sent', async () => {
    const sent = { text: 'mine', user_id: bob.id }
    const row = await body<Row>(ada.post(`${app.path}/notes`, sent), 201)
    expect(row.user_id).toBe(ada.id)
    await body(ada.delete(`${app.path}/notes/${row.id}`))
  })

  test('leaves what the service inserts as it is', async () => {
    const sent = { text: 'for bob', user_id: bob.id }
    const row = await body<Row>(server.as(app.serviceKey).post(`${app.path}/notes`, sent), 201)
    expect(row.user_id).toBe(bob.id)
    expect(await texts(bob, 'notes')).toEqual(['a shared', 'for bob'])
    await body(bob.delete(`${app.path}/notes/${row.id}`))
  })

  test('lets B neither change nor delete what A shares', async () => {
    const shared = (await rows(bob, 'notes'))[0]?.id
    const path = `${app.path}/notes/${shared}`
    await refusal(bob.patch(path, { text: 'stolen' }), 404, 'RESOURCE_NOT_FOUND')
    await refusal(bob.delete(path), 404, 'RESOURCE_NOT_FOUND')
    expect(await texts(ada, 'notes')).toContain('a shared')
  })

  test('lets nobody give a row away or insert one', async () => {
    const mine = (await rows(ada, 'notes'))[0]?.id
    const given = ada.patch(`${app.path}/notes/${mine}`, { user_id: bob.id })
    await refusal(given, 403, 'AUTH_RLS_POLICY_VIOLATION')
    const res = await server.nobody.post(`${app.path}/notes`, { text: 'nobody’s' })
    expect(res.status).toBe(403)
  })

  test('the owner looks at the data as nobody or as a user', async () => {
    const as = (role: string, user?: string) =>
      server.owner.get(`${app.path}/notes?order=text`, {
        'x-butterbase-as-role': role,
        ...(user ? { 'x-butterbase-as-user': user } : {}),
      })
    expect(await body(as('anon'))).toHaveLength(1)
    expect(await body(as('user', ada.id))).toHaveLength(2)
    await refusal(as('user'), 400, 'VALIDATION_MISSING_FIELD')
    for (const role of ['USER', 'admin', 'service']) {
      await refusal(as(role, ada.id), 400, 'VALIDATION_INVALID_INPUT')
    }
    const headers = { 'x-butterbase-as-role': 'user', 'x-butterbase-as-user': ada.id }
    expect(await body(bob.get(`${app.path}/notes`, headers))).toHaveLength(1)
  })

  test.each([
    ['VALIDATION_TABLE_NOT_FOUND', { table_name: 'nope', user_column: 'user_id' }],
    ['VALIDATION_COLUMN_NOT_FOUND', { table_name: 'plain', user_column: 'nope' }],
    ['VALIDATION_INVALID_TYPE', { table_name: 'plain', user_column: 'shared' }],
    [
      'VALIDATION_INVALID_TYPE',
      { table_name: 'plain', user_column: 'user_id', public_read_column: 'text' },
    ],
    ['VALIDATION_RESERVED_TABLE', { table_name: '_seed_tables', user_column: 'user_id' }],
    ['VALIDATION_INVALID_SCHEMA', { table_name: 'plain' }],
  ])('refuses with %s: %j', async (code, asked) => {
    await refusal(rls(asked), 400, code)
  })
})

describe('a table without policies', () => {
  test('shows users and nobody no row and takes none, and the service all', async () => {
    await body(server.owner.post(`${app.path}/plain`, { text: 'hidden' }), 201)
    expect(await texts(server.nobody, 'plain')).toEqual([])
    expect(await texts(ada, 'plain')).toEqual([])
    expect(await texts(server.as(app.serviceKey), 'plain')).toEqual(['hidden'])
    const asked = ada.post(`${app.path}/plain`, { text: 'x' })
    await refusal(asked, 403, 'AUTH_RLS_POLICY_VIOLATION')
  })

  test('POST rls/enable says so, as often as it is asked', async () => {
    for (const _ of [1, 2]) {
      const done = await body(rls({ table_name: 'plain' }, '/enable'))
      expect(done).toEqual({ success: true, table: 'plain', rls_enabled: true })
    }
    await refusal(rls({ table_name: 'nope' }, '/enable'), 400, 'VALIDATION_TABLE_NOT_FOUND')
    await refusal(rls({ table_name: '_x' }, '/enable'), 400, 'VALIDATION_RESERVED_TABLE')
  })
})

describe('GET rls of the app', () => {
  test('is an array whose entries clients can map over', async () => {
    const found = await list()
    expect(found.find(({ policyname }) => policyname === 'notes_user_isolation')).toEqual({
      schemaname: 'public',
      tablename: 'notes',
      policyname: 'notes_user_isolation',
      permissive: 'PERMISSIVE',
      roles: ['butterbase_user'],
      cmd: 'ALL',
      qual: expect.stringContaining('current_user_id()'),
      with_check: expect.stringContaining('current_user_id()'),
    })
  })

  test('with format=object also names tables whose row security is on', async () => {
    const found = await body(server.owner.get(`${app.path}/rls?format=object`))
    expect(found).toMatchObject({
      policies: expect.any(Array),
      tables_with_rls: expect.arrayContaining(['notes', 'plain']),
    })
  })
})

describe('policies', () => {
  const open = {
    table_name: 'drafts',
    policy_name: 'readable',
    command: 'SELECT',
    role: 'anon',
    using_expression: 'shared = true',
  }

  beforeAll(async () => {
    await body(server.owner.post(`${app.path}/drafts`, { text: 'a', shared: true }), 201)
    await body(server.owner.post(`${app.path}/drafts`, { text: 'b' }), 201)
  })

  test('open what they say to whom they say', async () => {
    expect(await body(policy(open))).toMatchObject({
      success: true,
      policy_name: 'readable',
      table: 'drafts',
      table_name: 'drafts',
    })
    expect(await texts(server.nobody, 'drafts')).toEqual(['a'])
    expect(await texts(ada, 'drafts')).toEqual([])
  })

  test('replace one of the same name', async () => {
    await body(policy({ ...open, using_expression: 'true' }))
    expect(await texts(server.nobody, 'drafts')).toEqual(['a', 'b'])
    await body(policy(open))
  })

  test('may be for everybody', async () => {
    const all = { ...open, policy_name: 'for_all', role: undefined, using_expression: "text = 'b'" }
    await body(policy(all))
    expect(await texts(ada, 'drafts')).toEqual(['b'])
    await body(server.owner.delete(`${app.path}/rls/drafts/for_all`))
  })

  test('a changed one with a bad expression is 400, and the old one still works', async () => {
    const path = `${app.path}/rls/policies/readable`
    const bad = {
      table_name: 'drafts',
      command: 'SELECT',
      role: 'anon',
      using_expression: 'nope = 1',
    }
    const res = await server.owner.patch(path, bad)
    expect(res.status).toBe(400)
    expect(await texts(server.nobody, 'drafts')).toEqual(['a'])
    const good = { ...bad, using_expression: "text = 'b'" }
    expect(await body(server.owner.patch(path, good))).toMatchObject({
      success: true,
      policy_name: 'readable',
      table: 'drafts',
    })
    expect(await texts(server.nobody, 'drafts')).toEqual(['b'])
    const absent = server.owner.patch(`${app.path}/rls/policies/nope`, good)
    await refusal(absent, 404, 'RESOURCE_NOT_FOUND')
    await body(policy(open))
  })

  test('a restrictive one narrows what others open', async () => {
    const narrow = { ...open, policy_name: 'narrow', restrictive: true, using_expression: 'false' }
    await body(policy(narrow))
    expect(await texts(server.nobody, 'drafts')).toEqual([])
    const removed = await body(server.owner.delete(`${app.path}/rls/drafts/narrow`))
    expect(removed).toMatchObject({ table: 'drafts', policy_name: 'narrow' })
    expect(removed.remaining_policies).toEqual(expect.any(Number))
    expect(await texts(server.nobody, 'drafts')).toEqual(['a'])
  })

  test('with user_column fill it with who inserts', async () => {
    const asked = {
      table_name: 'named',
      policy_name: 'own',
      role: 'user',
      using_expression: 'user_id = current_user_id()::uuid',
      with_check_expression: 'user_id = current_user_id()::uuid',
      user_column: 'user_id',
    }
    await body(policy(asked))
    const row = await body<Row>(ada.post(`${app.path}/named`, { text: 'x', user_id: bob.id }), 201)
    expect(row.user_id).toBe(ada.id)
  })

  test.each([
    ['RLS_UNSAFE_EXPRESSION', { using_expression: "pg_read_file('/etc/passwd') is null" }],
    ['RLS_UNSAFE_EXPRESSION', { using_expression: "set_config('role', 'postgres', true) = ''" }],
    ['RLS_TYPE_MISMATCH', { using_expression: 'user_id = 1' }],
    ['RLS_INVALID_EXPRESSION', { using_expression: 'shared =' }],
    ['RLS_INVALID_EXPRESSION', { command: 'INSERT', using_expression: 'true' }],
    ['RLS_INVALID_EXPRESSION', { using_expression: 'nope = true' }],
    ['RLS_INVALID_EXPRESSION', { command: 'SELECT', with_check_expression: 'true' }],
    ['VALIDATION_COLUMN_NOT_FOUND', { using_expression: 'true', user_column: 'nope' }],
    ['VALIDATION_INVALID_SCHEMA', {}],
    ['VALIDATION_INVALID_SCHEMA', { using_expression: 'true', policy_name: 'Bad Name' }],
    ['VALIDATION_INVALID_SCHEMA', { using_expression: 'true', role: 'root' }],
    ['VALIDATION_INVALID_SCHEMA', { using_expression: 'true', command: 'TRUNCATE' }],
    ['VALIDATION_TABLE_NOT_FOUND', { using_expression: 'true', table_name: 'nope' }],
    ['VALIDATION_RESERVED_TABLE', { using_expression: 'true', table_name: '_x' }],
  ])('are refused with %s: %j', async (code, asked) => {
    const refused = policy({ table_name: 'loose', policy_name: 'p', ...asked })
    await refusal(refused, 400, code)
  })

  test('cannot end the statement they stand in', async () => {
    for (const using_expression of ['true); drop table notes; --', 'true) or (true', 'true --']) {
      const asked = policy({ table_name: 'loose', policy_name: 'p', using_expression })
      const { error } = await body<{ error: { code: string } }>(asked, 400)
      expect(error.code).toMatch(/^RLS_(UNSAFE|INVALID)_EXPRESSION$/)
    }
    expect(await texts(ada, 'notes')).not.toEqual([])
  })
})

describe('DELETE rls', () => {
  test('of one policy that is not there is 404, of a bad name 400', async () => {
    const remove = (path: string) => server.owner.delete(`${app.path}/rls/${path}`)
    await refusal(remove('drafts/nope'), 404, 'RESOURCE_NOT_FOUND')
    await refusal(remove('drafts/Bad%20Name'), 400, 'VALIDATION_INVALID_SCHEMA')
  })

  test('of a table removes its policies and its trigger, and says how many', async () => {
    await body(rls({ table_name: 'undone', user_column: 'user_id' }))
    const done = await body(server.owner.delete(`${app.path}/rls/undone`))
    expect(done).toMatchObject({ message: expect.any(String), table: 'undone' })
    expect(done.policies_removed).toBeGreaterThanOrEqual(1)
    expect((await list()).map(({ policyname }) => policyname)).not.toContain(
      'undone_user_isolation',
    )
    await body(ada.post(`${app.path}/undone`, { text: 'open', user_id: bob.id }), 201)
    expect(await rows(server.nobody, 'undone')).toMatchObject([{ user_id: bob.id }])
    await refusal(server.owner.delete(`${app.path}/rls/undone`), 404, 'RESOURCE_NOT_FOUND')
  })

  test('is told among the migrations', async () => {
    const { migrations } = await body<{ migrations: { name: string }[] }>(
      server.owner.get(`${app.path}/migrations`),
    )
    const names = migrations.map(({ name }) => name)
    expect(names).toContain('rls_notes_user_isolation')
    expect(names).toContain('rls_policy_drafts_readable')
    expect(names.some((name) => name.startsWith('rls_policy_update_'))).toBe(true)
  })
})

describe('row security', () => {
  test('is the owner’s to configure', async () => {
    const asked = { table_name: 'notes', user_column: 'user_id' }
    await refusal(server.nobody.post(`${app.path}/rls`, asked), 401, 'AUTH_REQUIRED')
    const refused = ada.post(`${app.path}/rls`, asked)
    await refusal(refused, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
    await refusal(ada.get(`${app.path}/rls`), 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
  })
})
