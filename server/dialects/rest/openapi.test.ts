import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { writeDocument } from './openapi-document.ts'

let app: TestApp

type Json = Record<string, unknown>
type Operation = Json & { parameters: Json[]; responses: Record<string, Json> }
type Document = {
  info: Json
  paths: Record<string, Record<string, Operation>>
  definitions: Record<string, { required?: string[]; properties: Record<string, Json> } & Json>
  parameters: Record<string, Json>
} & Json

const SCHEMA = `
comment on schema public is E'The orchard\\n\\nTrees\\nand fruit';
create type ripeness as enum ('green', 'ripe');
create domain word as varchar(9);
create table trees (id int primary key, label varchar(20) not null default 'oak', planted date default '2020-01-02',
  tall boolean not null default false, height numeric default 1.5, made timestamptz default now(), kind word, note text);
comment on table trees is E'All trees\\n\\nNot the bushes\\nthough';
comment on column trees.id is 'Its number';
create table fruit (id bigint generated always as identity primary key, tree_id int references trees, state ripeness,
  tags text[], facts jsonb, sizes json[]);
create view ripe_fruit as select id, tree_id from fruit where state = 'ripe';
create table "50% ""o/ff~""#" (id int primary key, "a b/c" int, "select" int, "limit" int);
create materialized view counted as select count(*) as n from fruit;
create table years (y int primary key) partition by range (y);
create table years_now partition of years for values from (2000) to (3000);
create table secret (id int primary key, shown text);
create function pick(tree int, n int default 1, variadic tags text[] default '{}') returns setof fruit stable
  language sql as 'select * from fruit';
comment on function pick is E'Picks fruit\\nfrom a tree';
create function shake() returns void language sql as 'select';
create function unnamed(int, int) returns int language sql as 'select 1';
create function hidden() returns int language sql as 'select 1';
create domain "application/openapi+json" as json;
create function root() returns "application/openapi+json" stable language sql as $$ select '{"swagger":"2.0"}'::json $$;
grant usage on schema public to anon;
grant select on trees, fruit, ripe_fruit, counted, years, years_now, "50% ""o/ff~""#" to anon;
revoke all on secret from anon;
revoke execute on function hidden() from public, anon`

beforeAll(async () => {
  app = await startApp()
  await app.sql(SCHEMA)
})

afterAll(() => app[Symbol.asyncDispose]())

const configure = (settings: object) =>
  app.owner.patch(`/v1/${app.appId}/config/data-api`, settings)

const root = (headers: Record<string, string> = {}, method = 'GET') =>
  app.as(app.anonKey).request(method, '/rest/v1/', undefined, headers)

const describe = async (): Promise<Document> => (await (await root()).json()) as Document

const refs = (...names: string[]) => names.map((name) => ({ $ref: `#/parameters/${name}` }))

test('GET / is an OpenAPI 2.0 document for whoever takes one', async () => {
  for (const accept of ['application/openapi+json', 'application/json', '*/*', 'text/csv, */*']) {
    const res = await root({ accept })
    expect([res.status, res.headers.get('content-type')], accept).toEqual([
      200,
      'application/openapi+json; charset=utf-8',
    ])
  }
  expect((await root({ accept: 'text/csv' })).status).toBe(406)
  const head = await root({}, 'HEAD')
  expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
    200,
    'application/openapi+json; charset=utf-8',
    '',
  ])
})

test('the comment of the schema is its title and description', async () => {
  const { info, swagger, security } = await describe()
  expect([swagger, info.title, info.description, security]).toEqual([
    '2.0',
    'The orchard',
    'Trees\nand fruit',
    undefined,
  ])
})

