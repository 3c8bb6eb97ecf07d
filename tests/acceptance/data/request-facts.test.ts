/** What policies and functions of an app read of a request is the same, whichever way the request comes. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
  await app.sql(`set search_path = public;
    create table doors (id int primary key, method text default current_setting('request.method', true));
    insert into doors values (1, 'none');
    create function knock() returns text language sql stable begin atomic
      select current_setting('request.headers', true)::json ->> 'x-knock'; end;
    alter table doors enable row level security;
    create policy knocked on doors to authenticated, anon using (knock() = 'thrice') with check (knock() = 'thrice');
    grant all on doors to anon, authenticated, service_role`)
})

afterAll(() => app[Symbol.asyncDispose]())

const QUERY = { query: '{ doors { id } }' }

const AS_ANON = { 'x-butterbase-as-role': 'anon' }

/** Each way to read the rows: what it is called with, besides the header that the policy asks for. */
const READS: [string, (headers: Record<string, string>) => Promise<Response>][] = [
  ['/rest/v1', (headers) => app.as(app.anonKey).get('/rest/v1/doors', headers)],
  ['/api/v1/tables', (headers) => app.as(app.anonKey).get('/api/v1/tables/doors', headers)],
  ['a filter', (headers) => app.as(app.anonKey).get('/api/v1/tables/doors?id=eq.1', headers)],
  ['query', (headers) => app.as(app.anonKey).post('/api/v1/tables/doors/query', {}, headers)],
  [
    'export',
    (headers) => app.as(app.anonKey).get('/api/v1/tables/doors/export?format=json', headers),
  ],
  ['GraphQL', (headers) => app.as(app.anonKey).post('/api/v1/graphql', QUERY, headers)],
  ['Butterbase', (headers) => app.owner.get(`/v1/${app.appId}/doors`, { ...AS_ANON, ...headers })],
]

test.each(READS)('a policy reads a header of %s', async (_, read) => {
  const shown = await read({ 'x-knock': 'thrice' })
  expect([shown.status, (await shown.text()).includes('"id":1')]).toEqual([200, true])
  const refused = await read({ 'x-knock': 'once' })
  expect((await refused.text()).includes('"id":1')).toBe(false)
})

test('a default reads the method', async () => {
  const knocking = { 'x-knock': 'thrice', prefer: 'return=representation' }
  const anon = app.as(app.anonKey)
  const rows = [
    await anon.post('/rest/v1/doors', { id: 2 }, knocking),
    await anon.post('/api/v1/tables/doors', { id: 3 }, knocking),
  ]
  for (const row of rows) {
    expect([row.status, (await row.text()).includes('"method":"POST"')]).toEqual([201, true])
  }
  expect((await anon.post('/api/v1/tables/doors', { id: 4 })).status).toBe(401)
})
