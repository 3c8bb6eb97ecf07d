/** Hostile query strings at every spelling of the data API: refused or answered, never an error of ours. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
  await app.sql(`create table public.items (id int primary key, name text, data jsonb, tags text[], parent int references public.items);
    grant all on public.items to service_role;
    insert into public.items values (1, 'one', '{"a": 1}', '{x}', null), (2, 'two', null, null, 1)`)
})

afterAll(() => app[Symbol.asyncDispose]())

const PIECES =
  `( ) , . : :: " \\ -> ->> * ! ... { } [ ] ; ' -- /* $1 %00 %FF %F0%9F%98%80 %E2%80%AE eq. in. not. is. null or and like. cs. ov. fts. fts(english). between. vec_cos. vec_l2.[1,2] st_within. st_dwithin.5,{} {"type":"Point","coordinates":[1,1]}
  any all id name data tags items parent asc desc nullsfirst count() count(*) sum(id) id.sum() ::int ::nope 1 2147483648 99999999999999999999 -1 1e400 {1,2} (1,2) [1,2)
  data->a data->>a data->0 name::text items(id) parent(id) ...parent(id) !inner !left stead auth pg_sleep(9) information_schema`.split(
    /\s+/,
  )

const KEYS = [
  'select',
  'order',
  'limit',
  'offset',
  'or',
  'and',
  'not.or',
  'id',
  'name',
  'data',
  'tags',
  'data->a',
  'items.id',
  'items.order',
  'parent.or',
  'on_conflict',
  'columns',
  'count',
  'group_by',
  'truncate',
  'cursor',
  'cursor_column',
  'id.not',
  'tags.vec_ip',
  'id.eq',
  'name.in',
  '%00',
  '"',
]

/** A generator of its own, so that a failure repeats. */
function randomOf(seed: number) {
  let state = seed
  return <T>(list: readonly T[]): T => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return list[(state >>> 8) % list.length] as T
  }
}

const COUNTS = [0, 1, 2, 3, 4, 5]

function hostileQuery(pick: <T>(list: readonly T[]) => T): string {
  const pairs = Array.from({ length: pick([1, 2, 3]) }, () => {
    const value = Array.from({ length: pick(COUNTS) }, () => pick(PIECES)).join('')
    return `${pick(KEYS)}=${value.replaceAll('#', '')}`
  })
  return pairs.join('&')
}

test('no hostile query is answered with 500, and none changes a row by reading', async () => {
  const pick = randomOf(7)
  const service = app.as(app.serviceKey)
  const places = ['/rest/v1/items', '/api/v1/tables/items', `/v1/${app.appId}/items`]
  for (let round = 0; round < 250; round++) {
    const query = hostileQuery(pick)
    for (const place of places) {
      const res = await service.get(`${place}?${query}`)
      const body = await res.text()
      expect([place, query, body, res.status >= 500]).toEqual([place, query, body, false])
    }
  }
  const [{ count } = {}] = await app.sql('select count(*)::int from public.items')
  expect(count).toBe(2)
})

test('no hostile filter deletes a row that it does not name', async () => {
  const service = app.as(app.serviceKey)
  const places = ['/rest/v1/items', '/api/v1/tables/items', `/v1/${app.appId}/items`]
  const hostile = [
    "id=eq.1' or '1'='1",
    'id=eq.0) or (true',
    'id=xx.1',
    'name=eq."',
    'id=in.(0) or true',
    'or=(id.eq.0',
    'nope=eq.1',
    'name=eq.%00',
    '"id" = 1 or true --=eq.1',
  ]
  for (const query of hostile) {
    for (const place of places) await service.delete(`${place}?${query}`)
  }
  const [{ count } = {}] = await app.sql('select count(*)::int from public.items')
  expect(count).toBe(2)
})

test('hostile bodies are refused', async () => {
  const service = app.as(app.serviceKey)
  const json = { 'content-type': 'application/json' }
  const bodies = [
    '',
    '{',
    '[',
    'null',
    '7',
    '"x"',
    '[1]',
    '{"id":{}}',
    '{"id":"\\u0000"}',
    '{"name":"\\ud800"}',
    '{"__proto__":1}',
    '{"id":99999999999999999999}',
    `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
  ]
  // PostgREST takes JSON that is no row for an empty list of rows.
  const holdsNoRows = new Set(['null', '7', '"x"'])
  for (const body of bodies) {
    for (const place of ['/rest/v1/items', '/api/v1/tables/items', `/v1/${app.appId}/items`]) {
      if (place.startsWith('/rest/') && holdsNoRows.has(body)) continue
      const res = await service.post(place, body, json)
      expect([place, body.slice(0, 40), res.status >= 400 && res.status < 500]).toEqual([
        place,
        body.slice(0, 40),
        true,
      ])
    }
  }
})
