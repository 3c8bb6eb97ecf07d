/** Whatever many callers ask for at once: each gets the answer to what they asked, or the error that is their own. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import type { BatchOptions, BatchResult, BatchStatement } from './batch.ts'
import { Budget } from './budget.ts'
import { type Database, openDatabase } from './database.ts'
import { Pace } from './pace.ts'

type Roll = (sides: number) => number

type Asked = {
  name: string
  text: string
  values: string[]
  options?: BatchOptions
  /** The last row's texts, or the code of an error. */
  gives: readonly string[] | string
}

type Asking = { me: string; word: string; roll: Roll }

/** Numbers below `sides`, the same ones in every run. */
function dice(seed: number): Roll {
  let state = seed
  return (sides) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * sides)
  }
}

const ME = `current_setting('mine.caller')`

const tell = ({ me, word }: Asking): Asked => ({
  name: 'tell',
  text: `select ${ME}, $1::text`,
  values: [word],
  gives: [me, word],
})

const count = ({ me, word }: Asking): Asked => ({
  name: 'count',
  text: `select ${ME}, $1::text, i::text from generate_series(1, 3) i`,
  values: [word],
  gives: [me, word, '3'],
})

/** Fails for one caller of three, in the midst of its rows. */
function divide({ word, roll }: Asking): Asked {
  const by = roll(3) === 0 ? '5' : '50'
  const text = `select $1, (1 / (i - $2::int))::text from generate_series(1, 9) i`
  return { name: 'divide', text, values: [word, by], gives: by === '5' ? '22012' : [word, '0'] }
}

function nap({ word, roll }: Asking): Asked {
  const seconds = roll(60) === 0 ? 0.3 : roll(25) / 1000
  const values = [word, String(seconds)]
  return { name: 'nap', text: 'select $1::text from pg_sleep($2)', values, gives: [word] }
}

/** More than are kept prepared. */
function anyOfMany({ me, word, roll }: Asking): Asked {
  const name = `many_${roll(450)}`
  return { name, text: `select ${ME}, $1, '${name}'`, values: [word], gives: [me, word, name] }
}

/** In a transaction that another has been in it fails. */
const make = ({ word }: Asking): Asked => ({
  name: 'make',
  text: 'select model_made($1)',
  values: [word],
  gives: [word],
})

function repeat({ me, word, roll }: Asking): Asked {
  const times = roll(2) ? 200_000 : 2_000
  const values = [word, String(times)]
  const text = `select ${ME}, repeat($1, $2::int)`
  const gives = [me, word.repeat(times)]
  return { name: 'repeat', text, values, options: { stream: true }, gives }
}

const forget = (): Asked => ({
  name: 'forget',
  text: 'select model_forget()',
  values: [],
  gives: ['gone'],
})

const end = ({ word }: Asking): Asked => ({
  name: 'end',
  text: `select pg_terminate_backend(pg_backend_pid()) || $1`,
  values: [word],
  gives: '57P01',
})

/** Of a hundred. */
const KINDS: [share: number, make: (asking: Asking) => Asked][] = [
  [45, tell],
  [15, count],
  [12, divide],
  [8, nap],
  [8, anyOfMany],
  [8, make],
  [2, repeat],
  [1, forget],
  [1, end],
]

function kindOf(roll: Roll): (asking: Asking) => Asked {
  let at = roll(100)
  for (const [share, kind] of KINDS) {
    if (at < share) return kind
    at -= share
  }
  return tell
}

const caller = (name: string): BatchStatement => ({
  name: 'caller',
  text: `select set_config('mine.caller', $1, true)`,
  values: [name],
  repeated: true,
})

/** The first asks most, and there are two of one name. */
const CALLERS = ['ann', 'bob', 'ann', 'cy'].map((name): [string, BatchStatement] => [
  name,
  caller(name),
])

/** The last row, with what came of it as a stream, which some read slowly. */
async function rowOf(result: BatchResult | undefined, roll: Roll): Promise<(string | null)[]> {
  const row = result?.rows.at(-1) ?? []
  if (!result?.large) return row
  const parts: Uint8Array[] = []
  const isSlow = roll(3) === 0
  for await (const part of result.large.bytes) {
    parts.push(part)
    if (isSlow) await new Promise(setImmediate)
  }
  return [...row, Buffer.concat(parts).toString()]
}

class Model {
  readonly wrong: string[] = []
  readonly #databases: readonly Database[]
  readonly #roll: Roll
  #asked = 0
  #paces = new Map<string, Pace>()

  constructor(databases: readonly Database[], seed: number) {
    this.#databases = databases
    this.#roll = dice(seed)
  }

  /** So many, at most a few dozens at once, those of one moment mostly of one caller. */
  async ask(times: number): Promise<void> {
    const some = async () => {
      while (this.#asked < times) {
        await Promise.all(Array.from({ length: 1 + this.#roll(8) }, () => this.#one()))
      }
    }
    await Promise.all(Array.from({ length: 6 }, some))
  }

  async #one(): Promise<void> {
    const roll = this.#roll
    const [me, who] = CALLERS[roll(2) ? 0 : roll(4)] as [string, BatchStatement]
    const word = `w${this.#asked++} `
    const asked = kindOf(roll)({ me, word, roll })
    const { name, text, values, gives } = asked
    const database = this.#databases[roll(this.#databases.length)] as Database
    const options = { pace: this.#paceOf(name), joins: roll(9) > 0, ...asked.options }
    const got = await database.batch([who, { name, text, values }], options).then(
      (results) => rowOf(results[1], roll),
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
    if (JSON.stringify(got) === JSON.stringify(gives)) return
    this.wrong.push(`${me} asked ${name} ${values.join()} and got ${JSON.stringify(got)}`)
  }

  /** As long as it is known: mostly brief. */
  #paceOf(name: string): Pace {
    const known = this.#paces.get(name)
    if (known && this.#roll(3) > 0) return known
    const pace = new Pace()
    if (this.#roll(6) > 0) pace.record(0.1)
    this.#paces.set(name, pace)
    return pace
  }
}

const FUNCTIONS = [
  `create function model_forget() returns text language plpgsql as
    $$ begin execute 'deallocate all'; return 'gone'; end $$`,
  `create function model_made(word text) returns text language plpgsql as $$ begin
    create temp table words on commit drop as select word; return (select w.word from words w); end $$`,
]

const open = (max: number, budget?: Budget) =>
  openDatabase(new Secret(inject('clusterUrl')), { max, sessions: 1, budget, acquireMs: 30_000 })

const setup = open(1)

beforeAll(async () => {
  for (const text of FUNCTIONS) await setup.batch([{ text, values: [] }])
})

afterAll(async () => {
  await setup.batch([{ text: 'drop function model_forget, model_made', values: [] }])
  await setup.close()
})

const short = new Budget(2)

test.each([
  ['over one connection', [open(1)]],
  ['over a few', [open(4)]],
  [
    'of several databases while connections are short',
    [open(2, short), open(1, short), open(2, short)],
  ],
])('everybody gets their own answer %s', async (_, databases) => {
  const model = new Model(databases, databases.length + 40)
  await model.ask(600)
  expect(model.wrong).toEqual([])
  for (const database of databases) {
    const busy = () => database.stats().total - database.stats().idle
    await expect.poll(busy, { interval: 10 }).toBe(0)
    await database.close()
  }
})
