import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settle, startPool, type TestPool, until } from './test-support.ts'

let pool: TestPool
beforeAll(() => {
  pool = startPool()
})
afterAll(() => pool[Symbol.asyncDispose]())

const encode = (text: string) => new TextEncoder().encode(text)

describe('request and response', () => {
  test('a handler in TypeScript sees method, URL, headers and body, and answers with status and headers', async () => {
    const code = `
      interface Seen { method: string }
      export default async function handler(req: Request): Promise<Response> {
        const seen: Seen & Record<string, unknown> = { method: req.method, url: req.url, x: req.headers.get('x-test'), body: await req.text() }
        return Response.json(seen, { status: 201, headers: { 'x-reply': 'yes' } })
      }`
    const body = encode('hello')
    const request = {
      method: 'PUT',
      url: 'http://api.test/fn?a=1&b=%20',
      headers: [['X-Test', 'ä']] as [string, string][],
      body,
    }

    const { outcome, text } = await pool.call(code, { request })

    expect(JSON.parse(text)).toEqual({
      method: 'PUT',
      url: 'http://api.test/fn?a=1&b=%20',
      x: 'ä',
      body: 'hello',
    })
    expect(outcome).toMatchObject({ ok: true, status: 201 })
    expect(outcome.ok && outcome.headers).toContainEqual(['x-reply', 'yes'])
  })

  test('a named export handler works, as function and as const', async () => {
    expect((await pool.call(`export const handler = () => new Response('const')`)).text).toBe(
      'const',
    )
    expect((await pool.call(`export function handler() { return new Response('fn') }`)).text).toBe(
      'fn',
    )
  })

  test('every byte survives both ways, whole and streamed', async () => {
    const code = `export default async (req) => new Response(new Uint8Array(await req.arrayBuffer()))`
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) % 256)
    for (const body of [bytes.subarray(0, 256), bytes, new Response(bytes).body]) {
      const outcome = await pool.start(code, { request: { method: 'POST', body } })
      if (!outcome.ok) throw new Error(outcome.message)
      const got = Buffer.from(await new Response(outcome.body).arrayBuffer())
      const sent = body === null || body instanceof Uint8Array ? (body ?? bytes) : bytes
      expect(got.equals(Buffer.from(sent))).toBe(true)
    }
  })

  test('a handler that passes its request body on streams it through', async () => {
    const code = `export default (req) => new Response(req.body)`
    const body = new Response('a'.repeat(1_000_000)).body
    expect((await pool.call(code, { request: { method: 'POST', body } })).text.length).toBe(
      1_000_000,
    )
  })

  test('several Set-Cookie headers stay apart', async () => {
    const code = `export default () => { const h = new Headers(); h.append('set-cookie', 'a=1'); h.append('set-cookie', 'b=2'); return new Response('x', { headers: h }) }`
    const { outcome } = await pool.call(code)
    expect(outcome.ok && outcome.headers.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
  })

  test.each([204, 205, 304])('status %i has no body', async (status) => {
    const { outcome } = await pool.call(
      `export default () => new Response(null, { status: ${status} })`,
    )
    expect(outcome).toMatchObject({ ok: true, status, body: null })
  })

  test('an empty body is a body', async () => {
    const { outcome } = await pool.call(`export default () => new Response('')`)
    expect(outcome).toMatchObject({ ok: true, status: 200, body: Buffer.alloc(0) })
  })

  test('a request with GET and a body reaches the handler without it', async () => {
    const { text } = await pool.call(
      `export default async (req) => new Response('[' + (await req.text()) + ']')`,
      { request: { body: encode('x') } },
    )
    expect(text).toBe('[]')
  })

  test('a broken request body rejects the handler reading it', async () => {
    const body = new ReadableStream<Uint8Array>({ start: (c) => c.error(new Error('gone')) })
    const { outcome } = await pool.call(
      `export default async (req) => new Response(await req.text())`,
      { request: { method: 'POST', body } },
    )
    expect(outcome).toMatchObject({
      ok: false,
      reason: 'error',
      message: 'The client did not send the whole body',
    })
  })
})

