/** What an apply refuses and why, what happens at once or halfway, and the history. */
import { expect, test } from 'vitest'
import { missingExtension } from '#support/extensions'
import {
  type Answer,
  app,
  apply,
  call,
  good,
  id,
  ID,
  refusal,
  schema,
  sql,
  type Tables,
  useSchema,
} from './schema-fixture.ts'

useSchema()

test('what would destroy something is refused with every reason at once, also in a dry run', async () => {
  await good({
    a: { columns: { id: ID, n: { type: 'integer' } } },
    b: { columns: { id: ID } },
    c: { columns: { id: ID } },
  })
  const wanted = { a: { columns: { id: ID, n: { type: 'text' } } } }
  for (const dry of [true, false]) {
    const { status, body } = await apply(wanted, { dry_run: dry })
    expect([status, body.error.code]).toEqual([409, 'SCHEMA_DESTRUCTIVE_CHANGE'])
    expect(body.error.details).toEqual([
      expect.stringContaining('"b"'),
      expect.stringContaining('"c"'),
      expect.stringContaining('"a"."n" from integer to text'),
    ])
  }
  expect(Object.keys((await schema()).tables)).toEqual(['a', 'b', 'c'])
  const dropped = await call({
    schema: {
      tables: { a: { columns: { id: ID, n: { type: 'integer' } } }, c: { _drop: true } },
      _drop: ['b', 'never_was'],
    },
  })
  expect(dropped.body).toMatchObject({ applied: 2 })
  expect(Object.keys((await schema()).tables)).toEqual(['a'])
})

test('circular references among new tables are refused, and possible in two steps', async () => {
  const a = { columns: { id: ID, b_id: { type: 'uuid', references: 'b.id' } } }
  const b = { columns: { id: ID, a_id: { type: 'uuid', references: 'a.id' } } }
  expect(await refusal({ a, b })).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
  await good({ a: { columns: { id: ID } }, b })
  expect((await good({ a, b })).applied).toBe(2)
})

test('a default without quotes is told how to be written', async () => {
  const { body } = await apply({ a: { columns: { s: { type: 'text', default: 'pending' } } } })
  expect(body.error.remediation).toContain(`"default": "'pending'"`)
})

test('NOT NULL over rows tells how many there are, and the three ways out', async () => {
  await good({ t: { columns: { id: ID } } })
  await sql('insert into t select from generate_series(1, 3)')
  const { status, body } = await apply({
    t: { columns: { id: ID, a: { type: 'text', nullable: false } } },
  })
  expect(status).toBe(400)
  expect(body.error).toMatchObject({
    code: 'SCHEMA_MIGRATION_FAILED',
    message: expect.stringContaining('3 rows'),
    remediation: expect.stringMatching(/Delete.*nullable.*default/),
    details: {
      pg_code: '23502',
      severity: 'ERROR',
      column: 'a',
      table: 't',
      existing_row_count: 3,
    },
  })
})

test('a lock that is not to be had is SCHEMA_MIGRATION_FAILED, which says to try again', async () => {
  // As PostgreSQL says it after ten seconds of waiting.
  await sql(`create function wait_in_vain() returns text language plpgsql
    as $$ begin raise 'canceling statement due to lock timeout' using errcode = '55P03'; end $$`)
  await good({ t: { columns: { id: ID } } })
  await sql('insert into t default values')
  const a = { type: 'text', default: 'wait_in_vain()' }
  const { status, body } = await apply({ t: { columns: { id: ID, a } } })
  expect(status).toBe(400)
  expect(body.error).toMatchObject({
    code: 'SCHEMA_MIGRATION_FAILED',
    remediation: expect.stringContaining('apply again'),
    details: { pg_code: '55P03', severity: 'ERROR' },
  })
})

