import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let id: string

beforeAll(async () => {
  app = await startApp()
})

beforeEach(async () => {
  id = (await app.createApp()).id
})

afterAll(() => app[Symbol.asyncDispose]())

type Statement = { sql: string; description: string; destructive?: boolean }
type Answer = {
  applied: number
  statements: Statement[]
  migration_id?: number
  message?: string
  dry_run?: boolean
  error: { code: string; message: string; remediation: string; details: unknown }
}

type Tables = Record<string, unknown>

const call = async (body: object): Promise<{ status: number; body: Answer }> => {
  const res = await app.owner.post(`/v1/${id}/schema/apply`, body)
  return { status: res.status, body: (await res.json()) as Answer }
}

const apply = (tables: Tables, more: object = {}) => call({ schema: { tables }, ...more })

const good = async (tables: Tables, more: object = {}): Promise<Answer> => {
  const { status, body } = await apply(tables, more)
  expect([status, body.error]).toEqual([200, undefined])
  return body
}

const refusal = async (tables: Tables, more: object = {}) => {
  const { status, body } = await apply(tables, more)
  return [status, body.error?.code]
}

const schema = async (): Promise<{ tables: Record<string, { columns: Tables }> }> => {
  const res = await app.owner.get(`/v1/${id}/schema`)
  return ((await res.json()) as { schema: { tables: Record<string, { columns: Tables }> } }).schema
}

const sql = (text: string, values?: unknown[]) => app.sql(text, values, id)

