/** Functions that fail, hang, are paused or deleted, and what they cannot reach. */
import { readdirSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { errorOf, handler, HELLO, json, OPEN } from './functions-fixture.ts'
import { ada, app, fns, NOTES, useNotes } from './fn-fixture.ts'

useNotes()

beforeAll(async () => {
  await fns.deploy('notes', NOTES)
  await fns.deploy('closed', HELLO, { trigger: { type: 'http', config: {} } })
})

test('a handler that throws gives 500 with its message, the stack to the owner only, and is counted', async () => {
  await fns.deploy(
    'throws',
    handler(`console.log('before'); throw new Error('boom ' + req.method)`),
  )
  const seen = await app.nobody.get(fns.fn('throws'))
  expect([seen.status, await json(seen)]).toEqual([500, { error: 'boom GET' }])
  expect(await json(await ada.get(fns.fn('throws')))).toEqual({ error: 'boom GET' })
  expect(await json(await app.owner.get(fns.fn('throws')))).toEqual({
    error: 'boom GET',
    stack: expect.stringContaining('boom GET'),
  })
  await expect.poll(() => fns.logs('throws')).toHaveLength(3)
  expect(await fns.lastLog('throws')).toMatchObject({
    statusCode: 500,
    error: 'boom GET',
    stack: expect.stringContaining('function.ts'),
    reason: 'error',
    consoleLogs: [{ level: 'log', message: 'before' }],
  })
  const one = await json(await app.owner.get(fns.one('throws')))
  expect(one).toMatchObject({
    invocationCount: 3,
    errorCount: 3,
    errorRate: 1,
    status: 'error',
    lastStatus: 500,
  })
})

test('the log of a query that failed names the line that asked', async () => {
  const asks = [
    'export default async (req, ctx) => {',
    "  const table = 'nowhere'",
    '  await ctx.db.query(`select * from ${table}`)',
    "  return new Response('found')",
    '}',
  ]
  await fns.deploy('asks', asks.join('\n'))
  expect((await app.nobody.get(fns.fn('asks'))).status).toBe(500)
  const { error, stack } = await fns.lastLog('asks')
  expect(error).toBe('relation "nowhere" does not exist')
  expect(stack).toMatch(/^Error: relation "nowhere" does not exist\n.*\(function\.ts:3:3\)$/)
})

test('a handler that answers 404 is logged as HTTP 404; what is not a Response is an error', async () => {
  await fns.deploy('missing', handler(`return new Response('no', { status: 404 })`))
  expect((await app.nobody.get(fns.fn('missing'))).status).toBe(404)
  expect(await fns.lastLog('missing')).toMatchObject({
    statusCode: 404,
    error: 'HTTP 404',
    stack: null,
  })
  await fns.deploy('nothing', handler(`return 'text'`))
  const res = await app.nobody.get(fns.fn('nothing'))
  expect([res.status, (await json(res)).error]).toEqual([500, expect.stringContaining('Response')])
})

test('an endless loop ends with 504 while others are served, and the next call works', async () => {
  await fns.deploy(
    'loops',
    handler(`if (req.method === 'POST') for (;;) {}\nreturn new Response('fine')`),
    {
      timeoutMs: 700,
    },
  )
  const looping = app.nobody.post(fns.fn('loops'))
  const others = await Promise.all([1, 2, 3].map(() => ada.get(fns.fn('notes'))))
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200])
  const res = await looping
  expect(res.status).toBe(504)
  expect(await errorOf(res)).toMatchObject({
    code: 'FUNCTION_TIMEOUT',
    message: 'Function execution timeout (700ms)',
    details: { duration_ms: expect.any(Number) },
  })
  expect(await (await app.nobody.get(fns.fn('loops'))).text()).toBe('fine')
  await expect.poll(() => fns.logs('loops', '?level=error')).toHaveLength(1)
  expect(await fns.lastLog('loops', '?level=error')).toMatchObject({
    statusCode: 504,
    error: 'Function execution timeout (700ms)',
    reason: 'timeout',
  })
})

test('a memory hog and a crash end themselves only, with the reason in the log', async () => {
  await fns.deploy(
    'hog',
    handler(`const all = []; for (;;) all.push(new Uint8Array(8e6).fill(1))`),
    {
      memoryLimitMb: 64,
    },
  )
  await fns.deploy(
    'crash',
    handler(`setTimeout(() => { throw new Error('outside') }); await new Promise(() => {})`),
  )
  for (const [name, reason] of [
    ['hog', 'memory'],
    ['crash', 'crash'],
  ] as const) {
    const res = await app.nobody.get(fns.fn(name))
    expect([name, res.status, await json(res)]).toEqual([name, 500, { error: expect.any(String) }])
    expect(await fns.lastLog(name)).toMatchObject({ statusCode: 500, reason })
  }
  expect((await ada.get(fns.fn('notes'))).status).toBe(200)
})

