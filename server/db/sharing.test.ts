/** What batches on one connection may do to each other: nothing. */
import { expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { type BatchResult, type BatchStatement } from './batch.ts'
import { type Database, openDatabase } from './database.ts'
import { Pace } from './pace.ts'

const open = (max = 4) => openDatabase(new Secret(inject('clusterUrl')), { max, sessions: 1 })

const stateOf = (error: unknown) => (error as { code?: string }).code

/** What is known to be brief shares a connection. */
const brief = (): Pace => {
  const pace = new Pace()
  pace.record(0.1)
  return pace
}

const named = (name: string, text: string, ...values: string[]): BatchStatement => ({
  name,
  text,
  values,
})

const say = (text: string) => named('say', 'select $1::text', text)

/** All of these in one go behind each other over one connection, on which their statements are prepared. */
async function inOneGo(database: Database, batches: BatchStatement[][]) {
  const busy = database.batch([{ text: 'select pg_sleep(0.05)', values: [] }])
  const all = batches.map((batch) => database.batch(batch, { pace: brief() }))
  await busy
  return all
}

/** The last text of each, or how it failed. */
const texts = (all: Promise<BatchResult[]>[]) => Promise.all(all.map(textOf))

async function textOf(batch: Promise<BatchResult[]>): Promise<unknown> {
  try {
    return (await batch).at(-1)?.rows[0]?.[0]
  } catch (error) {
    return stateOf(error) ?? String(error)
  }
}

test('closing a statement for a new one is not undone by the failure of its batch', async () => {
  const database = open(1)
  const failing = named('failing', `select 'x'::text::int4`)
  await database.batch([failing]).catch(() => {})
  for (let at = 0; at < 400; at++) await database.batch([named(`n${at}`, `select ${at}`)])
  for (let at = 0; at < 20; at++) {
    const refused = database.batch([failing, named(`new${at}`, `select 1`)])
    expect(stateOf(await refused.catch((error) => error))).toBe('22P02')
  }
  for (let at = 0; at < 400; at++) {
    const [result] = await database.batch([named(`n${at}`, `select ${at}`)])
    expect(result?.rows).toEqual([[String(at)]])
  }
  await database.close()
})

test('one statement twice in a batch is prepared once', async () => {
  const database = open(1)
  const results = await database.batch([say('a'), say('b')])
  expect(results.map(({ rows }) => rows)).toEqual([[['a']], [['b']]])
  await database.close()
})

test('who waits behind what suddenly takes long is served elsewhere', async () => {
  const database = open(2)
  const nap = (seconds: string) => named('nap', 'select pg_sleep($1)::text', seconds)
  await database.batch([say('warm'), nap('0')])
  const others = Array.from({ length: 9 }, (_, at) => String(at))
  const [long, ...rest] = await inOneGo(database, [
    [nap('3')],
    ...others.map((text) => [say(text)]),
  ])
  let isOver = false
  const after = Promise.resolve(long).finally(() => (isOver = true))
  expect(await texts(rest)).toEqual(others)
  expect(isOver).toBe(false)
  await after
  expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
  await database.close()
})

test('a limit of time that one batch hits is no other’s', async () => {
  const database = open(1)
  const limit = named('limit', `select set_config('statement_timeout', $1, true)`, '500')
  const nap = (seconds: string) => named('nap', 'select pg_sleep($1)::text', seconds)
  const batch = (seconds: string) => [limit, nap(seconds), say(seconds)]
  await database.batch(batch('0'))
  const all = await inOneGo(database, ['0.16', '0.17', '5', '0.18', '0.19'].map(batch))
  expect(await texts(all)).toEqual(['0.16', '0.17', '57014', '0.18', '0.19'])
  await database.close()
})

/** Ends its own connection when told to. */
const end = (word: 'now' | 'not') =>
  named(
    'end',
    `select case $1 when 'now' then pg_terminate_backend(pg_backend_pid())::text end`,
    word,
  )

test('who waits behind a connection that ends is served over another one', async () => {
  const database = open(1)
  await database.batch([say('warm'), end('not')])
  const all = await inOneGo(database, [[say('a')], [end('now')], [say('b')], [say('c')]])
  expect(await texts(all)).toEqual(['a', '57P01', 'b', 'c'])
  await database.close()
})

test('who waits behind a result that is too large is served over another connection', async () => {
  const database = open(1)
  const repeat = (times: string) => named('x', `select repeat('x', $1::int)`, times)
  await database.batch([say('warm'), repeat('1')])
  const all = await inOneGo(database, [[say('a')], [repeat('80000000')], [say('b')], [say('c')]])
  expect(await texts(all)).toEqual(['a', 'result_too_large', 'b', 'c'])
  await database.close()
})

test('a large value streams also from the midst of others, who do not wait for its reader', async () => {
  const database = open(2)
  const repeat = (times: string) => named('x', `select 1, repeat('x', $1::int)`, times)
  await database.batch([say('warm'), repeat('1')])
  const busy = database.batch([{ text: 'select pg_sleep(0.05)', values: [] }])
  const first = database.batch([say('a')], { pace: brief() })
  const large = database.batch([repeat('20000000')], { pace: brief(), stream: true })
  const others = ['b', 'c'].map((text) => database.batch([say(text)], { pace: brief() }))
  await busy
  expect(await texts([first, ...others])).toEqual(['a', 'b', 'c'])
  const [result] = await large
  expect(result?.rows).toEqual([['1']])
  expect((await new Response(result?.large?.bytes).text()).length).toBe(20_000_000)
  expect((await database.batch([say('after')]))[0]?.rows).toEqual([['after']])
  await database.close()
})

test('a function that forgets what is prepared disturbs nobody', async () => {
  const database = open(1)
  const forget = `create function pg_temp.forget() returns text language plpgsql as
    $$ begin execute 'deallocate all'; return 'gone'; end $$`
  await database.batch([say('warm')])
  await database.batch([{ text: forget, values: [] }])
  const [gone] = await database.batch([{ text: 'select pg_temp.forget()', values: [] }])
  expect(gone?.rows).toEqual([['gone']])
  expect(await texts(await inOneGo(database, [[say('a')], [say('b')]]))).toEqual(['a', 'b'])
  await database.close()
})

test('readers who take nothing keep nobody out: the one who does so longest loses the connection', async () => {
  const database = open(2)
  const large = { text: `select repeat('x', 20000000)`, values: [] }
  const ask = () => database.batch([large], { stream: true })
  const streams = [await ask(), await ask()].map(([result]) => result?.large?.bytes)
  const begun = performance.now()
  expect((await database.batch([say('other')]))[0]?.rows).toEqual([['other']])
  // A reader whom nobody waits for has 30 seconds.
  expect(performance.now() - begun).toBeLessThan(8_000)
  const ends = streams.map((bytes) =>
    new Response(bytes).text().then(({ length }) => length, String),
  )
  expect(await Promise.all(ends)).toEqual([
    'Error: The reader held up a connection that others waited for',
    20_000_000,
  ])
  await database.close()
})
