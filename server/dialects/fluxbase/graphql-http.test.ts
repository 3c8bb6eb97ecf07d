/** GraphQL over HTTP: media types, statuses, GET, the audits of graphql-http, and the switches. */
import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

const G = '/api/v1/graphql'

beforeAll(async () => {
  app = await startApp()
  await app.sql(
    'create table notes (id int primary key, text text); grant all on notes to anon, authenticated, service_role',
  )
})

afterAll(() => app[Symbol.asyncDispose]())

/**
 * Both send what cannot be parsed and want 200 when plain JSON is asked for (FDE2 means validation, but its
 * field's name begins with a digit). The dialect says 400 there, as its clients expect.
 */
const OTHERWISE = new Set(['572B', 'FDE2'])

test('every audit of graphql-http passes but those on syntax, which the dialect answers otherwise', async () => {
  const audits = serverAudits({ url: `${app.url}${G}`, fetchFn: fetch })
  const failed: string[] = []
  for (const audit of audits) {
    const result = await audit.fn()
    if (result.status !== 'ok') failed.push(`${audit.id} ${audit.name}: ${result.reason}`)
  }
  expect(audits.length).toBeGreaterThan(60)
  expect(failed.filter((line) => !OTHERWISE.has(line.slice(0, 4)))).toEqual([])
  expect(failed.filter((line) => line.includes('MUST'))).toEqual([])
})

const GRAPHQL = 'application/graphql-response+json'

const posted = async (body: unknown, headers: Record<string, string> = {}) => {
  const res = await app.nobody.request('POST', G, body as object, headers)
  return {
    status: res.status,
    type: res.headers.get('content-type'),
    body: (await res.json()) as Record<string, unknown>,
  }
}

const ONE_AT_A_TIME =
  'Batched operations are not supported: send each operation in a request of its own'

test('what cannot be understood is 400, in the words of the dialect', async () => {
  const json = { 'content-type': 'application/json' }
  const expected: [unknown, string][] = [
    ['{ not json', 'Invalid JSON in request body'],
    ['['.repeat(100) + ']'.repeat(100), 'Invalid JSON in request body'],
    ['[]', ONE_AT_A_TIME],
    ['[{"query":"{ _health }"},{"query":"{ _health }"}]', ONE_AT_A_TIME],
    ['{}', 'Query string is required'],
    ['{"documentId":"x"}', 'Query string is required'],
    ['{"extensions":{}}', 'Query string is required'],
    ['', 'Invalid JSON in request body'],
    ['{"query":"  "}', 'Query string is required'],
    ['{"query":"{ a "}', 'Invalid query syntax'],
    ['{"query":"{ _health }","variables":[]}', 'variables must be a JSON object'],
    ['{"query":"{ _health }","variables":"{}"}', 'variables must be a JSON object'],
    ['{"query":"{ _health }","extensions":[]}', 'extensions must be a JSON object'],
    ['{"query":"{ _health }","operationName":5}', 'operationName must be a string'],
  ]
  for (const [text, error] of expected) {
    const found = await posted(text, json)
    expect([text, found]).toEqual([
      text,
      {
        status: 400,
        type: 'application/json; charset=utf-8',
        body: { errors: [expect.objectContaining({ message: error })], error },
      },
    ])
    const strict = await posted(text, { ...json, accept: GRAPHQL })
    expect([text, strict.status, strict.type, Object.keys(strict.body)]).toEqual([
      text,
      400,
      `${GRAPHQL}; charset=utf-8`,
      ['errors'],
    ])
  }
  expect((await posted('{"query":"{_health}"}', { 'content-type': 'text/plain' })).status).toBe(415)
  expect(await posted(`{"query":"${'#'.repeat(10 * 1024 * 1024)}"}`, json)).toMatchObject({
    status: 413,
    body: {
      message: expect.stringMatching(/larger than/),
      details: { max_bytes: 10_485_760, endpoint_type: 'graphql' },
    },
  })
})

