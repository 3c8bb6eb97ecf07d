import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { describe, expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { openDatabase } from './database.ts'
import { Pace } from './pace.ts'
import { fromDatabase } from './sqlstate.ts'
import { MessageReader } from './wire-messages.ts'

const open = (max = 4) => openDatabase(new Secret(inject('clusterUrl')), { max, sessions: 1 })

const say = (text: string, name?: string) => ({ name, text: 'select $1::text', values: [text] })

const failing = { text: `select 'x'::text::int4`, values: [] }

const stateOf = (error: unknown) => (error as { code?: string }).code

test('a batch is one transaction: settings reach its later statements and no other batch', async () => {
  const database = open(1)
  const [, seen] = await database.batch([
    { text: `select set_config('app.x', 'mine', true)`, values: [] },
    { text: `select current_setting('app.x', true)`, values: [] },
  ])
  expect(seen?.rows).toEqual([['mine']])
  const [after] = await database.batch([
    { text: `select current_setting('app.x', true)`, values: [] },
  ])
  expect(after?.rows).toEqual([['']])
  await database.close()
})

test('a failed batch leaves nothing behind, and its connection goes on', async () => {
  const database = open(1)
  await database.batch([{ text: 'create temporary table t (a int)', values: [] }])
  const insert = { text: 'insert into t values (1)', values: [] }
  expect(stateOf(await database.batch([insert, failing]).catch((error) => error))).toBe('22P02')
  const [left] = await database.batch([{ text: 'select count(*) from t', values: [] }])
  expect(left?.rows).toEqual([['0']])
  await database.close()
})

test('a rehearsed batch answers and is undone', async () => {
  const database = open(1)
  await database.batch([{ text: 'create temporary table t (a int)', values: [] }])
  const insert = { text: 'insert into t values (1) returning a', values: [] }
  const [made] = await database.batch([insert], { rehearse: true })
  expect(made).toMatchObject({ rows: [['1']], count: 1 })
  expect(stateOf(await database.batch([failing], { rehearse: true }).catch((error) => error))).toBe(
    '22P02',
  )
  const [left] = await database.batch([{ text: 'select count(*) from t', values: [] }])
  expect(left?.rows).toEqual([['0']])
  await database.close()
})

test('brief batches share connections and each gets its own answer, errors among them', async () => {
  const database = open(2)
  const pace = new Pace()
  pace.record(0.1)
  for (let warm = 0; warm < 4; warm++) await database.batch([say('w', 'say')], { pace })
  const asked = Array.from({ length: 200 }, (_, at) => String(at))
  const answers = await Promise.all(
    asked.map(async (text, at) => {
      if (at % 10 === 3) {
        const bad = { name: 'bad', text: 'select $1::int4', values: [text + 'x'] }
        return stateOf(
          await database.batch([say(text, 'say'), bad], { pace }).catch((error) => error),
        )
      }
      const [result] = await database.batch([say(text, 'say')], { pace })
      return result?.rows[0]?.[0]
    }),
  )
  expect(answers).toEqual(asked.map((text, at) => (at % 10 === 3 ? '22P02' : text)))
  await database.close()
})

test('a connection that is free is given out once, while others are at work', async () => {
  const busy = Math.max(1, availableParallelism() - 1)
  const database = open(busy + 1)
  const pace = new Pace()
  pace.record(0.1)
  const sleep = (seconds: number) => ({ text: `select pg_sleep(${seconds})`, values: [] })
  const all = Array.from({ length: busy + 1 }, () => [sleep(0.1), say('w', 'say')])
  await Promise.all(all.map((batch) => database.batch(batch)))
  const atWork = Array.from({ length: busy }, () => database.batch([sleep(0.2)]))
  const brief = database.batch([say('brief', 'say')], { pace })
  // Unprepared, so it may not go behind another: it needs a connection of its own.
  const other = database.batch([say('other', 'unprepared')])
  const texts = [await brief, await other].map(([result]) => result?.rows)
  expect(texts).toEqual([[['brief']], [['other']]])
  await Promise.all(atWork)
  await database.close()
})

test('a brief batch does not go behind one that takes longer than its like', async () => {
  const database = open(2)
  const pace = new Pace()
  pace.record(0.1)
  const nap = (seconds: number) => [
    { name: 'nap', text: 'select pg_sleep($1)', values: [String(seconds)] },
  ]
  // Both statements are prepared on both connections.
  await Promise.all([0.1, 0.1].map((seconds) => database.batch(nap(seconds))))
  await Promise.all([say('a', 'say'), say('b', 'say')].map((one) => database.batch([one])))
  let isOver = false
  const long = database.batch(nap(1), { pace }).then(() => (isOver = true))
  const clock = open(1)
  await clock.batch(nap(0.05))
  const [result] = await database.batch([say('brief', 'say')], { pace })
  expect([result?.rows, isOver]).toEqual([[['brief']], false])
  await long
  await Promise.all([database.close(), clock.close()])
})

test('more statements than a connection keeps are still right', async () => {
  const database = open(1)
  for (let at = 0; at < 900; at++) {
    const [result] = await database.batch([
      { name: `n${at % 450}`, text: `select ${at % 450}`, values: [] },
    ])
    expect(result?.rows[0]?.[0]).toBe(String(at % 450))
  }
  await database.close()
})

test('a batch that nobody waits for is cancelled on the server, and the connection serves the next one', async () => {
  const database = open(1)
  let left = false
  const sleeping = database.batch([{ text: 'select pg_sleep(20)', values: [] }], {
    isAbandoned: () => left,
  })
  const waiting = database.batch([say('after')])
  const given = database.batch([say('never')], { isAbandoned: () => true })
  expect(await given.catch((error) => error)).toMatchObject({ code: 'request_cancelled' })
  left = true
  expect(stateOf(await sleeping.catch((error) => error))).toBe('57014')
  expect((await waiting)[0]?.rows).toEqual([['after']])
  await database.close()
})

test('a connection that is killed fails its batch, and a new one takes the next', async () => {
  const database = open(1)
  const killed = database.batch([
    { text: 'select pg_terminate_backend(pg_backend_pid())', values: [] },
  ])
  expect(stateOf(await killed.catch((error) => error))).toBe('57P01')
  expect((await database.batch([say('again')]))[0]?.rows).toEqual([['again']])
  await database.close()
})

test('text of any script, NULL and emptiness go there and back', async () => {
  const database = open(1)
  const values = ['', 'ä😀', 'x'.repeat(70_000), null]
  const text = 'select $1::text, $2::text, $3::text, $4::text'
  expect((await database.batch([{ text, values }]))[0]?.rows).toEqual([values])
  await database.close()
})

test('a large value comes in time that grows with its size, one that is too large is refused', async () => {
  const database = open(1)
  const value = (bytes: number) => ({ text: `select repeat('x', ${bytes})`, values: [] })
  const [large] = await database.batch([value(50_000_000)])
  expect(large?.rows[0]?.[0]?.length).toBe(50_000_000)
  const refused = database.batch([value(80_000_000)])
  await expect(refused).rejects.toMatchObject({ kind: 'too_large', code: 'result_too_large' })
  expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
  await database.close()
})

describe('a large value at the end of the row', () => {
  const rows = (bytes: number) => ({
    text: `select 'first', null, repeat('xy', ${bytes / 2})`,
    values: [],
  })
  const ask = (database: ReturnType<typeof open>, bytes = 20_000_000) =>
    database.batch([say('before'), rows(bytes)], { stream: true })

  test('comes as a stream whose length is known, and the connection goes on', async () => {
    const database = open(1)
    const [before, result] = await ask(database)
    expect(before?.rows).toEqual([['before']])
    expect(result?.rows).toEqual([['first', null]])
    expect(result?.large?.length).toBe(20_000_000)
    const after = database.batch([say('after')])
    const text = await new Response(result?.large?.bytes).text()
    expect(text === 'xy'.repeat(10_000_000)).toBe(true)
    expect((await after)[0]?.rows).toEqual([['after']])
    await database.close()
  })

  test('stays text when it is not so large, and when nobody asked for a stream', async () => {
    const database = open(1)
    const [, small] = await ask(database, 1000)
    expect(small?.rows[0]?.[2]?.length).toBe(1000)
    expect(small?.large).toBeUndefined()
    const [whole] = await database.batch([rows(20_000_000)])
    expect(whole?.rows[0]?.[2]?.length).toBe(20_000_000)
    await database.close()
  })

  test('ends its connection when its reader leaves, and another one takes the next batch', async () => {
    const database = open(1)
    const [, result] = await ask(database)
    await result?.large?.bytes.cancel()
    expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
    await database.close()
  })

  test('breaks off when the server goes away', async () => {
    const database = open(1)
    const [pid] = await database.batch([{ text: 'select pg_backend_pid()', values: [] }])
    const [, result] = await ask(database, 60_000_000)
    const other = open(1)
    await other.batch([{ text: `select pg_terminate_backend(${pid?.rows[0]?.[0]})`, values: [] }])
    await expect(new Response(result?.large?.bytes).text()).rejects.toThrow()
    expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
    await Promise.all([database.close(), other.close()])
  })
})

describe('rows with something between them', () => {
  const numbers = (most: number, text = 'i::text') => ({
    text: `select ${text} from generate_series(1, ${most}) i`,
    values: [],
  })
  const read = async (database: ReturnType<typeof open>, statement = numbers(50_000)) => {
    const [, result] = await database.batch([say('before'), statement], { between: ',' })
    return result?.large && new Response(result.large.bytes).text()
  }

  test('come as one stream, short and long ones', async () => {
    const database = open(1)
    const all = Array.from({ length: 50_000 }, (_, at) => String(at + 1))
    expect((await read(database)) === all.join()).toBe(true)
    const long = await read(database, numbers(3, `repeat(i::text, 100000)`))
    expect(long).toBe(['1', '2', '3'].map((digit) => digit.repeat(100_000)).join())
    expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
    await database.close()
  })

  test('are nothing when there are none, and an error before the first', async () => {
    const database = open(1)
    expect(await read(database, numbers(0))).toBeUndefined()
    expect(stateOf(await read(database, failing).catch((error) => error))).toBe('22P02')
    await database.close()
  })

  test('break off with the error of a later row, and the connection goes on', async () => {
    const database = open(1)
    const late = numbers(100_000, '(1 / (90000 - i))::text')
    await expect(read(database, late)).rejects.toThrow('division by zero')
    expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
    await database.close()
  })
})

test('messages are cut the same however the stream is cut', () => {
  const row = Buffer.from([0x44, 0, 0, 0, 8, 1, 2, 3, 4])
  const stream = Buffer.concat([row, Buffer.from([0x49, 0, 0, 0, 4]), row, row])
  for (let size = 1; size <= stream.length; size++) {
    const seen: string[] = []
    const reader = new MessageReader({
      message: (code, { bytes, start, end }) =>
        seen.push(`${code} ${bytes.toString('hex', start, end)}`),
      oversized: () => seen.push('oversized'),
    })
    for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size))
    expect([size, seen]).toEqual([size, ['68 01020304', '73 ', '68 01020304', '68 01020304']])
  }
})

