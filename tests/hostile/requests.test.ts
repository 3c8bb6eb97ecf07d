/** Requests that nobody means well with: each is refused in words, never with a 500. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let service: Client

beforeAll(async () => {
  app = await startApp()
  await app.sql(`set search_path = public;
    create table notes (id int primary key, body text);
    grant all on notes to anon, authenticated, service_role`)
  service = app.as(app.serviceKey)
})

afterAll(() => app[Symbol.asyncDispose]())

test('a path with NUL is refused, wherever it stands', async () => {
  const base = `/v1/${app.appId}`
  const paths = [
    `${base}/functions/%00`,
    `${base}/functions/a%00b`,
    `${base}/functions/%00/logs`,
    `${base}/fn/%00`,
    `${base}/fn/a%00b`,
    `${base}/notes%00`,
    `${base}/notes/%00`,
    `${base}/rls/%00`,
    '/rest/v1/%00',
    '/rest/v1/rpc/%00',
    '/api/v1/tables/%00',
    '/api/v1/tables/notes/%00',
    '/api-keys/%00',
  ]
  for (const path of paths) {
    for (const client of [app.owner, service, app.nobody]) {
      for (const method of ['get', 'post', 'patch', 'delete'] as const) {
        const res = await client[method](path, {})
        expect([method, path, res.status < 500]).toEqual([method, path, true])
      }
    }
  }
  expect((await app.owner.get(`${base}/functions/%00`)).status).toBe(400)
})

test('a query document of the wrong shape is refused', async () => {
  const unspeakable = { toString: 1, valueOf: 1 }
  const documents = [
    { filters: [null] },
    { filters: [1] },
    { filters: {} },
    { filters: [{ column: unspeakable, operator: 'eq', value: 1 }] },
    { filters: [{ column: 'id', operator: 1, value: [1] }] },
    { filters: [{ column: 'id', operator: unspeakable, value: 1 }] },
    { filters: [{ column: 'id', operator: 'in', value: [unspeakable] }] },
    { betweenFilters: [null] },
    { betweenFilters: [{ column: 'id', min: unspeakable, max: [] }] },
    { orFilters: [unspeakable] },
    { andFilters: 'id.eq.1' },
    { order: [null] },
    { order: [{ column: unspeakable }] },
    { groupBy: 'id' },
    { groupBy: [unspeakable] },
    { select: ['id'] },
  ]
  for (const document of documents) {
    const res = await service.post('/api/v1/tables/notes/query', document)
    expect([JSON.stringify(document), res.status]).toEqual([JSON.stringify(document), 400])
  }
})

test('ids that are no ids are refused', async () => {
  for (const target of [null, {}, { toString: 1, valueOf: 1 }, [[]], true, 'x', '\0']) {
    for (const body of [
      { action: 'delete', targets: [target] },
      { action: 'export', targets: [target] },
    ]) {
      const res = await service.post('/api/v1/tables/notes/bulk', body)
      expect([JSON.stringify(body), res.status]).toEqual([JSON.stringify(body), 400])
    }
    const res = await service.patch('/api/v1/tables/notes/bulk', {
      ids: [target],
      data: { body: 'x' },
    })
    expect([JSON.stringify(target), res.status]).toEqual([JSON.stringify(target), 400])
  }
})

test('what a trigger of the app raises is the request’s fault, whichever way it is raised', async () => {
  await app.sql(`set search_path = public;
    create table guarded (id int primary key, state text);
    create function guard() returns trigger language plpgsql as $$
      begin raise exception using errcode = new.state, message = 'no'; end $$;
    create trigger guard before insert on guarded for each row execute function guard();
    grant all on guarded to service_role`)
  for (const state of ['P0001', 'P0002', 'P0003', 'P0004', 'P0123']) {
    for (const path of [`/v1/${app.appId}/guarded`, '/api/v1/tables/guarded']) {
      const res = await service.post(path, { id: 1, state })
      expect([path, state, res.status]).toEqual([path, state, 400])
    }
  }
})

/** Bytes in use once everything that can go has gone. */
function heapInUse(): number {
  // `fetch` keeps the addresses of its last 250 requests, which are the test's own.
  performance.clearResourceTimings()
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const long = (text: string): string => text.padEnd(50_000, 'x')

// Each of 50 kB, of which what is made takes many times as much.
test.each<[string, (at: number) => [path: string, headers: Record<string, string>], number]>([
  ['tokens', (at) => ['/rest/v1/notes', { authorization: long(`Bearer a${at}`) }], 401],
  ['paths', (at) => [long(`/api/v1/tables/notes/${at}`), {}], 401],
  [
    'lists of media',
    (at) => ['/rest/v1/notes', { accept: `a/a${at}${',b/b'.repeat(12_000)},*/*` }],
    200,
  ],
  ['preferences', (at) => ['/rest/v1/notes', { prefer: `a${at}${',b'.repeat(24_000)}` }], 200],
])('%s that are long and never the same are not kept', async (_, request, status) => {
  const ask = async (at: number): Promise<number> => {
    const res = await app.nobody.get(...request(at))
    await res.text()
    return res.status
  }
  expect(await ask(0)).toBe(status)
  const before = heapInUse()
  for (let at = 1; at <= 150; at++) await ask(at)
  expect(heapInUse() - before).toBeLessThan(5_000_000)
})