const ID = { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' }

test('GET schema of a new app has no tables', async () => {
  const res = await app.owner.get(`/v1/${id}/schema`)
  expect(res.status).toBe(200)
  expect(await res.json()).toMatchObject({
    app_id: id,
    schema: { tables: {} },
    api_base: expect.stringMatching(new RegExp(`/v1/${id}$`)),
    _meta: { resource_info: { table_count: 0, tables: [] } },
  })
})

test('POST schema/apply creates tables in foreign-key order, and twice changes nothing', async () => {
  const tables = {
    comments: {
      columns: {
        id: ID,
        post_id: {
          type: 'uuid',
          nullable: false,
          references: { table: 'posts', column: 'id', onDelete: 'CASCADE' },
        },
        parent_id: { type: 'uuid', references: 'comments.id' },
      },
    },
    posts: {
      columns: {
        id: ID,
        author_id: { type: 'uuid', references: 'users.id' },
        title: { type: 'text', nullable: false, unique: true },
        status: { type: 'text', default: "'pending'" },
        made_at: { type: 'timestamptz', default: 'now()' },
      },
      indexes: { idx_posts_author: { columns: ['author_id'] } },
    },
    users: { columns: { id: ID } },
  }
  const first = await good(tables)
  expect(first).toMatchObject({ applied: 4, migration_id: 1, message: expect.any(String) })
  expect(first.statements.map(({ description }) => description.split('"')[1])).toEqual([
    'users',
    'posts',
    'idx_posts_author',
    'comments',
  ])
  expect(await good(tables)).toEqual({
    applied: 0,
    statements: [],
    message: 'Schema is up to date',
  })
  expect(await schema()).toEqual({
    tables: {
      comments: {
        columns: {
          id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
          post_id: {
            type: 'uuid',
            nullable: false,
            references: { table: 'posts', column: 'id', onDelete: 'CASCADE' },
          },
          parent_id: { type: 'uuid', references: 'comments.id' },
        },
      },
      posts: {
        columns: {
          id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
          author_id: { type: 'uuid', references: 'users.id' },
          title: { type: 'text', nullable: false, unique: true },
          status: { type: 'text', default: "'pending'::text" },
          made_at: { type: 'timestamptz', default: 'now()' },
        },
        indexes: { idx_posts_author: { columns: ['author_id'] } },
      },
      users: {
        columns: { id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' } },
      },
    },
  })
  expect(await good((await schema()).tables)).toMatchObject({ applied: 0 })
})

test('every table has row security, grants and the service bypass from birth', async () => {
  await good({
    notes: { columns: { id: { type: 'serial', primaryKey: true }, body: { type: 'text' } } },
  })
  const [table] = await sql(
    `select relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner) as owner
     from pg_class where relname = 'notes'`,
  )
  expect(table).toEqual({
    relrowsecurity: true,
    relforcerowsecurity: false,
    owner: `${id}_owner`,
  })
  const policies = await sql(
    `select policyname, roles::text[], cmd, qual from pg_policies where schemaname = 'public'`,
  )
  expect(policies).toEqual([
    { policyname: 'notes_service_bypass', roles: ['butterbase_service'], cmd: 'ALL', qual: 'true' },
  ])
  for (const role of ['anon', 'authenticated', 'service_role']) {
    const [granted] = await sql(
      `select has_table_privilege($1, 'notes', 'select, insert, update, delete') as t,
        has_sequence_privilege($1, 'notes_id_seq', 'usage') as s`,
      [role],
    )
    expect([role, granted]).toEqual([role, { t: true, s: true }])
  }
  const [truncate] = await sql(`select has_table_privilege('anon', 'notes', 'truncate') as yes`)
  expect(truncate).toEqual({ yes: false })
})

const TYPES = [
  ...'text varchar char uuid boolean bool integer int int4 bigint int8 smallint int2'.split(' '),
  ...'serial bigserial smallserial real float4 float8 numeric decimal timestamptz'.split(' '),
  ...'timestamp date time timetz interval jsonb json bytea'.split(' '),
  ...'varchar(20) VARCHAR(30) char(5) numeric(10) numeric(10,2) decimal(8) decimal(8,3)'.split(' '),
  ...'text[] integer[] int[] bool[] uuid[] varchar[] char[] decimal[] timestamptz[]'.split(' '),
  ...'timestamp[] jsonb[] bytea[] timetz[] interval[] Text'.split(' '),
  'double precision',
  'DOUBLE   PRECISION',
  'numeric(10, 2)',
]

test('every type and alias is applied once, and reads back as a type that means the same', async () => {
  const columns = Object.fromEntries(TYPES.map((type, at) => [`c${at}`, { type }]))
  expect(await good({ all: { columns } })).toMatchObject({ applied: 1 })
  expect(await good({ all: { columns } })).toMatchObject({ applied: 0 })
  const read = (await schema()).tables
  expect(await good(read)).toMatchObject({ applied: 0 })
  const { columns: shown } = read.all as { columns: Record<string, { type: string }> }
  const typeOf = (type: string) => shown[`c${TYPES.indexOf(type)}`]?.type
  expect(typeOf('int4')).toBe('integer')
  expect(typeOf('decimal(8)')).toBe('numeric(8,0)')
  expect(typeOf('serial')).toBe('serial')
  expect(typeOf('timestamp[]')).toBe('timestamp[]')
  expect(typeOf('char')).toBe('char(1)')
})

test('an alias of the type that is there is no change', async () => {
  const pairs = [
    ['int', 'int4'],
    ['bool', 'boolean'],
    ['decimal(5,1)', 'numeric(5, 1)'],
    ['float8', 'double precision'],
    ['char', 'char(1)'],
    ['serial', 'integer'],
  ] as const
  const with_ = (side: 0 | 1) =>
    Object.fromEntries(pairs.map((pair, at) => [`c${at}`, { type: pair[side] }]))
  await good({ t: { columns: with_(0) } })
  expect(await good({ t: { columns: with_(1) } })).toMatchObject({ applied: 0 })
  const [row] = await sql(`select pg_get_serial_sequence('t', 'c5') as sequence`)
  expect(row).toEqual({ sequence: 'public.t_c5_seq' })
})

const DEFAULTS: [type: string, expression: string][] = [
  ['text', "'a'"],
  ['text', "'it''s; -- fine'"],
  ['varchar(20)', "'a'"],
  ['varchar(20)', "'a'::varchar"],
  ['integer', '-1'],
  ['integer', "'5'"],
  ['bigint', '0'],
  ['numeric(10,2)', '0'],
  ['real', '1.50'],
  ['boolean', 'FALSE'],
  ['boolean', "'t'"],
  ['jsonb', '\'{"a":1}\''],
  ['jsonb', "'[]'::jsonb"],
  ['text[]', "'{}'"],
  ['text[]', 'array[]::text[]'],
  ['timestamptz', 'NOW()'],
  ['timestamptz', 'current_timestamp'],
  ['timestamptz', "now() + interval '7 days'"],
  ['timestamp', "timezone('utc', now())"],
  ['date', "'2024-01-01'"],
  ['interval', "'1 day'"],
  ['uuid', 'gen_random_uuid()'],
  ['text', "lower('A') || 'b'"],
  ['text', 'null'],
  ['varchar(3)', 'NULL'],
  ['char(3)', "'ab'"],
  ['smallint', '7'],
  ['bytea', "'\\x00'"],
  ['text', "encode(sha256('x'), 'hex')"],
]

test('a default in any spelling is applied once', async () => {
  const columns = Object.fromEntries(
    DEFAULTS.map(([type, expression], at) => [`c${at}`, { type, default: expression }]),
  )
  await good({ t: { columns } })
  expect(await good({ t: { columns } })).toMatchObject({ applied: 0 })
  expect(await good((await schema()).tables)).toMatchObject({ applied: 0 })
})

test('defaults are set, changed and dropped', async () => {
  const t = (column: object) => ({ t: { columns: { a: { type: 'integer', ...column } } } })
  await good(t({}))
  expect((await good(t({ default: '1' }))).statements[0]?.sql).toContain('SET DEFAULT (1)')
  expect((await good(t({ default: '2' }))).applied).toBe(1)
  expect((await good(t({ default: '2' }))).applied).toBe(0)
  expect((await good(t({}))).statements[0]?.sql).toContain('DROP DEFAULT')
})

test('dry_run tells the statements and does nothing', async () => {
  await good({ posts: { columns: { id: ID } } })
  const wanted = { posts: { columns: { id: ID, title: { type: 'text' } }, _seed: true } }
  const rehearsed = await good(wanted, { dry_run: true })
  expect(rehearsed).toMatchObject({ dry_run: true, applied: 1 })
  expect(rehearsed.statements[0]).toEqual({
    sql: expect.stringContaining('ADD COLUMN'),
    description: expect.any(String),
    destructive: false,
  })
  expect(await schema()).toEqual({ tables: { posts: { columns: { id: ID } } } })
  const dropping = await call({ schema: { tables: {}, _drop: ['posts'] }, dry_run: true })
  expect(dropping.body.statements).toMatchObject([{ destructive: true }])
  const list = (await (await app.owner.get(`/v1/${id}/migrations`)).json()) as {
    migrations: unknown[]
  }
  expect(list.migrations).toHaveLength(1)
})

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

test('columns: absent ones stay, listed ones go, new ones come', async () => {
  await good({ t: { columns: { id: ID, a: { type: 'text' }, b: { type: 'text' } } } })
  expect(await good({ t: { columns: { id: ID } } })).toMatchObject({ applied: 0 })
  const changed = await good({
    t: {
      columns: { id: ID, c: { type: 'uuid', references: 't.id', unique: true } },
      _dropColumns: ['a', 'gone'],
    },
  })
  expect(changed.statements.map(({ sql: text }) => text)).toEqual([
    'ALTER TABLE "t" DROP COLUMN "a"',
    'ALTER TABLE "t" ADD COLUMN "c" uuid UNIQUE',
    'ALTER TABLE "t" ADD CONSTRAINT "fk_t_c" FOREIGN KEY ("c") REFERENCES "t" ("id")',
  ])
  expect(Object.keys((await schema()).tables.t?.columns ?? {})).toEqual(['id', 'b', 'c'])
})

test('nullability, uniqueness and references follow the schema', async () => {
  const b = (column: object) => ({
    a: { columns: { id: ID } },
    b: { columns: { id: ID, a_id: { type: 'uuid', ...column } } },
  })
  await good(b({}))
  expect((await good(b({ nullable: false }))).statements[0]?.sql).toContain('SET NOT NULL')
  expect((await good(b({}))).statements[0]?.sql).toContain('DROP NOT NULL')
  expect((await good(b({ unique: true }))).applied).toBe(1)
  expect((await good(b({}))).applied).toBe(0)
  expect((await good(b({ references: 'a.id' }))).applied).toBe(1)
  expect((await good(b({}))).applied).toBe(0)
  const cascade = { references: { table: 'a', column: 'id', onDelete: 'CASCADE' } }
  expect((await good(b(cascade))).applied).toBe(2)
  expect((await good(b(cascade))).applied).toBe(0)
  expect((await schema()).tables.b?.columns.a_id).toEqual({
    type: 'uuid',
    unique: true,
    ...cascade,
  })
})

test('a dropped table takes the references to it along, and the column may refer to another', async () => {
  const c = (to: string) => ({
    columns: {
      id: ID,
      ref: { type: 'uuid', references: { table: to, column: 'id', onDelete: 'CASCADE' } },
    },
  })
  await good({ a: { columns: { id: ID } }, b: { columns: { id: ID } }, c: c('a') })
  const moved = await call({
    schema: { tables: { b: { columns: { id: ID } }, c: c('b') }, _drop: ['a'] },
  })
  expect([moved.status, moved.body.applied]).toEqual([200, 2])
  expect((await good({ b: { columns: { id: ID } }, c: c('b') })).applied).toBe(0)
})

test('a reference may point at a column that the same apply makes, or makes unique', async () => {
  await good({ b: { columns: { id: ID, code: { type: 'text' } } }, a: { columns: { id: ID } } })
  const tables = {
    a: { columns: { id: ID, b_slug: { type: 'text', references: 'b.slug' } } },
    b: {
      columns: {
        id: ID,
        code: { type: 'text', unique: true },
        slug: { type: 'text', unique: true },
      },
    },
    c: {
      columns: {
        id: { type: 'uuid', primaryKey: true },
        slug: { type: 'text', references: 'b.slug' },
        code: { type: 'text', references: 'b.code' },
        b_id: { type: 'uuid', references: 'b.id' },
      },
    },
  }
  await good(tables)
  expect((await good(tables)).applied).toBe(0)
  const [keys] = await sql(
    `select count(*)::int as n from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`,
  )
  expect(keys).toEqual({ n: 4 })
})

test('indexes come, change and go with the schema', async () => {
  const columns = { id: ID, a: { type: 'text' }, tags: { type: 'jsonb' } }
  const t = (indexes?: object) => ({ t: { columns, ...(indexes ? { indexes } : {}) } })
  await good(t({ i_a: { columns: ['a'] }, i_tags: { columns: ['tags'], method: 'gin' } }))
  expect(
    (await good(t({ i_a: { columns: ['a'] }, i_tags: { columns: ['tags'], method: 'gin' } })))
      .applied,
  ).toBe(0)
  const changed = {
    i_a: { columns: ['a', 'id'], unique: true },
    i_tags: { columns: ['tags'], method: 'gin', opclass: 'jsonb_path_ops' },
  }
  expect((await good(t(changed))).applied).toBe(4)
  expect((await good(t(changed))).applied).toBe(0)
  expect((await schema()).tables.t).toMatchObject({ indexes: changed })
  expect((await good(t({ i_a: { ...changed.i_a, opclass: 'text_ops' } }))).applied).toBeGreaterThan(
    0,
  )
  await sql('create index by_hand on t (lower(a))')
  await good(t())
  const left = await sql(`select indexname from pg_indexes where tablename = 't' order by 1`)
  expect(left.map(({ indexname }) => indexname)).toEqual(['by_hand', 't_pkey'])
})

test('several primary keys make one composite key, in order, and the alias primary works', async () => {
  const tables = {
    m: { columns: { b: { type: 'uuid', primary: true }, a: { type: 'uuid', primaryKey: true } } },
  }
  await good(tables)
  expect((await good(tables)).applied).toBe(0)
  const [key] = await sql(
    `select pg_get_constraintdef(oid) as def from pg_constraint where conname = 'm_pkey'`,
  )
  expect(key).toEqual({ def: 'PRIMARY KEY (b, a)' })
  const smaller = { m: { columns: { b: { type: 'uuid', primary: true }, a: { type: 'uuid' } } } }
  expect(await refusal(smaller)).toEqual([409, 'SCHEMA_DESTRUCTIVE_CHANGE'])
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

test('_seed marks and unmarks, also when no statement results', async () => {
  const t = (more: object) => ({ t: { columns: { id: ID }, ...more } })
  await good(t({}))
  expect((await good(t({ _seed: true }))).applied).toBe(0)
  expect(await schema()).toMatchObject({ tables: { t: { _seed: true } } })
  expect((await good(t({}))).applied).toBe(0)
  expect((await schema()).tables.t).not.toHaveProperty('_seed')
})

test('a reference to a table outside the public schema is left alone', async () => {
  const tables = { t: { columns: { id: ID, user_id: { type: 'uuid' } } } }
  await good(tables)
  await sql('alter table t add foreign key (user_id) references auth.users (id)')
  expect(await good(tables)).toMatchObject({ applied: 0 })
  expect((await schema()).tables.t?.columns.user_id).toEqual({ type: 'uuid' })
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