test('a server without a free connection is asked again until one is given back, or the wait is over', async () => {
  const admin = open(1)
  const name = `one_${process.pid}`
  await admin.batch([
    { text: `create role ${name} login password 'x' connection limit 1`, values: [] },
  ])
  const url = new URL(inject('clusterUrl'))
  url.username = name
  url.password = 'x'
  const held = openDatabase(new Secret(url.href), { max: 1, sessions: 1 })
  await held.batch([say('held')])
  const hasty = openDatabase(new Secret(url.href), { max: 1, sessions: 1, acquireMs: 200 })
  await expect(hasty.batch([say('hasty')])).rejects.toThrow('timeout exceeded')
  await hasty.close()
  const patient = openDatabase(new Secret(url.href), { max: 1, sessions: 1 })
  const waiting = patient.batch([say('patient')])
  await held.close()
  expect((await waiting)[0]?.rows).toEqual([['patient']])
  await patient.close()
  await admin.batch([{ text: `drop role ${name}`, values: [] }])
  await admin.close()
})

test('a server that takes a connection and says nothing is one that cannot be reached', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const url = new Secret(`postgresql://x:x@127.0.0.1:${port}/x`)
  const database = openDatabase(url, { max: 1, acquireMs: 100 })
  const ways = [() => database.batch([say('hello')]), () => database.query`select 1`]
  for (const ask of ways) {
    const error = await ask().catch((caught: unknown) => caught)
    expect(fromDatabase(error)).toMatchObject({
      kind: 'unavailable',
      code: expect.stringMatching(/^database_(unavailable|busy)$/) as string,
    })
  }
  await database.close()
  silent.close()
})

