import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'
import { Described, type OpenApiDocument } from '#support/described'
import { DATABASE } from './openapi-answers-fixture.ts'

let app: TestApp
let described: readonly Described[]

beforeAll(async () => {
  app = await startApp()
  await app.sql(DATABASE)
  described = await Promise.all(
    ['3.0', '3.1'].map(async (version) => {
      const res = await app.owner.get(`/openapi.json?version=${version}`)
      return new Described((await res.json()) as OpenApiDocument)
    }),
  )
})

afterAll(() => app?.[Symbol.asyncDispose]())

const document = (): OpenApiDocument => described[0]?.document as OpenApiDocument

const schema = (name: string) =>
  document().components.schemas[name] as {
    properties: Record<string, Record<string, unknown>>
    required: string[]
  } & Record<string, unknown>

const TABLES = '/api/v1/tables'
const NOBODY = '00000000-0000-4000-8000-000000000000'

/** Path of the document, what is asked of it, and the status. */
type Case = readonly [
  method: string,
  path: string,
  asked: { path?: string; body?: object; headers?: Record<string, string>; by?: Client },
  status: number,
]

async function answerTo([method, path, asked, status]: Case): Promise<void> {
  const { by = app.as(app.serviceKey), body, headers } = asked
  const res = await by.request(method, asked.path ?? path, body, headers)
  const copies = described.map((one) => [one, res.clone()] as const)
  const wrong = await Promise.all(copies.map(([one, copy]) => one.wrongIn({ method, path }, copy)))
  expect([res.status, ...wrong], await res.text()).toEqual([status, undefined, undefined])
}

describe('tables answer as their operations say', () => {
  const things = `${TABLES}/things`
  const one = `${things}/{id}`
  const cases: readonly Case[] = [
    ['GET', things, {}, 200],
    ['GET', things, { path: `${things}?whole=eq.-3&limit=1&count=exact` }, 200],
    [
      'GET',
      things,
      { headers: { range: '0-0', 'range-unit': 'items', prefer: 'count=exact' } },
      206,
    ],
    ['GET', things, { path: `${things}?limit.eq=4` }, 200],
    ['GET', things, { path: `${things}?nothing=eq.1` }, 400],
    ['GET', things, { path: `${things}?whole=eq.x` }, 400],
    ['POST', things, { body: { word: 'new' } }, 201],
    ['POST', things, { body: [{ word: 'a' }, { word: 'b', moods: ['sad', null] }] }, 201],
    ['POST', things, { body: { whole: null } }, 400],
    ['POST', `${TABLES}/authors`, { body: { name: 'Ada' } }, 409],
    [
      'POST',
      `${TABLES}/couples`,
      { body: { a: 1, b: 2 }, headers: { prefer: 'resolution=ignore-duplicates' } },
      200,
    ],
    ['PATCH', things, { path: `${things}?word=eq.new`, body: { whole: 5 } }, 200],
    ['DELETE', things, { path: `${things}?word=eq.new` }, 200],
    ['DELETE', things, {}, 400],
    ['GET', one, { path: `${things}/${NOBODY}` }, 404],
    ['GET', one, { path: `${things}/x` }, 400],
    ['GET', `${TABLES}/couples/{id}`, { path: `${TABLES}/couples/1,2` }, 200],
    ['PUT', `${TABLES}/couples/{id}`, { path: `${TABLES}/couples/1,2`, body: { note: 'x' } }, 200],
    [
      'PATCH',
      `${TABLES}/couples/{id}`,
      { path: `${TABLES}/couples/1,2`, body: { note: 'y' } },
      200,
    ],
    ['DELETE', `${TABLES}/couples/{id}`, { path: `${TABLES}/couples/1,2` }, 204],
    ['POST', `${things}/query`, { body: { limit: 1 } }, 200],
    ['POST', `${things}/query`, {}, 200],
    ['POST', `${things}/query`, { body: { limit: 'x' } }, 400],
    ['GET', `${things}/export`, {}, 200],
    ['GET', `${things}/export`, { path: `${things}/export?format=json` }, 200],
    ['POST', `${things}/bulk`, { body: [{ word: 'bulk' }] }, 201],
    ['POST', `${things}/bulk`, { body: { action: 'export', targets: [NOBODY] } }, 200],
    ['POST', `${things}/bulk`, { body: { action: 'delete', targets: [NOBODY] } }, 200],
    ['PATCH', `${things}/bulk`, { body: { ids: [NOBODY], data: { whole: 1 } } }, 200],
    ['DELETE', `${things}/bulk`, { body: { ids: [NOBODY] } }, 200],
    ['GET', `${TABLES}/loud`, {}, 200],
    ['GET', `${TABLES}/other/rows`, {}, 200],
  ]

  test.each(cases.map((one, at) => [at, ...one] as const))('%i: %s %s', async (_, ...one) =>
    answerTo(one),
  )

  test('and stand in the schema as somebody named them by hand', async () => {
    const path = `/v1/${app.appId}/schema`
    await answerTo(['GET', '/v1/{app_id}/schema', { path, by: app.owner }, 200])
  })

  test('to callers who may not', async () => {
    await answerTo(['GET', things, { by: app.nobody }, 401])
    await answerTo(['GET', things, { by: app.as('eyJx.e30.x') }, 401])
    await answerTo(['POST', things, { by: app.as(app.anonKey), body: { word: 'x' } }, 401])
  })
})

