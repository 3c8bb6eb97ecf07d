/** A schema of many tables: what is slow about it happens in the background, in slices, and once. */
import { executeSync, parse, type GraphQLSchema, validate } from 'graphql'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'

const TABLES = 400
const G = '/api/v1/graphql'

let app: TestApp
let service: Client

beforeAll(async () => {
  app = await startApp()
  await app.sql(`do $$ begin for i in 1..${TABLES} loop
    execute format('create table public.wide_%s (id int primary key, a text, b numeric, c uuid, d timestamptz, e jsonb, f bool,
      parent int references public.wide_%s)', i, greatest(i - 1, 1));
    execute format('grant all on public.wide_%s to service_role', i); end loop; end $$`)
  service = app.as(app.serviceKey)
}, 60_000)

afterAll(() => app[Symbol.asyncDispose]())

const ask = async (query: string) => {
  const res = await service.post(G, { query })
  return { status: res.status, body: (await res.json()) as { data?: unknown; errors?: unknown } }
}

const databases = async () => {
  const { apps } = app.instance.services
  return apps.databasesOf(await apps.default())
}

/**
 * How many batches each login role sends while `work` is done, but for the look at the catalog's version that
 * comes once a second.
 */
async function batchesOf(work: () => Promise<unknown>) {
  const { api, platform } = await databases()
  const counts = { api: 0, platform: 0 }
  const originals = { api: api.batch.bind(api), platform: platform.batch.bind(platform) }
  for (const [name, database] of [
    ['api', api],
    ['platform', platform],
  ] as const) {
    const batch = database.batch.bind(database)
    database.batch = (...given) => {
      if (given[0][0]?.name !== 'stead_version') counts[name] += 1
      return batch(...given)
    }
  }
  await work()
  api.batch = originals.api
  platform.batch = originals.platform
  return counts
}

test('a role reads the catalog and its grants once; after that an operation is one batch', async () => {
  const query = '{ wide7(limit: 2) { id wide8 { id parentRel { id } } } wide9Aggregate { count } }'
  const first = await batchesOf(() => Promise.all([ask(query), ask(query), ask(query)]))
  expect(first.api).toBe(3)
  expect(first.platform).toBeLessThanOrEqual(3)
  expect(await batchesOf(() => ask(query))).toMatchObject({ api: 1 })
  expect((await ask(query)).body).toEqual({ data: { wide7: [], wide9Aggregate: { count: 0 } } })
})

test('while the catalog is read anew, requests are answered from the one before', async () => {
  const { catalogs } = app.instance.services
  const client = new pg.Client({
    connectionString: (await databases()).platformUrl.reveal(),
  })
  await client.connect()
  expect((await ask('{ wide2 { id } }')).status).toBe(200)
  expect((await service.get('/rest/v1/wide_2')).status).toBe(200)
  await client.query('begin')
  await client.query('alter table public.wide_1 add column later int')
  await client.query('lock table stead.catalog_version in access exclusive mode')
  catalogs.invalidate(app.appId)
  for (let round = 0; round < 5; round++) {
    expect((await ask('{ wide2 { id } wide3 { id } }')).body).toEqual({
      data: { wide2: [], wide3: [] },
    })
    expect((await service.get('/rest/v1/wide_2?id=eq.1')).status).toBe(200)
    expect((await service.get('/api/v1/tables/wide_2')).status).toBe(200)
  }
  await client.query('commit')
  await client.end()
  expect((await ask('{ wide1 { later } }')).body).toEqual({ data: { wide1: [] } })
  expect((await service.get('/rest/v1/wide_1?select=later')).status).toBe(200)
})

/** What is answered to somebody who asks for much, and how many others were answered meanwhile. */
async function longAnswer(path: string) {
  let told = false
  const telling = service.get(path).then(async (res) => {
    const text = await res.text()
    told = true
    return { status: res.status, text }
  })
  let answered = 0
  while (!told) {
    expect((await app.nobody.get('/health')).status).toBe(200)
    if (!told) answered += 1
  }
  return { ...(await telling), answered }
}

test('while the whole schema is told, others are answered, and who asks again gets what is kept', async () => {
  const { answered, ...first } = await longAnswer(G)
  expect(first.status).toBe(200)
  const { data } = JSON.parse(first.text) as { data: { __schema: { types: unknown[] } } }
  expect(data.__schema.types.length).toBeGreaterThan(TABLES * 8)
  expect(answered).toBeGreaterThan(5)
  const again = await service.get(G)
  expect(await again.text()).toBe(first.text)
})

