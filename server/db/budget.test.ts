import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { Budget } from './budget.ts'
import { type Database, openDatabase } from './database.ts'

const open = (budget: Budget, acquireMs = 5_000) =>
  openDatabase(new Secret(inject('clusterUrl')), { budget, acquireMs })

const one = { text: 'select 1', values: [] }

/** Holds a connection until what it gives back is called. */
async function hold(database: Database): Promise<() => Promise<void>> {
  const end = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const held = database.session(() => {
    begun.resolve()
    return end.promise
  })
  await begun.promise
  return () => {
    end.resolve()
    return held
  }
}

test('resting connections of one pool are closed for another', async () => {
  const budget = new Budget(2)
  const databases = [open(budget), open(budget), open(budget)]
  for (let round = 0; round < 3; round++) {
    for (const database of databases) {
      await database.batch([one])
      await database.query`select 1`
      expect(budget.stats().taken).toBeLessThanOrEqual(2)
    }
  }
  expect(budget.stats()).toMatchObject({ peak: 2, waiting: 0 })
  await Promise.all(databases.map((database) => database.close()))
  await expect.poll(() => budget.stats().taken).toBe(0)
})

test('when all connections are at work, those who come wait, and get what becomes free', async () => {
  const budget = new Budget(2)
  const [busy, other] = [open(budget), open(budget)]
  const release = await Promise.all([hold(busy), hold(busy)])
  const waiting = other.batch([one])
  await expect.poll(() => budget.isShort).toBe(true)
  await release[0]()
  expect((await waiting)[0]?.rows).toEqual([['1']])
  await release[1]()
  await Promise.all([busy.close(), other.close()])
})

test('whoever waits too long is told that connections are in use', async () => {
  const budget = new Budget(1)
  const [busy, other] = [open(budget), open(budget, 200)]
  const release = await hold(busy)
  const refusal = {
    kind: 'unavailable',
    code: 'database_busy',
    message: 'Every connection to the database is in use',
  }
  await expect(other.batch([one])).rejects.toMatchObject(refusal)
  await expect(other.query`select 1`).rejects.toThrow(/Every connection|timeout/)
  expect(budget.stats()).toMatchObject({ taken: 1, waiting: 0 })
  await release()
  expect((await other.batch([one]))[0]?.rows).toEqual([['1']])
  await Promise.all([busy.close(), other.close()])
})

test('a pool that always has work does not keep the others waiting', async () => {
  const budget = new Budget(1)
  const [greedy, modest] = [open(budget), open(budget)]
  let over = false
  const loops = Array.from({ length: 4 }, async () => {
    while (!over) await greedy.batch([one])
  })
  for (let turn = 0; turn < 3; turn++) {
    expect((await modest.batch([one]))[0]?.rows).toEqual([['1']])
  }
  over = true
  await Promise.all(loops)
  expect(budget.stats().peak).toBe(1)
  await Promise.all([greedy.close(), modest.close()])
})

describe('two processes on a cluster that has too few connections for both', () => {
  const LIMIT = 3
  const role = `few_${process.pid}`
  let url: Secret

  beforeAll(async () => {
    const admin = openDatabase(new Secret(inject('clusterUrl')), { max: 1 })
    const text = `create role ${role} login password 'x' connection limit ${LIMIT}`
    await admin.batch([{ text, values: [] }])
    await admin.close()
    const address = new URL(inject('clusterUrl'))
    address.username = role
    address.password = 'x'
    url = new Secret(address.href)
  })

  afterAll(async () => {
    const admin = openDatabase(new Secret(inject('clusterUrl')), { max: 1 })
    await admin.batch([{ text: `drop role ${role}`, values: [] }])
    await admin.close()
  })

  /** Each may have them all, and tells the other when it gets none. */
  const pair = () => {
    const [here, there] = [new Budget(LIMIT), new Budget(LIMIT)]
    here.onRefused = () => there.yieldResting()
    there.onRefused = () => here.yieldResting()
    const patient = { acquireMs: 5_000, idleMs: 60_000 }
    return [here, there].map((budget) => ({
      budget,
      database: openDatabase(url, { budget, ...patient }),
    })) as [Process, Process]
  }
  type Process = { budget: Budget; database: Database }

  const nap = [{ text: 'select pg_sleep(0.05)', values: [] }]
  const fill = ({ database }: Process) =>
    Promise.all(Array.from({ length: LIMIT }, () => database.batch(nap)))

  test('have the resting ones go from one to the other, batches and sessions', async () => {
    const [a, b] = pair()
    for (let turn = 0; turn < 3; turn++) {
      await fill(a)
      await fill(b)
    }
    await fill(a)
    expect(await b.database.query`select 1 as one`).toEqual([{ one: 1 }])
    await Promise.all([a.database.close(), b.database.close()])
  })

  test('both go on while both always have work', async () => {
    const [a, b] = pair()
    let over = false
    const loops = Array.from({ length: 4 }, async () => {
      while (!over) await a.database.batch(nap)
    })
    await expect.poll(() => a.budget.stats().taken).toBe(LIMIT)
    for (let turn = 0; turn < 5; turn++) expect((await b.database.batch([one]))[0]?.count).toBe(1)
    over = true
    await Promise.all(loops)
    await Promise.all([a.database.close(), b.database.close()])
    await expect.poll(() => [a, b].map(({ budget }) => budget.stats().taken)).toEqual([0, 0])
  })
})

test('a connection that fails gives its place back', async () => {
  const budget = new Budget(1)
  const nowhere = new URL(inject('clusterUrl'))
  nowhere.pathname = '/no_such_database'
  const lost = openDatabase(new Secret(nowhere.href), { budget })
  for (let turn = 0; turn < 3; turn++) {
    await expect(lost.batch([one])).rejects.toMatchObject({ code: '3D000' })
    await expect(lost.query`select 1`).rejects.toMatchObject({ code: '3D000' })
  }
  const good = open(budget)
  expect((await good.batch([one]))[0]?.rows).toEqual([['1']])
  await Promise.all([lost.close(), good.close()])
})
