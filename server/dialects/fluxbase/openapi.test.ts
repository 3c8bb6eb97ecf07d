import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'
import { type Document, type Operation, TABLES } from './openapi-fixture.ts'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
  await app.sql(TABLES)
})

afterAll(() => app?.[Symbol.asyncDispose]())

async function read(client: Client, path = '/openapi.json', headers = {}): Promise<Document> {
  const res = await client.get(path, headers)
  const body = await res.text()
  if (res.status !== 200) throw new Error(`GET ${path} answered ${res.status}: ${body}`)
  return JSON.parse(body) as Document
}

/** As sent to another host; `fetch` would not say so. */
function getAt(host: string, headers = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${app.url}/openapi.json`, { headers: { ...headers, host } }, (res) => {
      text(res).then(resolve, reject)
    }).on('error', reject)
  })
}

const operationsOf = ({ paths }: Document): Operation[] =>
  Object.values(paths).flatMap((item) => Object.values(item))

type Media = Record<string, { schema?: Record<string, unknown> }>

/** Answers without a schema, and parameters that say nothing. */
function unsaid({ components }: Document, method: string, operation: Operation): string[] {
  const parameters = (operation.parameters ?? []).map(({ $ref, ...own }) =>
    typeof $ref === 'string' ? components.parameters[$ref.split('/').at(-1) ?? ''] : own,
  )
  const good = Object.entries(operation.responses).filter(([status]) => /^[2d]/.test(status))
  return [
    ...(good.length === 0 ? ['no good answer'] : []),
    ...good.flatMap(([status, answer]) => {
      const { content } = answer as { content?: Media }
      if (!content) return method === 'head' || BODILESS.test(`${method} ${status}`) ? [] : [status]
      return Object.entries(content)
        .filter(([, { schema = {} }]) => Object.keys(schema).length === 0)
        .map(([type]) => `${status} ${type}`)
    }),
    ...parameters
      .filter((one) => !one?.description || Object.keys(one.schema as object).length === 0)
      .map((one) => String(one?.name)),
  ]
}

const BODILESS = /204$|^options /

const tablePaths = ({ paths }: Document): string[] =>
  Object.keys(paths).filter((path) => /^\/api\/v1\/tables\/[^{]/.test(path))

describe('the linter has nothing to say', () => {
  const lint = async (document: Document): Promise<string[]> => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: {
        // Concrete paths beside templates are how the tables stand beside their route.
        'no-ambiguous-paths': 'off',
        // PostgREST's root has one.
        'no-path-trailing-slash': 'off',
        // Tests run on loopback.
        'no-server-example.com': 'off',
      },
    })
    const source = JSON.stringify(document)
    const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config })
    return problems.map(
      ({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`,
    )
  }

  test.each([
    ['3.0', 'nobody'],
    ['3.1', 'nobody'],
    ['3.0', 'owner'],
    ['3.1', 'owner'],
  ] as const)('about OpenAPI %s for %s', async (version, who) => {
    const document = await read(app[who], `/openapi.json?version=${version}`)
    expect(document.openapi.startsWith(`${version}.`)).toBe(true)
    expect(tablePaths(document).length > 0).toBe(who === 'owner')
    expect(await lint(document)).toEqual([])
  })

  test.each(['3.0', '3.1'])('unless something is wrong (OpenAPI %s)', async (version) => {
    const document = await read(app.owner, `/openapi.json?version=${version}`)
    Object.assign(document.components.schemas['public.notes'] ?? {}, { type: 'thing' })
    delete document.paths['/api/v1/tables/notes/{id}']?.get?.parameters
    const rules = (await lint(document)).map((problem) => problem.split(':')[0])
    expect(new Set(rules)).toEqual(new Set(['struct', 'path-parameters-defined']))
  })
})

