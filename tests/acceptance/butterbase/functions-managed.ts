/** Functions: deployed, looked at, logged and deleted, in real Deno processes. */
import { describe, expect, test } from 'vitest'
import { body, INSTANT, UUID } from '../support.ts'
import { refusal, server } from './server.ts'
import {
  ada,
  app,
  call,
  deploy,
  fn,
  handler,
  HELLO,
  type Logged,
  logs,
  one,
  post,
} from './functions-fixture.ts'

describe('deploying a function', () => {
  test('answers its id, its address and its triggers', async () => {
    expect(await body(post({ name: 'hello-world', code: HELLO }))).toEqual({
      id: expect.stringMatching(UUID),
      name: 'hello-world',
      url: `${server.url}${fn('hello-world')}`,
      triggers: [expect.objectContaining({ type: 'http', enabled: true })],
      deployedAt: expect.stringMatching(INSTANT),
      cacheInvalidation: { success: true, attempts: 1 },
    })
  })

  test('once more keeps its id, and the new code answers the next call', async () => {
    const first = await deploy('twice', handler('return Response.json({ n: 1 })'))
    expect(await call('twice')).toEqual({ n: 1 })
    const second = await deploy('twice', handler('return Response.json({ n: 2 })'))
    expect(second.id).toBe(first.id)
    expect(await call('twice')).toEqual({ n: 2 })
  })

  test('takes a named export, a constant, and TypeScript', async () => {
    const codes = [
      `export function handler() { return Response.json({ ok: 1 }) }`,
      `export const handler = async (): Promise<Response> => Response.json({ ok: 1 as number })`,
      `interface A { ok: number }
       export default (): Response => Response.json({ ok: 1 } satisfies A)`,
    ]
    for (const [index, code] of codes.entries()) {
      await deploy(`form-${index}`, code)
      expect(await call(`form-${index}`)).toEqual({ ok: 1 })
    }
  })

  test('takes "trigger" as one entry of "triggers"', async () => {
    const trigger = { type: 'http', config: { auth: 'optional' } }
    await body(post({ name: 'one-way', code: HELLO, trigger }))
    await body(post({ name: 'other-way', code: HELLO, triggers: [trigger] }))
    const [a, b] = await Promise.all(
      ['one-way', 'other-way'].map((name) => body(server.owner.get(one(name)))),
    )
    expect(a?.triggers).toEqual(b?.triggers)
    const twice = { name: 'x', code: HELLO, triggers: [trigger, trigger] }
    const { message } = await refusal(post(twice), 400, 'VALIDATION_INVALID_SCHEMA')
    expect(message).toContain('http')
  })

  test('keeps what an update leaves out, and resets limits', async () => {
    const more = { description: 'words', envVars: { A: '1' }, timeoutMs: 1000, memoryLimitMb: 256 }
    await deploy('kept', HELLO, more)
    await deploy('kept', HELLO)
    expect(await body(server.owner.get(one('kept')))).toMatchObject({
      description: 'words',
      envKeys: ['A'],
      timeoutMs: 30_000,
      memoryLimitMb: 128,
    })
  })

  test.each([
    [{ timeoutMs: 300_001 }, 'timeoutMs'],
    [{ memoryLimitMb: 32 }, 'memoryLimitMb'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ name: 'sp ace' }, 'name'],
    [{ name: '' }, 'name'],
    [{ code: '' }, 'code'],
    [{ code: 'const a = 1' }, 'Function must export a handler function'],
    [{ code: `import './other.ts'\n${HELLO}` }, 'Relative imports are not supported'],
    [{ code: `import x from "./other.ts"\n${HELLO}` }, 'Relative imports are not supported'],
    [{ code: 'export default async (' }, ''],
    [{ envVars: { BUTTERBASE_X: '1' } }, 'BUTTERBASE_X'],
    [{ envVars: { butterbase_y: '1' } }, 'butterbase_y'],
    [{ envVars: { A: 1 } }, 'envVars'],
    [{ trigger: { type: 'smoke' } }, 'trigger'],
    [{ trigger: { type: 'cron', config: { schedule: 'sometimes' } } }, 'schedule'],
    [
      { trigger: { type: 'cron', config: { schedule: '* * * * *', timezone: 'Mars/X' } } },
      'time zone',
    ],
    [{ triggers: [] }, 'triggers'],
  ])('refuses %j', async (asked, word) => {
    const refused = post({ name: 'refused', code: HELLO, ...asked })
    const { message } = await refusal(refused, 400, 'VALIDATION_INVALID_SCHEMA')
    expect(message).toContain(word)
    expect((await server.owner.get(one('refused'))).status).toBe(404)
  })

  test('is the owner’s only', async () => {
    const asked = { name: 'mine', code: HELLO }
    await refusal(server.nobody.post(`${app.path}/functions`, asked), 401, 'AUTH_REQUIRED')
    const refused = ada.post(`${app.path}/functions`, asked)
    await refusal(refused, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
  })
})

