import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'
import {
  functionsOf,
  type FunctionsFixture,
  handler,
  json,
  OPEN,
  startFunctions,
} from './functions-fixture.ts'

let app: TestApp
let fns: FunctionsFixture
let ada: Client & { id: string }

beforeAll(async () => {
  ;({ app, fns } = await startFunctions())
  await app.sql('create table public.marks (text text); grant all on public.marks to service_role')
  ada = await fns.user()
})

afterAll(() => app[Symbol.asyncDispose]())

test('console lines are captured with their level, also those before a timeout', async () => {
  await fns.deploy(
    'talks',
    handler(`console.warn('x', { a: 1 }); console.log(1, 'b'); console.error('e'); console.info('i'); console.debug('d')
      if (req.method === 'POST') for (;;) {}
      return new Response('ok')`),
    { timeoutMs: 600 },
  )
  const before = Date.now()
  await app.nobody.get(fns.fn('talks'))
  const { consoleLogs } = await fns.lastLog('talks')
  expect(consoleLogs.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'x {"a":1}'],
    ['log', '1 b'],
    ['error', 'e'],
    ['info', 'i'],
    ['debug', 'd'],
  ])
  expect(consoleLogs[0]?.timestamp).toBeGreaterThanOrEqual(before)
  await app.nobody.post(fns.fn('talks'))
  await expect.poll(() => fns.logs('talks')).toHaveLength(2)
  expect((await fns.logs('talks', '?level=error'))[0]?.consoleLogs).toHaveLength(5)
})

test('console lines are bounded, and text that PostgreSQL cannot hold is logged without it', async () => {
  await fns.deploy(
    'shouts',
    handler(`console.log('a\\0b\\ud800c'); for (let at = 0; at < 200; at++) console.log('x'.repeat(20000))
      throw new Error('nul \\0 here')`),
  )
  await app.nobody.get(fns.fn('shouts'))
  const { consoleLogs, error } = await fns.lastLog('shouts')
  expect(consoleLogs).toHaveLength(100)
  expect(consoleLogs[0]?.message).toMatch(/^ab.c$/)
  expect(consoleLogs[1]?.message).toHaveLength(10_000)
  expect(error).toBe('nul  here')
})

test('ctx.app, ctx.request and ctx.env say where and for whom the function runs', async () => {
  await fns.deploy(
    'context',
    handler(`return Response.json({ app: ctx.app, request: ctx.request, user: ctx.user })`),
  )
  const res = await app.nobody.get(fns.fn('context'), { 'x-request-id': 'my-request' })
  expect(await json(res)).toEqual({
    app: {
      id: app.appId,
      name: 'default',
      ownerId: expect.any(String),
      substrateOrganizationId: null,
      region: 'us-east-1',
      subdomain: 'default',
      anonKey: app.anonKey,
      allowedOrigins: ['http://localhost:3000'],
      frontend: null,
      auth: { accessTokenTtl: '15m', refreshTokenTtlDays: 7, hookFunction: null },
      ai: null,
      billing: null,
    },
    request: { id: 'my-request', ip: '127.0.0.1', country: null, functionName: 'context' },
    user: null,
  })
})

test('ctx.waitUntil lets the answer go first, still reaches the database, and swallows rejections', async () => {
  await fns.deploy(
    'later',
    handler(`ctx.waitUntil(Promise.reject(new Error('ignored')))
      ctx.waitUntil((async () => {
        await new Promise((resolve) => setTimeout(resolve, 100))
        await ctx.db.query("insert into marks values ('later')")
      })())
      return new Response('first')`),
  )
  expect(await (await app.nobody.get(fns.fn('later'))).text()).toBe('first')
  expect(await app.sql(`select from public.marks where text = 'later'`)).toEqual([])
  await expect
    .poll(() => app.sql(`select text from public.marks where text = 'later'`))
    .toHaveLength(1)
  expect(await fns.lastLog('later')).toMatchObject({ statusCode: 200, error: null })
})

test('ctx.invoke calls another function as the same user, past its auth, and both are logged', async () => {
  await fns.deploy(
    'callee',
    handler(`return Response.json({ user: ctx.user, caller: ctx.caller, method: req.method, body: await req.text() },
      { status: 207, headers: { 'x-callee': 'yes' } })`),
    { trigger: { type: 'http', config: {} } },
  )
  await fns.deploy(
    'caller',
    handler(`const res = await ctx.invoke('callee', { a: 1 })
      return Response.json({ status: res.status, header: res.headers.get('x-callee'), body: await res.json() })`),
  )
  expect(await json(await ada.get(fns.fn('caller')))).toEqual({
    status: 207,
    header: 'yes',
    body: {
      user: { id: ada.id },
      caller: { type: 'loopback', keyId: null, scope: null, userId: ada.id },
      method: 'POST',
      body: '{"a":1}',
    },
  })
  expect(await json(await app.nobody.get(fns.fn('caller')))).toMatchObject({
    body: { user: null, caller: { type: 'loopback' } },
  })
  expect(await fns.lastLog('callee')).toMatchObject({ statusCode: 207, path: fns.fn('callee') })
  expect(await fns.lastLog('caller')).toMatchObject({ statusCode: 200 })
})