test('a hash in place of the text is answered by the words that make clients send the text', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'abc' } }
  const refused = {
    errors: [
      {
        message: 'PersistedQueryNotSupported',
        extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
      },
    ],
  }
  const hash = { operationName: 'Q', variables: {}, extensions }
  expect(await posted(hash)).toMatchObject({ status: 200, body: refused })
  expect(await posted(hash, { accept: GRAPHQL })).toMatchObject({ status: 400, body: refused })
  const inQuery = `${G}?operationName=Q&extensions=${encodeURIComponent(JSON.stringify(extensions))}`
  expect(await (await app.nobody.get(inQuery)).json()).toEqual(refused)
  const text = { query: 'query Q { _health }', operationName: 'Q', extensions }
  expect(await posted(text)).toMatchObject({ status: 200, body: { data: { _health: 'ok' } } })
})

test('a GET with parts of an operation is no wish for the schema', async () => {
  for (const query of ['variables=%7B%7D', 'operationName=Q', 'extensions=%7B%7D', 'query=']) {
    const res = await app.nobody.get(`${G}?${query}`)
    expect([query, res.status, await res.json()]).toEqual([
      query,
      400,
      { errors: [{ message: 'Query string is required' }], error: 'Query string is required' },
    ])
  }
})

test('what the schema refuses is 200 for those who ask for JSON and 400 for those who know GraphQL', async () => {
  const bad = { query: '{ nope }' }
  expect(await posted(bad)).toMatchObject({
    status: 200,
    body: {
      errors: [{ message: expect.stringContaining('nope'), locations: [{ line: 1, column: 3 }] }],
    },
  })
  expect(await posted(bad, { accept: `${GRAPHQL}, application/json;q=0.9` })).toMatchObject({
    status: 400,
    type: `${GRAPHQL}; charset=utf-8`,
  })
  expect(await posted(bad, { accept: 'application/json, */*' })).toMatchObject({ status: 200 })
  const variable = { query: 'query ($l: Int!) { notes(limit: $l) { id } }', variables: { l: 'x' } }
  expect(await posted(variable, { accept: GRAPHQL })).toMatchObject({
    status: 400,
    body: { errors: [{ message: expect.stringContaining('$l') }] },
  })
  expect(await posted({ ...variable, variables: {} })).toMatchObject({
    status: 200,
    body: { errors: [{}] },
  })
})

test('GET asks and never writes; without a query it gives the schema', async () => {
  const got = async (query: string) => {
    const res = await app.nobody.get(`${G}${query}`)
    return {
      status: res.status,
      allow: res.headers.get('allow'),
      body: (await res.json()) as Record<string, unknown>,
    }
  }
  const asked = `?query=${encodeURIComponent('query A($l: Int) { notes(limit: $l) { id } }')}`
  expect(
    await got(`${asked}&variables=${encodeURIComponent('{"l":1}')}&operationName=A`),
  ).toMatchObject({ status: 200, body: { data: { notes: [] } } })
  expect((await got(`${asked}&variables=nope`)).status).toBe(400)
  expect((await got(`${asked}&variables=5`)).status).toBe(400)
  const write = `?query=${encodeURIComponent('mutation { insertNote(data: {id: 1}) { id } }')}`
  expect(await got(write)).toMatchObject({ status: 405, allow: 'POST' })
  expect(await app.sql('select 1 from notes')).toEqual([])
  const { data } = (await got('')).body as { data: { __schema: { queryType: { name: string } } } }
  expect(data.__schema.queryType.name).toBe('Query')
})

test('pages of other origins may read answers, which then vary by the origin too', async () => {
  const ask = async (headers: Record<string, string>) => {
    const res = await app.nobody.post(G, { query: '{ _health }' }, headers)
    return [res.headers.get('vary'), res.headers.get('access-control-allow-origin')]
  }
  expect(await ask({})).toEqual(['Accept', null])
  const origin = 'http://localhost:5173'
  expect(await ask({ origin })).toEqual(['Accept, Origin', origin])
  expect(await ask({ origin: 'https://else.example' })).toEqual(['Accept, Origin', null])
})

