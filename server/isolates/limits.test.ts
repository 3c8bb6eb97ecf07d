import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HELD, makeGate, startPool, type TestPool, until } from './test-support.ts'

let pool: TestPool
beforeAll(() => {
  pool = startPool()
})
afterAll(() => pool[Symbol.asyncDispose]())

const post = { request: { method: 'POST' } }
/** POST does harm, anything else answers. */
const harmful = (harm: string) =>
  `const hoard = []; export default async (req, ctx) => { if (req.method !== 'POST') return new Response('fine'); ${harm} }`

describe('time', () => {
  test('a handler that takes too long is a timeout, and the process goes on', async () => {
    const code = harmful('await new Promise(() => {})')
    await pool.call(code)
    const { outcome, report } = await pool.call(code, { ...post, timeoutMs: 100 })
    expect(outcome).toMatchObject({
      ok: false,
      reason: 'timeout',
      message: 'Function execution timeout (100ms)',
    })
    expect(report).toMatchObject({ reason: 'timeout' })
    expect(report.durationMs).toBeGreaterThanOrEqual(95)
    const next = await pool.call(code)
    expect([next.text, next.report.start]).toEqual(['fine', 'warm'])
  })

  test('an endless loop is a timeout, its console survives, its process is killed, the next call gets a fresh one', async () => {
    const code = harmful(`console.log('before'); console.log('the loop'); for (;;) {}`)
    await pool.call(code)
    const { outcome, report } = await pool.call(code, { ...post, timeoutMs: 200 })
    expect(outcome).toMatchObject({ ok: false, reason: 'timeout' })
    expect(report.console.map(({ message }) => message)).toEqual(['before', 'the loop'])
    // At once, while the loop still runs.
    const next = await pool.call(code, { timeoutMs: 200 })
    expect([next.text, next.report.start]).toEqual(['fine', 'cold'])
    const before = pool.stats().processes
    await until(() => pool.stats().processes < before)
  })

  test('who shares a process with an endless loop is told of the crash; who comes later gets another process', async () => {
    const code = `export default async (req, ctx) => {
      if (req.method === 'POST') { ctx.idempotency.claim('loop'); for (;;) {} }
      if (req.method === 'PUT') await new Promise(() => {})
      return new Response('fine')
    }`
    const neighbour = pool.call(code, { request: { method: 'PUT' } })
    const began = Promise.withResolvers<boolean>()
    const host = { claimIdempotency: () => (began.resolve(true), began.promise) }
    const looping = pool.call(code, { ...post, host, timeoutMs: 900 })
    await began.promise
    let late = await pool.call(code, { timeoutMs: 100 })
    while (!late.outcome.ok) late = await pool.call(code, { timeoutMs: 100 }) // until it is suspect
    expect([late.text, late.report.start]).toEqual(['fine', 'cold'])
    expect((await looping).outcome).toMatchObject({ ok: false, reason: 'timeout' })
    expect((await neighbour).outcome).toMatchObject({ ok: false, reason: 'crash' })
  })

  test('the time of a call begins when its module has loaded', async () => {
    const code = `await new Promise((r) => setTimeout(r, 400)); export default () => new Response('loaded')`
    let began = 0
    const { text, report } = await pool.call(code, { timeoutMs: 200, onBegin: () => began++ })
    expect([text, report.start, began]).toEqual(['loaded', 'cold', 1])
    expect(report.durationMs).toBeGreaterThan(390)
  })

  test.each([`await new Promise(() => {})`, `for (;;) {}`])(
    'a module that never finishes loading fails by the limit for loading, each time anew: %s',
    async (never) => {
      await using impatient = startPool({ loadMs: 150 })
      const code = `${never}; export default () => new Response()`
      for (let round = 0; round < 2; round++) {
        const { outcome, report } = await impatient.call(code)
        const message = 'The module did not finish loading within 0.15 s'
        expect(outcome).toMatchObject({ ok: false, reason: 'load', message })
        expect(report.start).toBe('cold')
      }
    },
  )

  test('an invocation that has timed out can no longer use its context', async () => {
    let claims = 0
    const host = { claimIdempotency: async () => ++claims > 0 }
    const code = harmful(
      `setTimeout(() => ctx.idempotency.claim('x').catch((e) => { globalThis.said = e.message }), 300); await new Promise(() => {})`,
    ).replace(`new Response('fine')`, `new Response(String(globalThis.said))`)
    await pool.call(code, { ...post, host, timeoutMs: 150 })
    let said = 'undefined'
    while (said === 'undefined') said = (await pool.call(code)).text
    expect(said).toContain('The invocation has ended')
    expect(claims).toBe(0)
  })
})