test('ctx.invoke gives failures as responses, and may act as a user', async () => {
  await fns.deploy('who', handler(`return Response.json(ctx.user)`))
  await fns.deploy('fails', handler(`throw new Error('inner')`))
  await fns.deploy('slow', handler(`await new Promise(() => {})`), { timeoutMs: 200 })
  await fns.deploy(
    'tries',
    handler(`const found = {}
      for (const name of ['fails', 'slow', 'absent']) {
        const res = await ctx.invoke(name)
        found[name] = [res.status, (await res.json()).error]
      }
      const as = await ctx.invoke('who', null, { headers: { 'X-Butterbase-As-User': 'someone' } })
      return Response.json({ ...found, as: await as.json() })`),
  )
  expect(await json(await app.nobody.get(fns.fn('tries')))).toEqual({
    fails: [500, 'inner'],
    slow: [504, expect.objectContaining({ code: 'FUNCTION_TIMEOUT' })],
    absent: [404, expect.objectContaining({ code: 'RESOURCE_NOT_FOUND' })],
    as: { id: 'someone' },
  })
})

test('ctx.invoke ends at the fifth hop', async () => {
  await fns.deploy(
    'again',
    handler(
      `try { return await ctx.invoke('again') } catch (error) { return new Response(error.message) }`,
    ),
  )
  const res = await app.nobody.get(fns.fn('again'))
  expect(await res.text()).toBe('ctx.invoke loop limit exceeded (depth 5 > 4)')
  await expect.poll(() => fns.logs('again')).toHaveLength(5)
})

test('a context that outlived its invocation has no rights', async () => {
  await fns.deploy(
    'keeps',
    `let kept: any
    export default async function handler(req: Request, ctx: any) {
      const old = kept
      kept = ctx
      if (!old) return new Response('kept')
      return Response.json(await old.db.query('select 1').then(() => 'ran', (error: Error) => error.message))
    }`,
  )
  await app.owner.get(fns.fn('keeps'))
  await fns.lastLog('keeps')
  const message = await (await app.nobody.get(fns.fn('keeps'))).json()
  expect(message).toContain('has ended')
})

test('a hundred calls at once are the limit of one app: one more gets 429, another app is served', async () => {
  await fns.deploy(
    'waits',
    handler(`await new Promise((resolve) => req.signal.addEventListener('abort', resolve))
      return new Response('left')`),
  )
  const leave = new AbortController()
  const { pool } = app.instance.services.functions
  const waiting = Array.from({ length: 100 }, () =>
    fetch(`${app.url}${fns.fn('waits')}`, { signal: leave.signal }).catch(() => undefined),
  )
  await expect.poll(() => pool.stats().active, { timeout: 10_000 }).toBe(100)
  const res = await app.nobody.get(fns.fn('context'))
  expect([res.status, res.headers.get('retry-after')]).toEqual([429, '5'])
  expect(await json(res)).toEqual({
    error: 'Concurrency limit reached',
    activeWorkers: 100,
    maxWorkers: 100,
  })
  const other = await app.createApp()
  const body = { name: 'free', code: handler(`return new Response('served')`), trigger: OPEN }
  await app.owner.post(`/v1/${other.id}/functions`, body)
  expect((await app.nobody.get(`/v1/${other.id}/fn/free`)).status).toBe(200)
  leave.abort()
  await Promise.all(waiting)
  await expect.poll(() => pool.stats().active, { timeout: 10_000 }).toBe(0)
  expect((await app.nobody.get(fns.fn('context'))).status).toBe(200)
})

test('what is logged last is written before the instance ends', async () => {
  const short = await startApp()
  const inner = functionsOf(short)
  await inner.deploy('last', handler(`return new Response('bye')`))
  await short.nobody.get(inner.fn('last'))
  const { functions } = short.instance.services
  await functions.close()
  expect(await short.sql('select invocation_count::int as calls from functions.functions')).toEqual(
    [{ calls: 1 }],
  )
  await short[Symbol.asyncDispose]()
})
