import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { conflict } from '#core/errors'
import { settle, startPool, type TestPool, until } from './test-support.ts'
import type { DbResult, FunctionCall, HostCalls } from './types.ts'

let pool: TestPool
beforeAll(() => {
  pool = startPool()
})
afterAll(() => pool[Symbol.asyncDispose]())

const NO_ROWS: DbResult = { columns: [], rows: [], rowCount: 0 }

/** A database that remembers what it was asked. */
function recorder(result: DbResult | Error = NO_ROWS) {
  const seen: unknown[] = []
  const host: Partial<HostCalls> = {
    query: (sql, params, tx) => {
      seen.push(tx ? ['query', sql, params, tx] : ['query', sql, params])
      return result instanceof Error ? Promise.reject(result) : Promise.resolve(result)
    },
    begin: (as) => {
      seen.push(['begin', as])
      return Promise.resolve({ role: as.kind })
    },
    commit: async (tx) => void seen.push(['commit', tx]),
    rollback: async (tx) => void seen.push(['rollback', tx]),
  }
  return { seen, host }
}

describe('ctx.db', () => {
  test('rows come as objects with JavaScript values by column type', async () => {
    const columns = [
      ['big', 20],
      ['num', 1700],
      ['ok', 16],
      ['at', 1184],
      ['plain', 1114],
      ['day', 1082],
      ['doc', 3802],
      ['raw', 17],
      ['none', 25],
      ['list', 1016],
      ['words', 1009],
      ['__proto__', 25],
      ['ever', 1184],
      ['early', 1184],
    ].map(([name, oid]) => ({ name: String(name), oid: Number(oid) }))
    const row = [
      '9007199254740991',
      '1.50',
      't',
      '2026-01-31 09:00:00.123456+05:30',
      '2026-01-31 09:00:00',
      '2026-01-31',
      '{"a":[1]}',
      '\\x00ff',
      null,
      '{1,NULL,3}',
      '{"a\\"b",c,"NULL",{d}}',
      'p',
      'infinity',
      '0044-03-15 00:00:00+00 BC',
    ]
    const { host } = recorder({ columns, rows: [row], rowCount: 1 })
    const code = `export default async (req, ctx) => {
      const { rows: [r], rowCount } = await ctx.db.query('select')
      return Response.json({ ...r, at: [r.at instanceof Date, r.at], raw: [...r.raw], own: Object.hasOwn(r, '__proto__'), ever: String(r.ever), rowCount })
    }`
    expect(JSON.parse((await pool.call(code, { host })).text)).toMatchObject({
      big: 9007199254740991,
      num: '1.50',
      ok: true,
      at: [true, '2026-01-31T03:30:00.123Z'],
      plain: '2026-01-31T09:00:00.000Z',
      day: '2026-01-31',
      doc: { a: [1] },
      raw: [0, 255],
      none: null,
      list: [1, null, 3],
      words: ['a"b', 'c', 'NULL', ['d']],
      own: true,
      ever: 'Infinity',
      early: '-000043-03-15T00:00:00.000Z',
      rowCount: 1,
    })
  })

  test('parameters travel in text format', async () => {
    const { seen, host } = recorder()
    const code = `export default async (req, ctx) => {
      await ctx.db.query('select $1', [1, 'x', true, null, undefined, 10n, new Date(0), { a: 1 }, ['a"', 'b\\\\', null, [1]], new Uint8Array([1, 255])])
      return new Response()
    }`
    await pool.call(code, { host })
    const text = [
      '1',
      'x',
      'true',
      null,
      null,
      '10',
      '1970-01-01T00:00:00.000Z',
      '{"a":1}',
      '{"a\\"","b\\\\",NULL,{"1"}}',
      '\\x01ff',
    ]
    expect(seen).toEqual([['query', 'select $1', text]])
  })

  test('a database error rejects with its message and SQLSTATE', async () => {
    const { host } = recorder(
      Object.assign(new Error('relation "x" does not exist'), { code: '42P01' }),
    )
    const code = `export default (req, ctx) => ctx.db.query('select').catch((e) => new Response(e.code + ' ' + e.message))`
    expect((await pool.call(code, { host })).text).toBe('42P01 relation "x" does not exist')
  })

  test('an error of ours that is meant to be read is read, any other is not', async () => {
    const code = `export default (req, ctx) => ctx.db.query('select').catch((e) => new Response(e.message))`
    const meant = recorder(conflict('busy', 'Too busy'))
    expect((await pool.call(code, { host: meant.host })).text).toBe('Too busy')
    const internal = recorder(new Error('password=hunter2'))
    expect((await pool.call(code, { host: internal.host })).text).toBe(
      'The call failed on our side',
    )
  })

  test('asUser and asAnon are one transaction each and return what the callback returns', async () => {
    const { seen, host } = recorder()
    const code = `export default async (req, ctx) => {
      const a = await ctx.db.asUser('ada', async (db) => { await db.query('one'); await db.query('two', [2]); return 5 })
      const b = await ctx.db.asAnon(() => 6)
      return Response.json([a, b])
    }`
    expect((await pool.call(code, { host })).text).toBe('[5,6]')
    expect(seen).toEqual([
      ['begin', { kind: 'user', id: 'ada' }],
      ['query', 'one', [], { role: 'user' }],
      ['query', 'two', ['2'], { role: 'user' }],
      ['commit', { role: 'user' }],
      ['begin', { kind: 'anon' }],
      ['commit', { role: 'anon' }],
    ])
  })

  test('a throw rolls back and is thrown on; the transaction is over then', async () => {
    const { seen, host } = recorder()
    const code = `export default async (req, ctx) => {
      let kept
      const said = await ctx.db.asUser('ada', (db) => { kept = db; throw new Error('mine') }).catch((e) => e.message)
      const after = await kept.query('late').catch((e) => e.message)
      return Response.json([said, after])
    }`
    expect((await pool.call(code, { host })).text).toBe('["mine","The transaction has ended"]')
    expect(seen).toEqual([
      ['begin', { kind: 'user', id: 'ada' }],
      ['rollback', { role: 'user' }],
    ])
  })

  test('a transaction left open is rolled back when its invocation ends, also by a timeout', async () => {
    const { seen, host } = recorder()
    const code = `export default async (req, ctx) => {
      const open = ctx.db.asAnon(() => new Promise(() => {}))
      if (req.method === 'POST') await open
      await ctx.db.query('other')
      return new Response()
    }`
    await pool.call(code, { host })
    await pool.call(code, { host, request: { method: 'POST' }, timeoutMs: 200 })
    expect(seen.filter((entry) => Array.isArray(entry) && entry[0] === 'rollback').length).toBe(2)
  })

  test('a transaction that opens while its invocation ends is rolled back once it is open, and nothing else is', async () => {
    const { seen, host } = recorder()
    const opened = Promise.withResolvers<object>()
    const begin = () => opened.promise
    const lines: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
    await using own = startPool({ log })
    const code = `export default async (req, ctx) => {
      ctx.db.asAnon(() => {})
      await ctx.db.query('other')
      return new Response()
    }`
    // As the one over a database is: of what is no transaction there is nothing to roll back.
    const rollback = async (tx: object) => {
      seen.push(['rollback', tx])
      if (!('role' in tx)) throw new TypeError('no transaction')
    }
    await own.call(code, { host: { ...host, begin, rollback } })
    opened.resolve({ role: 'anon' })
    await until(() => seen.length > 1)
    expect(seen.slice(1)).toEqual([['rollback', { role: 'anon' }]])
    expect(lines).toEqual([])
  })

  test('open transactions are bounded', async () => {
    const { host } = recorder()
    const code = `export default async (req, ctx) => {
      const open = Array.from({ length: 6 }, () => ctx.db.asAnon(() => new Promise(() => {})).catch((e) => e.message))
      return new Response(await Promise.race(open))
    }`
    expect((await pool.call(code, { host })).text).toBe('Too many open transactions (limit 4)')
  })

  test.each([
    [`ctx.db.query(5)`, 'ctx.db.query: sql must be a string'],
    [`ctx.db.query('x', 'y')`, 'ctx.db.query: params must be an array'],
    [`ctx.db.asUser('', () => 1)`, 'ctx.db.asUser: userId must be a non-empty string'],
    [`ctx.db.asUser(undefined, () => 1)`, 'ctx.db.asUser: userId must be a non-empty string'],
    [`ctx.db.asAnon()`, 'ctx.db: the work of a transaction must be a function'],
    [`ctx.idempotency.claim('')`, 'ctx.idempotency.claim: key must be a non-empty string'],
    [`ctx.idempotency.claim(7)`, 'ctx.idempotency.claim: key must be a non-empty string'],
    [`ctx.idempotency.claim('x'.repeat(256))`, 'ctx.idempotency.claim: key must be <= 255 chars'],
    [`ctx.invoke('')`, 'ctx.invoke: the function name must be a string'],
  ])('%s rejects without asking the host', async (call, message) => {
    const code = `export default async (req, ctx) => { try { await ${call}; return new Response('done') } catch (e) { return new Response(e.message) } }`
    expect((await pool.call(code)).text).toBe(message)
  })
})

