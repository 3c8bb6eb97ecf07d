/** Functions that want to harm the process that serves them. */
import { queryObjects } from 'node:v8'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

const CODE = `export default async function handler(request, ctx) {
  try {
    return Response.json(await ctx.db.query(await request.text()))
  } catch (error) {
    return Response.json({ code: error.code })
  }
}`

beforeAll(async () => {
  app = await startApp({ env: { STEAD_DATABASE_CONNECTIONS: '2' } })
  const trigger = { type: 'http', config: { auth: 'none' } }
  const res = await app.owner.post(`/v1/${app.appId}/functions`, {
    name: 'run',
    code: CODE,
    trigger,
  })
  expect(res.status).toBe(200)
})

afterAll(() => app[Symbol.asyncDispose]())

const run = async (sql: string): Promise<unknown> =>
  (await app.nobody.post(`/v1/${app.appId}/fn/run`, sql)).json()

test('a single row that is too large is refused, and costs neither memory nor a connection', async () => {
  const sizes = [17, 20, 20, 300].map((size) => size * 1_000_000)
  const before = process.memoryUsage.rss()
  for (const size of sizes) {
    expect([size, await run(`select repeat('x', ${size})`)]).toEqual([
      size,
      { code: 'result_too_large' },
    ])
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(250_000_000)
  expect(await run('select 1 as one')).toMatchObject({ rows: [{ one: 1 }] })
})

test('what is copied out or told in notices is bounded like rows', async () => {
  const copied = `copy (select repeat('x', 1000) from generate_series(1, 40000)) to stdout`
  expect(await run(copied)).toEqual({ code: 'result_too_large' })
  const told = `do $$ begin for at in 1..40000 loop raise notice '%', repeat('x', 1000); end loop; end $$`
  expect(await run(told)).toEqual({ code: 'result_too_large' })
  expect(await run('select 1 as one')).toMatchObject({ rows: [{ one: 1 }] })
})

test('a call leaves nothing behind once it is over, whatever body it came with', async () => {
  const echo = 'export default async (request) => new Response(await request.arrayBuffer())'
  const trigger = { type: 'http', config: { auth: 'none' } }
  const path = `/v1/${app.appId}/functions`
  expect((await app.owner.post(path, { name: 'echo', code: echo, trigger })).status).toBe(200)
  // None, one that is read first, one that is streamed.
  const bodies = [undefined, 'short', 'x'.repeat(100_000)]
  const callAll = async (): Promise<void> => {
    for (const body of bodies) {
      const res = await app.nobody.post(`/v1/${app.appId}/fn/echo`, body)
      expect((await res.text()).length).toBe(body?.length ?? 0)
    }
  }
  for (let warm = 0; warm < 5; warm++) await callAll()
  const promises = () => queryObjects(Promise, { format: 'count' })
  const before = promises()
  for (let again = 0; again < 30; again++) await callAll()
  expect(promises() - before).toBeLessThan(30)
})
