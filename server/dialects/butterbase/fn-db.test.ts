import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestApp } from '#support/app'
import type { Client } from '#support/client'
import { RUN } from './fn-db-fixture.ts'
import { type FunctionsFixture, startFunctions, startNotes } from './functions-fixture.ts'

let app: TestApp
let fns: FunctionsFixture
let ada: Client & { id: string }
let bob: Client & { id: string }

type Ran = { value?: unknown; error?: string; code?: string }

async function run(client: Client, code: string, args: object = {}): Promise<Ran> {
  const res = await client.post(fns.fn('run'), { code, args })
  return (await res.json()) as Ran
}

/** Statements one after the other; each gives its rows or its error. */
const statements = (client: Client, texts: string[], wrap = 'work(ctx.db)'): Promise<Ran> =>
  run(
    client,
    `const work = async (db) => {
       const found = []
       for (const text of args.texts) {
         found.push(await db.query(text).then((result) => result.rows, (error) => error.message))
       }
       return found
     }
     return ${wrap}`,
    { texts },
  )

beforeAll(async () => {
  ;({ app, fns } = await startFunctions())
  ;({ ada, bob } = await startNotes(app, fns))
  await fns.deploy('run', RUN)
})

afterAll(() => app[Symbol.asyncDispose]())

const TEXTS = 'select text from notes order by text'
const WHO = `select current_user::text as role, current_user_id() as id`

test('ctx.db.query gives typed values, row counts and the message of PostgreSQL', async () => {
  const { value } = await run(
    app.owner,
    `const { rows, rowCount } = await ctx.db.query(
       "select 9007199254740991::bigint as big, $1::int as n, now() as at, $2::jsonb as doc, $3::text[] as list, null as nothing",
       [7, { a: [1] }, ['x', 'y']])
     return { ...rows[0], isDate: rows[0].at instanceof Date, rowCount }`,
  )
  expect(value).toMatchObject({
    big: Number.MAX_SAFE_INTEGER,
    n: 7,
    isDate: true,
    doc: { a: [1] },
    list: ['x', 'y'],
    nothing: null,
    rowCount: 1,
  })
  expect(await run(app.owner, `return ctx.db.query('select * from absent')`)).toEqual({
    error: 'relation "absent" does not exist',
    code: '42P01',
  })
  expect(await run(app.owner, `return ctx.db.query('select $1::int', ['x'])`)).toMatchObject({
    error: 'invalid input syntax for type integer: "x"',
  })
})

test('ctx.db.query takes one statement at a time, and no text that PostgreSQL cannot hold', async () => {
  expect(await run(app.owner, `return ctx.db.query('select 1; select 2')`)).toMatchObject({
    error: 'cannot insert multiple commands into a prepared statement',
  })
  for (const code of [
    `return ctx.db.query('select \\0')`,
    `return ctx.db.query('select $1::text', ['a\\0b'])`,
    `return ctx.db.query('select 1', Array.from({ length: 40000 }, () => '1'))`,
    `return ctx.db.asUser('a\\0b', (db) => db.query('select 1'))`,
    `return ctx.idempotency.claim('a\\0b')`,
  ]) {
    expect(await run(app.owner, code)).toEqual({ error: expect.any(String), code: 'unsendable' })
  }
  expect(await run(app.owner, `return (await ctx.db.query('')).rows`)).toEqual({ value: [] })
})

test('ctx.db.query of a user can become nobody else, whatever it says first', async () => {
  const escapes = [
    `select set_config('role', 'service_role', false)`,
    `select set_config('role', 'service_role', true)`,
    'set role service_role',
    'set session role service_role',
    'reset role',
    'set role none',
    'commit',
    'rollback',
    'begin',
    'discard all',
    'set session authorization default',
    `set session authorization ${app.appId}_api`,
    `do $$ begin commit; set role service_role; end $$`,
    `do $$ begin commit; perform set_config('request.jwt.claim.sub', 'x', false); end $$`,
  ]
  for (const escape of escapes) {
    const { value } = await statements(ada, [escape, TEXTS, WHO])
    const [, texts, who] = value as unknown[]
    expect([escape, texts]).toEqual([escape, [{ text: 'of ada' }]])
    expect([escape, who]).toEqual([escape, [{ role: 'authenticated', id: ada.id }]])
  }
})

