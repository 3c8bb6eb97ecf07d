/** Functions looked at and managed: lists, environment, deletion, rights, logs and audit. */
import { expect, test } from 'vitest'
import { errorOf, handler, HELLO, json, OPEN } from './functions-fixture.ts'
import { app, call, fns, look, useFunctions } from './functions-owner-fixture.ts'

useFunctions()

test('GET /functions lists by name with what the last 24 hours say, and without values', async () => {
  await fns.deploy('zz-last', handler(`throw new Error('x')`), { envVars: { KEY: 'very secret' } })
  await app.nobody.get(fns.fn('zz-last'))
  await fns.lastLog('zz-last')
  const res = await app.owner.get(`${fns.base}/functions`)
  const text = await res.text()
  expect(text).not.toContain('very secret')
  const { functions } = JSON.parse(text) as { functions: Record<string, unknown>[] }
  const names = functions.map(({ name }) => name as string)
  expect(names).toEqual(names.toSorted())
  expect(functions.at(-1)).toEqual({
    id: expect.any(String),
    name: 'zz-last',
    description: null,
    triggers: [{ ...OPEN, enabled: true }],
    url: `${app.url}${fns.fn('zz-last')}`,
    status: 'error',
    deployedAt: expect.any(String),
    lastInvoked: expect.any(String),
    lastStatus: 500,
    invocationCount: 1,
    errorRate: 1,
    avgDuration: expect.any(Number),
    agent_tool: false,
    agent_tool_description: null,
    agent_tool_mode: 'read_only',
    agent_tool_exposed_to: 'developer_only',
    allow_service_key_impersonation: true,
  })
})

test('PATCH env merges, removes with null, tells the names, and holds for the next call', async () => {
  await fns.deploy('env', handler(`return Response.json(ctx.env)`), { envVars: { A: '1', B: '2' } })
  await call('env')
  const res = await app.owner.patch(`${fns.one('env')}/env`, { envVars: { B: null, C: '3' } })
  expect(await json(res)).toEqual({
    message: 'Environment variables updated successfully',
    function: { id: expect.any(String), name: 'env', updated_at: expect.any(String) },
    updatedKeys: ['A', 'C'],
    cache_invalidation: { success: true, attempts: 1 },
  })
  const env = await call('env')
  expect(env).toMatchObject({
    A: '1',
    C: '3',
    BUTTERBASE_APP_ID: app.appId,
    BUTTERBASE_API_URL: app.url,
    BUTTERBASE_APP_NAME: 'default',
    BUTTERBASE_REGION: 'us-east-1',
    BUTTERBASE_ANON_KEY: app.anonKey,
    BUTTERBASE_SUBDOMAIN: 'default',
  })
  expect(env).not.toHaveProperty('B')
  expect(env).not.toHaveProperty('BUTTERBASE_FRONTEND_URL')
  const one = await look('env')
  expect(one.envKeys).toEqual(['A', 'C'])
  expect(Object.keys(one).filter((key) => /^env_?vars$/i.test(key))).toEqual([])
})

test('PATCH env and PATCH /env refuse what is not names to text', async () => {
  const refusals: [unknown, string | RegExp][] = [
    [undefined, 'envVars must be a non-empty object'],
    [['A'], 'envVars must be a non-empty object'],
    ['A=1', 'envVars must be a non-empty object'],
    [{}, 'envVars must contain at least one key'],
    [
      { butterbase_x: '1' },
      'Reserved key: "butterbase_x" — keys starting with BUTTERBASE_ are reserved for platform use',
    ],
    [{ A: 1 }, /"A"/],
    [{ 'A=B': '1' }, /Invalid key/],
  ]
  for (const path of [`${fns.one('env')}/env`, `${fns.base}/env`]) {
    for (const [envVars, message] of refusals) {
      const res = await app.owner.patch(path, { envVars })
      const error = await errorOf(res)
      expect([res.status, error.code]).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
      expect(error.message).toMatch(message)
    }
  }
  const absent = await app.owner.patch(`${fns.one('absent')}/env`, { envVars: { A: '1' } })
  expect([absent.status, await errorOf(absent)]).toMatchObject([
    404,
    { message: 'Function not found' },
  ])
})

test('PATCH env at the same moment loses no name', async () => {
  await fns.deploy('merge', HELLO)
  const names = Array.from({ length: 12 }, (_, at) => `KEY_${at}`)
  for (const path of [`${fns.one('merge')}/env`, `${fns.base}/env`]) {
    await Promise.all(names.map((name) => app.owner.patch(path, { envVars: { [name]: name } })))
  }
  expect((await look('merge')).envKeys).toEqual(expect.arrayContaining(names))
  const { keys } = (await json(await app.owner.get(`${fns.base}/env`))) as { keys: string[] }
  expect(keys).toEqual(expect.arrayContaining(names))
  const removed = Object.fromEntries(names.map((name) => [name, null]))
  await app.owner.patch(`${fns.base}/env`, { envVars: removed })
})