describe('memory', () => {
  test.each([
    ['a growing heap', `for (;;) hoard.push(new Array(1000).fill({}))`],
    [
      'buffers outside the heap',
      `for (;;) { hoard.push(new Uint8Array(4e6).fill(1)); await new Promise((r) => setTimeout(r, 1)) }`,
    ],
    [
      'one huge synchronous buffer',
      `hoard.push(new Uint8Array(700e6).fill(1)); for (let i = 0; i < 1e10; i++) hoard[0][i % 700e6]++`,
    ],
    ['a huge string', `let s = 'x'; for (;;) { s += s.slice(0, 1e8) + 'y'; hoard.push(s); s[5] }`],
  ])(
    '%s ends the process with reason memory or error, and the next call works',
    async (_, harm) => {
      const code = harmful(harm)
      const { outcome } = await pool.call(code, { ...post, memoryMb: 64, timeoutMs: 20_000 })
      expect(outcome.ok).toBe(false)
      if (!outcome.ok && outcome.reason !== 'error') {
        expect(outcome).toMatchObject({
          reason: 'memory',
          message: 'Function exceeded its memory limit (64 MB)',
        })
      }
      expect((await pool.call(code, { memoryMb: 64 })).text).toBe('fine')
    },
  )

  test('a heap within its limit is left alone, and the report knows its size', async () => {
    const code = `let keep; export default () => { keep ??= new Uint8Array(50e6).fill(1); return new Response(String(keep.length)) }`
    let { text, report } = await pool.call(code)
    while (report.memoryMb < 40) ({ text, report } = await pool.call(code)) // it is measured now and then
    expect(text).toBe('50000000')
  })
})

describe('crashes', () => {
  test.each([
    ['Deno.exit', `Deno.exit(3)`, /ended with code 3/],
    [
      'an error in a timer',
      `setTimeout(() => { throw new Error('timer boom') }, 1); await new Promise(() => {})`,
      /timer boom/,
    ],
    ['process.abort', `process.abort()`, /./],
    ['process.exit', `process.exit(0)`, /ended with code 0/],
    ['process.reallyExit', `(process.reallyExit ?? Deno.exit)(0)`, /./],
    [
      'a deep recursion in native code',
      `const a = []; let b = a; for (let i = 0; i < 1e6; i++) b.push((b = [])); structuredClone(a); Deno.exit(1)`,
      /./,
    ],
  ])('%s hurts only its process', async (_, harm, message) => {
    const code = harmful(harm)
    const { host, entered, open } = makeGate()
    const other = pool.call(HELD, { host })
    await entered
    const { outcome } = await pool.call(code, post)
    expect(outcome.ok).toBe(false)
    if (!outcome.ok) {
      expect(['crash', 'memory', 'error']).toContain(outcome.reason)
      expect(outcome.message).toMatch(message)
    }
    open()
    expect((await other).outcome.ok).toBe(true)
    expect((await pool.call(code)).text).toBe('fine')
  })

  test('a module that throws while loading fails with reason load, each time anew', async () => {
    const code = `throw new Error('not today'); export default () => new Response()`
    for (const _ of [1, 2]) {
      const { outcome } = await pool.call(code)
      expect(outcome).toMatchObject({ ok: false, reason: 'load', message: 'not today' })
    }
  })

  test('a module without a handler is an error that says so', async () => {
    const { outcome } = await pool.call(`export const other = 1`)
    expect(outcome).toMatchObject({ ok: false, message: 'Function must export a handler function' })
  })
})
