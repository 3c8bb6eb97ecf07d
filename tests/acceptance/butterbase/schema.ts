/** The declarative schema. */
import { beforeEach, describe, expect, test } from 'vitest'
import { type App, body, INSTANT, newApp } from '../support.ts'
import { refusal, server } from './server.ts'

type Column = Record<string, unknown>
type Tables = Record<string, object>
type Applied = {
  applied: number
  statements: { sql: string; description: string; destructive?: boolean }[]
  migration_id?: number
}

const ID: Column = { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' }

const table = (columns: Record<string, Column>, more: object = {}) => ({
  columns: { id: ID, ...columns },
  ...more,
})

/** A new app costs more than the tests below: each works on tables of its own, and drops the rest. */
let app: App
let left: string[] = []

beforeEach(async () => {
  app ??= await newApp(server)
  await body(post({ schema: { tables: {}, _drop: left } }))
  left = []
})

const post = (asked: object) => server.owner.post(`${app.path}/schema/apply`, asked)

function apply(tables: Tables, more: object = {}): Promise<Applied> {
  left.push(...Object.keys(tables))
  return body<Applied>(post({ schema: { tables, ...more } }))
}

const read = async (): Promise<Tables> => {
  const { schema } = await body<{ schema: { tables: Tables } }>(
    server.owner.get(`${app.path}/schema`),
  )
  return schema.tables
}

const sqlOf = ({ statements }: Applied) => statements.map(({ sql }) => sql).join('\n')

describe('schema/apply', () => {
  test('applies, and the second time says that the schema is up to date', async () => {
    const tables = { posts: table({ title: { type: 'text', nullable: false } }) }
    const first = await apply(tables)
    expect(first).toMatchObject({ migration_id: expect.any(Number), message: expect.any(String) })
    expect(first.applied).toBeGreaterThan(0)
    for (const { sql, description } of first.statements) {
      expect(sql).not.toBe('')
      expect(description).not.toBe('')
    }
    expect(await apply(tables)).toEqual({
      applied: 0,
      statements: [],
      message: 'Schema is up to date',
    })
  })

  test('applies what GET schema gives without any change', async () => {
    await apply({
      kinds: table({
        a: { type: 'int' },
        b: { type: 'BOOL', default: 'true' },
        c: { type: 'decimal(10,2)' },
        d: { type: 'varchar(20)', default: "'x'" },
        e: { type: 'float8' },
        f: { type: 'text[]' },
        g: { type: 'timestamptz', default: 'now()' },
        h: { type: 'jsonb', default: "'{}'" },
        i: { type: 'char(3)' },
        j: { type: 'bigserial' },
        k: { type: 'integer[]' },
      }),
    })
    expect(await apply(await read())).toMatchObject({ applied: 0 })
  })

  test('with dry_run shows what would run and changes nothing', async () => {
    await apply({ posts: table({ title: { type: 'text' } }) })
    const tables = { posts: table({ title: { type: 'text' }, views: { type: 'integer' } }) }
    const rehearsed = await body<Applied>(post({ schema: { tables }, dry_run: true }))
    expect(rehearsed).toMatchObject({ dry_run: true, applied: 1 })
    expect(sqlOf(rehearsed)).toContain('ADD COLUMN')
    expect(rehearsed.statements[0]?.destructive).toBe(false)
    expect(rehearsed).not.toHaveProperty('migration_id')
    expect(await read()).not.toHaveProperty('posts.columns.views')
  })

  test('leaving out a table is 409, also in a dry run; _drop drops it', async () => {
    await apply({ one: table({}), two: table({}), three: table({}) })
    const asked = { schema: { tables: { one: table({}) } } }
    const { details } = await refusal(post(asked), 409, 'SCHEMA_DESTRUCTIVE_CHANGE')
    expect(details).toEqual([expect.stringContaining('three'), expect.stringContaining('two')])
    await refusal(post({ ...asked, dry_run: true }), 409, 'SCHEMA_DESTRUCTIVE_CHANGE')
    expect(Object.keys(await read())).toEqual(['one', 'three', 'two'])
    await apply({ one: table({}) }, { _drop: ['two', 'three', 'never_was'] })
    expect(Object.keys(await read())).toEqual(['one'])
  })

  test('drops a table that is written as {"_drop":true}', async () => {
    await apply({ one: table({}), two: table({}) })
    await apply({ one: table({}), two: { _drop: true } })
    expect(Object.keys(await read())).toEqual(['one'])
  })

  test('another type is 409; a column that is left out stays; _dropColumns drops it', async () => {
    await apply({ posts: table({ title: { type: 'text' }, old: { type: 'text' } }) })
    const retyped = { posts: table({ title: { type: 'integer' } }) }
    await refusal(post({ schema: { tables: retyped } }), 409, 'SCHEMA_DESTRUCTIVE_CHANGE')
    expect(await apply({ posts: table({ title: { type: 'text' } }) })).toMatchObject({ applied: 0 })
    const dropped = table({ title: { type: 'text' } }, { _dropColumns: ['old', 'never_was'] })
    await apply({ posts: dropped })
    expect(await read()).not.toHaveProperty('posts.columns.old')
  })

  test('drops a column that is named twice once, and what refers to a column before it', async () => {
    const named = { type: 'text', unique: true }
    const refers = { type: 'text', references: 'a.name' }
    await apply({ a: table({ name: named }), b: table({ name: refers }) })
    const tables = {
      a: table({}, { _dropColumns: ['name', 'name'] }),
      b: table({}, { _dropColumns: ['name'] }),
    }
    expect(await apply(tables)).toMatchObject({ applied: 2 })
    expect(await apply(tables)).toMatchObject({ applied: 0 })
  })

  test('says what depends on a column, and which types do not fit each other', async () => {
    await apply({ notes: table({ owner: { type: 'text' } }) })
    const asked = { table_name: 'notes', user_column: 'owner' }
    await body(server.owner.post(`${app.path}/rls`, asked))
    const refused = async (notes: object) =>
      refusal(post({ schema: { tables: { notes } } }), 400, 'SCHEMA_MIGRATION_FAILED')
    const dropped = await refused(table({}, { _dropColumns: ['owner'] }))
    expect(dropped.remediation).toMatch(/policy notes_user_isolation .* depends on column owner/)
    expect(dropped.remediation).not.toContain('CASCADE')
    const unfit = await refused(table({ up: { type: 'integer', references: 'notes.id' } }))
    expect(unfit.remediation).toContain('integer and uuid')
  })

  test('is all or nothing', async () => {
    const tables = {
      good: table({}),
      bad: table({ n: { type: 'integer', default: "'word'::integer" } }),
    }
    const { details } = await refusal(post({ schema: { tables } }), 400, 'SCHEMA_MIGRATION_FAILED')
    expect(details).toMatchObject({ pg_code: '22P02', severity: 'ERROR' })
    expect(await read()).toEqual({})
  })

  test('NOT NULL over rows that are there says how many and what to do', async () => {
    await apply({ posts: table({ title: { type: 'text' } }) })
    for (const title of ['a', 'b']) {
      await body(server.owner.post(`${app.path}/posts`, { title }), 201)
    }
    const tables = {
      posts: table({ title: { type: 'text' }, slug: { type: 'text', nullable: false } }),
    }
    const error = await refusal(post({ schema: { tables } }), 400, 'SCHEMA_MIGRATION_FAILED')
    expect(error.message).toContain('2')
    expect(error.remediation).toMatch(/delete.*nullable.*default/is)
    expect(error.details).toMatchObject({
      pg_code: '23502',
      column: 'slug',
      table: 'posts',
      existing_row_count: 2,
    })
  })

  test('makes tables in the order of their references, and refuses a circle', async () => {
    const to = (target: string) => ({ type: 'uuid', references: `${target}.id` })
    await apply({ a: table({ b_id: to('b') }), b: table({ c_id: to('c') }), c: table({}) })
    const circle = { x: table({ y_id: to('y') }), y: table({ x_id: to('x') }) }
    const tables = { ...(await read()), ...circle }
    await refusal(post({ schema: { tables } }), 400, 'VALIDATION_INVALID_SCHEMA')
  })

  test('changes nullability, defaults, references, uniqueness and indexes', async () => {
    await apply({
      users: table({}),
      posts: table(
        { user_id: { type: 'uuid', references: 'users.id' }, n: { type: 'integer', default: '1' } },
        { indexes: { idx_n: { columns: ['n'] } } },
      ),
    })
    const cascade = { table: 'users', column: 'id', onDelete: 'CASCADE' }
    const changed = {
      users: table({}),
      posts: table(
        {
          user_id: { type: 'uuid', references: cascade, nullable: false },
          n: { type: 'integer', unique: true },
        },
        { indexes: { idx_n: { columns: ['n', 'user_id'] }, idx_u: { columns: ['user_id'] } } },
      ),
    }
    const sql = sqlOf(await apply(changed))
    for (const part of ['SET NOT NULL', 'DROP DEFAULT', 'CASCADE', 'UNIQUE', 'idx_u']) {
      expect(sql.toUpperCase()).toContain(part.toUpperCase())
    }
    expect(await read()).toMatchObject({
      posts: {
        columns: { user_id: { nullable: false, references: cascade }, n: { unique: true } },
        indexes: { idx_n: { columns: ['n', 'user_id'] }, idx_u: { columns: ['user_id'] } },
      },
    })
    expect(await apply(changed)).toMatchObject({ applied: 0 })
    const without = { users: table({}), posts: { columns: changed.posts.columns } }
    expect(sqlOf(await apply(without)).toUpperCase()).toContain('DROP INDEX')
  })

  test('takes several primary keys as one, "primary" as "primaryKey"', async () => {
    const part = { type: 'uuid', primary: true }
    await apply({ links: { columns: { a: part, b: part } } })
    expect(await read()).toMatchObject({
      links: { columns: { a: { primaryKey: true }, b: { primaryKey: true } } },
    })
  })

  test('marks tables whose rows are seeds, without any DDL', async () => {
    await apply({ plans: table({}) })
    expect(await apply({ plans: table({}, { _seed: true }) })).toMatchObject({ applied: 0 })
    expect(await read()).toHaveProperty('plans._seed', true)
    await apply({ plans: table({}) })
    expect(await read()).not.toHaveProperty('plans._seed')
  })

  test.each([
    ['an unknown type', { t: table({ c: { type: 'money' } }) }],
    ['a type with a space too many', { t: table({ c: { type: 'text; drop table x' } }) }],
    ['an unknown key of a column', { t: table({ c: { type: 'text', nulable: true } }) }],
    ['a table name in capitals', { Posts: table({}) }],
    ['a table name with an underscore first', { _posts: table({}) }],
    ['a column name with a quote', { t: table({ 'a"b': { type: 'text' } }) }],
    ['a name of 64 letters', { ['t'.repeat(64)]: table({}) }],
    [
      'an unknown action',
      {
        t: table({
          c: { type: 'uuid', references: { table: 't', column: 'id', onDelete: 'EXPLODE' } },
        }),
      },
    ],
    [
      'an unknown index method',
      { t: table({}, { indexes: { i: { columns: ['id'], method: 'magic' } } }) },
    ],
    [
      'a default of two statements',
      { t: table({ c: { type: 'text', default: "'a'; drop table t" } }) },
    ],
    ['51 tables', Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`t${n}`, table({})]))],
  ])('refuses %s', async (_, tables) => {
    await refusal(post({ schema: { tables } }), 400, 'VALIDATION_INVALID_SCHEMA')
    expect(await read()).toEqual({})
  })

  test('refuses a body without a schema, and whoever is not the owner', async () => {
    await refusal(post({}), 400, 'VALIDATION_INVALID_SCHEMA')
    const asNobody = server.nobody.post(`${app.path}/schema/apply`, { schema: { tables: {} } })
    await refusal(asNobody, 401, 'AUTH_REQUIRED')
    const absent = server.owner.post('/v1/app_000000000000/schema/apply', {
      schema: { tables: {} },
    })
    await refusal(absent, 404, 'APP_NOT_FOUND')
  })

  test('lets two at once through one after the other', async () => {
    const tables = { posts: table({ title: { type: 'text' } }) }
    const both = await Promise.all([apply(tables), apply(tables)])
    expect(both.filter(({ applied }) => applied > 0)).toHaveLength(1)
  })
})