test('a bad name is told by its own rule, and what is wrong with a reference too', async () => {
  const columns = { id: ID }
  const details = async (tables: Tables) => (await apply(tables)).body.error.details
  const path = 'schema.tables'
  const cases: [Tables, string, string][] = [
    [{ _a: { columns } }, `${path}._a`, 'names that start with _ are reserved'],
    [{ A: { columns } }, `${path}.A`, expect.stringContaining('use lower-case letters')],
    [
      { a: { columns: { id: { type: 'uuid', references: 'users' } } } },
      `${path}.a.columns.id.references`,
      'write a reference as "table.column"',
    ],
    [
      { a: { columns: { id: { type: 'uuid', references: { table: 'users' } } } } },
      `${path}.a.columns.id.references.column`,
      expect.stringContaining('expected string'),
    ],
    [
      { a: { columns: { n: { type: 'string' } } } },
      `${path}.a.columns.n.type`,
      expect.stringMatching(/^unknown type "string": use one such as text, integer,/),
    ],
    [
      { a: { columns: { n: { type: 'integer', default: 0 } } } },
      `${path}.a.columns.n.default`,
      expect.stringContaining('write the default as SQL in a string'),
    ],
    [
      { a: { columns: { n: { type: 'text', notNull: true } } } },
      `${path}.a.columns.n`,
      expect.stringMatching(/^Unrecognized key: "notNull"; a column has type, primaryKey,/),
    ],
    [
      { a: { columns: { n: 'text' } } },
      `${path}.a.columns.n`,
      'a column is an object such as {"type": "text"}',
    ],
  ]
  for (const [tables, at, message] of cases) {
    expect(await details(tables)).toEqual([{ path: at, message }])
  }
})

test('the history is paged when asked', async () => {
  for (const name of ['a', 'b', 'c']) {
    await good({ t: { columns: { id: ID, [name]: { type: 'text' } } } }, { name })
  }
  const res = await app.owner.get(`/v1/${id}/migrations?limit=1&offset=1`)
  const { migrations } = (await res.json()) as { migrations: { name: string }[] }
  expect(migrations.map(({ name }) => name)).toEqual(['b'])
})

test('a failure in the middle leaves nothing behind', async () => {
  const { status, body } = await apply({
    a: { columns: { id: ID } },
    b: { columns: { id: { type: 'integer', default: 'no_such_function()' } } },
  })
  expect([status, body.error.code]).toEqual([400, 'SCHEMA_MIGRATION_FAILED'])
  expect(body.error.details).toEqual({ pg_code: '42883', severity: 'ERROR' })
  expect((await schema()).tables).toEqual({})
  const [event] = await app.instance.services.platform.query`
    select success, error_message from audit_events
    where app_id = ${id} and event_type = 'schema.apply'`
  expect(event).toEqual({
    success: false,
    errorMessage: expect.stringContaining('no_such_function'),
  })
})

test('two applies at once take turns, and the second finds nothing to do', async () => {
  const tables = { t: { columns: { id: ID, n: { type: 'serial' } } } }
  const answers = await Promise.all(Array.from({ length: 6 }, () => apply(tables)))
  expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200))
  expect(answers.filter(({ body }) => body.applied === 1)).toHaveLength(1)
})

test('reading the schema does not wait for the turn of those who change it', async () => {
  await good({ t: { columns: { id: ID } } })
  const found = await app.instance.services.apps.find(id)
  if (!found) throw new Error('the app is not there')
  const { platform } = app.instance.services.apps.databasesOf(found)
  await platform.session(async (client) => {
    await client.query('begin; select pg_advisory_xact_lock(7283002)')
    const waiting = apply({ t: { columns: { id: ID, a: { type: 'text' } } } })
    expect(Object.keys((await schema()).tables.t?.columns ?? {})).toEqual(['id'])
    expect((await app.owner.get(`/v1/${id}/rls`)).status).toBe(200)
    await client.query('rollback')
    expect((await waiting).status).toBe(200)
  })
})

test('two applies at once of different columns both happen', async () => {
  await good({ t: { columns: { id: ID } } })
  const names = ['a', 'b', 'c', 'd']
  await Promise.all(
    names.map((name) => good({ t: { columns: { id: ID, [name]: { type: 'text' } } } })),
  )
  expect(Object.keys((await schema()).tables.t?.columns ?? {}).toSorted()).toEqual([...names, 'id'])
})

test('internal tables and views are neither shown nor touched', async () => {
  await sql('create table _internal (id int); create view v as select 1 as one')
  await good({ t: { columns: { id: ID } } })
  expect(Object.keys((await schema()).tables)).toEqual(['t'])
  expect(await refusal({ t: { columns: { id: ID } }, _internal: { columns: { id: ID } } })).toEqual(
    [400, 'VALIDATION_INVALID_SCHEMA'],
  )
})

