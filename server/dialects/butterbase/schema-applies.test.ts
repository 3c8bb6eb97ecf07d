/** What an apply makes, changes and leaves: tables, types, defaults, columns, references, indexes and keys. */
import { expect, test } from 'vitest'
import { app, call, good, id, ID, refusal, schema, sql, useSchema } from './schema-fixture.ts'

useSchema()

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
