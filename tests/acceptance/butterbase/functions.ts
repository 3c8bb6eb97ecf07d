/** Functions: deployed, called, logged, in real Deno processes. */
import { beforeAll, describe, expect, test } from 'vitest'
import { type App, applySchema, body, INSTANT, newApp, UUID } from '../support.ts'
import { newUser, otherApp, refusal, server, type User } from './server.ts'

let app: App
let ada: User
let bob: User

const HELLO = `export default async function handler(req, ctx) {
  return Response.json({ message: 'Hello!' })
}`

const OPEN = { type: 'http', config: { auth: 'none' } }

const handler = (text: string): string => `export default async (req, ctx) => { ${text} }`

const NOTES = handler(
  `const { rows } = await ctx.db.query('select text from notes order by text')
   return Response.json({ texts: rows.map((row) => row.text), user: ctx.user, caller: ctx.caller })`,
)

const noteColumns = {
  id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
  user_id: { type: 'uuid' },
  text: { type: 'text' },
  shared: { type: 'boolean', default: 'false' },
}

beforeAll(async () => {
  app = await newApp(server)
  await applySchema(server, app, { tables: { notes: { columns: noteColumns } } })
  const isolation = { table_name: 'notes', user_column: 'user_id', public_read_column: 'shared' }
  await body(server.owner.post(`${app.path}/rls`, isolation))
  ada = await newUser(app)
  bob = await newUser(app)
  await body(ada.post(`${app.path}/notes`, { text: 'of ada' }), 201)
  await body(bob.post(`${app.path}/notes`, { text: 'of bob', shared: true }), 201)
})

type Logged = Record<string, unknown> & {
  consoleLogs: { level: string; message: string; timestamp: number }[]
}

const post = (asked: object) => server.owner.post(`${app.path}/functions`, asked)
const deploy = (name: string, code: string, more: object = {}) =>
  body(post({ name, code, trigger: OPEN, ...more }))
const fn = (name: string) => `${app.path}/fn/${name}`
const one = (name: string) => `${app.path}/functions/${name}`
const call = <T = Record<string, unknown>>(name: string, status = 200) =>
  body<T>(server.nobody.post(fn(name)), status)

/** The log, once it has so many entries. */
async function logs(name: string, count = 1, query = ''): Promise<Logged[]> {
  const read = async () =>
    (await body<{ logs: Logged[] }>(server.owner.get(`${one(name)}/logs${query}`))).logs
  await expect
    .poll(async () => (await read()).length, { timeout: 5000 })
    .toBeGreaterThanOrEqual(count)
  return read()
}

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

describe('who may call a function', () => {
  test('nobody by default', async () => {
    await body(post({ name: 'closed', code: HELLO }))
    const { message } = await refusal(server.nobody.get(fn('closed')), 401, 'AUTH_REQUIRED')
    expect(message).toBe('This app requires authentication. Anonymous access is disabled.')
    for (const token of [
      app.anonKey,
      'word',
      `bb_sk_${'0'.repeat(40)}`,
      (await otherApp()).serviceKey,
    ]) {
      await refusal(server.as(token).get(fn('closed')), 401, 'AUTH_REQUIRED')
    }
    expect(await body(ada.get(fn('closed')))).toEqual({ message: 'Hello!' })
  })

  test('everybody with auth "none", even with a credential that is not valid', async () => {
    await deploy('hello', HELLO)
    expect(await call('hello')).toEqual({ message: 'Hello!' })
    expect(await body(server.as('word').get(fn('hello')))).toEqual({ message: 'Hello!' })
  })

  test('a service key’s call sees all rows, a user’s that user’s', async () => {
    await deploy('notes', NOTES, { trigger: { type: 'http', config: { auth: 'required' } } })
    expect(await body(server.as(app.serviceKey).get(fn('notes')))).toMatchObject({
      texts: ['of ada', 'of bob'],
      user: null,
      caller: { type: 'service_key', userId: null },
    })
    expect(await body(server.owner.get(fn('notes')))).toMatchObject({ texts: ['of ada', 'of bob'] })
    const seen = await body<{ texts: string[] }>(ada.get(fn('notes')))
    expect(seen).toMatchObject({
      user: { id: ada.id },
      caller: { type: 'end_user_jwt', userId: ada.id },
    })
    expect(seen.texts).toContain('of ada')
  })

  test('a key acts as a user, a user as nobody else', async () => {
    const headers = { 'x-butterbase-as-user': bob.id }
    const seen = await body(server.as(app.serviceKey).get(fn('notes'), headers))
    expect(seen).toMatchObject({ texts: ['of bob'], user: { id: bob.id } })
    await refusal(ada.get(fn('notes'), headers), 403, 'AUTH_IMPERSONATION_FORBIDDEN')
  })

  test('a function that is not there is 404', async () => {
    const { message } = await refusal(server.nobody.get(fn('nope')), 404, 'RESOURCE_NOT_FOUND')
    expect(message).toBe('Function not found')
  })
})