test('what PostgreSQL would not accept as a name or type is refused with its place', async () => {
  const column = (it: object) => ({ t: { columns: { c: it } } })
  const refused: [Tables, string][] = [
    [column({ type: 'money' }), 'schema.tables.t.columns.c.type'],
    [column({ type: 'text; drop table x' }), 'schema.tables.t.columns.c.type'],
    [column({ type: 'varchar(0)' }), 'schema.tables.t.columns.c.type'],
    [column({ type: 'int4[]' }), 'schema.tables.t.columns.c.type'],
    [column({ type: 'serial[]' }), 'schema.tables.t.columns.c.type'],
    [column({ type: 'constructor' }), 'schema.tables.t.columns.c.type'],
    [column({}), 'schema.tables.t.columns.c.type'],
    [column({ type: 'text', primarykey: true }), 'schema.tables.t.columns.c'],
    [column({ type: 'text', default: 0 }), 'schema.tables.t.columns.c.default'],
    [column({ type: 'text', references: 'a' }), 'schema.tables.t.columns.c.references'],
    [
      column({ type: 'text', references: { table: 'a', column: 'b', onDelete: 'BOOM' } }),
      'schema.tables.t.columns.c.references.onDelete',
    ],
    [
      column({ type: 'text', references: { table: 'a', column: 'b', on: 'x' } }),
      'schema.tables.t.columns.c.references',
    ],
    [{ 'a"b': { columns: { id: ID } } }, 'schema.tables.a"b'],
    [{ Upper: { columns: { id: ID } } }, 'schema.tables.Upper'],
    [{ [`t${'x'.repeat(63)}`]: { columns: { id: ID } } }, `schema.tables.t${'x'.repeat(63)}`],
    [
      { t: { columns: { 'a"; drop table x; --': ID } } },
      'schema.tables.t.columns.a"; drop table x; --',
    ],
    [
      { t: { columns: { id: ID }, indexes: { i: { columns: ['id)'] } } } },
      'schema.tables.t.indexes.i.columns.0',
    ],
    [
      { t: { columns: { id: ID }, indexes: { i: { columns: ['id'], opclass: 'x); drop' } } } },
      'schema.tables.t.indexes.i.opclass',
    ],
    [
      { t: { columns: { id: ID }, indexes: { i: { columns: ['id'], method: 'brin' } } } },
      'schema.tables.t.indexes.i.method',
    ],
    [{ t: {} }, 'schema.tables.t.columns'],
    [{ t: { columns: { id: ID }, _dropColumns: ['id'] } }, 'schema.tables.t._dropColumns'],
  ]
  for (const [tables, path] of refused) {
    const { status, body } = await apply(tables)
    expect([path, status, body.error?.code]).toEqual([path, 400, 'VALIDATION_INVALID_SCHEMA'])
    expect((body.error.details as { path: string }[]).map((issue) => issue.path)).toContain(path)
  }
  const many = Object.fromEntries(
    Array.from({ length: 51 }, (_, at) => [`t${at}`, { columns: { id: ID } }]),
  )
  expect(await refusal(many)).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
  expect((await schema()).tables).toEqual({})
})

test('a table that a route of the same name hides is made, and the answer says where its rows are', async () => {
  const { body } = await call({
    schema: { tables: { config: { columns: { id: ID } } } },
    dry_run: true,
  })
  const warnings = [expect.stringContaining('use /rest/v1/config, or another name')]
  expect(body).toMatchObject({ dry_run: true, warnings })
  const ordinary = await call({
    schema: { tables: { configs: { columns: { id: ID } } } },
    dry_run: true,
  })
  expect(ordinary.body).not.toHaveProperty('warnings')
})

test('names of JavaScript objects are ordinary names, except __proto__', async () => {
  const tables = {
    constructor: { columns: { valueof: { type: 'text' }, tostring: { type: 'text' } } },
  }
  await good(tables)
  expect((await good(tables)).applied).toBe(0)
  const res = await app.owner.post(
    `/v1/${id}/schema/apply`,
    '{"schema":{"tables":{"constructor":{"columns":{"__proto__":{"type":"text"}}}}}}',
    { 'content-type': 'application/json' },
  )
  expect(res.status).toBe(400)
})

test.each([
  '0); drop table victim; --',
  '0; drop table victim',
  '0), evil text default (0',
  "E'a'\n'\\' || ') ; drop table victim -- '",
  "pg_read_file('/etc/passwd')",
  "set_config('role', 'postgres', false)",
  "pg_catalog.set_config('role', 'service_role', false)",
  "lo_import('/etc/passwd')",
  'pg_sleep(100)',
  '0 /* */',
  '$$x$$',
  '',
])('a default cannot be more than an expression: %j', async (expression) => {
  await good({ victim: { columns: { id: ID } } })
  const { status, body } = await apply({
    victim: { columns: { id: ID } },
    t: { columns: { c: { type: 'text', default: expression } } },
  })
  expect([status, body.error?.code]).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
  expect(Object.keys((await schema()).tables)).toEqual(['victim'])
})

