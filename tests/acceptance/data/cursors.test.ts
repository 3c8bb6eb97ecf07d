/** Where a page of a table ends, and what the next request needs to go on from there. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let service: Client

beforeAll(async () => {
  app = await startApp()
  service = app.as(app.serviceKey)
  await app.sql(`set search_path = public;
    create table pages (id int primary key, word text, at timestamptz);
    insert into pages select n, 'word number ' || n, now() from generate_series(1, 4) n;
    create table traps ("x""n" int, said text, n int primary key, big int8, part numeric, doc json, tags text[]);
    insert into traps values
      (7, '"n":1,{"n":2}', -3, 9007199254740993, 1.25, e'{"a":[\n{"n":4}\n]}', '{"n:5","{6}"}'),
      (8, 'plain', -2, 12, 2, null, null);
    grant all on all tables in schema public to service_role`)
})

afterAll(() => app[Symbol.asyncDispose]())

const TABLES = '/api/v1/tables'

const cursorOf = async (query: string) =>
  (await service.get(`${TABLES}/pages?limit=2&${query}`)).headers.get('x-next-cursor')

test('a page has a cursor only where its column can be taken up again', async () => {
  for (const query of ['order=id', 'order=word.desc&select=word', 'order=id&select=*,n:word']) {
    const cursor = await cursorOf(query)
    expect([query, cursor]).toEqual([query, expect.any(String)])
    const next = await service.get(`${TABLES}/pages?limit=2&${query}&cursor=${cursor}`)
    expect([query, next.status, await next.json()]).toEqual([
      query,
      200,
      [expect.anything(), expect.anything()],
    ])
  }
  for (const query of [
    'order=n&select=n:id',
    'order=word&select=word:id',
    'order=at&select=at::date',
    'order=word&truncate=3',
  ]) {
    expect([query, await cursorOf(query)]).toEqual([query, null])
  }
})

test('a cursor holds the value of the last row, whatever else stands in that row', async () => {
  const query = (select: string, column: string) =>
    service.get(`${TABLES}/traps?n=eq.-3&limit=1&order=${column}&select=${select}`)
  for (const [select, column, value] of [
    ['*', 'n', '-3'],
    ['"x\\"n",n', 'n', '-3'],
    ['n,doc', 'n', '-3'],
    ['tags,n', 'n', '-3'],
    ['n,big,part', 'n', '-3'],
    ['big,n', 'big', '9007199254740993'],
    ['part', 'part', '1.25'],
    ['said', 'said', JSON.stringify('"n":1,{"n":2}')],
  ] as const) {
    const cursor = (await query(encodeURIComponent(select), column)).headers.get('x-next-cursor')
    const text = Buffer.from(cursor ?? '', 'base64url').toString()
    expect([select, text]).toEqual([select, expect.stringContaining(`"v":${value},`)])
  }
})
