/** Answers that are too large to stand in memory, and callers who leave before they have them, or before all has come. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { listen } from '../../server/process/http-server.ts'

let app: TestApp

const ROWS = 50_000

beforeAll(async () => {
  app = await startApp()
  await app.sql(`create table public.big as
    select i as id, repeat('text ' || i || ' ', 20) as text from generate_series(1, ${ROWS}) i`)
  await app.sql('grant select, insert on public.big to service_role')
  await app.sql(`create function public.sleeper() returns int language sql volatile
    as 'select pg_sleep(60); select 1'`)
})

afterAll(() => app[Symbol.asyncDispose]())

const get = (path: string, signal?: AbortSignal) =>
  fetch(`${app.url}${path}`, {
    headers: { authorization: `Bearer ${app.serviceKey}` },
    ...(signal ? { signal } : {}),
  })

const busy = async (text: string): Promise<number> => {
  const [row] = await app.sql(
    `select count(*)::int as n from pg_stat_activity
      where state = 'active' and query like $1 and pid <> pg_backend_pid()`,
    [`%${text}%`],
  )
  return Number(row?.n)
}

test('a list of 10 MB comes whole, with its length and its range', async () => {
  const res = await get('/rest/v1/big?order=id')
  expect(res.status).toBe(200)
  expect(res.headers.get('content-range')).toBe(`0-${ROWS - 1}/*`)
  const bytes = Buffer.from(await res.arrayBuffer())
  expect(bytes.length).toBe(Number(res.headers.get('content-length')))
  expect(bytes.length).toBeGreaterThan(10_000_000)
  const rows = JSON.parse(bytes.toString()) as { id: number; text: string }[]
  expect(rows.length).toBe(ROWS)
  expect(rows.at(-1)).toEqual({ id: ROWS, text: `text ${ROWS} `.repeat(20) })
})

test.each([
  ['/rest/v1/big?order=id&limit=40000', 'id'],
  ['/api/v1/tables/big/export?format=json', 'id'],
])('%s comes whole', async (path, key) => {
  const res = await get(path)
  expect(res.status).toBe(200)
  expect(((await res.json()) as object[]).every((row) => key in row)).toBe(true)
})

test('an export as CSV comes whole', async () => {
  const lines = (await (await get('/api/v1/tables/big/export')).text()).trimEnd().split('\n')
  expect(lines.length).toBe(ROWS + 1)
})

test('readers who leave in the middle take nothing with them', async () => {
  for (let at = 0; at < 15; at++) {
    const controller = new AbortController()
    const res = await get('/rest/v1/big', controller.signal)
    expect(res.status).toBe(200)
    controller.abort()
  }
  const res = await get('/rest/v1/big?select=id&limit=1&order=id')
  expect(await res.json()).toEqual([{ id: 1 }])
})

test('a statement ends when its caller has gone', async () => {
  const controller = new AbortController()
  const left = get('/rest/v1/rpc/sleeper', controller.signal).catch(() => 'left')
  await vi.waitFor(async () => expect(await busy('sleeper')).toBe(1), { timeout: 5000 })
  controller.abort()
  expect(await left).toBe('left')
  await vi.waitFor(async () => expect(await busy('sleeper')).toBe(0), { timeout: 5000 })
})

/** Sends less of a body than it says, and leaves: as soon as the server has heard of it, or while it reads. */
async function leaveMidway(url: string, path: string, isHeard: boolean): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${hostname}`,
    `Authorization: Bearer ${app.serviceKey}`,
    'Content-Type: application/json',
    'Content-Length: 100',
    'Expect: 100-continue',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await once(socket, 'data')
  if (isHeard) socket.write('{"id": 1')
  socket.resetAndDestroy()
}

test('callers who leave in the midst of a body are refused, and nothing waits for them', async () => {
  const answers: Promise<Response>[] = []
  const server = await listen('127.0.0.1', 0)
  server.open((...request) => {
    const answer = app.instance.router.fetch(...request)
    answers.push(Promise.resolve(answer))
    return answer
  })
  const base = `/v1/${app.appId}`
  const tables = [`${base}/big`, '/rest/v1/big', '/api/v1/tables/big']
  const paths = [...tables, '/api/v1/graphql', '/api/v1/auth/signin', `${base}/schema/apply`]
  for (const path of paths) {
    for (const isHeard of [true, false]) await leaveMidway(server.localUrl, path, isHeard)
  }
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  // Not 503: no database has failed.
  expect(statuses).toEqual(paths.flatMap(() => [400, 400]))
  await server.drain(0)
})