test('ctx.idempotency.claim passes key, scope and whole seconds', async () => {
  const seen: unknown[] = []
  const host = {
    claimIdempotency: async (claim: { key: string }) => (seen.push(claim), seen.length === 1),
  }
  const code = `export default async (req, ctx) => Response.json([await ctx.idempotency.claim('k'), await ctx.idempotency.claim('k', { scope: 's', ttlSeconds: 2.9 }), await ctx.idempotency.claim('k', { ttlSeconds: -1 })])`
  expect((await pool.call(code, { host })).text).toBe('[true,false,false]')
  expect(seen).toMatchObject([
    { key: 'k', scope: 'default', ttlSeconds: null },
    { key: 'k', scope: 's', ttlSeconds: 2 },
    { key: 'k', scope: 'default', ttlSeconds: null },
  ])
})

describe('ctx.invoke', () => {
  const echo = (seen: FunctionCall[] = []) => ({
    invoke: async (call: FunctionCall) => {
      seen.push({ ...call, body: call.body && Buffer.from(call.body) })
      return {
        status: 202,
        headers: [
          ['x-a', '1'],
          ['set-cookie', 'a'],
          ['set-cookie', 'b'],
        ] as [string, string][],
        body: call.body,
      }
    },
  })

  test('a value goes as JSON with POST, and the answer is a Response', async () => {
    const seen: FunctionCall[] = []
    const code = `export default async (req, ctx) => { const r = await ctx.invoke('other', { a: 1 }); return Response.json([r instanceof Response, r.status, r.headers.getSetCookie(), await r.json()]) }`
    expect((await pool.call(code, { host: echo(seen) })).text).toBe('[true,202,["a","b"],{"a":1}]')
    expect(seen).toEqual([
      {
        name: 'other',
        method: 'POST',
        headers: [['content-type', 'application/json']],
        body: Buffer.from('{"a":1}'),
        depth: 1,
      },
    ])
  })

  test('bytes, method and headers pass; GET has no body', async () => {
    const seen: FunctionCall[] = []
    const code = `export default async (req, ctx) => {
      await ctx.invoke('a', new Uint8Array([0, 255]), { method: 'PUT', headers: { 'X-Y': 'z' } })
      const r = await ctx.invoke('b', 'ignored', { method: 'GET' })
      return new Response(String(r.body))
    }`
    expect((await pool.call(code, { host: echo(seen) })).text).toBe('null')
    expect(seen).toMatchObject([
      { method: 'PUT', headers: [['x-y', 'z']], body: Buffer.from([0, 255]) },
      { method: 'GET', body: null },
    ])
  })

  test('the fifth hop is refused by the server, whatever the isolate says', async () => {
    const seen: FunctionCall[] = []
    const code = `export default (req, ctx) => ctx.invoke('other').then(() => new Response('went'), (e) => new Response(e.message))`
    expect((await pool.call(code, { host: echo(seen), depth: 3 })).text).toBe('went')
    expect((await pool.call(code, { host: echo(seen), depth: 4 })).text).toBe(
      'ctx.invoke loop limit exceeded (depth 5 > 4)',
    )
    expect(seen.map(({ depth }) => depth)).toEqual([4])
  })
})