describe('functions answer as their operations say', () => {
  const rpc = (name: string): string => `/rest/v1/rpc/${name}`
  const cases: readonly Case[] = [
    ['POST', rpc('add_them'), { body: { a: 1 } }, 200],
    ['POST', rpc('add_them'), { body: { a: null } }, 200],
    ['POST', rpc('add_them'), { body: { a: 'x' } }, 400],
    ['POST', rpc('add_them'), { body: {} }, 404],
    ['GET', rpc('add_them'), { path: `${rpc('add_them')}?a=1&b=5` }, 200],
    ['GET', rpc('join_all'), { path: `${rpc('join_all')}?words=a&words=b` }, 200],
    ['POST', rpc('all_things'), { body: { low: -10 } }, 200],
    [
      'GET',
      rpc('all_things'),
      { path: `${rpc('all_things')}?low=-10`, headers: { range: '0-0', prefer: 'count=exact' } },
      206,
    ],
    ['GET', rpc('one_thing'), {}, 200],
    ['GET', rpc('author_of'), { path: `${rpc('author_of')}?key=1` }, 200],
    ['GET', rpc('author_of'), { path: `${rpc('author_of')}?key=-1` }, 200],
    ['GET', rpc('only_out'), {}, 200],
    ['POST', rpc('same_list'), { body: { words: ['a', null] } }, 200],
    ['POST', rpc('either'), { body: { a: 1 } }, 300],
    ['GET', rpc('tallies'), {}, 200],
    ['GET', rpc('moods'), {}, 200],
    ['POST', rpc('nothing'), {}, 204],
    ['POST', rpc('echo'), { body: { any: [1] } }, 200],
    ['POST', rpc('many'), { body: { a: 1 } }, 200],
    ['POST', rpc('many'), { body: { a: 'x', b: 'y' } }, 200],
  ]

  test.each(cases.map((one, at) => [at, ...one] as const))('%i: %s %s', async (_, ...one) =>
    answerTo(one),
  )

  test('and have their comments, arguments and results in the document', () => {
    const { post, get } = document().paths[rpc('add_them')] ?? {}
    expect(post).toMatchObject({
      operationId: 'call_public_add_them',
      summary: 'Adds',
      description: 'Two numbers',
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: { a: { type: 'integer', format: 'int32' }, b: { type: 'integer' } },
              required: ['a'],
            },
          },
        },
      },
    })
    expect(get?.parameters).toMatchObject([
      { name: 'a', in: 'query', required: true, schema: { type: 'integer' } },
      { name: 'b', in: 'query', required: false },
      { name: 'Prefer' },
      {},
    ])
    const rows = document().paths[rpc('all_things')]?.get?.responses['200']
    expect(rows?.content?.['application/json']?.schema).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/public.things.Row' },
    })
  })

  test('which only whoever manages the app is told', async () => {
    for (const client of [app.nobody, app.as(app.anonKey)]) {
      const text = await (await client.get('/openapi.json')).text()
      expect(text).not.toContain('add_them')
    }
  })

  test('but for those that the service role may not call, and writing ones by GET', () => {
    expect(document().paths).not.toHaveProperty([rpc('tells_nobody')])
    expect(Object.keys(document().paths[rpc('nothing')] ?? {})).toEqual(['post'])
  })
})