test('a table has its filters, its pages and what may be written to it', async () => {
  const { paths, parameters } = await describe()
  const { get, post, patch, delete: remove } = paths['/trees'] ?? {}
  const filters = ['id', 'label', 'planted', 'tall', 'height', 'made', 'kind', 'note'].map(
    (name) => `rowFilter.trees.${name}`,
  )
  const pages = ['select', 'order', 'range', 'rangeUnit', 'offset', 'limit', 'preferCount']
  expect(get).toMatchObject({ summary: 'All trees', description: 'Not the bushes\nthough' })
  expect(get?.parameters).toEqual(refs(...filters, ...pages))
  expect(post?.parameters).toEqual(refs('body.trees', 'select', 'preferPost'))
  expect(patch?.parameters).toEqual(refs(...filters, 'body.trees', 'preferReturn'))
  expect(remove?.parameters).toEqual(refs(...filters, 'preferReturn'))
  expect(get?.responses['200']?.schema).toEqual({
    type: 'array',
    items: { $ref: '#/definitions/trees' },
  })
  for (const { $ref } of refs(...filters, ...pages, 'body.trees', 'preferPost', 'preferReturn')) {
    expect(parameters).toHaveProperty([$ref.replace('#/parameters/', '')])
  }
  expect(Object.keys(paths['/counted'] ?? {})).toEqual(['get'])
})

test('a path is a valid address, and names no parameter twice', async () => {
  const { paths } = await describe()
  const { get } = paths['/50%25 "o%2Fff~"%23'] ?? {}
  const own = get?.parameters.filter(({ $ref }) =>
    String($ref).startsWith('#/parameters/rowFilter'),
  )
  expect(own).toHaveLength(2)
})

test.each([
  ['https://api.example', 'api.example:443', 'https'],
  ['http://api.example', 'api.example:80', 'http'],
  ['http://127.0.0.1:8080', '127.0.0.1:8080', 'http'],
])('who was asked at %s says so', async (url, host, scheme) => {
  const facts = { relations: [], routines: [], comment: null, securityActive: false } as const
  const catalog = {} as Parameters<typeof writeDocument>[0]['catalog']
  const { list } = await writeDocument({ ...facts, catalog, address: new URL(url) })
  expect(JSON.parse(Buffer.concat(list).toString())).toMatchObject({
    host,
    schemes: [scheme],
  })
  expect(await describe()).toMatchObject({ host: new URL(app.url).host, schemes: ['http'] })
})

test('a reference leads to what it means, whatever signs are in the name', async () => {
  const document = await describe()
  const pointers = JSON.stringify(document).matchAll(/"\$ref":("(?:[^"\\]|\\.)*")/g)
  const all = [...pointers].map(([, text = '""']) => JSON.parse(text) as string)
  expect(all).toContain('#/definitions/50%25%20%22o~1ff~0%22%23')
  for (const pointer of all) {
    const [, ...steps] = decodeURIComponent(new URL(pointer, 'about:x').hash.slice(1)).split('/')
    const names = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    expect(document).toHaveProperty(names)
  }
})

test('a column has its type, default, words, length, and what keys say of it', async () => {
  const { definitions } = await describe()
  const { trees, fruit, ripe_fruit: ripe } = definitions
  expect(trees?.required).toEqual(['id', 'label', 'tall'])
  expect(trees?.properties).toEqual({
    id: {
      type: 'integer',
      format: 'int32',
      description: 'Its number\n\nNote:\nThis is a Primary Key.<pk/>',
    },
    label: { type: 'string', format: 'character varying', default: 'oak', maxLength: 20 },
    planted: { type: 'string', format: 'date', default: '2020-01-02' },
    tall: { type: 'boolean', format: 'boolean', default: false },
    height: { type: 'number', format: 'numeric', default: 1.5 },
    made: { type: 'string', format: 'timestamp with time zone', default: 'now()' },
    kind: { type: 'string', format: 'character varying' },
    note: { type: 'string', format: 'text' },
  })
  const leads = "Note:\nThis is a Foreign Key to `trees.id`.<fk table='trees' column='id'/>"
  expect(fruit?.properties).toMatchObject({
    id: { type: 'integer', format: 'int64' },
    tree_id: { description: leads },
    state: { type: 'string', enum: ['green', 'ripe'] },
    tags: { type: 'array', format: 'text[]', items: { type: 'string' } },
    facts: { format: 'jsonb' },
    sizes: { type: 'array', format: 'json[]', items: {} },
  })
  expect(fruit?.properties.facts).not.toHaveProperty('type')
  expect(ripe?.required).toBeUndefined()
  expect(ripe?.properties).toMatchObject({
    id: { description: 'Note:\nThis is a Primary Key.<pk/>' },
    tree_id: { description: leads },
  })
})