describe('failures of the handler', () => {
  test('a thrown error is reported with message and a stack that names the line', async () => {
    const { outcome, report } = await pool.call(
      `\nexport default (): Response => {\n  throw new Error('no luck')\n}`,
    )
    expect(outcome).toMatchObject({ ok: false, reason: 'error', message: 'no luck' })
    expect(report.error?.stack).toContain('function.ts:3:9')
    expect(report.error?.stack).not.toContain('runtime/')
  })

  test.each([
    ['undefined', 'undefined'],
    ['{ status: 200 }', 'an object (Object)'],
    ['Promise.resolve("text")', 'text'],
    ['null', 'null'],
  ])('returning %s is an error', async (value, said) => {
    const { outcome } = await pool.call(`export default () => (${value})`)
    expect(outcome).toMatchObject({
      ok: false,
      reason: 'error',
      message: `The handler must return a Response, but returned ${said}`,
    })
  })

  test('Response.error() is an error', async () => {
    expect((await pool.call(`export default () => Response.error()`)).outcome).toMatchObject({
      ok: false,
      reason: 'error',
    })
  })

  test.each([
    'throw null',
    'throw "text"',
    'throw { get message() { throw 1 } }',
    'throw Object.create(null)',
  ])('%s does no harm', async (statement) => {
    const code = `let n = 0; export default () => { if (n++) return new Response('fine'); ${statement} }`
    expect((await pool.call(code)).outcome).toMatchObject({ ok: false, reason: 'error' })
    expect((await pool.call(code)).report.start).toBe('warm')
  })

  test('a body that fails at once is an error, one that fails later breaks the stream', async () => {
    const early = `export default () => new Response(new ReadableStream({ start(c) { c.error(new Error('early')) } }))`
    expect((await pool.call(early)).outcome).toMatchObject({
      ok: false,
      reason: 'error',
      message: 'early',
    })
    const late = `export default () => new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(3)); await new Promise((r) => setTimeout(r, 20)); c.error(new Error('late')) } }))`
    const outcome = await pool.start(late)
    if (!outcome.ok) throw new Error(outcome.message)
    await expect(new Response(outcome.body).text()).rejects.toThrow()
    expect((await outcome.done).error?.message).toBe('late')
  })

  test('a rejection nobody handles fails its own invocation and leaves the process', async () => {
    const code = `export default (req) => { if (req.method === 'POST') { Promise.reject(new Error('stray')); return new Promise(() => {}) } return new Response('ok') }`
    const [bad, good] = await Promise.all([
      pool.call(code, { request: { method: 'POST' }, timeoutMs: 2_000 }),
      pool.call(code),
    ])
    expect(bad?.outcome).toMatchObject({ ok: false, reason: 'error', message: 'stray' })
    expect(good?.text).toBe('ok')
  })

  test('a rejection nobody handles after the answer is a line of its console', async () => {
    const code = `export default (req, ctx) => {
      if (req.method === 'POST') ctx.waitUntil(ctx.idempotency.claim('k').then(() => void Promise.reject(new Error('stray'))).then(() => new Promise((r) => setTimeout(r))))
      return new Response('ok')
    }`
    const host = { claimIdempotency: () => Promise.resolve(true) }
    const { outcome, text, report } = await pool.call(code, { request: { method: 'POST' }, host })
    expect([outcome.ok, text, report.error]).toEqual([true, 'ok', undefined])
    expect(report.console).toMatchObject([
      { level: 'error', message: expect.stringMatching(/^Unhandled rejection: Error: stray/) },
    ])
    expect((await pool.call(code)).report.start).toBe('warm')
  })

  test.each(['\\x01', '\\x7f', '\\x1b[31m'])(
    'a header with %j is an error that names it',
    async (text) => {
      const code = `export default () => new Response('x', { headers: { 'x-odd': 'a${text}b' } })`
      const message = 'The header "x-odd" of the response has a character that HTTP cannot carry'
      expect((await pool.call(code)).outcome).toMatchObject({ ok: false, reason: 'error', message })
    },
  )
})