test('PATCH /env is inherited by every function, whose own values win, and tells only names', async () => {
  await fns.deploy('inherits', handler(`return Response.json(ctx.env)`), {
    envVars: { OWN: 'own', BOTH: 'mine' },
  })
  await call('inherits')
  const res = await app.owner.patch(`${fns.base}/env`, { envVars: { SHARED: 'all', BOTH: 'app' } })
  expect(await json(res)).toEqual({
    message: 'App-level environment variables updated successfully',
    updatedKeys: ['SHARED', 'BOTH'],
    invalidated: {
      functions: expect.arrayContaining(['inherits', 'env']),
      count: expect.any(Number),
      durable_objects_redeployed: false,
    },
  })
  expect(await call('inherits')).toMatchObject({ SHARED: 'all', BOTH: 'mine', OWN: 'own' })
  const shown = await json(await app.owner.get(`${fns.base}/env`))
  expect(shown).toEqual({ keys: ['SHARED', 'BOTH'], updatedAt: expect.any(String) })
})

test('values rest encrypted, and events name keys only', async () => {
  const secret = 'sk_live_0123456789'
  await fns.deploy('sealed', HELLO, { envVars: { STRIPE: secret } })
  await app.owner.patch(`${fns.one('sealed')}/env`, { envVars: { OTHER: secret } })
  await app.owner.patch(`${fns.base}/env`, { envVars: { THIRD: secret } })
  const rows = [
    ...(await app.sql('select * from functions.functions')),
    ...(await app.sql('select * from functions.app_env')),
    ...(await app.instance.services.platform.query`select * from audit_events`),
  ]
  expect(JSON.stringify(rows)).not.toContain(secret)
  expect(JSON.stringify(rows)).toContain('STRIPE')
})

test('DELETE stops the function at once, twice is fine, logs stay for who asks, and a deploy revives it', async () => {
  const { id } = await fns.deploy('gone', HELLO)
  await call('gone')
  await fns.lastLog('gone')
  for (let round = 0; round < 2; round++) {
    const res = await app.owner.delete(fns.one('gone'))
    expect([res.status, await json(res)]).toEqual([200, { success: true }])
  }
  expect((await app.nobody.get(fns.fn('gone'))).status).toBe(404)
  expect((await app.owner.get(fns.one('gone'))).status).toBe(404)
  const logs = `${fns.one('gone')}/logs`
  const missing = await app.owner.get(logs)
  expect([missing.status, await errorOf(missing)]).toMatchObject([
    404,
    { code: 'RESOURCE_NOT_FOUND', message: 'Function not found' },
  ])
  const kept = await app.owner.get(`${logs}?include_deleted=true`)
  expect(await json(kept)).toMatchObject({ logs: [{ statusCode: 200 }], hasMore: false })
  expect((await app.owner.get(`${fns.one('never')}/logs?include_deleted=true`)).status).toBe(404)
  const stranger = await app.stranger()
  for (const query of ['', '?include_deleted=true']) {
    expect((await stranger.get(`${logs}${query}`)).status).toBe(404)
    expect((await app.nobody.get(`${logs}${query}`)).status).toBe(401)
  }
  expect((await fns.deploy('gone', HELLO)).id).toBe(id)
  await expect.poll(() => fns.logs('gone')).toHaveLength(1)
  expect(await call('gone')).toEqual({ message: 'Hello!' })
})

test('management is for the owner: nobody, users, other keys and strangers are refused and learn nothing', async () => {
  await fns.deploy('guarded', HELLO)
  const user = await fns.user()
  const other = await app.createApp()
  const stranger = await app.stranger()
  const routes: [string, string, object?][] = [
    ['POST', `${fns.base}/functions`, { name: 'evil', code: HELLO }],
    ['GET', `${fns.base}/functions`],
    ['GET', fns.one('guarded')],
    ['DELETE', fns.one('guarded')],
    ['PATCH', `${fns.one('guarded')}/env`, { envVars: { A: '1' } }],
    ['PATCH', `${fns.one('guarded')}/settings`, { allow_service_key_impersonation: false }],
    ['POST', `${fns.one('guarded')}/invoke`, {}],
    ['GET', `${fns.one('guarded')}/logs`],
    ['GET', `${fns.one('guarded')}/logs/stream`],
    ['GET', `${fns.base}/env`],
    ['PATCH', `${fns.base}/env`, { envVars: { A: '1' } }],
  ]
  const refusals = [
    [app.nobody, 401],
    [app.as(app.anonKey), 401],
    [app.as('garbage'), 401],
    [user, 403],
    [app.as(other.serviceKey), 404],
    [stranger, 404],
  ] as const
  for (const [method, path, body] of routes) {
    for (const [client, status] of refusals) {
      const res = await client.request(method, path, body)
      expect([method, path, res.status]).toEqual([method, path, status])
    }
  }
  expect((await app.as(app.serviceKey).get(fns.one('guarded'))).status).toBe(200)
  expect((await app.owner.get(fns.one('evil'))).status).toBe(404)
})