test('ctx.db.query of a user reads no other schema, no role and no file', async () => {
  const forbidden = [
    'select * from functions.functions',
    'select * from functions.invocations',
    'select * from functions.app_env',
    'select * from auth.users',
    'select * from stead.migrations',
    'select * from pg_authid',
    'select * from _idempotency_keys',
    `select pg_read_file('/etc/passwd')`,
    `copy (select 1) to program 'id'`,
    'create table mine (id int)',
    'create role mine superuser',
    'alter role service_role login superuser',
    `grant service_role to ${app.appId}_user`,
  ]
  for (const client of [ada, app.owner]) {
    const { value } = await statements(client, forbidden)
    const granted = client === app.owner ? ['select * from _idempotency_keys'] : []
    ;(value as unknown[]).forEach((result, at) => {
      const statement = forbidden[at] ?? ''
      if (!granted.includes(statement))
        expect([statement, typeof result]).toEqual([statement, 'string'])
    })
  }
})

test('COPY from the client is refused, and its connection serves on', async () => {
  const { value } = await statements(app.owner, ['copy notes from stdin', 'select 1 as one'])
  expect(value).toEqual([expect.stringContaining('COPY is not offered here'), [{ one: 1 }]])
  const stuck = `select pid from pg_stat_activity where query like 'copy notes%' and state = 'active'`
  expect(await app.sql(stuck)).toEqual([])
})

test('an app is deleted although a function of it keeps a transaction open', async () => {
  const { id } = await app.createApp()
  const code = `export default (req, ctx) => ctx.db.asAnon(async (db) => {
    await db.query('select 1')
    console.log('open')
    await new Promise(() => {})
  })`
  await app.owner.post(`/v1/${id}/functions`, { name: 'stays', code, timeoutMs: 20_000 })
  const call = app.owner.post(`/v1/${id}/fn/stays`, {})
  const open = `select from pg_stat_activity where datname = '${id}' and query = 'select 1'`
  while ((await app.sql(open)).length === 0) await new Promise((look) => setTimeout(look, 20))
  const [deleted, cut] = await Promise.all([app.owner.delete(`/apps/${id}`), call])
  expect(deleted.status).toBe(200)
  expect([cut.status, ((await cut.json()) as { error: { code: string } }).error.code]).toEqual([
    410,
    'APP_DELETING',
  ])
})

