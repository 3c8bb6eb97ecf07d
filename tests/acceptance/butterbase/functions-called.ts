/** Functions: who may call them, what a call is answered, and what a function has. */
import { describe, expect, test } from 'vitest'
import { body, INSTANT, UUID } from '../support.ts'
import { otherApp, refusal, server } from './server.ts'
import {
  ada,
  app,
  bob,
  call,
  deploy,
  fn,
  handler,
  HELLO,
  logs,
  one,
  post,
} from './functions-fixture.ts'

const NOTES = handler(
  `const { rows } = await ctx.db.query('select text from notes order by text')
   return Response.json({ texts: rows.map((row) => row.text), user: ctx.user, caller: ctx.caller })`,
)

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