describe('the capability of an invocation', () => {
  test('ends with it: a context kept for later is refused', async () => {
    const code = `let kept; export default async (req, ctx) => {
      if (!kept) { kept = ctx; return new Response('kept') }
      const said = []
      for (const call of [() => kept.db.query('x'), () => kept.db.asAnon(() => 1), () => kept.idempotency.claim('x'), () => kept.invoke('x')]) said.push(await call().catch((e) => e.message))
      return Response.json([...new Set(said)])
    }`
    await pool.call(code)
    expect((await pool.call(code)).text).toBe(
      '["The invocation has ended: its context can no longer be used"]',
    )
  })

  test('cannot be read off the context or found on the way out of JSON', async () => {
    const code = `
      const caught = []
      Object.prototype.toJSON = undefined; delete Object.prototype.toJSON
      JSON.stringify = (v) => { caught.push(v); return '{}' }
      JSON.parse = (v) => { caught.push(v); return {} }
      TextEncoder.prototype.encode = function (v) { caught.push(v); return new Uint8Array(0) }
      export default async (req, ctx) => {
        const { rowCount } = await ctx.db.query('select')
        return new Response(caught.length + ' ' + rowCount + ' ' + Deno.inspect(ctx, { depth: 9, showHidden: true }).length)
      }`
    const { host } = recorder({ ...NO_ROWS, rowCount: 3 })
    expect((await pool.call(code, { host })).text).toMatch(/^0 3 /)
  })

  test('serves the invocation it was made for only: calls of two that run together do not mix', async () => {
    const code = `export default async (req, ctx) => { await new Promise((r) => setTimeout(r, 20)); return new Response(String(await ctx.idempotency.claim('k'))) }`
    const [yes, no] = await Promise.all([
      pool.call(code, { host: { claimIdempotency: async () => true } }),
      pool.call(code, { host: { claimIdempotency: async () => false } }),
    ])
    expect([yes?.text, no?.text]).toEqual(['true', 'false'])
  })

  test('lives through waitUntil, not beyond it', async () => {
    const { seen, host } = recorder()
    const code = `export default (req, ctx) => { ctx.waitUntil(ctx.db.query('during')); return new Response() }`
    await settle(await pool.start(code, { host }))
    expect(seen).toEqual([['query', 'during', []]])
  })
})