test.each([
  '0 primary key',
  '0, evil',
  '0 check (true)',
  '(select 1)',
  'no_such_column',
  "current_setting('is_superuser')::regclass",
  'array(select rolpassword from pg_authid)',
])('a default that PostgreSQL refuses is SCHEMA_MIGRATION_FAILED: %j', async (expression) => {
  const tables = { t: { columns: { c: { type: 'text[]', default: expression } } } }
  const [status, code] = await refusal(tables)
  expect([status, code]).toEqual([400, 'SCHEMA_MIGRATION_FAILED'])
  expect((await schema()).tables).toEqual({})
})

test('a default runs as the owner of the app, never as a superuser', async () => {
  await good({ t: { columns: { id: ID } } })
  await sql('insert into t default values')
  await good({
    t: {
      columns: {
        id: ID,
        who: { type: 'text', default: 'current_user' },
        su: { type: 'text', default: "current_setting('is_superuser')" },
      },
    },
  })
  expect(await sql('select who, su from t')).toEqual([{ who: `${id}_owner`, su: 'off' }])
})

test('a vector type without its extension is a clear 400', async () => {
  const { status, body } = await apply({ t: { columns: { v: { type: 'vector(3)' } } } })
  expect([status, body.error.code]).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
  expect(body.error.remediation).toContain('pgvector')
})

const missing = await missingExtension('fuzzystrmatch')

test.skipIf(missing)(
  `what belongs to an extension (${missing ?? 'fuzzystrmatch'}) is neither shown nor dropped`,
  async () => {
    await sql(`create extension fuzzystrmatch; create table public.of_extension (id int primary key);
    alter table public.of_extension owner to current_user;
    alter extension fuzzystrmatch add table public.of_extension`)
    try {
      await good({ t: { columns: { id: ID } } })
      expect(Object.keys((await schema()).tables)).toEqual(['t'])
      expect((await good({ t: { columns: { id: ID } } })).applied).toBe(0)
      const asked = await call({
        schema: { tables: { t: { columns: { id: ID } } }, _drop: ['of_extension'] },
      })
      expect(asked.body).toMatchObject({ applied: 0 })
      const taken = await apply({
        t: { columns: { id: ID } },
        of_extension: { columns: { id: ID } },
      })
      expect([taken.status, taken.body.error.code]).toEqual([400, 'SCHEMA_MIGRATION_FAILED'])
      const secured = await app.owner.post(`/v1/${id}/rls/enable`, { table_name: 'of_extension' })
      expect(secured.status).toBeGreaterThanOrEqual(400)
      expect(secured.status).toBeLessThan(500)
      expect(
        await sql(`select relrowsecurity as on from pg_class where relname = 'of_extension'`),
      ).toEqual([{ on: false }])
    } finally {
      await sql('drop extension fuzzystrmatch')
    }
  },
)

test('GET migrations lists what was applied, newest first', async () => {
  await good({ t: { columns: { id: ID } } }, { name: 'first' })
  await good({ t: { columns: { id: ID, a: { type: 'text' } } } })
  const res = await app.owner.get(`/v1/${id}/migrations`)
  expect(await res.json()).toMatchObject({
    app_id: id,
    migrations: [
      { id: 2, name: expect.stringMatching(/^schema_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/) },
      {
        id: 1,
        name: 'first',
        description: 'first',
        applied_sql: expect.stringContaining('CREATE TABLE'),
      },
    ],
    template_migrations: expect.arrayContaining([
      { id: 1, filename: '0001_roles_and_helpers.sql', applied_at: expect.any(String) },
    ]),
  })
})

test('the schema of somebody else is 404 APP_NOT_FOUND, like an unknown one', async () => {
  const stranger = await app.stranger()
  const body = { schema: { tables: {} } }
  for (const [method, path, given] of [
    ['GET', 'schema', undefined],
    ['POST', 'schema/apply', body],
    ['GET', 'migrations', undefined],
  ] as const) {
    const res = await stranger.request(method, `/v1/${id}/${path}`, given)
    const unknown = await stranger.request(method, `/v1/app_000000000000/${path}`, given)
    const answer = (await res.json()) as Answer
    expect([res.status, answer.error.code]).toEqual([404, 'APP_NOT_FOUND'])
    expect(await unknown.json()).toEqual(answer)
    expect((await app.nobody.request(method, `/v1/${id}/${path}`, given)).status).toBe(401)
  }
})