test('while the OpenAPI document of all tables is told, others are answered, and it is whole', async () => {
  const { answered, status, text } = await longAnswer('/openapi.json')
  expect([status, answered > 5]).toEqual([200, true])
  const { paths, components } = JSON.parse(text) as Record<'paths' | 'components', object>
  const { schemas } = components as { schemas: object }
  const named = (record: object) => Object.keys(record).filter((name) => name.includes('wide_'))
  expect(named(paths)).toHaveLength(TABLES * 5)
  expect(named(schemas)).toHaveLength(TABLES * 3)
})

const { builtFor } = await import('../../server/domains/graphql/built.ts')
const { writeIntrospection } = await import('../../server/domains/graphql/introspection.ts')
const { selectedIn } = await import('../../server/domains/graphql/selection.ts')
const { SERVICE } = await import('../../server/db/identity.ts')

async function schemaOfService(): Promise<GraphQLSchema> {
  const { catalogs } = app.instance.services
  const { platform } = await databases()
  const catalog = await catalogs.get(app.appId, platform)
  const place = { appId: app.appId, catalogs, platform, identity: SERVICE }
  return (await builtFor(place, catalog, true)).schema
}

test('what is told of the schema is what graphql-js would tell', async () => {
  const schema = await schemaOfService()
  const questions = [
    '{ __schema { queryType { name } mutationType { n: name kind } subscriptionType { name } description } }',
    '{ __schema { directives { name locations isRepeatable args { name type { ...T } defaultValue } } } } fragment T on __Type { kind name ofType { ...U } } fragment U on __Type { kind name ofType { kind name } }',
    '{ __type(name: "Wide3") { name fields { name args { name type { name kind ofType { name } } } type { name kind ofType { name } ofType { kind } } } } }',
    '{ __type(name: "Wide3Filter") { kind inputFields { name type { name ofType { name } } } fields { name } enumValues { name } } }',
    '{ __type(name: "Wide3OrderDirection") { enumValues(includeDeprecated: true) { name isDeprecated deprecationReason __typename } possibleTypes { name } interfaces { name } } }',
    '{ __type(name: "Query") { name fields { name type { name } } } }',
    '{ __type(name: "Mutation") { a: name fields(includeDeprecated: true) { n: name m: name isDeprecated args { name } } description } }',
    '{ __type(name: "UUID") { name specifiedByURL isOneOf ... @skip(if: true) { kind } ... on __Type @include(if: true) { description } } }',
    '{ __type(name: "Nothing") { name } }',
    '{ __type(name: "Wide2Numbers") { fields { name } } __typename }',
    '{ __schema { types { name kind } } }',
  ]
  for (const text of questions) {
    const document = parse(text)
    expect([text, validate(schema, document)]).toEqual([text, []])
    const { data } = executeSync({ schema, document })
    const [node, ...others] = document.definitions as unknown as [
      { selectionSet: Parameters<typeof selectedIn>[0][0] },
      ...{ name: { value: string } }[],
    ]
    const fragments = new Map(others.map((one) => [one.name.value, one])) as never
    const given = { variables: { sources: {}, coerced: {} }, unbounded: false }
    const [selected] = selectedIn([node.selectionSet], 'Query', { fragments, given })
    if (!selected) throw new Error(text)
    const { list } = await writeIntrospection({ schema, fragments, given, selected })
    const written = JSON.parse(Buffer.concat(list).toString()) as unknown
    expect([text, written]).toEqual([text, JSON.parse(JSON.stringify(data?.[selected.key]))])
  }
})

test('a name that is not there is told so without going through all that are', async () => {
  const { body } = await ask('{ wide1x { id } }')
  expect(JSON.stringify(body.errors)).toContain('Cannot query field')
  const unknown = Array.from({ length: 400 }, (_, at) => `f${at}: wideNothing${at}`).join(' ')
  expect((await service.post(G, { query: `{ ${unknown} }` })).status).toBe(400)
  const type = await ask('query ($a: Wide1Fillter) { wide1(filter: $a) { id } }')
  expect(JSON.stringify(type.body.errors)).toContain('Unknown type')
})
