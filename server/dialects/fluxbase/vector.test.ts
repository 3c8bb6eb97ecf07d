import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'
import { missingExtension } from '#support/extensions'

let app: TestApp
let service: Client
let anon: Client

const T = '/api/v1/tables'
const SEARCH = '/api/v1/vector/search'
const CAPABILITIES = '/api/v1/capabilities/vector'

beforeAll(async () => {
  app = await startApp()
  service = app.as(app.serviceKey)
  anon = app.as(app.anonKey)
  await app.sql(`create table public.plain (id int primary key, tags text[], body text);
    grant all on public.plain to service_role, anon`)
})

afterAll(() => app[Symbol.asyncDispose]())

type Row = Record<string, unknown>

const refusal = async (asked: Promise<Response>) => {
  const res = await asked
  const { code, error } = (await res.json()) as { code: string; error: string }
  return [res.status, code, error]
}

describe('without pgvector in the database', () => {
  test('everybody is told that there are no vectors, managers also why', async () => {
    expect(await (await app.nobody.get(CAPABILITIES)).json()).toEqual({ enabled: false })
    expect(await (await service.get(CAPABILITIES)).json()).toEqual({
      enabled: false,
      pgvector_installed: false,
      pgvector_version: null,
      embedding_enabled: false,
      embedding_provider: null,
      embedding_model: null,
    })
  })

  test('a search says that pgvector is missing, a filter that the column holds no vectors', async () => {
    const asked = { table: 'plain', column: 'body', vector: [1, 2] }
    expect(await refusal(service.post(SEARCH, asked))).toEqual([
      503,
      'FEATURE_DISABLED',
      'The database of this app has no pgvector',
    ])
    for (const query of [
      'body=vec_cos.[1,2]',
      'order=body.vec_l2.[1,2].asc',
      'or=(body.vec_ip.[1])',
    ]) {
      const found = await refusal(service.get(`${T}/plain?${query}`))
      expect(found).toEqual([400, 'INVALID_INPUT', expect.stringMatching(/pgvector/)])
    }
  })

  test('what a search lacks is named', async () => {
    const whole = { table: 'plain', column: 'body', vector: [1] }
    for (const [asked, status, code] of [
      [{ ...whole, table: undefined }, 400, 'MISSING_REQUIRED_FIELD'],
      [{ ...whole, column: '' }, 400, 'MISSING_REQUIRED_FIELD'],
      [{ ...whole, vector: undefined }, 400, 'MISSING_REQUIRED_FIELD'],
      [{ ...whole, vector: ['a'] }, 400, 'INVALID_INPUT'],
      [{ ...whole, metric: 'taxi' }, 400, 'INVALID_INPUT'],
      [{ ...whole, match_count: 1001 }, 400, 'INVALID_INPUT'],
      [{ ...whole, match_count: 0 }, 400, 'INVALID_INPUT'],
      [{ ...whole, table: 'nothing' }, 404, 'NOT_FOUND'],
      [{ ...whole, table: 'stead.migrations' }, 404, 'NOT_FOUND'],
      [{ table: 'plain', column: 'body', query: 'words' }, 503, 'FEATURE_DISABLED'],
    ] as const) {
      expect([asked, ...(await refusal(service.post(SEARCH, asked)))].slice(0, 3)).toEqual([
        asked,
        status,
        code,
      ])
    }
    expect((await app.nobody.post(SEARCH, whole)).status).toBe(401)
  })

  test('texts are not made into vectors', async () => {
    const embed = (client: Client, asked: object) =>
      refusal(client.post('/api/v1/vector/embed', asked))
    expect(await embed(anon, {})).toEqual([400, 'INVALID_INPUT', 'No text provided for embedding'])
    const none = [503, 'FEATURE_DISABLED', 'Embedding service not configured']
    expect(await embed(anon, { text: 'word' })).toEqual(none)
    expect(await embed(service, { texts: ['a', 'b'], provider: 'local' })).toEqual(none)
    expect((await embed(anon, { text: 'word', provider: 'local' }))[0]).toBe(403)
    expect((await embed(app.nobody, { text: 'word' }))[0]).toBe(401)
  })
})

const missing = await missingExtension('vector')

