/** The document that describes the API, and whether what it says of a table is so. */
import { describe, expect, test } from 'vitest'
import { applySchema, body, newApp } from '../support.ts'
import { refusal, server } from './server.ts'

type Operation = { operationId: string; responses: object }

type Document = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, { properties: Record<string, object>; required?: string[] }>
    securitySchemes: Record<string, object>
  }
}

const SCHEMA = {
  tables: {
    person: {
      columns: {
        id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
        name: { type: 'text', nullable: false },
        born: { type: 'date' },
      },
    },
  },
}

const read = (key: string | undefined, path = '/openapi.json') =>
  body<Document>((key === undefined ? server.nobody : server.as(key)).get(path))

const tablePaths = ({ paths }: Document): string[] =>
  Object.keys(paths).filter((path) => /^\/api\/v1\/tables\/[^{]/.test(path))

async function appWithTable() {
  const app = await newApp(server)
  await applySchema(server, app, SCHEMA)
  return app
}

describe('GET /openapi.json', () => {
  test('lists table paths for whoever manages the app only, names verbatim and not in the plural', async () => {
    const app = await appWithTable()
    for (const key of [undefined, app.anonKey]) expect(tablePaths(await read(key))).toEqual([])
    const told = tablePaths(await read(app.serviceKey)).filter((path) => path.includes('pers'))
    expect(told.toSorted()).toEqual(
      ['', '/bulk', '/export', '/query', '/{id}'].map((rest) => `/api/v1/tables/person${rest}`),
    )
  })

  test('names operations, types, what may be null and what is required', async () => {
    const app = await appWithTable()
    const { openapi, paths, components } = await read(app.serviceKey)
    expect(openapi).toMatch(/^3\.0\.\d$/)
    expect(paths['/api/v1/tables/person']).toMatchObject({
      get: { operationId: 'list_public_person', tags: ['Tables'] },
      post: { operationId: 'create_public_person' },
      patch: { operationId: 'batch_update_public_person' },
      delete: { operationId: 'batch_delete_public_person' },
    })
    expect(paths['/api/v1/tables/person/{id}']).toMatchObject({
      get: { operationId: 'get_public_person' },
      put: { operationId: 'replace_public_person' },
      patch: { operationId: 'update_public_person' },
      delete: { operationId: 'delete_public_person' },
    })
    expect(components.schemas['public.person']).toMatchObject({
      required: ['name'],
      properties: {
        id: { type: 'string', format: 'uuid' },
        name: { type: 'string' },
        born: { type: 'string', format: 'date', nullable: true },
      },
    })
    expect(components.securitySchemes.bearerAuth).toMatchObject({ type: 'http', scheme: 'bearer' })
  })

  test('describes what is really there: each table operation answers as it says', async () => {
    const app = await appWithTable()
    const { paths } = await read(app.serviceKey)
    const client = server.as(app.serviceKey)
    const table = '/api/v1/tables/person'
    const { id } = await body<{ id: string }>(client.post(table, { name: 'Ada' }), 201)
    const sent: Record<string, object> = {
      post: { name: 'Bob' },
      put: { name: 'Ada L.' },
      patch: { name: 'Ada K.' },
      [`post ${table}/bulk`]: [{ name: 'Cy' }],
      [`patch ${table}/bulk`]: [{ id, name: 'Ada B.' }],
      [`delete ${table}/bulk`]: { ids: [id] },
      [`post ${table}/query`]: { limit: 1 },
    }
    const operations = Object.entries(paths)
      .filter(([path]) => path.startsWith(table))
      .flatMap(([path, item]) =>
        Object.entries(item).map(([method, { responses }]) => ({ path, method, responses })),
      )
      // What deletes comes last.
      .toSorted((a, b) => Number(a.method === 'delete') - Number(b.method === 'delete'))
    expect(operations).toHaveLength(13)
    for (const { path, method, responses } of operations) {
      // The row may have been deleted under another path.
      await client.post(table, { id, name: 'Ada' })
      const target = `${path.replace('{id}', id)}?name=neq.nobody`
      const asked = sent[`${method} ${path}`] ?? sent[method]
      const res = await client.request(method.toUpperCase(), target, asked)
      const said = `${method} ${path}: ${await res.text()}`
      expect(Object.keys(responses), said).toContain(String(res.status))
    }
  })

  test('is the same under /api/v1, and has a twin in 3.1', async () => {
    expect(await read(undefined, '/api/v1/openapi.json')).toEqual(await read(undefined))
    const { openapi, paths } = await read(undefined, '/openapi.json?version=3.1')
    expect(openapi).toMatch(/^3\.1\.\d$/)
    expect(Object.keys(paths)).toEqual(Object.keys((await read(undefined)).paths))
  })

  test('refuses a credential that is not good, and a version that there is not', async () => {
    const found = await refusal(server.as('eyJx.e30.x').get('/openapi.json'), 401, 'INVALID_TOKEN')
    expect(found.error).toBe('Invalid or expired Bearer token')
    await refusal(server.nobody.get('/openapi.json?version=4'), 400, 'INVALID_INPUT')
  })
})