test('what one call leaves in its session is gone for the next, whoever calls', async () => {
  const leave = [
    `select set_config('request.jwt.claim.sub', '${bob.id}', false)`,
    `select set_config('search_path', 'pg_catalog', false)`,
    `select set_config('app.secret', 'of ada', false)`,
    `set statement_timeout = 1`,
    `prepare stolen as select 1`,
    'create temp table notes as select 1 as id',
    'select pg_advisory_lock(1)',
    'listen everything',
  ]
  const look = [
    TEXTS,
    `select current_setting('app.secret', true) as secret`,
    'select count(*)::int as prepared from pg_prepared_statements',
    `select count(*)::int as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    'select count(*)::int as channels from pg_listening_channels()',
  ]
  for (let round = 0; round < 6; round++) {
    await statements(ada, leave)
    const { value } = await statements(bob, look)
    const [texts, secret, ...counts] = value as Record<string, unknown>[][]
    expect(texts).toEqual([{ text: 'of bob' }])
    expect([null, '']).toContain(secret?.[0]?.secret)
    expect(counts).toEqual([[{ prepared: 0 }], [{ locks: 0 }], [{ channels: 0 }]])
  }
})

test('ctx.db.asUser sees what that user sees, from any kind of call, and nothing when it does not exist', async () => {
  const asAda = `ctx.db.asUser('${ada.id}', work)`
  for (const client of [app.owner, app.nobody, bob]) {
    const { value } = await statements(client, [TEXTS, WHO], asAda)
    expect(value).toEqual([[{ text: 'of ada' }], [{ role: 'authenticated', id: ada.id }]])
  }
  const nobody = `ctx.db.asUser('${crypto.randomUUID()}', work)`
  expect((await statements(app.owner, [TEXTS], nobody)).value).toEqual([[]])
})

test('ctx.db.asAnon sees what everybody sees', async () => {
  const { value } = await statements(app.owner, [TEXTS, WHO], 'ctx.db.asAnon(work)')
  expect(value).toEqual([[{ text: 'of all' }], [{ role: 'anon', id: null }]])
})

test('ctx.db.asUser of the service cannot climb back to the service', async () => {
  const climbs = [
    'reset role',
    'commit',
    'set role service_role',
    'set session authorization default',
  ]
  for (const climb of climbs) {
    const { value } = await statements(
      app.owner,
      [climb, TEXTS],
      `ctx.db.asUser('${ada.id}', work)`,
    )
    const texts = (value as unknown[])?.[1]
    expect([climb, JSON.stringify(texts)]).not.toEqual([climb, expect.stringContaining('of bob')])
  }
})

test('ctx.db.asUser is one transaction: it commits, and rolls back when the callback throws or a statement failed', async () => {
  const insert = `db.query("insert into notes (owner, text) values ($1, $2)", ['${bob.id}', args.text])`
  const work = (rest: string) =>
    `return ctx.db.asUser('${bob.id}', async (db) => { await ${insert}; ${rest} })`
  const kept = async (text: string) =>
    (await app.sql('select from public.notes where text = $1', [text])).length
  expect(await run(app.owner, work('return 42'), { text: 'kept' })).toEqual({ value: 42 })
  expect(await kept('kept')).toBe(1)
  expect(await run(app.owner, work(`throw new Error('no')`), { text: 'thrown' })).toMatchObject({
    error: 'no',
  })
  expect(await kept('thrown')).toBe(0)
  const swallowed = work(`await db.query('select 1/0').catch(() => {})`)
  expect(await run(app.owner, swallowed, { text: 'swallowed' })).toMatchObject({
    error: expect.stringContaining('rolled back'),
  })
  expect(await kept('swallowed')).toBe(0)
  await app.sql(`delete from public.notes where text = 'kept'`)
})

test('a transaction that is open when the invocation ends is rolled back', async () => {
  await fns.deploy(
    'leaves',
    `export default async function handler(req: Request, ctx: any) {
      await new Promise((begun) => ctx.db.asUser('${bob.id}', async (db) => {
        await db.query("insert into notes (owner, text) values ($1, 'left open')", ['${bob.id}'])
        begun(null)
        await new Promise(() => {})
      }))
      return new Response('gone')
    }`,
  )
  expect(await (await app.nobody.get(fns.fn('leaves'))).text()).toBe('gone')
  const open = `select from pg_stat_activity where state like 'idle in transaction%' and datname = $1`
  await expect.poll(() => app.sql(open, [app.appId])).toEqual([])
  expect(await app.sql(`select from public.notes where text = 'left open'`)).toEqual([])
})

test('a statement ends with the time of its invocation', async () => {
  await fns.deploy(
    'sleeps',
    `export default async (req: Request, ctx: any) => {
    await ctx.db.query('select pg_sleep(60)')
    return new Response('never')
  }`,
    { timeoutMs: 500 },
  )
  const res = await app.nobody.get(fns.fn('sleeps'))
  expect([500, 504]).toContain(res.status)
  const sleeping = `select from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`
  await expect.poll(() => app.sql(sleeping)).toEqual([])
})

test('a result that would not fit is refused, and the server and the next statement go on', async () => {
  const huge = `return ctx.db.query("select repeat('x', 10000) from generate_series(1, 1000000)")`
  expect(await run(app.owner, huge)).toMatchObject({ code: 'result_too_large' })
  expect(await run(app.owner, `return (await ctx.db.query('select 1 as one')).rows`)).toEqual({
    value: [{ one: 1 }],
  })
})

test('more statements at once than there are connections all get their turn', async () => {
  const many = `const all = await Promise.all(Array.from({ length: 60 }, (_, at) =>
      ctx.db.query('select $1::int as n, pg_sleep(0.01)', [at])))
    return all.map(({ rows }) => rows[0].n)`
  expect((await run(ada, many)).value).toEqual(Array.from({ length: 60 }, (_, at) => at))
})

test('ctx.idempotency.claim is true once for each key and scope, also for nobody', async () => {
  const claim = (client: Client, key: string, options?: object) =>
    run(client, 'return ctx.idempotency.claim(args.key, args.options)', { key, options })
  expect(await claim(app.nobody, 'e1', { scope: 'stripe' })).toEqual({ value: true })
  expect(await claim(ada, 'e1', { scope: 'stripe' })).toEqual({ value: false })
  expect(await claim(ada, 'e1', { scope: 'github' })).toEqual({ value: true })
  expect(await claim(ada, 'e1')).toEqual({ value: true })
  expect(await claim(app.nobody, 'x'.repeat(256))).toMatchObject({
    error: expect.stringContaining('key must be <= 255 chars'),
  })
  expect(await claim(app.nobody, '')).toMatchObject({
    error: expect.stringContaining('key must be a non-empty string'),
  })
  const race = await Promise.all(Array.from({ length: 20 }, () => claim(app.nobody, 'race')))
  expect(race.filter(({ value }) => value === true)).toHaveLength(1)
})

test('claims outlive their time until a function of the service removes them; users may not touch them', async () => {
  const claim = `return ctx.idempotency.claim('old', { ttlSeconds: 1 })`
  expect(await run(app.nobody, claim)).toEqual({ value: true })
  await app.sql(
    `update public._idempotency_keys set expires_at = now() - interval '1 hour' where key = 'old'`,
  )
  expect(await run(app.nobody, claim)).toEqual({ value: false })
  const remove = `return (await ctx.db.query('DELETE FROM _idempotency_keys WHERE expires_at < now()')).rowCount`
  expect(await run(ada, remove)).toMatchObject({
    error: expect.stringContaining('permission denied'),
  })
  expect(await run(app.owner, remove)).toEqual({ value: 1 })
  expect(await run(app.nobody, claim)).toEqual({ value: true })
  for (const statement of [
    `update _idempotency_keys set scope = 'x'`,
    'truncate _idempotency_keys',
  ]) {
    expect(
      await run(app.owner, `return ctx.db.query(args.statement)`, { statement }),
    ).toMatchObject({
      error: expect.stringContaining('permission denied'),
    })
  }
})

test('one app cannot reach the rows of another through its functions', async () => {
  const other = await app.createApp()
  const { value } = await statements(app.owner, [
    `select * from dblink('dbname=${other.id}', 'select 1') as t(x int)`,
    `set session authorization "${other.id}_api"`,
    `set role "${other.id}_user"`,
  ])
  expect((value as unknown[]).map((one) => typeof one)).toEqual(['string', 'string', 'string'])
})

test('a database connection that dies under a function fails its call and nothing else', async () => {
  const sleep = `return ctx.db.asUser('${crypto.randomUUID()}', (db) => db.query('select pg_sleep(60)'))`
  const running = run(app.owner, sleep)
  const sleeping = `select pg_terminate_backend(pid) from pg_stat_activity
    where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`
  await expect.poll(() => app.sql(sleeping)).toHaveLength(1)
  expect(await running).toMatchObject({ error: expect.any(String) })
  expect(await run(ada, `return (await ctx.db.query('select 1 as one')).rows`)).toEqual({
    value: [{ one: 1 }],
  })
})

test('what a function does to its own login role is undone before the next connection, and the app goes on', async () => {
  // The owner's calls run under `_api`, a user's under `_user`; both may change themselves.
  const asItself = (words: string): string => {
    const quoted = words.replaceAll("'", "''")
    const block = `do $$ begin reset role; execute format('${quoted}', session_user); end $$`
    return `return ctx.db.query(${JSON.stringify(block)})`
  }
  const spoilings = [
    `alter role %1$I password null`,
    `alter role %1$I password 'mine'`,
    `alter role %1$I set statement_timeout = 1`,
    `alter role %1$I set default_transaction_read_only = on`,
    `alter role %1$I in database ${app.appId} set row_security = off`,
    `alter role %1$I set datestyle = 'German'`,
    `alter role %1$I set role = 'anon'`,
    `alter role %1$I set local_preload_libraries = 'nowhere'`,
    `drop owned by %1$I`,
  ]
  const ends = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = $1 and usename in ($1 || '_api', $1 || '_user')`
  const { functions, api, user } = app.instance.services.apps.databasesOf(
    app.instance.firstSteps.app,
  )
  const pools = [functions.api, functions.user, api, user]
  const open = () => pools.reduce((sum, pool) => sum + pool.stats().total, 0)
  for (const spoiling of spoilings) {
    for (const caller of [app.owner, ada]) {
      expect([spoiling, await run(caller, asItself(spoiling))]).toEqual([
        spoiling,
        { value: { rows: [], rowCount: 0 } },
      ])
    }
    await app.sql(ends, [app.appId])
    await expect.poll(open).toBe(0)
    const answers = await Promise.all([
      run(app.owner, `return (await ctx.db.query("${TEXTS}")).rows.length`),
      run(ada, `return (await ctx.db.query("${TEXTS}")).rows.length`),
      app.owner.get(`/v1/${app.appId}/notes`).then((res) => res.status),
      ada.get(`/v1/${app.appId}/notes`).then((res) => res.status),
    ])
    expect([spoiling, ...answers]).toEqual([spoiling, { value: 3 }, { value: 1 }, 200, 200])
  }
})
