import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestApp } from '#support/app'
import {
  errorOf,
  type FunctionsFixture,
  handler,
  HELLO,
  json,
  OPEN,
  startFunctions,
} from './functions-fixture.ts'

let app: TestApp
let fns: FunctionsFixture

beforeAll(async () => {
  ;({ app, fns } = await startFunctions())
})

afterAll(() => app[Symbol.asyncDispose]())

const post = (body: object) => app.owner.post(`${fns.base}/functions`, body)

const look = async (name: string) => json(await app.owner.get(fns.one(name)))

const call = async (name: string) => json(await app.nobody.get(fns.fn(name)))

test('POST /functions deploys, and answers with id, url, triggers and time', async () => {
  const res = await post({ name: 'hello-world', code: HELLO })
  expect(res.status).toBe(200)
  expect(await json(res)).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    name: 'hello-world',
    url: `${app.url}${fns.fn('hello-world')}`,
    triggers: [{ type: 'http', enabled: true }],
    deployedAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    cacheInvalidation: { success: true, attempts: 1 },
  })
  expect(await look('hello-world')).toMatchObject({
    triggers: [{ type: 'http', config: { auth: 'required' }, enabled: true }],
    timeoutMs: 30_000,
    memoryLimitMb: 128,
    status: 'active',
    invocationCount: 0,
    errorCount: 0,
    errorRate: 0,
    avgDuration: 0,
    lastInvoked: null,
    lastStatus: null,
  })
})

test('POST /functions stores the same for `trigger` and a `triggers` of one; `triggers` wins', async () => {
  const cron = { type: 'cron', config: { schedule: '*/5 * * * 1-5', timezone: 'Europe/Berlin' } }
  await post({ name: 'single', code: HELLO, trigger: cron })
  await post({ name: 'list', code: HELLO, triggers: [cron] })
  await post({ name: 'both', code: HELLO, triggers: [cron], trigger: OPEN })
  const stored = [{ ...cron, enabled: true }]
  for (const name of ['single', 'list', 'both']) {
    expect(await look(name)).toMatchObject({ triggers: stored, url: null })
  }
})

test('POST /functions keeps triggers of all five types, sorted, even without their configuration', async () => {
  const types = ['websocket', 'webhook', 's3_upload', 'http', 'cron']
  const answer = await json(
    await post({ name: 'all', code: HELLO, triggers: types.map((type) => ({ type })) }),
  )
  expect(answer.webhook).toEqual({
    url: expect.stringContaining(`/v1/${app.appId}/webhook/all?token=`),
    secret: expect.stringMatching(/^whsec_[0-9a-f]{40}$/),
  })
  const { triggers } = (await look('all')) as { triggers: { type: string; config: object }[] }
  expect(triggers.map(({ type }) => type)).toEqual(types.toReversed())
  expect(triggers.find(({ type }) => type === 'webhook')?.config).toEqual({ secret: '***' })
})

test('POST /functions keeps a webhook secret that is not given again, and never shows it', async () => {
  const secret = 'top secret of the owner'
  const deploy = async (config: object) =>
    json(await post({ name: 'hook', code: HELLO, triggers: [{ type: 'webhook', config }] }))
  const first = await deploy({ secret, provider: 'github' })
  expect(first.webhook).toEqual({ url: expect.any(String) })
  const sealed = async () =>
    (
      await app.sql(`select t.secret from functions.triggers t join functions.functions f on f.id = t.function_id
      where f.name = 'hook'`)
    )[0]?.secret
  const stored = await sealed()
  for (const config of [{}, { secret: '***' }]) {
    expect((await deploy(config)).webhook).toEqual(first.webhook)
    expect(await sealed()).toBe(stored)
  }
  const shown = [
    await look('hook'),
    await json(await app.owner.get(`${fns.base}/functions`)),
    first,
  ]
  expect(JSON.stringify(shown)).not.toContain(secret)
  expect(await deploy({ secret_required: false, secret: 'other' })).not.toHaveProperty(
    'webhook.secret',
  )
  expect(await sealed()).not.toBe(stored)
})