describe('refusals look as each dialect says', () => {
  const user = { email: 'ada@example.com', password: 'Correct-horse-42' }
  const graphql = '/api/v1/graphql'
  const ofApp = (path: string) => ({ path: path.replace('{app_id}', app.appId) })
  /** Asked by whoever owns the app, but where it says otherwise. */
  const cases: readonly (readonly [string, string, () => Case[2], number])[] = [
    ['POST', '/init', () => ({ body: { name: 'Not Good' } }), 400],
    ['POST', '/init', () => ({ body: { name: 'x' }, by: app.nobody }), 401],
    ['POST', '/init', () => ({ body: { name: 'x', region: 'moon' } }), 400],
    ['GET', '/apps/{app_id}', () => ({ path: '/apps/app_000000000000' }), 404],
    [
      'PATCH',
      '/v1/{app_id}/config/jwt',
      () => ({ ...ofApp('/v1/{app_id}/config/jwt'), body: { accessTokenTtl: 'x' } }),
      400,
    ],
    [
      'POST',
      '/v1/{app_id}/schema/apply',
      () => ({
        ...ofApp('/v1/{app_id}/schema/apply'),
        body: { schema: { tables: { t: { columns: { c: { type: 'thing' } } } } } },
      }),
      400,
    ],
    [
      'POST',
      '/v1/{app_id}/rls',
      () => ({ ...ofApp('/v1/{app_id}/rls'), body: { table_name: 'nothing', user_column: 'x' } }),
      400,
    ],
    [
      'POST',
      '/v1/{app_id}/functions',
      () => ({ ...ofApp('/v1/{app_id}/functions'), body: { name: 'f', code: 'not code (' } }),
      400,
    ],
    [
      'GET',
      '/v1/{app_id}/functions/{name}/logs',
      () => ofApp('/v1/{app_id}/functions/none/logs'),
      404,
    ],
    ['GET', '/v1/{app_id}/{table}', () => ofApp('/v1/{app_id}/nothing'), 404],
    ['GET', '/v1/{app_id}/{table}', () => ofApp('/v1/{app_id}/things?whole=eq.x'), 400],
    ['DELETE', '/v1/{app_id}/{table}', () => ofApp('/v1/{app_id}/things'), 400],
    [
      'POST',
      '/auth/{app_id}/signup',
      () => ({ ...ofApp('/auth/{app_id}/signup'), body: user }),
      201,
    ],
    [
      'POST',
      '/auth/{app_id}/signup',
      () => ({ ...ofApp('/auth/{app_id}/signup'), body: user }),
      409,
    ],
    [
      'POST',
      '/auth/{app_id}/signup',
      () => ({ ...ofApp('/auth/{app_id}/signup'), body: { ...user, password: 'x' } }),
      400,
    ],
    [
      'POST',
      '/auth/{app_id}/login',
      () => ({ ...ofApp('/auth/{app_id}/login'), body: { ...user, password: 'x' } }),
      401,
    ],
    [
      'POST',
      '/auth/{app_id}/login',
      () => ({ ...ofApp('/auth/{app_id}/login'), body: { email: 1 } }),
      400,
    ],
    ['POST', '/api/v1/auth/signin', () => ({ body: {} }), 400],
    ['POST', '/api/v1/auth/signin', () => ({ body: { ...user, password: 'x' } }), 401],
    ['POST', '/api/v1/admin/ddl/schemas', () => ({ body: { name: 'other' } }), 409],
    ['POST', '/api/v1/admin/ddl/tables', () => ({ body: { name: '', columns: [] } }), 400],
    ['POST', graphql, () => ({ body: { query: '{' } }), 400],
    ['POST', graphql, () => ({ body: { query: '{ nothing }' } }), 200],
    [
      'POST',
      graphql,
      () => ({ body: { query: '{' }, headers: { accept: 'application/graphql-response+json' } }),
      400,
    ],
    [
      'POST',
      graphql,
      () => ({
        body: { query: '{ nothing }' },
        headers: { accept: 'application/graphql-response+json' },
      }),
      400,
    ],
    ['GET', graphql, () => ({ path: `${graphql}?query=mutation%7B__typename%7D` }), 405],
    ['GET', graphql, () => ({}), 200],
    ['GET', '/rest/v1/{table}', () => ({ path: '/rest/v1/nothing' }), 404],
    ['GET', '/rest/v1/{table}', () => ({ path: '/rest/v1/things?whole=eq.x' }), 400],
    ['GET', '/rest/v1/{table}', () => ({ path: '/rest/v1/things?select=a(' }), 400],
    [
      'GET',
      '/rest/v1/{table}',
      () => ({ path: '/rest/v1/things', headers: { accept: 'application/vnd.pgrst.object+json' } }),
      406,
    ],
    [
      'GET',
      '/rest/v1/{table}',
      () => ({ path: '/rest/v1/things?offset=900', headers: { prefer: 'count=exact' } }),
      416,
    ],
    [
      'GET',
      '/rest/v1/{table}',
      () => ({
        path: '/rest/v1/authors?limit=1',
        headers: { accept: 'application/vnd.pgrst.object+json' },
      }),
      200,
    ],
    [
      'GET',
      '/rest/v1/{table}',
      () => ({ path: '/rest/v1/authors', headers: { accept: 'text/csv' } }),
      200,
    ],
    ['POST', '/rest/v1/{table}', () => ({ path: '/rest/v1/authors', body: { name: 'Ada' } }), 409],
    [
      'POST',
      '/rest/v1/{table}',
      () => ({
        path: '/rest/v1/authors',
        body: { name: 'Bob' },
        headers: { prefer: 'return=representation' },
      }),
      201,
    ],
    ['GET', '/openapi.json', () => ({ path: '/openapi.json?version=4' }), 400],
  ]

  test.each(cases.map((one, at) => [at, ...one] as const))(
    '%i: %s %s',
    async (_, ...[method, path, asked, status]) =>
      answerTo([method, path, { by: app.owner, ...asked() }, status]),
  )
})