test('GET logs pages by limit and since, filters errors, and refuses bad values', async () => {
  const code = handler(
    `if (req.method === 'PUT') throw new Error('put')\nreturn new Response('ok')`,
  )
  await fns.deploy('paged', code)
  for (const method of ['GET', 'PUT', 'GET', 'PUT', 'GET']) {
    await app.nobody.request(method, fns.fn('paged'))
  }
  await expect.poll(() => fns.logs('paged')).toHaveLength(5)
  const logs = await fns.logs('paged')
  const times = logs.map((entry) => (entry as unknown as { timestamp: string }).timestamp)
  expect(times).toEqual(times.toSorted().toReversed())
  const get = async (query: string) => {
    const res = await app.owner.get(`${fns.one('paged')}/logs${query}`)
    return (await res.json()) as { logs: { error: string | null }[]; hasMore: boolean }
  }
  expect(await get('?limit=2')).toMatchObject({ hasMore: true, logs: { length: 2 } })
  expect(await get('?limit=6')).toMatchObject({ hasMore: false, logs: { length: 5 } })
  expect((await get('?level=error')).logs.map(({ error }) => error)).toEqual(['put', 'put'])
  expect((await get('?level=info')).logs).toHaveLength(5)
  expect((await get(`?since=${times[0]}`)).logs).toEqual([])
  for (const query of [
    '?limit=0',
    '?limit=1001',
    '?limit=x',
    '?since=yesterday',
    '?since=2026-13-45',
  ]) {
    const res = await app.owner.get(`${fns.one('paged')}/logs${query}`)
    expect([query, res.status]).toEqual([query, 400])
  }
})

test('GET logs/stream sends what is logged from now on, and what came after `since`', async () => {
  await fns.deploy('streamed', HELLO)
  await call('streamed')
  await fns.lastLog('streamed')
  const follow = async (query: string, action: () => Promise<unknown>) => {
    const leave = new AbortController()
    const res = await fetch(`${app.url}${fns.one('streamed')}/logs/stream${query}`, {
      headers: { authorization: `Bearer ${app.platformKey}` },
      signal: leave.signal,
    })
    expect(res.headers.get('content-type')).toContain('text/event-stream')
    await action()
    let text = ''
    for await (const chunk of res.body as ReadableStream<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      if (text.includes('event: log')) break
    }
    leave.abort()
    return text
  }
  const live = await follow('', () => call('streamed'))
  expect(live.match(/event: log/g)).toHaveLength(1)
  expect(live).toMatch(/^id: \d{4}-.*Z\nevent: log\ndata: \{"timestamp"/m)
  const replayed = await follow('?since=2020-01-01T00:00:00Z', async () => {})
  expect(replayed.match(/event: log/g)).toHaveLength(2)
  expect((await app.owner.get(`${fns.one('never')}/logs/stream`)).status).toBe(404)
})

test('every call is audited with name and status, and every change with names only', async () => {
  await fns.deploy('audited', HELLO)
  await call('audited')
  const events = () =>
    app.instance.services.platform.query<{ eventType: string; eventData: object }>`
      select event_type, event_data from audit_events where event_data ->> 'name' = 'audited' order by created_at`
  await expect
    .poll(async () => (await events()).map(({ eventType }) => eventType))
    .toEqual(['function.deploy', 'function.invoke'])
  expect((await events())[1]?.eventData).toEqual({ name: 'audited', status: 200 })
})

test('a name that is not there answers 404 for everything that looks at one', async () => {
  for (const path of ['', '/logs']) {
    const res = await app.owner.get(`${fns.one('absent')}${path}`)
    expect([res.status, await errorOf(res)]).toMatchObject([404, { code: 'RESOURCE_NOT_FOUND' }])
  }
})

test('GET logs gives no more at once than a list may hold, and says that there is more', async () => {
  await fns.deploy(
    'talkative',
    handler(
      `for (let at = 0; at < 100; at++) console.log('x'.repeat(10000))\nreturn new Response('ok')`,
    ),
  )
  for (let at = 0; at < 20; at++) await app.nobody.get(fns.fn('talkative'))
  const counted = 'select count(*)::int as n from functions.invocations where chars >= 1000000'
  await expect.poll(() => app.sql(counted)).toEqual([{ n: 20 }])
  const res = await app.owner.get(`${fns.one('talkative')}/logs`)
  const { logs, hasMore } = (await res.json()) as { logs: object[]; hasMore: boolean }
  expect([logs.length, hasMore]).toEqual([16, true])
})