test('POST /functions refuses what it cannot run, and says why', async () => {
  const refusals: [object, string | RegExp][] = [
    [{}, /name: .*; code: /],
    [{ name: 'x'.repeat(101), code: HELLO }, /^name: /],
    [{ name: '../x', code: HELLO }, /^name: /],
    [{ name: 'x', code: '' }, /^code: /],
    [{ name: 'x', code: HELLO, timeoutMs: 300_001 }, /^timeoutMs: /],
    [{ name: 'x', code: HELLO, timeoutMs: 0 }, /^timeoutMs: /],
    [{ name: 'x', code: HELLO, memoryLimitMb: 32 }, /^memoryLimitMb: /],
    [{ name: 'x', code: HELLO, triggers: [] }, /^triggers: /],
    [{ name: 'x', code: HELLO, trigger: { type: 'telepathy' } }, /^trigger\.type: /],
    [{ name: 'x', code: HELLO, triggers: [OPEN, { type: 'http' }] }, /"http"/],
    [{ name: 'x', code: HELLO, trigger: { type: 'http', config: { auth: 'maybe' } } }, /auth/],
    [
      { name: 'x', code: HELLO, trigger: { type: 'cron', config: { schedule: '* * *' } } },
      /schedule/,
    ],
    [
      { name: 'x', code: HELLO, trigger: { type: 'cron', config: { schedule: '61 * * * *' } } },
      /schedule/,
    ],
    [
      { name: 'x', code: HELLO, trigger: { type: 'cron', config: { timezone: 'Mars/Base' } } },
      /time zone/,
    ],
    [{ name: 'x', code: HELLO, envVars: { A: 1 } }, /^envVars\.A: /],
    [
      { name: 'x', code: HELLO, envVars: { butterbase_app_id: 'x' } },
      'Reserved key: "butterbase_app_id" — keys starting with BUTTERBASE_ are reserved for platform use',
    ],
    [{ name: 'x', code: 'export const x = 1' }, 'Function must export a handler function'],
    [
      { name: 'x', code: `import { a } from "./a.ts"\n${HELLO}` },
      'Relative imports are not supported in Butterbase functions',
    ],
    [
      { name: 'x', code: `${HELLO}\nawait import('../a.ts')` },
      'Relative imports are not supported in Butterbase functions',
    ],
    [{ name: 'x', code: `throw new Error('at load')\n${HELLO}` }, /at load/],
    [{ name: 'x', code: `import _ from 'lodash'\n${HELLO}` }, /write "npm:lodash" to import/],
  ]
  for (const [body, message] of refusals) {
    const res = await post(body)
    const error = await errorOf(res)
    expect([res.status, error.code]).toEqual([400, 'VALIDATION_INVALID_SCHEMA'])
    if (typeof message === 'string') expect(error.message).toBe(message)
    else expect(error.message).toMatch(message)
  }
  const broken = await post({ name: 'x', code: 'export default function (' })
  expect([broken.status, await errorOf(broken)]).toMatchObject([
    400,
    {
      code: 'VALIDATION_INVALID_SCHEMA',
      details: { problem: 'syntax', message: expect.any(String) },
    },
  ])
  expect((await app.owner.get(fns.one('x'))).status).toBe(404)
})

test('POST /functions takes every spelling of a handler', async () => {
  const codes = [
    `export default () => new Response('1')`,
    `export default async function (req: Request) { return new Response(req.method) }`,
    `export const handler = async () => new Response('3')`,
    `export function handler() { return new Response('4') }`,
    `function handler() { return new Response('5') }\nexport { handler }`,
  ]
  for (const [at, code] of codes.entries()) {
    await fns.deploy(`spelling-${at}`, code)
    expect((await app.nobody.get(fns.fn(`spelling-${at}`))).status).toBe(200)
  }
})

