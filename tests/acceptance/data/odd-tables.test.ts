/** Tables that are not as most are, or change while they are used, at every spelling of the data API. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
let service: Client

beforeAll(async () => {
  app = await startApp()
  service = app.as(app.serviceKey)
})

afterAll(() => app[Symbol.asyncDispose]())

const TABLES = '/api/v1/tables'

const places = () => [TABLES, '/rest/v1', `/v1/${app.appId}`]

/** Runs SQL in which all tables of `public` are opened to the service key afterwards. */
const setUp = (sql: string) =>
  app.sql(`set search_path = public; ${sql};
    grant all on all tables in schema public to service_role;
    grant usage on all sequences in schema public to service_role`)

const answered = async (asked: Promise<Response>): Promise<[status: number, body: unknown]> => {
  const res = await asked
  return [res.status, await res.json()]
}

describe('a column whose type changes while it is used', () => {
  beforeAll(() =>
    setUp(
      'create table wide (id int primary key, n int, word text); insert into wide values (1, 5, $$one$$)',
    ),
  )

  /** In each spelling, so that its statement is prepared. */
  const filtered = async (value: unknown) => {
    const found: unknown[] = []
    for (const place of places()) {
      found.push(await answered(service.get(`${place}/wide?n=eq.${String(value)}&select=id`)))
    }
    const query = `{ wide(filter: {n_eq: ${JSON.stringify(value)}}) { id } }`
    found.push(await answered(service.post('/api/v1/graphql', { query })))
    return found
  }

  const changed = (value: unknown) =>
    answered(service.patch(`${TABLES}/wide/1?select=n`, { n: value }))

  test('takes the values of the new type with the next request, on every connection', async () => {
    for (const [type, before, after] of [
      ['bigint', 5, 3_000_000_000],
      ['text', 3_000_000_000, 'three'],
    ] as const) {
      await filtered(before)
      await changed(before)
      await app.sql(`alter table public.wide alter column n type ${type}`)
      expect([type, await changed(after)]).toEqual([type, [200, { n: after }]])
      expect([type, ...(await filtered(after))]).toEqual([
        type,
        ...places().map(() => [200, [{ id: 1 }]]),
        [200, { data: { wide: [{ id: 1 }] } }],
      ])
    }
  })
})