describe('GET schema', () => {
  test('says what there is, and what to do next', async () => {
    await apply({ posts: table({}) })
    const found = await body(server.owner.get(`${app.path}/schema`))
    expect(found).toMatchObject({
      app_id: app.id,
      api_base: `${server.url}${app.path}`,
      _meta: {
        resource_info: { table_count: 1, tables: ['posts'] },
        next_actions: expect.any(Array),
      },
    })
  })

  test('gives a cascading reference as an object and a plain one as "table.column"', async () => {
    await apply({
      users: table({}),
      posts: table({
        plain: { type: 'uuid', references: 'users.id' },
        owned: {
          type: 'uuid',
          references: { table: 'users', column: 'id', onDelete: 'CASCADE', onUpdate: 'NO ACTION' },
        },
      }),
    })
    expect(await read()).toMatchObject({
      posts: {
        columns: {
          plain: { references: 'users.id' },
          owned: { references: { table: 'users', column: 'id', onDelete: 'CASCADE' } },
        },
      },
    })
    expect(await read()).not.toHaveProperty('posts.columns.owned.references.onUpdate')
  })

  test('leaves out what is the default', async () => {
    const status = { type: 'text', default: "'pending'", unique: true, nullable: true }
    await apply({ posts: table({ status }, { indexes: { i: { columns: ['status'] } } }) })
    const { posts } = await read()
    expect(posts).toEqual({
      columns: {
        id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
        status: { type: 'text', default: "'pending'::text", unique: true },
      },
      indexes: { i: { columns: ['status'] } },
    })
  })
})

describe('GET migrations', () => {
  test('lists the newest first, under the name that was given or one with the time', async () => {
    await apply({ a: table({}) })
    const tables = { a: table({}), b: table({}) }
    await body(post({ schema: { tables }, name: 'add_b' }))
    left.push('b')
    const found = await body<{ migrations: object[] }>(server.owner.get(`${app.path}/migrations`))
    expect(found).toMatchObject({ app_id: app.id, template_migrations: expect.any(Array) })
    expect(found.migrations[0]).toEqual({
      id: expect.any(Number),
      name: 'add_b',
      description: 'add_b',
      applied_sql: expect.stringMatching(/create table/i),
      applied_at: expect.stringMatching(INSTANT),
    })
    expect(found.migrations[1]).toMatchObject({
      name: expect.stringMatching(/^schema_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/),
    })
  })
})
