/** Functions deployed: triggers, handlers, new code, and what other processes and apps see of it. */
import { expect, test } from 'vitest'
import { errorOf, handler, HELLO, json, OPEN } from './functions-fixture.ts'
import { app, call, fns, look, useFunctions } from './functions-owner-fixture.ts'

useFunctions()

const post = (body: object) => app.owner.post(`${fns.base}/functions`, body)

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
    [{ name: 'x' }, 'code: missing, expected string'],
    [{ name: 'x', code: 7 }, 'code: Invalid input: expected string, received number'],
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

test('many deploys at once all get their turn', async () => {
  const deploys = Array.from({ length: 10 }, (_, at) => fns.deploy(`turn-${at}`, HELLO))
  expect(new Set((await Promise.all(deploys)).map(({ id }) => id)).size).toBe(10)
})