describe('looking at functions', () => {
  test('the list is sorted by name and says how each is doing', async () => {
    const { functions } = await body<{ functions: { name: string }[] }>(
      server.owner.get(`${app.path}/functions`),
    )
    const names = functions.map(({ name }) => name)
    expect(names).toEqual(names.toSorted())
    expect(functions.find(({ name }) => name === 'hello')).toEqual(
      expect.objectContaining({
        id: expect.stringMatching(UUID),
        description: null,
        triggers: [{ type: 'http', config: { auth: 'none' }, enabled: true }],
        url: `${server.url}${fn('hello')}`,
        status: 'active',
        deployedAt: expect.stringMatching(INSTANT),
        lastInvoked: expect.stringMatching(INSTANT),
        lastStatus: 200,
        invocationCount: 2,
        errorRate: 0,
        avgDuration: expect.any(Number),
        agent_tool: false,
        agent_tool_mode: 'read_only',
        agent_tool_exposed_to: 'developer_only',
      }),
    )
  })

  test('one has its code and the names of its environment, never the values', async () => {
    await deploy('secretive', HELLO, { envVars: { TOKEN: 'do-not-show-this' } })
    const res = await server.owner.get(one('secretive'))
    expect(await res.clone().text()).not.toContain('do-not-show-this')
    const found = await body(res)
    expect(found).toMatchObject({
      name: 'secretive',
      code: HELLO,
      timeoutMs: 30_000,
      memoryLimitMb: 128,
      lastInvoked: null,
      invocationCount: 0,
      errorCount: 0,
      avgDuration: 0,
      envKeys: ['TOKEN'],
    })
    expect(found).not.toHaveProperty('envVars')
    expect(found).not.toHaveProperty('env_vars')
    await refusal(server.owner.get(one('nope')), 404, 'RESOURCE_NOT_FOUND')
  })

  test('logs keep what was printed, by level, newest first', async () => {
    const code = handler(
      `console.log('n', 1); console.info('i'); console.warn('x', { a: 1 }); console.error('e'); console.debug('d')
       return Response.json({})`,
    )
    await deploy('printer', code)
    await call('printer')
    await call('printer')
    const [entry] = await logs('printer', 2)
    expect(entry).toMatchObject({
      id: expect.stringMatching(UUID),
      timestamp: expect.stringMatching(INSTANT),
      method: 'POST',
      path: fn('printer'),
      statusCode: 200,
      duration: expect.any(Number),
      memoryUsed: expect.any(Number),
      error: null,
      stack: null,
      trigger: 'http',
      status: 'completed',
      sourceEventId: null,
    })
    expect(entry?.consoleLogs.map(({ level, message }) => [level, message])).toEqual([
      ['log', 'n 1'],
      ['info', 'i'],
      ['warn', 'x {"a":1}'],
      ['error', 'e'],
      ['debug', 'd'],
    ])
    expect(entry?.consoleLogs[0]?.timestamp).toBeGreaterThan(1_700_000_000_000)
  })

  test('logs are paged, filtered by time and by error', async () => {
    const read = (query: string) =>
      body<{ logs: Logged[]; hasMore: boolean }>(server.owner.get(`${one('printer')}/logs${query}`))
    const page = await read('?limit=1')
    expect([page.logs.length, page.hasMore]).toEqual([1, true])
    const since = encodeURIComponent(String(page.logs[0]?.timestamp))
    expect((await read(`?since=${since}`)).logs).toEqual([])
    expect((await read('?level=error')).logs).toEqual([])
    expect((await read('?level=any')).logs).toHaveLength(2)
    const bad = server.owner.get(`${one('printer')}/logs?since=yesterday`)
    await refusal(bad, 400, 'VALIDATION_INVALID_SCHEMA')
  })

  test('the owner tries a function out, also one that nobody may call', async () => {
    const code = handler(
      'return Response.json({ got: await req.json(), user: ctx.user }, { status: 202 })',
    )
    await deploy('tried', code, { trigger: { type: 'cron', config: {} } })
    const asked = server.owner.post(`${one('tried')}/invoke`, { a: 1 })
    expect(await body(asked, 202)).toEqual({ got: { a: 1 }, user: null })
    const empty = await body(server.owner.post(`${one('tried')}/invoke`), 202)
    expect(empty).toEqual({ got: {}, user: null })
    await refusal(server.nobody.post(fn('tried')), 404, 'RESOURCE_NOT_FOUND')
    const res = await ada.post(`${one('tried')}/invoke`, {})
    expect(res.status).toBe(403)
  })

  test('impersonation may be switched off', async () => {
    await deploy('alone', handler('return Response.json({ user: ctx.user })'))
    const path = `${one('alone')}/settings`
    const done = await body(server.owner.patch(path, { allow_service_key_impersonation: false }))
    expect(done).toMatchObject({
      message: 'Function settings updated successfully',
      function: { name: 'alone', allow_service_key_impersonation: false },
    })
    const as = { 'x-butterbase-as-user': ada.id }
    await refusal(server.owner.get(fn('alone'), as), 403, 'AUTH_IMPERSONATION_DISABLED')
    await refusal(server.owner.patch(path, {}), 400, 'VALIDATION_INVALID_SCHEMA')
  })
})

describe('deleting a function', () => {
  test('stops it, keeps its logs, and may be said twice', async () => {
    await deploy('doomed', HELLO)
    await call('doomed')
    await logs('doomed')
    for (const _ of [1, 2]) {
      expect(await body(server.owner.delete(one('doomed')))).toEqual({ success: true })
    }
    await refusal(server.nobody.get(fn('doomed')), 404, 'RESOURCE_NOT_FOUND')
    const path = `${one('doomed')}/logs`
    await refusal(server.owner.get(path), 404, 'RESOURCE_NOT_FOUND')
    expect(await logs('doomed', 1, '?include_deleted=true')).toHaveLength(1)
    await refusal(server.nobody.get(`${path}?include_deleted=true`), 401, 'AUTH_REQUIRED')
    const never = server.owner.get(`${one('never')}/logs?include_deleted=true`)
    await refusal(never, 404, 'RESOURCE_NOT_FOUND')
  })

  test('and deploying it again revives it with its logs', async () => {
    await deploy('doomed', HELLO)
    expect(await call('doomed')).toEqual({ message: 'Hello!' })
    expect(await logs('doomed', 2)).toHaveLength(2)
  })
})
