/** Many apps on one process: fewer connections than apps, and everybody is served. */
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

/** bench/scale.ts has a hundred; each takes a database, which is slow to make. */
const APPS = 40
const CONNECTIONS = 12

let app: TestApp
let apps: { id: string; serviceKey: string }[]

beforeAll(async () => {
  app = await startApp({
    env: { STEAD_CLUSTER_CONNECTIONS: String(CONNECTIONS), STEAD_SPARE_DATABASES: '0' },
  })
  apps = []
  const makers = Array.from({ length: 4 }, async () => {
    while (apps.length < APPS) {
      const place = apps.push({ id: '', serviceKey: '' }) - 1
      apps[place] = await app.createApp(`crowd-${place}`)
    }
  })
  await Promise.all(makers)
}, 120_000)

afterAll(() => app[Symbol.asyncDispose]())

/** Counts the connections to the apps' databases again and again until `work` is done. */
async function mostConnections(work: () => Promise<unknown>): Promise<number> {
  const watcher = new pg.Client({ connectionString: inject('clusterUrl') })
  await watcher.connect()
  const text = 'select count(*)::int as n from pg_stat_activity where datname = any($1)'
  let most = 0
  let over = false
  const watching = async () => {
    while (!over) {
      const { rows } = await watcher.query<{ n: number }>(text, [apps.map(({ id }) => id)])
      most = Math.max(most, rows[0]?.n ?? 0)
    }
  }
  const watched = watching()
  await work()
  over = true
  await watched
  await watcher.end()
  return most
}

test('apps used all at once are all served, over no more connections than they may have together', async () => {
  const ask = async ({ id, serviceKey }: (typeof apps)[number]) => {
    const as = app.as(serviceKey)
    const made = await as.post(`/v1/${id}/schema/apply`, {
      schema: { tables: { notes: { columns: { id: { type: 'integer', primaryKey: true } } } } },
    })
    const text = await made.text()
    expect([text, made.status]).toEqual([text, 200])
    const answers = await Promise.all([
      as.post('/rest/v1/notes', { id: 1 }),
      as.post('/api/v1/graphql', { query: '{ notesAggregate { count } }' }),
      as.get('/rest/v1/notes?select=id'),
      as.get('/api/v1/tables/notes'),
    ])
    return answers.map(({ status }) => status)
  }
  const statuses: number[][] = []
  const most = await mostConnections(async () => {
    statuses.push(...(await Promise.all(apps.map(ask))))
  })
  expect(statuses).toEqual(apps.map(() => [201, 200, 200, 200]))
  expect(most).toBeGreaterThan(CONNECTIONS / 2)
  expect(most).toBeLessThanOrEqual(CONNECTIONS)
}, 120_000)