test('a function has its arguments in the body, and in the query when it only reads', async () => {
  const { paths } = await describe()
  const { get, post } = paths['/rpc/pick'] ?? {}
  expect(post).toMatchObject({
    tags: ['(rpc) pick'],
    summary: 'Picks fruit',
    description: 'from a tree',
  })
  expect(post?.parameters[0]?.schema).toEqual({
    type: 'object',
    description: 'Picks fruit\nfrom a tree',
    required: ['tree'],
    properties: {
      tree: { type: 'integer', format: 'int32' },
      n: { type: 'integer', format: 'int32' },
      tags: { type: 'array', format: 'text[]', items: { type: 'string' } },
    },
  })
  expect(get?.parameters).toMatchObject([
    { name: 'tree', in: 'query', required: true, format: 'int32' },
    { name: 'n', in: 'query', required: false },
    { name: 'tags', type: 'array', collectionFormat: 'multi' },
  ])
  expect(Object.keys(paths['/rpc/shake'] ?? {})).toEqual(['post'])
  expect(paths).not.toHaveProperty('/rpc/unnamed')
})

test('the caller sees what they have a right to, or everything, or nothing, as the app says', async () => {
  const seen = await describe()
  expect(seen.paths).not.toHaveProperty('/secret')
  expect(seen.definitions).not.toHaveProperty('secret')
  expect(seen.paths).not.toHaveProperty('/rpc/hidden')
  expect(seen.paths).not.toHaveProperty('/years_now')
  await app.sql('grant select (shown) on secret to anon')
  expect((await describe()).paths).toHaveProperty('/secret')
  await configure({ openapi_mode: 'ignore-privileges', openapi_security_active: true })
  const all = await describe()
  expect(Object.keys(all.paths)).toEqual(expect.arrayContaining(['/secret', '/rpc/hidden']))
  expect(all).toMatchObject({
    security: [{ JWT: [] }],
    securityDefinitions: { JWT: { type: 'apiKey', in: 'header', name: 'Authorization' } },
  })
  await configure({ openapi_mode: 'disabled' })
  const none = await root()
  expect([none.status, await none.json()]).toMatchObject([404, { code: 'PGRST126' }])
  await configure({ openapi_mode: 'follow-privileges', openapi_security_active: false })
})

test('db_root_spec lets a function answer the root', async () => {
  await configure({ db_root_spec: 'root' })
  const res = await root({ accept: 'application/openapi+json' })
  expect([res.status, res.headers.get('content-type'), await res.json()]).toEqual([
    200,
    'application/openapi+json; charset=utf-8',
    { swagger: '2.0' },
  ])
  await configure({ db_root_spec: null })
})

test('every origin may ask, with whatever headers, and reads what PostgREST lets it read', async () => {
  const origin = 'https://orchard.example'
  const asked = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'x-one, x-two',
  }
  const preflight = await root(asked, 'OPTIONS')
  expect(preflight.status).toBe(200)
  expect(Object.fromEntries(preflight.headers)).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD',
    'access-control-allow-headers':
      'Authorization, x-one, x-two, Accept, Accept-Language, Content-Language',
    'access-control-max-age': '86400',
  })
  const read = await app.as(app.anonKey).request('GET', '/rest/v1/trees', undefined, { origin })
  expect(read.headers.get('access-control-allow-origin')).toBe('*')
  expect(read.headers.get('access-control-expose-headers')).toContain('Content-Range')
  const options = await root({}, 'OPTIONS')
  expect([
    options.headers.get('allow'),
    options.headers.get('access-control-allow-origin'),
  ]).toEqual(['OPTIONS,GET,HEAD', '*'])
})