describe('the routes of the instance', () => {
  test('are all there, each method with a name of its own', async () => {
    const document = await read(app.nobody)
    const listed = app.instance.router.routes
    const described = new Map(
      Object.entries(document.paths).map(([path, item]) => [
        path.replaceAll(/\{[^}]+\}/g, '{}'),
        item,
      ]),
    )
    for (const { path, method } of listed) {
      const item = described.get(path.replaceAll(/\{[^}]+\}/g, '{}')) ?? {}
      const methods = method === 'all' ? ['get', 'post', 'put', 'patch', 'delete'] : [method]
      for (const name of methods) expect(item, `${method} ${path}`).toHaveProperty(name)
    }
    const ids = operationsOf(document).map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(expect.arrayContaining(['post_init', 'get_apps_by_app_id', 'get_health']))
  })

  test('say who may call them, in words and as security', async () => {
    const { paths, components } = await read(app.nobody)
    expect(paths['/init']?.post).toMatchObject({
      security: [{ bearerAuth: [] }],
      'x-access': { word: 'account', meaning: 'an account, by platform key or session' },
    })
    expect(paths['/health']?.get?.security).toEqual([])
    expect(paths['/rest/v1/{table}']?.get?.security).toEqual([
      {},
      { bearerAuth: [] },
      { apikey: [] },
    ])
    expect(components.securitySchemes.bearerAuth).toMatchObject({
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
    })
  })

  test('offer a client key only what it may do', async () => {
    const { paths } = await read(app.nobody)
    const takesKeys = (path: string, method: string): boolean | undefined =>
      paths[path]?.[method]?.security?.some((way) => 'clientKey' in way)
    expect(takesKeys('/api/v1/client-keys', 'get')).toBe(true)
    expect(takesKeys('/openapi.json', 'get')).toBe(true)
    expect(takesKeys('/api/v1/vector/embed', 'post')).toBe(true)
    expect(takesKeys('/api/v1/tables', 'get')).toBe(false)
  })

  test('carry the shape of their body, and whether it may be left out', async () => {
    const { paths } = await read(app.nobody)
    const body = paths['/v1/{app_id}/functions']?.post?.requestBody
    expect(body).toMatchObject({ required: true })
    expect(body?.content['application/json']?.schema).toMatchObject({
      type: 'object',
      required: ['name', 'code'],
    })
    expect(paths['/v1/{app_id}/env']?.patch?.requestBody).toMatchObject({ required: false })
  })

  test.each<[string, Record<string, object>]>([
    ['auth/signin', { email: { minLength: 1 }, password: { minLength: 1 } }],
    ['auth/signup', { email: { minLength: 1 }, password: { minLength: 1 } }],
    ['auth/captcha/check', { endpoint: { type: 'string' } }],
    ['client-keys', { name: { minLength: 1 }, scopes: { minItems: 1 } }],
    ['vector/search', { table: { minLength: 1 }, column: { minLength: 1 }, vector: {} }],
    ['graphql', { query: { minLength: 1 } }],
    ['admin/ddl/schemas', { name: { maxLength: 63 } }],
  ])('say what %s needs, also where it is refused in other words', async (name, needed) => {
    const { paths } = await read(app.nobody)
    const path = `/api/v1/${name}`
    expect(paths[path]?.post?.requestBody).toMatchObject({
      required: true,
      content: {
        'application/json': { schema: { properties: needed, required: Object.keys(needed) } },
      },
    })
    const token = app.serviceKey
    const res = await app.as(token).post(path, {})
    expect(res.status).toBe(400)
  })

  test.each(['3.0', '3.1'])(
    'say what they answer, and what each parameter is (%s)',
    async (version) => {
      const document = await read(app.owner, `/openapi.json?version=${version}`)
      const silent: string[] = []
      for (const [path, item] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(item)) {
          const said = `${method} ${path}`
          for (const one of unsaid(document, method, operation)) silent.push(`${said}: ${one}`)
        }
      }
      expect(silent).toEqual([])
    },
  )

  test('repeat no answer that has a name', async () => {
    const { paths, components } = await read(app.nobody)
    expect(paths['/auth/{app_id}/login']?.post?.responses['200']).toEqual({
      description: 'Done',
      content: {
        'application/json': { schema: { $ref: '#/components/schemas/ButterbaseTokens' } },
      },
    })
    expect(components.schemas.ButterbaseTokens?.properties.user).toEqual({
      $ref: '#/components/schemas/ButterbaseUser',
    })
  })

  test('name their errors by reference', async () => {
    const { paths } = await read(app.nobody)
    expect(paths['/auth/{app_id}/login']?.post?.responses['4XX']).toEqual({
      $ref: '#/components/responses/ButterbaseSignInError',
    })
  })

  test('stay the same for whoever asks', async () => {
    const [anonymous, owned] = await Promise.all([read(app.nobody), read(app.owner)])
    expect(Object.keys(owned.paths)).toEqual(expect.arrayContaining(Object.keys(anonymous.paths)))
  })
})

