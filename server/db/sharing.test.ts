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

test('also when every connection has forgotten', async () => {
  const database = open(2)
  const onBoth = (statement: BatchStatement) => {
    const busy = { text: 'select pg_sleep(0.05)', values: [] }
    return Promise.all([1, 2].map(() => database.batch([busy, statement])))
  }
  await onBoth(say('warm'))
  await onBoth({ text: 'deallocate all', values: [] })
  expect(await texts([database.batch([say('a')])])).toEqual(['a'])
  await database.batch([{ text: 'deallocate all', values: [] }, say('itself')])
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

/** Read by one caller: the first statement, the very same for all of them, says who asks. */
const caller = (name: string): BatchStatement => ({
  name: 'caller',
  text: `select set_config('mine.caller', $1, true)`,
  values: [name],
  repeated: true,
})

const ann = caller('ann')

/** Who asks, and when the transaction began. */
const tell = (word: string) =>
  named(
    'tell',
    `select concat_ws(' ', current_setting('mine.caller'), $1::text, extract(epoch from now()))`,
    word,
  )

const nap = (seconds: string) => named('nap', 'select pg_sleep($1)::text', seconds)

type Asked = [who: BatchStatement, what: BatchStatement]

/** As `inOneGo`, of those who may go on in one transaction. */
async function together(database: Database, all: Asked[]) {
  const busy = database.batch([{ text: 'select pg_sleep(0.05)', values: [] }])
  const sent = all.map((batch) => database.batch(batch, { pace: brief(), joins: true }))
  await busy
  return sent
}

async function openTold(max = 1): Promise<Database> {
  const database = open(max)
  const division = named('division', 'select (1 / $1::int)::text', '1')
  for (const one of [tell('warm'), nap('0'), division]) await database.batch([ann, one])
  return database
}

const division = (by: string) => named('division', 'select (1 / $1::int)::text', by)

/** The first two words of each, and in how many transactions they were told. */
async function told(all: Promise<BatchResult[]>[]) {
  const words = (await texts(all)).map((text) => String(text).split(' '))
  return {
    words: words.map(([who, what]) => `${who} ${what}`),
    times: new Set(words.map((w) => w[2])).size,
  }
}

test('reads of one caller go on in one transaction, and those of another in another', async () => {
  const database = await openTold()
  const asked: Asked[] = [
    [ann, tell('at once')],
    [ann, tell('a')],
    [ann, tell('b')],
    [caller('bob'), tell('c')],
    [ann, tell('d')],
    [caller('ann'), tell('e')],
  ]
  expect(await told(await together(database, asked))).toEqual({
    words: ['ann at', 'ann a', 'ann b', 'bob c', 'ann d', 'ann e'],
    times: 5,
  })
  await database.close()
})

test('only a few go on in one transaction', async () => {
  const database = await openTold()
  const asked = Array.from({ length: 9 }, (_, at): Asked => [ann, tell(String(at))])
  const { words, times } = await told(await together(database, asked))
  expect(words).toEqual(asked.map((_, at) => `ann ${at}`))
  expect(times).toBe(3)
  await database.close()
})

test('what follows in a transaction that failed is served in others', async () => {
  const database = await openTold()
  const words = ['first', 'a', '', 'b', 'c', 'd']
  const asked = words.map((word): Asked => [ann, word === '' ? division('0') : tell(word)])
  const all = await together(database, asked)
  expect(await textOf(all[2] as Promise<BatchResult[]>)).toBe('22012')
  expect(await told(all.filter((_, at) => at !== 2))).toEqual({
    words: ['ann first', 'ann a', 'ann b', 'ann c', 'ann d'],
    times: 5,
  })
  await database.close()
})

test('what failed goes on in no transaction until it succeeds', async () => {
  const database = await openTold()
  const pace = brief()
  const divided = (by: string) => database.batch([ann, division(by)], { pace, joins: true })
  await divided('0').catch(() => {})
  const busy = database.batch([{ text: 'select pg_sleep(0.05)', values: [] }])
  const all = [
    database.batch([ann, tell('a')], { pace: brief(), joins: true }),
    divided('0'),
    database.batch([ann, tell('b')], { pace: brief(), joins: true }),
  ]
  await busy
  expect(await texts(all.slice(1, 2))).toEqual(['22012'])
  expect(await told([all[0], all[2]] as Promise<BatchResult[]>[])).toEqual({
    words: ['ann a', 'ann b'],
    times: 2,
  })
  await database.close()
})

test.each([1, 2, 4])(
  'when number %i of a transaction takes long, the others are served elsewhere',
  async (at) => {
    const database = await openTold(6)
    const words = ['0', '1', '2', '3', '4']
    const asked = words.map((word, i): Asked => [ann, i === at ? nap('2') : tell(word)])
    let isOver = false
    const all = await together(database, asked)
    const long = Promise.resolve(all[at]).finally(() => (isOver = true))
    const others = words.filter((_, i) => i !== at).map((word) => `ann ${word}`)
    expect((await told(all.filter((_, i) => i !== at))).words).toEqual(others)
    expect(isOver).toBe(false)
    expect((await long)?.[1]?.rows).toEqual([['']])
    await database.close()
  },
)

test('a connection that ends in the midst of a transaction takes nobody else with it', async () => {
  const database = await openTold()
  await database.batch([ann, end('not')])
  const asked: Asked[] = [
    [ann, tell('a')],
    [ann, end('now')],
    [ann, tell('b')],
  ]
  const all = await together(database, asked)
  expect(await textOf(all[1] as Promise<BatchResult[]>)).toBe('57P01')
  const { words } = await told([all[0], all[2]] as Promise<BatchResult[]>[])
  expect(words).toEqual(['ann a', 'ann b'])
  await database.close()
})

test('what one leaves behind in a transaction fails nobody after it', async () => {
  const database = await openTold()
  const text = `create function pg_temp.kept(word text) returns text language plpgsql as $$ begin
    create temp table words on commit drop as select word; return (select w.word from words w); end $$`
  await database.batch([{ text, values: [] }])
  const kept = (word: string): Asked => [ann, named('kept', 'select pg_temp.kept($1)', word)]
  await database.batch(kept('warm'))
  const asked = [[ann, tell('first')] satisfies Asked, ...['a', 'b', 'c'].map(kept)]
  const [, ...all] = await together(database, asked)
  expect(await texts(all)).toEqual(['a', 'b', 'c'])
  await database.close()
})

test('reads that share a transaction keep no lock that a change of the schema waits for', async () => {
  const database = await openTold(4)
  const count = (table: string) => named(table, `select count(*)::text from ${table}`)
  for (const table of ['shared_one', 'shared_other']) {
    await database.batch([{ text: `create table ${table} as select 1 as a`, values: [] }])
    await database.batch([ann, count(table)])
  }
  let reads: Promise<BatchResult[]>[] = []
  await database.transaction(async (tx) => {
    await tx`alter table shared_other add b int`
    reads = await together(database, [
      [ann, tell('first')],
      [ann, count('shared_one')],
      [ann, count('shared_other')],
    ])
    const waiting = () =>
      tx`select from pg_locks where not granted and relation = 'shared_other'::regclass`
    await expect.poll(waiting, { interval: 10 }).not.toEqual([])
    await tx`alter table shared_one add b int`
  })
  expect(await texts(reads.slice(1))).toEqual(['1', '1'])
  await database.batch([{ text: 'drop table shared_one, shared_other', values: [] }])
  await database.close()
})

test('each read of a transaction has the whole of its time', async () => {
  const database = await openTold()
  const hurried = {
    ...ann,
    name: 'hurried',
    text: `${ann.text}, set_config('statement_timeout', '150', true)`,
  }
  await database.batch([hurried, nap('0')])
  const asked = ['0', '0.05', '0.05', '0.05', '0.05'].map(
    (seconds): Asked => [hurried, nap(seconds)],
  )
  expect(await texts(await together(database, asked))).toEqual(['', '', '', '', ''])
  await database.close()
})