describe('a call', () => {
  const ECHO = handler(`
    const bytes = new Uint8Array(await req.arrayBuffer())
    const headers = { 'x-method': req.method, 'x-url': req.url, 'x-seen': req.headers.get('x-own') ?? '',
      'x-forged': req.headers.get('x-user-id') ?? 'none', 'content-type': 'application/octet-stream' }
    return new Response(bytes, { status: 201, headers })`)

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    '%s passes method, query, headers and bytes both ways',
    async (method) => {
      if (method === 'POST') await deploy('echo', ECHO)
      const bytes = Uint8Array.from({ length: 256 }, (_, n) => n)
      const headers = { 'x-own': 'yes', 'x-user-id': 'forged' }
      const res = await server.nobody.request(method, `${fn('echo')}?a=1&a=2`, bytes, headers)
      expect(res.status).toBe(201)
      expect(res.headers.get('x-method')).toBe(method)
      expect(res.headers.get('x-url')).toBe(`${server.url}${fn('echo')}?a=1&a=2`)
      expect(res.headers.get('x-seen')).toBe('yes')
      expect(res.headers.get('x-forged')).toBe('none')
      expect(new Uint8Array(await res.arrayBuffer())).toEqual(bytes)
    },
  )

  test('by GET has no body, and 204 stays empty', async () => {
    await deploy('empty', handler('return new Response(null, { status: 204 })'))
    const res = await server.nobody.get(fn('empty'))
    expect([res.status, await res.text()]).toEqual([204, ''])
  })

  test('may stream events', async () => {
    const code = handler(
      `const events = new ReadableStream({ start(c) {
         const send = (text) => c.enqueue(new TextEncoder().encode(text))
         send('data: one\\n\\n'); setTimeout(() => { send('data: two\\n\\n'); c.close() }, 20) } })
       return new Response(events, { headers: { 'content-type': 'text/event-stream' } })`,
    )
    await deploy('events', code)
    const res = await server.nobody.get(fn('events'), { origin: 'http://localhost:3000' })
    expect(res.headers.get('cache-control')).toBe('no-cache, no-transform')
    expect(res.headers.get('x-accel-buffering')).toBe('no')
    expect(res.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    expect(await res.text()).toBe('data: one\n\ndata: two\n\n')
  })

  test('that throws is 500 with the message, and the stack for the owner only', async () => {
    await deploy('throws', handler(`throw new Error('broken on purpose')`))
    expect(await call('throws', 500)).toEqual({ error: 'broken on purpose' })
    expect(await body(server.owner.get(fn('throws')), 500)).toMatchObject({
      error: 'broken on purpose',
      stack: expect.stringContaining('Error'),
    })
    expect(await body(server.owner.get(one('throws')))).toMatchObject({
      errorCount: 2,
      invocationCount: 2,
    })
    const [entry] = await logs('throws', 2)
    expect(entry).toMatchObject({
      statusCode: 500,
      error: 'broken on purpose',
      stack: expect.stringContaining('Error'),
    })
  })

  test('that answers no Response is 500', async () => {
    await deploy('wordy', handler(`return 'words'`))
    await call('wordy', 500)
  })

  test('that answers 404 is logged as an error', async () => {
    await deploy('absent', handler(`return Response.json({ no: 1 }, { status: 404 })`))
    expect(await call('absent', 404)).toEqual({ no: 1 })
    expect((await logs('absent'))[0]).toMatchObject({ statusCode: 404, error: 'HTTP 404' })
  })

  test('that takes too long is 504, and the next one works', async () => {
    const code = handler(
      `if (new URL(req.url).searchParams.has('loop')) for (;;);
       return Response.json({ ok: true })`,
    )
    await deploy('slow', code, { timeoutMs: 1500 })
    const asked = server.nobody.get(`${fn('slow')}?loop`)
    const { message, details } = await refusal(asked, 504, 'FUNCTION_TIMEOUT')
    expect(message).toBe('Function execution timeout (1500ms)')
    expect(details).toEqual({ duration_ms: expect.any(Number) })
    expect(await call('slow')).toEqual({ ok: true })
    const [, late] = await logs('slow', 2)
    expect(late).toMatchObject({ statusCode: 504, error: 'Function execution timeout (1500ms)' })
  })
})