describe('schemas of tables', () => {
  test('tell types, enumerations, defaults, comments and what may be null', () => {
    const { properties, required, description } = schema('public.things.Row')
    expect(description).toBe('Whatever there is')
    expect(required).toEqual(Object.keys(properties))
    expect(properties).toMatchObject({
      whole: { type: 'integer', format: 'int32', default: -3, 'x-default': "'-3'::integer" },
      yes: { type: 'boolean', default: true },
      word: { type: 'string', default: "it's", description: 'What it is called' },
      made: { type: 'string', format: 'date-time', 'x-default': 'now()' },
      moods: { type: 'array', nullable: true, 'x-type': 'public.mood[]' },
      lists: { type: 'array', items: { type: 'integer' } },
      code: { type: 'string', maxLength: 3, nullable: true },
      facts: { 'x-type': 'jsonb' },
      place: { type: 'object', nullable: true },
      number: { type: 'string', nullable: true },
      twice: { type: 'integer', readOnly: true },
    })
    expect(properties.made).not.toHaveProperty('default')
    expect(schema('public.authors').properties.mood).toMatchObject({ enum: ['sad', 'happy'] })
    expect(schema('public.authors').properties.name).toMatchObject({ type: 'string' })
  })

  test('require of a new row what has no default, and of changes nothing', () => {
    expect(schema('public.authors').required).toEqual(['name'])
    expect(schema('public.things').required).toBeUndefined()
    const changes = schema('public.things.Changes')
    expect(changes).toMatchObject({ minProperties: 1 })
    expect(changes.required).toBeUndefined()
    expect(changes.properties).not.toHaveProperty('twice')
    for (const name of ['public.things', 'public.things.Changes']) {
      expect(JSON.stringify(schema(name))).not.toContain('"default"')
    }
  })

  test('say what can be embedded', () => {
    const author = { table: 'public.authors', cardinality: 'many-to-one' }
    expect(schema('public.things.Row')['x-embeds']).toMatchObject([author])
    expect(schema('public.authors.Row')['x-embeds']).toMatchObject([
      { table: 'public.things', cardinality: 'one-to-many', hint: 'things_author_id_fkey' },
    ])
  })

  test('stand beside filters by each column that is not called like a word of the query', () => {
    const parameters = document().paths[`${TABLES}/things`]?.get?.parameters
    const refs = (parameters as { $ref: string }[]).map(({ $ref }) => $ref.split('/').at(-1) ?? '')
    expect(refs).toEqual(expect.arrayContaining(['public.things.where.whole', 'Table.limit']))
    expect(refs).not.toContain('public.things.where.limit')
    const odd = refs.find((name) => name.startsWith('public.things.where.odd_name')) ?? ''
    expect(document().components.parameters[odd]).toMatchObject({ name: 'odd name', in: 'query' })
  })
})