test('bad credentials are refused, none are not', async () => {
  expect((await app.as('eyJhbGciOiJub25lIn0.e30.').post(G, { query: '{ _health }' })).status).toBe(
    401,
  )
  expect((await app.nobody.post(G, { query: '{ _health }' })).status).toBe(200)
})

test('owners switch it off, hide the schema, and bind it closer', async () => {
  const { id, serviceKey } = await app.createApp()
  const config = `/v1/${id}/config/graphql`
  const as = app.as(serviceKey)
  const set = async (settings: object) => {
    const res = await app.owner.patch(config, settings)
    expect(res.status).toBe(200)
    return res.json()
  }
  const ask = async (query: string) => {
    const res = await as.post(G, { query })
    return { status: res.status, body: (await res.json()) as Record<string, unknown> }
  }
  expect(await (await app.owner.get(config)).json()).toEqual({
    app_id: id,
    enabled: true,
    introspection: true,
    allow_fragments: true,
    max_depth: 10,
    max_complexity: 1000,
    max_fields_per_lvl: 50,
  })
  const whole = '{ __schema { queryType { name } } }'
  expect((await ask(whole)).body.data).toEqual({ __schema: { queryType: { name: 'Query' } } })
  await set({ introspection: false })
  expect(await ask(whole)).toMatchObject({
    status: 200,
    body: { errors: [{ message: 'GraphQL introspection is disabled' }] },
  })
  expect((await ask('{ __type(name: "Query") { name } }')).body.data).toBeUndefined()
  expect((await ask('{ __typename _healt }')).body.errors).toEqual([
    expect.objectContaining({ message: 'Cannot query field "_healt" on type "Query".' }),
  ])
  await app.sql('create table hidden (id int primary key, name text)', [], id)
  await app.sql('grant all on hidden to service_role', [], id)
  const guess = 'query ($f: HiddenFilter) { hidden(filter: $f) { id } }'
  const guessed = await as.post(G, { query: guess, variables: { f: { nam_eq: 'x' } } })
  const { errors } = (await guessed.json()) as { errors: { message: string }[] }
  expect(errors.map(({ message }) => message)).toEqual([expect.not.stringContaining('name_eq')])
  expect((await ask('{ __typename }')).body).toEqual({ data: { __typename: 'Query' } })
  const hidden = await as.get(G)
  expect([hidden.status, await hidden.json()]).toEqual([
    403,
    { errors: [{ message: 'Introspection is disabled' }] },
  ])
  await set({ introspection: true, allow_fragments: false, max_depth: 0 })
  expect(await ask('{ ...F } fragment F on Query { _health }')).toMatchObject({
    status: 400,
    body: { error: 'Fragment spreads are not allowed for security reasons' },
  })
  expect(await ask('{ ... { _health } }')).toMatchObject({ body: { data: { _health: 'ok' } } })
  const introspection = '{ __schema { ...S } } fragment S on __Schema { queryType { name } }'
  expect((await ask(introspection)).status).toBe(200)
  await set({ enabled: false })
  expect((await ask('{ _health }')).status).toBe(404)
  expect((await app.owner.patch(config, { max_depth: -1 })).status).toBe(400)
})

test('an app for signed-in people only answers nobody; a paused one answers none', async () => {
  const { id, anonKey, serviceKey } = await app.createApp()
  const status = async (key: string) => (await app.as(key).post(G, { query: '{ _health }' })).status
  await app.owner.patch(`/v1/${id}/config/access-mode`, { access_mode: 'authenticated' })
  expect([await status(anonKey), await status(serviceKey)]).toEqual([401, 200])
  await app.owner.patch(`/v1/${id}/config/pause`, { paused: true })
  expect(await status(serviceKey)).toBe(503)
})