describe('what a function has', () => {
  test('no files, no processes, no environment of the host', async () => {
    const code = handler(
      `const tries = { read: () => Deno.readTextFile('/etc/passwd'), run: () => new Deno.Command('ls').output(),
         near: () => fetch('${'http://127.0.0.1:1/'}') }
       const failed = []
       for (const [name, go] of Object.entries(tries)) { try { await go() } catch { failed.push(name) } }
       return Response.json({ failed, env: Deno.env.get('PATH') ?? null })`,
    )
    await deploy('fenced', code)
    expect(await call('fenced')).toEqual({ failed: ['read', 'run', 'near'], env: null })
  })

  test('its environment, in which its own values win over the app’s', async () => {
    await body(server.owner.patch(`${app.path}/env`, { envVars: { A: 'app', B: 'app' } }))
    await deploy('env', handler('return Response.json(ctx.env)'), { envVars: { B: 'own' } })
    expect(await call('env')).toMatchObject({
      A: 'app',
      B: 'own',
      BUTTERBASE_APP_ID: app.id,
      BUTTERBASE_API_URL: expect.stringContaining(server.url),
      BUTTERBASE_APP_NAME: expect.any(String),
      BUTTERBASE_REGION: 'us-east-1',
      BUTTERBASE_ANON_KEY: app.anonKey,
    })
  })

  test('changed values without being deployed again', async () => {
    const path = `${one('env')}/env`
    const done = await body(server.owner.patch(path, { envVars: { B: null, C: 'new' } }))
    expect(done).toEqual({
      message: 'Environment variables updated successfully',
      function: {
        id: expect.stringMatching(UUID),
        name: 'env',
        updated_at: expect.stringMatching(INSTANT),
      },
      updatedKeys: ['C'],
      cache_invalidation: { success: true, attempts: 1 },
    })
    expect(await call('env')).toMatchObject({ A: 'app', B: 'app', C: 'new' })
    for (const envVars of [{}, [], null, 'x', { BUTTERBASE_A: 'x' }, { A: 1 }]) {
      const refused = server.owner.patch(path, { envVars })
      await refusal(refused, 400, 'VALIDATION_INVALID_SCHEMA')
    }
    const absent = server.owner.patch(`${one('nope')}/env`, { envVars: { A: 'x' } })
    const { message } = await refusal(absent, 404, 'RESOURCE_NOT_FOUND')
    expect(message).toBe('Function not found')
  })

  test('the database as a user or as nobody', async () => {
    const code = handler(
      `const texts = async (db) => (await db.query('select text from notes order by text')).rows.map((r) => r.text)
       return Response.json({ own: await ctx.db.asUser('${'USER'}', texts), open: await ctx.db.asAnon(texts) })`,
    )
    await deploy('as', code.replace('USER', ada.id))
    const seen = await call<{ own: string[]; open: string[] }>('as')
    expect(seen).toEqual({ own: ['of ada', 'of bob'], open: ['of bob'] })
  })

  test('parameters, numbers, dates, counts and rejections of the database', async () => {
    const code = handler(
      `const { rows, rowCount } = await ctx.db.query('select $1::text as a, 7::bigint as n, now() as at', ["x'y"])
       const refused = await ctx.db.query('select * from nope').catch((error) => error.message)
       return Response.json({ a: rows[0].a, n: rows[0].n, date: rows[0].at instanceof Date, rowCount, refused })`,
    )
    await deploy('sql', code)
    expect(await call('sql')).toEqual({
      a: "x'y",
      n: 7,
      date: true,
      rowCount: 1,
      refused: 'relation "nope" does not exist',
    })
  })

  test('claims that one call wins', async () => {
    const code = handler(
      `const claim = (key, more) => ctx.idempotency.claim(key, more)
       const one = [await claim('e1', { scope: 'stripe' }), await claim('e1', { scope: 'stripe' }), await claim('e1')]
       const many = await Promise.all(Array.from({ length: 20 }, () => claim('e2')))
       const long = await claim('x'.repeat(256)).catch((error) => error.message)
       const none = await claim('').catch((error) => error.message)
       return Response.json({ one, wins: many.filter(Boolean).length, long, none })`,
    )
    await deploy('claims', code)
    expect(await call('claims')).toEqual({
      one: [true, false, true],
      wins: 1,
      long: expect.stringMatching(/key must be <= 255 chars$/),
      none: expect.stringMatching(/key must be a non-empty string$/),
    })
  })

  test('service rights over claims, to clear them away', async () => {
    const code = handler(
      `await ctx.idempotency.claim('old', { scope: 'clear', ttlSeconds: 1 })
       const sql = "delete from _idempotency_keys where scope = 'clear' returning key"
       const { rows } = await ctx.db.query(sql)
       return Response.json({ rows })`,
    )
    await deploy('clear', code)
    expect(await call('clear')).toEqual({ rows: [{ key: 'old' }] })
  })

  test('work that goes on after the answer', async () => {
    const code = handler(
      `ctx.waitUntil((async () => { await new Promise((r) => setTimeout(r, 50))
         await ctx.db.query("insert into notes (text, shared) values ('later', true)") })())
       ctx.waitUntil(Promise.reject(new Error('ignored')))
       return Response.json({ ok: true })`,
    )
    await deploy('later', code)
    expect(await call('later')).toEqual({ ok: true })
    const path = `${app.path}/notes?text=eq.later`
    const there = async () => (await body<object[]>(server.owner.get(path))).length
    await expect.poll(there, { timeout: 5000 }).toBe(1)
  })

  test('calls of its neighbours, four deep', async () => {
    const code = handler(
      `const { n } = await req.json().catch(() => ({ n: 0 }))
       try { const res = await ctx.invoke('deep', { n: n + 1 }); return Response.json(await res.json()) }
       catch (error) { return Response.json({ n, error: error.message, type: ctx.caller.type }) }`,
    )
    await deploy('deep', code)
    expect(await call('deep')).toMatchObject({
      n: 4,
      error: 'ctx.invoke loop limit exceeded (depth 5 > 4)',
      type: 'loopback',
    })
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