describe('streams', () => {
  const TICKS = `export default (req) => {
    let n = 0, timer
    return new Response(new ReadableStream({
      start(c) { timer = setInterval(() => c.enqueue(new TextEncoder().encode('data: ' + n++ + '\\n\\n')), 10) },
      cancel() { clearInterval(timer); globalThis.cancelled = true },
    }), { headers: { 'content-type': 'text/event-stream', 'x-cancelled': String(globalThis.cancelled) } })
  }`

  test('server-sent events arrive piece by piece, and cancelling reaches the function', async () => {
    const outcome = await pool.start(TICKS)
    if (!outcome.ok || !(outcome.body instanceof ReadableStream)) throw new Error('no stream')
    const reader = outcome.body.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 0\n\n')
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
    await reader.cancel()
    await outcome.done
    const again = await pool.start(TICKS)
    expect(again.ok && again.headers).toContainEqual(['x-cancelled', 'true'])
    if (again.ok) await (again.body as ReadableStream).cancel()
  })

  test('a client that leaves ends the stream and aborts request.signal', async () => {
    const client = new AbortController()
    const code = `export default (req, ctx) => {
      req.signal.addEventListener('abort', () => console.log('left'))
      return new Response(new ReadableStream({ pull() { return new Promise(() => {}) }, cancel() { console.log('cancelled') } }))
    }`
    const outcome = await pool.start(code, { signal: client.signal })
    client.abort()
    const { console } = await outcome.done
    expect(console.map(({ message }) => message)).toEqual(['left', 'cancelled'])
  })

  test('a client that had left before the call aborts request.signal', async () => {
    const code = `export default (req) => new Promise((r) => { const end = () => r(new Response('heard')); if (req.signal.aborted) end(); req.signal.addEventListener('abort', end) })`
    expect((await pool.call(code, { signal: AbortSignal.abort() })).text).toBe('heard')
  })

  test('a stream nobody reads is held back by flow control', async () => {
    const code = `let sent = 0; export default (req) => {
      if (req.method === 'POST') return new Response(String(sent))
      return new Response(new ReadableStream({ pull(c) { sent += 65536; c.enqueue(new Uint8Array(65536)) } }))
    }`
    const outcome = await pool.start(code)
    if (!outcome.ok) throw new Error(outcome.message)
    const reader = (outcome.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    const sent = async () => Number((await pool.call(code, { request: { method: 'POST' } })).text)
    let before = 0
    let now = await sent()
    while (now > before && now < 1_000_000) [before, now] = [now, await sent()]
    expect(now).toBeLessThan(1_000_000)
    await reader.cancel()
    await outcome.done
  })

  test('a response of 64 MB arrives whole, at once or in pieces', async () => {
    const code = `export default (req) => {
      const bytes = new Uint8Array(64e6).fill(97)
      return new Response(req.method === 'POST' ? new Blob([bytes]).stream() : bytes)
    }`
    for (const method of ['GET', 'POST']) {
      const outcome = await pool.start(code, { request: { method }, memoryMb: 512 })
      const bytes = outcome.ok ? await new Response(outcome.body).arrayBuffer() : undefined
      expect(bytes?.byteLength).toBe(64e6)
    }
  })
})

describe('console', () => {
  test('strings stay, other values become JSON, joined by a space, with level and time', async () => {
    const before = Date.now()
    const code = `export default () => { console.warn('x', { a: 1 }); console.debug(1, null, undefined, [true]); console.error(); return new Response() }`
    const { report } = await pool.call(code)
    expect(report.console).toMatchObject([
      { level: 'warn', message: 'x {"a":1}' },
      { level: 'debug', message: '1 null undefined [true]' },
      { level: 'error', message: '' },
    ])
    expect(report.console[0]?.timestamp).toBeGreaterThanOrEqual(before - 1)
  })

  test('what JSON cannot say is said another way', async () => {
    const code = `export default () => { const a = {}; a.a = a; console.log(a, 1n, Symbol('s'), { toJSON() { throw 1 } }); return new Response() }`
    expect((await pool.call(code)).report.console[0]?.message).toContain('[Circular')
  })

  test('output is bounded to 100 entries of 10,000 characters', async () => {
    const code = `export default () => { for (let i = 0; i < 100000; i++) console.log('y'.repeat(20000)); return new Response() }`
    const { report } = await pool.call(code)
    expect(report.console.length).toBe(100)
    expect(report.console.every(({ message }) => message.length === 10_000)).toBe(true)
  })

  test('entries of invocations that run together stay apart', async () => {
    const code = `export default async (req) => {
      const id = new URL(req.url).searchParams.get('id')
      for (let i = 0; i < 3; i++) { console.log(id + i); await new Promise((r) => setTimeout(r, 3)) }
      return new Response(id)
    }`
    const calls = ['a', 'b', 'c', 'd'].map((id) =>
      pool.call(code, { request: { url: `http://t/?id=${id}` } }),
    )
    for (const { text, report } of await Promise.all(calls)) {
      expect(report.console.map(({ message }) => message)).toEqual([
        `${text}0`,
        `${text}1`,
        `${text}2`,
      ])
    }
  })

  test('what the module writes while it loads belongs to the first invocation', async () => {
    const code = `console.log('loading'); export default () => new Response()`
    expect((await pool.call(code)).report.console).toMatchObject([{ message: 'loading' }])
    expect((await pool.call(code)).report.console).toEqual([])
  })

  test('writing to stdout without end neither blocks the function nor reaches the report', async () => {
    const code = `export default () => { const b = new Uint8Array(1e6).fill(65); for (let i = 0; i < 20; i++) Deno.stdout.writeSync(b); return new Response('through') }`
    const { text, report } = await pool.call(code)
    expect(text).toBe('through')
    expect(report.console).toEqual([])
  })
})

describe('context', () => {
  test('ctx holds what the caller gave, and env, user, caller, app and request are plain values', async () => {
    const context = {
      env: { A: '1' },
      user: { id: 'u' },
      caller: { type: 'anonymous' },
      app: { id: 'app_x' },
      request: { id: 'r' },
    }
    const code = `export default (req, { env, user, caller, app, request }) => Response.json({ env, user, caller, app, request })`
    expect(JSON.parse((await pool.call(code, { context })).text)).toEqual(context)
  })

  test('ctx.waitUntil works on after the response, and its rejection changes nothing', async () => {
    const claims: string[] = []
    const host = { claimIdempotency: async ({ key }: { key: string }) => claims.push(key) > 0 }
    const code = `export default (req, ctx) => {
      ctx.waitUntil(Promise.reject(new Error('swallowed')))
      ctx.waitUntil(new Promise((r) => setTimeout(r, 50)).then(() => ctx.idempotency.claim('late')))
      return new Response('sent')
    }`
    const outcome = await pool.start(code, { host })
    expect(claims).toEqual([])
    const { report } = await settle(outcome)
    expect(claims).toEqual(['late'])
    expect(report.error).toBeUndefined()
  })

  test('globals live as long as the process: one function, many invocations', async () => {
    const code = `let n = 0; export default () => new Response(String(++n))`
    expect((await pool.call(code)).text).toBe('1')
    const second = await pool.call(code)
    expect([second.text, second.report.start]).toEqual(['2', 'warm'])
  })

  test('invocations run together in one process', async () => {
    const code = `let waiting = []; export default () => new Promise((r) => { waiting.push(() => r(new Response(String(waiting.length)))); if (waiting.length === 20) for (const go of waiting) go() })`
    const all = await Promise.all(Array.from({ length: 20 }, () => pool.call(code)))
    expect(all.every(({ text }) => text === '20')).toBe(true)
    await until(() => pool.stats().active === 0)
  })
})