describe('the tables of an app', () => {
  test('stand at their paths, names verbatim, for a service key and for the owner', async () => {
    for (const client of [app.as(app.serviceKey), app.owner]) {
      const { paths } = await read(client)
      expect(Object.keys(paths['/api/v1/tables/notes'] ?? {})).toEqual([
        'get',
        'post',
        'patch',
        'delete',
      ])
      expect(Object.keys(paths['/api/v1/tables/notes/{id}'] ?? {})).toEqual([
        'get',
        'put',
        'patch',
        'delete',
      ])
      expect(Object.keys(paths['/api/v1/tables/notes/bulk'] ?? {})).toEqual([
        'post',
        'patch',
        'delete',
      ])
      expect(Object.keys(paths['/api/v1/tables/notes/export'] ?? {})).toEqual(['get'])
      expect(Object.keys(paths['/api/v1/tables/notes/query'] ?? {})).toEqual(['post'])
      expect(paths).toHaveProperty(['/api/v1/tables/Zürich'])
      expect(paths).toHaveProperty(['/api/v1/tables/shop/orders'])
      expect(paths).toHaveProperty(['/api/v1/tables/public/odd%20name%2F%7Bx%7D.y/{id}'])
    }
  })

  test('have the operation ids and the tag that clients know', async () => {
    const { paths } = await read(app.owner)
    const ids = ['notes', 'notes/{id}'].flatMap((path) =>
      Object.values(paths[`/api/v1/tables/${path}`] ?? {}).map(({ operationId }) => operationId),
    )
    expect(ids).toEqual(
      'list create batch_update batch_delete get replace update delete'
        .split(' ')
        .map((word) => `${word}_public_notes`),
    )
    expect(paths['/api/v1/tables/notes']?.get?.tags).toEqual(['Tables'])
  })

  test('have schemas with types, nullable and required', async () => {
    const { components } = await read(app.owner)
    const { properties, required } = components.schemas['public.notes'] ?? {}
    expect(required).toEqual(['title', 'n'])
    expect(properties).toMatchObject({
      id: { type: 'string', format: 'uuid' },
      title: { type: 'string', maxLength: 40, description: 'What it is called' },
      body: { type: 'string', nullable: true },
      n: { type: 'integer', format: 'int64' },
      price: { type: 'number', nullable: true },
      tags: { type: 'array', items: { type: 'string' } },
      done: { type: 'boolean' },
      made: { type: 'string', format: 'date-time', nullable: true },
      size: { type: 'integer', readOnly: true },
    })
    expect(properties?.title).not.toHaveProperty('nullable')
    expect(components.schemas).toHaveProperty(['shop.orders'])
  })

  test('write null as a type in 3.1', async () => {
    const { components } = await read(app.owner, '/openapi.json?version=3.1')
    expect(components.schemas['public.notes']?.properties.body).toMatchObject({
      type: ['string', 'null'],
    })
  })

  test('offer no writing of a view, and no record without a key', async () => {
    const { paths } = await read(app.owner)
    expect(Object.keys(paths['/api/v1/tables/loud_notes'] ?? {})).toEqual(['get'])
    expect(paths).not.toHaveProperty(['/api/v1/tables/loud_notes/bulk'])
    expect(Object.keys(paths['/api/v1/tables/loud_notes/{id}'] ?? {})).toEqual(['get'])
    expect(paths).toHaveProperty(['/api/v1/tables/keyless'])
    expect(paths).not.toHaveProperty(['/api/v1/tables/keyless/{id}'])
  })

  test('offer what the service role may do, and nothing of what it may not see', async () => {
    const { paths } = await read(app.owner)
    expect(Object.keys(paths['/api/v1/tables/auth/users'] ?? {})).toEqual(['get', 'delete'])
    expect(paths).not.toHaveProperty(['/api/v1/tables/auth/spent_refresh_tokens'])
    expect(Object.keys(paths).filter((path) => path.includes('/tables/functions/'))).toEqual([])
    await app.sql('revoke insert, update, delete on notes from service_role')
    const reduced = (await read(app.owner)).paths['/api/v1/tables/notes']
    await app.sql('grant all on notes to service_role')
    expect(Object.keys(reduced ?? {})).toEqual(['get'])
  })

  test('are there as soon as they are made, and gone as soon as they are dropped', async () => {
    await app.sql('create table fleeting (id int primary key)')
    expect((await read(app.owner)).paths).toHaveProperty(['/api/v1/tables/fleeting'])
    await app.sql('drop table fleeting')
    expect((await read(app.owner)).paths).not.toHaveProperty(['/api/v1/tables/fleeting'])
  })

  test('are those of the app that the request means', async () => {
    const other = await app.createApp()
    await app.sql('create table elsewhere (id int primary key)', [], other.id)
    const byKey = await read(app.as(other.serviceKey))
    expect(tablePaths(byKey)).toContain('/api/v1/tables/elsewhere')
    expect(tablePaths(byKey)).not.toContain('/api/v1/tables/notes')
    const byHeader = await read(app.owner, '/openapi.json', { 'x-fb-tenant': other.id })
    expect(tablePaths(byHeader)).toContain('/api/v1/tables/elsewhere')
  })

  test('are nothing for others', async () => {
    for (const client of [app.nobody, app.as(app.anonKey)]) {
      const document = await read(client)
      expect(tablePaths(document)).toEqual([])
      expect(JSON.stringify(document)).not.toContain('notes')
    }
  })
})