test('a function sees nothing of its host: no environment, no files, no programs', async () => {
  await fns.deploy(
    'curious',
    handler(`const tries = {
        env: () => Deno.env.get('PATH') ?? Deno.env.get('HOME') ?? null,
        all: () => Object.keys(Deno.env.toObject()).length || null,
        file: () => Deno.readTextFileSync('/etc/hostname'),
        run: () => new Deno.Command('id').outputSync(),
      }
      const found = {}
      for (const [name, attempt] of Object.entries(tries)) {
        try { found[name] = attempt() } catch { found[name] = null }
      }
      return Response.json(found)`),
  )
  expect(await json(await app.nobody.get(fns.fn('curious')))).toEqual({
    env: null,
    all: null,
    file: null,
    run: null,
  })
})

test('a paused app answers 503 before it asks who is there; configuration and logs stay', async () => {
  await app.owner.patch(`${fns.base}/config/pause`, { paused: true, reason: 'tidying' })
  try {
    for (const client of [app.nobody, ada, app.owner]) {
      const res = await client.get(fns.fn('closed'))
      expect([res.status, res.headers.get('retry-after')]).toEqual([503, '60'])
      expect(await errorOf(res)).toMatchObject({
        code: 'APP_PAUSED',
        details: { paused_reason: 'tidying' },
      })
    }
    expect((await app.owner.post(`${fns.one('closed')}/invoke`)).status).toBe(503)
    expect((await app.owner.get(`${fns.one('closed')}/logs`)).status).toBe(200)
    await fns.deploy('while-paused', HELLO)
  } finally {
    await app.owner.patch(`${fns.base}/config/pause`, { paused: false })
  }
  expect((await app.nobody.get(fns.fn('while-paused'))).status).toBe(200)
})

test('a Deno that cannot start answers 502 to a call and to a deploy, and serves again afterwards', async () => {
  await fns.deploy('unstarted', handler(`return new Response('up')`))
  const scratch = join(tmpdir(), 'stead-tests-functions')
  const sockets = readdirSync(scratch).filter((name) => name.startsWith(`run-${process.pid}-`))
  const move = (from: string, to: string) =>
    sockets.forEach((name) => renameSync(join(scratch, from + name), join(scratch, to + name)))
  move('', 'away-')
  const called = await app.nobody.get(fns.fn('unstarted'))
  const deployed = await app.owner.post(`${fns.base}/functions`, { name: 'x', code: HELLO })
  move('away-', '')
  for (const res of [called, deployed]) {
    expect([res.status, res.headers.get('retry-after')]).toEqual([502, '1'])
    expect(await errorOf(res)).toMatchObject({
      code: 'EXTERNAL_NETWORK_ERROR',
      message: 'The function runtime cannot be started',
      remediation: expect.stringContaining('log of the server'),
    })
  }
  expect(await (await app.nobody.get(fns.fn('unstarted'))).text()).toBe('up')
})

test('an app that is deleted while its functions run ends them: who waits gets 410, a stream breaks', async () => {
  const { pool } = app.instance.services.functions
  const { id } = await app.createApp('doomed')
  const ours = () => pool.keys().filter((key) => key.startsWith(id))
  const code = {
    waits: handler(`await new Promise(() => setInterval(() => {}, 1000))`),
    streams: handler(
      `return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(9)) }))`,
    ),
    idle: HELLO,
  }
  for (const [name, text] of Object.entries(code)) {
    const body = { name, code: text, trigger: OPEN, timeoutMs: 300_000 }
    expect((await app.owner.post(`/v1/${id}/functions`, body)).status).toBe(200)
  }
  const before = pool.stats().active
  const waiting = app.nobody.get(`/v1/${id}/fn/waits`)
  const streaming = await app.nobody.get(`/v1/${id}/fn/streams`)
  expect((await app.nobody.get(`/v1/${id}/fn/idle`)).status).toBe(200)
  await expect.poll(() => ours().length).toBe(3)
  expect((await app.owner.delete(`/apps/${id}`)).status).toBe(200)
  const res = await waiting
  expect([res.status, (await errorOf(res)).code]).toEqual([410, 'APP_DELETING'])
  await expect(streaming.text()).rejects.toThrow('terminated')
  await expect.poll(ours).toEqual([])
  await expect.poll(() => pool.stats().active).toBe(before)
  expect((await app.nobody.get(`/v1/${id}/fn/waits`)).status).toBe(404)
})

test('a function that is deleted while calls run finishes them, and the next call is 404', async () => {
  await fns.deploy(
    'leaving',
    handler(`await ctx.db.query('select pg_advisory_lock(77)'); return new Response('done')`),
  )
  const waiting = `select 1 from pg_locks where locktype = 'advisory' and objid = 77 and not granted`
  const { platform } = app.instance.services.apps.databasesOf(app.instance.firstSteps.app)
  await platform.session(async (session) => {
    await session.query('select pg_advisory_lock(77)')
    const running = app.nobody.get(fns.fn('leaving'))
    await expect.poll(() => app.sql(waiting)).toHaveLength(1)
    expect((await app.owner.delete(fns.one('leaving'))).status).toBe(200)
    expect((await app.nobody.get(fns.fn('leaving'))).status).toBe(404)
    await session.query('select pg_advisory_unlock(77)')
    expect([(await running).status, await (await running).text()]).toEqual([200, 'done'])
  })
})
