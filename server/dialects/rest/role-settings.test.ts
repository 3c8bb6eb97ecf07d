/** Limits and other settings that roles and functions have for themselves. */
import { expect, test } from 'vitest'
import { app, AUTHOR, configure, get, GUEST, useDataApi } from './data-api-fixture.ts'

useDataApi()

test('limits hold that a role or a function has set for itself, and what else a role has set', async () => {
  const [db] = await app.sql('select current_database()::text as name')
  await app.sql(`alter role ${GUEST} in database ${String(db?.name)} set statement_timeout = '200ms';
    alter role ${GUEST} in database ${String(db?.name)} set work_mem = '7MB';
    alter role ${GUEST} in database ${String(db?.name)} set request.jwt.claims = '{"sub":"forged"}';
    create function nap(seconds float8) returns text language sql as 'select pg_sleep(seconds)::text';
    create function brief_nap() returns text language sql set statement_timeout = '100ms' as 'select pg_sleep(30)::text';
    create function setting(name text) returns text language sql stable as 'select current_setting(name)'`)
  expect((await get('/rpc/setting?name=work_mem')).body).not.toBe('7MB')
  await configure({ db_anon_role: GUEST })
  expect((await get('/rpc/setting?name=work_mem')).body).toBe('7MB')
  expect((await get('/rpc/setting?name=statement_timeout')).body).toBe('200ms')
  expect((await get('/rpc/claim?name=sub')).body).toBeNull()
  expect(await get('/rpc/nap?seconds=30')).toMatchObject({
    status: 500,
    body: { code: '57014', message: 'canceling statement due to statement timeout' },
  })
  await configure({ db_anon_role: 'anon' })
  expect((await get('/rpc/setting?name=statement_timeout')).body).toBe('30s')
  expect(await get('/rpc/brief_nap')).toMatchObject({ status: 500, body: { code: '57014' } })
})

test('requests for a locked table give up after eight seconds, or as its role says, and others are served then', async () => {
  const [db] = await app.sql('select current_database()::text as name')
  const guest = `alter role ${GUEST} in database ${String(db?.name)}`
  await app.sql(`${guest} set lock_timeout = '400ms'; ${guest} reset statement_timeout;
    create function lock_limit() returns text language sql stable as $$ select current_setting('lock_timeout') $$;
    create table locked (id int primary key); grant select on locked, letters to ${GUEST}`)
  expect((await get('/rpc/lock_limit')).body).toBe('8s')
  await configure({ db_anon_role: GUEST })
  expect((await get('/rpc/lock_limit')).body).toBe('400ms')
  const { apps } = app.instance.services
  const databases = apps.databasesOf(await apps.default())
  await databases.platform.transaction(async (tx) => {
    await tx`lock table public.locked in access exclusive mode`
    const stuck = Array.from({ length: 12 }, () => get('/locked'))
    expect((await get('/letters')).status).toBe(200)
    for (const { status, body } of await Promise.all(stuck)) {
      const message = 'canceling statement due to lock timeout'
      expect([status, body]).toMatchObject([500, { code: '55P03', message }])
    }
  })
  expect((await get('/locked')).status).toBe(200)
  // These have connections of their own, and say themselves how long they wait.
  const told = await databases.functions.api.query`select current_setting('lock_timeout') as it`
  expect(told).toEqual([{ it: '0' }])
})

test('what a role has set for itself holds in whatever language it is asked, and in exports', async () => {
  const [db] = await app.sql('select current_database()::text as name')
  const own = `alter role service_role in database ${String(db?.name)}`
  await app.sql(`${own} set statement_timeout = '9s'; ${own} set work_mem = '7MB';
    ${own} set default_transaction_isolation = 'repeatable read';
    create view told as select current_setting('statement_timeout') as "limit",
      current_setting('work_mem') as memory, current_setting('transaction_isolation') as isolation;
    grant select on told to service_role`)
  const service = app.as(app.serviceKey)
  const told = { limit: '9s', memory: '7MB', isolation: 'repeatable read' }
  const json = async (res: Response) => (await res.json()) as unknown
  expect(await json(await service.get('/rest/v1/told', { 'accept-profile': 'public' }))).toEqual([
    told,
  ])
  expect(await json(await service.get('/api/v1/tables/told'))).toEqual([told])
  expect(await json(await service.get('/api/v1/tables/told/export?format=json'))).toEqual([told])
  const query = '{ told { limit memory isolation } }'
  expect(await json(await service.post('/api/v1/graphql', { query }))).toEqual({
    data: { told: [told] },
  })
})

test('what a function has set goes over what its caller’s role has set, the server’s own limit over both', async () => {
  const [db] = await app.sql('select current_database()::text as name')
  const inDatabase = `in database ${String(db?.name)}`
  const told = `returns json language sql stable as $$ select json_build_array(
    current_setting('transaction_isolation'), current_setting('statement_timeout'),
    current_setting('plan_filter.statement_cost_limit', true)) $$`
  await app.sql(`alter role ${AUTHOR} ${inDatabase} set default_transaction_isolation = 'repeatable read';
    alter role ${AUTHOR} ${inDatabase} set statement_timeout = '3s';
    create function told() ${told};
    create function told_strictly() ${told} set default_transaction_isolation = 'serializable'
      set plan_filter.statement_cost_limit = '1000';
    create function told_loosely() ${told} set default_transaction_isolation = 'read committed'
      set statement_timeout = '8s';
    alter role ${GUEST} ${inDatabase} set statement_timeout = '100ms';
    create function patient_nap() returns text language sql set statement_timeout = '5s' as 'select pg_sleep(0.4)::text'`)
  const calls: [string, string, unknown][] = [
    ['anon', 'told', ['read committed', '30s', null]],
    ['anon', 'told_strictly', ['serializable', '30s', '1000']],
    ['anon', 'told', ['read committed', '30s', null]],
    [AUTHOR, 'told', ['repeatable read', '3s', null]],
    [AUTHOR, 'told_strictly', ['serializable', '3s', '1000']],
    [AUTHOR, 'told_loosely', ['read committed', '8s', null]],
  ]
  for (const [role, name, [isolation, ...limits]] of calls as [string, string, string[]][]) {
    await configure({ db_anon_role: role })
    const { body } = await get(`/rpc/${name}`)
    const emptied = (body as unknown[]).map((one) => (one === '' ? null : one))
    expect([role, name, emptied]).toEqual([role, name, [isolation, ...limits]])
    const posted = await app.nobody.post(`/rest/v1/rpc/${name}`, {})
    expect([role, name, ((await posted.json()) as unknown[])[0]]).toEqual([role, name, isolation])
  }
  await configure({ db_anon_role: GUEST })
  expect((await get('/rpc/nap?seconds=0.4')).status).toBe(500)
  expect((await get('/rpc/patient_nap')).status).toBe(200)
})

test('what the login role was granted to set holds for roles that have it set', async () => {
  const [db] = await app.sql('select current_database()::text as name')
  const name = String(db?.name)
  await app.sql(`alter role ${GUEST} in database ${name} set log_min_duration_statement = '77s';
    create function slow_after() returns text language sql stable as
      $$ select current_setting('log_min_duration_statement') $$`)
  await configure({ db_anon_role: GUEST })
  expect((await get('/rpc/slow_after')).body).not.toBe('77s')
  await app.sql(`grant set on parameter log_min_duration_statement to "${name}_api";
    create table public.leaf ()`)
  const granted = expect.poll(async () => (await get('/rpc/slow_after')).body).toBe('77s')
  await granted.finally(() =>
    app.sql(`revoke set on parameter log_min_duration_statement from "${name}_api"`),
  )
})