describe.skipIf(missing !== undefined)(`with pgvector (${missing ?? 'installed'})`, () => {
  beforeAll(async () => {
    await app.sql(`create extension vector;
      create table public.docs (id int primary key, title text, embedding vector(3), owner uuid, big bigint);
      create table public.wide (id int primary key, embedding vector(1536));
      alter table public.docs enable row level security;
      create policy shown on public.docs for select to anon using (id < 4);
      grant all on public.docs, public.wide to service_role; grant select on public.docs to anon`)
    const rows = [
      [1, 'east', [1, 0, 0]],
      [2, 'north', [0, 1, 0]],
      [3, 'up', [0, 0, 1]],
      [4, 'north-east', [1, 1, 0]],
      [5, 'nowhere', null],
    ].map(([id, title, embedding]) => ({ id, title, embedding, big: 9_007_199_254 }))
    const res = await service.post(`${T}/docs`, rows)
    expect([res.status, ((await res.json()) as Row[])[0]]).toEqual([
      201,
      { id: 1, title: 'east', embedding: [1, 0, 0], owner: null, big: 9_007_199_254 },
    ])
    await app.sql(`update public.docs set big = 9007199254740993 where id = 1`)
  })

  const titles = async (query: string) => {
    const res = await service.get(`${T}/docs?${query}`)
    const body = (await res.json()) as Row[]
    expect([query, res.status, body]).toEqual([query, 200, expect.any(Array)])
    return body.map(({ title }) => title)
  }

  test('vectors come as arrays of numbers, in lists, records, embeds and exports', async () => {
    const record = await service.get(`${T}/docs/2?select=embedding`)
    expect(await record.json()).toEqual({ embedding: [0, 1, 0] })
    const changed = await service.patch(`${T}/docs/2?select=embedding`, { embedding: [0, 2, 0.5] })
    expect(await changed.json()).toEqual({ embedding: [0, 2, 0.5] })
    await service.patch(`${T}/docs/2`, { embedding: [0, 1, 0] })
    const csv = await service.get(`${T}/docs/export?select=id,embedding&id=eq.2`)
    expect(await csv.text()).toBe('id,embedding\n2,"[0,1,0]"\n')
  })

  test('a filter orders by distance and leaves out what has no vector', async () => {
    expect(await titles('embedding=vec_cos.[1,0.1,0]')).toEqual([
      'east',
      'north-east',
      'north',
      'up',
    ])
    expect(await titles('embedding.vec_l2=(0,0,1)&limit=1')).toEqual(['up'])
    expect(await titles('embedding=vec_ip.1,1,0&limit=1')).toEqual(['north-east'])
    expect(await titles('embedding=vec_cos.[1,0,0]&order=title')).toEqual([
      'east',
      'north',
      'north-east',
      'up',
    ])
    expect(await titles('order=embedding.vec_cos.[0,1,0].asc,id&limit=2')).toEqual([
      'north',
      'north-east',
    ])
    expect(await titles('order=embedding.vec_l2.[1,0,0].desc.nullslast,id.desc&limit=1')).toEqual([
      'up',
    ])
  })

  test('bad vectors are refused, and no change is made by distance alone', async () => {
    for (const query of [
      'embedding=vec_cos.[1,0]',
      'embedding=vec_cos.[a,b,c]',
      'embedding=vec_cos.',
      'order=embedding.vec_cos.[].asc',
      'title=vec_cos.[1,0,0]',
    ]) {
      expect((await refusal(service.get(`${T}/docs?${query}`))).slice(0, 2)).toEqual([
        400,
        'INVALID_INPUT',
      ])
    }
    const near = `${T}/docs?embedding=vec_cos.[1,0,0]`
    expect((await service.delete(near)).status).toBe(400)
    expect((await service.patch(near, { title: 'x' })).status).toBe(400)
    const one = await service.patch(`${near}&limit=1&select=id`, { title: 'east' })
    expect(await one.json()).toEqual([{ id: 1 }])
  })

  test('1536 dimensions arrive by POST …/query and come back nearest first', async () => {
    const wide = (seed: number) =>
      Array.from({ length: 1536 }, (_, at) => Math.sin(seed * (at + 1)) * 0.123_456_789)
    await service.post(
      `${T}/wide`,
      [1, 2, 3].map((id) => ({ id, embedding: wide(id) })),
    )
    for (const asked of [
      { filters: [{ column: 'embedding', operator: 'vec_cos', value: wide(2) }] },
      {
        order: [
          { column: 'embedding', direction: 'asc', vectorOp: 'vec_l2', vectorValue: wide(2) },
        ],
      },
    ]) {
      const res = await service.post(`${T}/wide/query`, { select: 'id', limit: 1, ...asked })
      expect([res.status, await res.json()]).toEqual([200, [{ id: 2 }]])
    }
  })

  test('a search gives rows and distances, under the rights of the caller', async () => {
    const search = async (client: Client, more: object) => {
      const asked = { table: 'docs', column: 'embedding', vector: [1, 0, 0], select: 'id', ...more }
      const res = await client.post(SEARCH, asked)
      return [res.status, await res.json()]
    }
    expect(await search(service, { metric: 'l2', match_count: 2 })).toEqual([
      200,
      { data: [{ id: 1 }, { id: 4 }], distances: [0, 1] },
    ])
    expect(await search(anon, { vector: [1, 0.1, 0], metric: 'l2', match_count: 2 })).toEqual([
      200,
      { data: [{ id: 1 }, { id: 2 }], distances: [expect.closeTo(0.1), expect.closeTo(1.345)] },
    ])
    expect(await search(service, { match_threshold: 0.5 })).toEqual([
      200,
      { data: [{ id: 1 }, { id: 4 }], distances: [0, expect.closeTo(1 - Math.SQRT1_2)] },
    ])
    expect(
      await search(service, { vector: [1, -1, 0], metric: 'inner_product', match_count: 1 }),
    ).toEqual([200, { data: [{ id: 1 }], distances: [-1] }])
    const filters = [{ column: 'title', operator: 'like', value: 'n%' }]
    expect(await search(service, { table: 'public.docs', filters })).toMatchObject([
      200,
      { data: [{ id: 4 }, { id: 2 }] },
    ])
    expect(await search(service, { vector: [0, 0, 0], match_count: 1 })).toMatchObject([
      200,
      { distances: [null] },
    ])
    const whole = await service.post(SEARCH, {
      table: 'docs',
      column: 'embedding',
      vector: [1, 0, 0],
      match_count: 1,
    })
    expect(await whole.text()).toContain(
      '"title":"east","embedding":[1,0,0],"owner":null,"big":9007199254740993}',
    )
    expect((await search(service, { vector: [1, 0] }))[0]).toBe(400)
    expect((await search(service, { column: 'title' }))[0]).toBe(400)
    expect((await search(service, { column: 'nope' }))[0]).toBe(400)
    expect(
      (await search(service, { filters: [{ column: 'id', operator: 'xx', value: 1 }] }))[0],
    ).toBe(400)
  })

  test('everybody is told that there are vectors', async () => {
    expect(await (await anon.get(CAPABILITIES)).json()).toEqual({ enabled: true })
    expect(await (await service.get(CAPABILITIES)).json()).toMatchObject({
      enabled: true,
      pgvector_installed: true,
      pgvector_version: expect.stringMatching(/^\d/),
    })
  })

  test('vectors are found in an extension’s own schema too', async () => {
    await app.sql(`create schema ext; alter extension vector set schema ext;
      grant usage on schema ext to anon, authenticated, service_role`)
    expect(await titles('embedding=vec_cos.[0,1,0]&limit=1')).toEqual(['north'])
  })

  test('a schema asks for vectors and an index over them, and twice changes nothing', async () => {
    const id = { type: 'integer', primaryKey: true }
    const tables = {
      notes: {
        columns: { id, at: { type: 'vector(3)' } },
        indexes: { near: { columns: ['at'], method: 'hnsw', opclass: 'vector_cosine_ops' } },
      },
    }
    const other = await app.createApp()
    await app.sql('create extension vector', [], other.id)
    const apply = async () => {
      const res = await app.owner.post(`/v1/${other.id}/schema/apply`, { schema: { tables } })
      return [res.status, ((await res.json()) as { applied: number }).applied]
    }
    expect(await apply()).toEqual([200, 2])
    expect(await apply()).toEqual([200, 0])
  })
})