test('POST /functions again keeps id, counters, logs, description and env; the rest returns to its defaults', async () => {
  const first = await fns.deploy('again', HELLO, {
    description: 'says hello',
    envVars: { A: '1', B: '2' },
    timeoutMs: 1234,
    memoryLimitMb: 256,
    agent_tool: true,
    agent_tool_description: 'greets',
    agent_tool_mode: 'read_write',
    allow_service_key_impersonation: false,
  })
  await call('again')
  await fns.lastLog('again')
  const second = await fns.deploy('again', handler(`return Response.json({ ...ctx.env })`))
  expect(second.id).toBe(first.id)
  expect(await call('again')).toMatchObject({ A: '1', B: '2' })
  await expect.poll(() => fns.logs('again')).toHaveLength(2)
  expect(await look('again')).toMatchObject({
    description: 'says hello',
    timeoutMs: 30_000,
    memoryLimitMb: 128,
    agent_tool: false,
    agent_tool_description: 'greets',
    agent_tool_mode: 'read_only',
    allow_service_key_impersonation: true,
    invocationCount: 2,
  })
  await fns.deploy('again', handler(`return Response.json({ ...ctx.env })`), {
    envVars: { C: '3' },
  })
  const env = await call('again')
  expect(env).toMatchObject({ C: '3' })
  expect(env).not.toHaveProperty('A')
})

test('new code serves the very next call, also while old calls run', async () => {
  const version = (n: number) => handler(`return Response.json({ n: ${n} })`)
  const running: Promise<unknown>[] = []
  for (let n = 0; n < 5; n++) {
    await fns.deploy('fresh', version(n))
    expect(await call('fresh')).toEqual({ n })
    running.push(call('fresh'), call('fresh'))
  }
  await Promise.all(running)
})

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
  expect(await fns.logs('gone')).toHaveLength(1)
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

test('other processes hear of a deploy, and what they change is served here at once', async () => {
  const { platform } = app.instance.services
  await platform.session(async (client) => {
    const heard: unknown[] = []
    client.on('notification', ({ payload }) => heard.push(payload))
    await client.query('listen stead_functions')
    await fns.deploy('shared', handler(`return Response.json({ n: 1 })`))
    await expect.poll(() => heard).toEqual([app.appId])
    await client.query('unlisten *')
  })
  expect(await call('shared')).toEqual({ n: 1 })
  const code = handler(`return Response.json({ n: 2 })`)
  const elsewhere =
    'update functions.functions set code = $1, version = version + 1 where name = $2'
  await app.sql(elsewhere, [code, 'shared'])
  expect(await call('shared')).toEqual({ n: 1 })
  await platform.query`select pg_notify('stead_functions', ${app.appId})`
  await expect.poll(() => call('shared')).toEqual({ n: 2 })
})

test('functions of one app are not those of another, whatever their names', async () => {
  const other = await app.createApp()
  await fns.deploy('mine', HELLO, { envVars: { KEY: 'mine' } })
  expect((await app.nobody.get(`/v1/${other.id}/fn/mine`)).status).toBe(404)
  expect((await app.owner.get(`/v1/${other.id}/functions/mine`)).status).toBe(404)
  const code = handler(`return Response.json({ app: ctx.app.id, key: ctx.env.KEY ?? null })`)
  await app.owner.post(`/v1/${other.id}/functions`, { name: 'mine', code, trigger: OPEN })
  const res = await app.nobody.get(`/v1/${other.id}/fn/mine`)
  expect(await json(res)).toEqual({ app: other.id, key: null })
  expect(await call('mine')).toEqual({ message: 'Hello!' })
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

test('many deploys at once all get their turn', async () => {
  const deploys = Array.from({ length: 10 }, (_, at) => fns.deploy(`turn-${at}`, HELLO))
  expect(new Set((await Promise.all(deploys)).map(({ id }) => id)).size).toBe(10)
})