test('who waits in vain for a connection is told that all are at work', async () => {
  const url = new Secret(inject('clusterUrl'))
  const database = openDatabase(url, { max: 1, sessions: 1, acquireMs: 1_000 })
  const nap = database.batch([{ text: 'select pg_sleep(2)', values: [] }])
  const error = await database.batch([say('late')]).catch((caught: unknown) => caught)
  expect(fromDatabase(error)).toMatchObject({ kind: 'unavailable', code: 'database_busy' })
  await nap
  await database.close()
})

test('what is prepared is bounded by its length too, and what is used stays', async () => {
  const database = open(1)
  const own = {
    name: 'own',
    text: `select count(*), sum(length(statement)) from pg_prepared_statements`,
    values: [],
  }
  const long = (at: number) => ({
    name: `long${at}`,
    text: `select ${at} as a -- ${'x'.repeat(100_000)}`,
    values: [],
  })
  for (let at = 0; at < 40; at++) {
    const [, counted] = await database.batch([long(at), own])
    const [count, chars] = counted?.rows[0] ?? []
    expect([Number(count) > 1, Number(chars) < 1_200_000]).toEqual([true, true])
  }
  const [first] = await database.batch([long(0)])
  expect(first?.rows).toEqual([['0']])
  await database.close()
})