describe('GET /openapi.json', () => {
  test('is at /api/v1/openapi.json too', async () => {
    expect(await read(app.nobody, '/api/v1/openapi.json')).toEqual(await read(app.nobody))
  })

  test('names the origin that was asked', async () => {
    expect((await read(app.nobody)).servers).toEqual([{ url: app.url }])
  })

  test('names the host of an app, and tells its tables, where it was asked there', async () => {
    const other = await app.createApp('hosted')
    await app.sql('create table at_home (id int primary key)', [], other.id)
    const found = await app.instance.services.apps.find(other.id)
    const host = `${found?.subdomain}.localhost:8080`
    const body = await getAt(host, { authorization: `Bearer ${other.serviceKey}` })
    const document = JSON.parse(body) as Document
    expect(document.servers).toEqual([{ url: `http://${host}` }])
    expect(tablePaths(document)).toContain('/api/v1/tables/at_home')
  })

  test.each(['evil.example', 'a"b.localhost'])('does not repeat the host %s', async (host) => {
    const { servers } = JSON.parse(await getAt(host)) as Document
    expect(servers).toEqual([{ url: app.url }])
  })

  test.each(['3.2', '2', '', '3.0.3'])('answers 400 to the version "%s"', async (version) => {
    const res = await app.nobody.get(`/openapi.json?version=${version}`)
    expect(res.status).toBe(400)
    expect(await res.json()).toMatchObject({
      error: 'version must be 3.0 or 3.1',
      code: 'INVALID_INPUT',
    })
  })

  test.each([
    ['Invalid or expired Bearer token', { authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.x' }],
    ['Invalid service key', { 'x-service-key': 'sk_nothing' }],
    ['Invalid client key', { 'x-client-key': 'fbk_nothing' }],
  ])('answers 401 "%s"', async (error, headers) => {
    const res = await app.nobody.get('/openapi.json', headers)
    expect(res.status).toBe(401)
    expect(await res.json()).toMatchObject({ error, request_id: expect.any(String) })
  })

  test('refuses a key of another app than the one named', async () => {
    const other = await app.createApp()
    const res = await app.as(app.serviceKey).get('/openapi.json', { 'x-fb-tenant': other.id })
    expect(res.status).toBe(403)
  })

  test('may be read by pages of this machine', async () => {
    const res = await app.nobody.get('/openapi.json', { origin: 'http://localhost:3000' })
    expect(res.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
  })
})
