/** Columns of every type: what their values look like, how they are written, filtered and put in order. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'
import { missingExtension, missingXml } from '#support/extensions'

let app: TestApp
let service: Client

const ORDERED = 'eq neq gt gte lt lte in'
const TEXT = `${ORDERED} like ilike`
const OVERLAPPING = 'eq neq contains contained_by overlaps'
const DOCUMENT = 'eq neq contains contained_by path has_key has_keys_any has_keys_all'
const CONTAINING = 'eq neq contains contained_by'

const uuid = (n: number) => `00000000-0000-4000-8000-00000000000${n}`

type Sample = {
  type: string
  scalar: string
  /** Two values as they are given out, the second behind the first where there is an order. */
  values: [unknown, unknown]
  operators: string
  /** Rows cannot be put in order by it. */
  unordered?: true
  extremes?: true
}

// biome-ignore format: a table
const KNOWN: Sample[] = [
  { type: 'int2', scalar: 'Int', values: [1, 2], operators: ORDERED, extremes: true },
  { type: 'int8', scalar: 'BigInt', values: ['9007199254740993', '9007199254740994'], operators: ORDERED, extremes: true },
  { type: 'numeric', scalar: 'Float', values: [1.5, 2.5], operators: ORDERED, extremes: true },
  { type: 'float4', scalar: 'Float', values: [1.5, 2.5], operators: ORDERED, extremes: true },
  { type: 'positive', scalar: 'Int', values: [1, 2], operators: ORDERED, extremes: true },
  { type: 'money', scalar: 'String', values: ['$1.50', '$2.50'], operators: ORDERED, extremes: true },
  { type: 'oid', scalar: 'BigInt', values: ['5', '6'], operators: ORDERED },
  { type: 'bool', scalar: 'Boolean', values: [false, true], operators: 'eq neq' },
  { type: 'text', scalar: 'String', values: ['a', 'b'], operators: TEXT, extremes: true },
  { type: 'varchar(9)', scalar: 'String', values: ['a', 'b'], operators: TEXT, extremes: true },
  { type: 'char(3)', scalar: 'String', values: ['abc', 'abd'], operators: TEXT, extremes: true },
  { type: '"char"', scalar: 'String', values: ['a', 'b'], operators: ORDERED },
  { type: 'name', scalar: 'String', values: ['a', 'b'], operators: TEXT, extremes: true },
  { type: 'citext', scalar: 'String', values: ['A', 'b'], operators: TEXT, extremes: true },
  { type: 'email', scalar: 'String', values: ['a@x', 'b@x'], operators: TEXT, extremes: true },
  { type: 'mood', scalar: 'String', values: ['wild', 'calm'], operators: ORDERED, extremes: true },
  { type: 'uuid', scalar: 'UUID', values: [uuid(1), uuid(2)], operators: 'eq neq in' },
  { type: 'date', scalar: 'DateTime', values: ['2026-01-01', '2026-01-02'], operators: ORDERED, extremes: true },
  { type: 'time', scalar: 'DateTime', values: ['10:00:00', '11:00:00'], operators: ORDERED, extremes: true },
  { type: 'timetz', scalar: 'DateTime', values: ['10:00:00+00', '11:00:00+00'], operators: ORDERED, extremes: true },
  { type: 'timestamp', scalar: 'DateTime', values: ['2026-01-01T00:00:00', '2026-01-02T00:00:00'], operators: ORDERED, extremes: true },
  { type: 'timestamptz', scalar: 'DateTime', values: ['2026-01-01T00:00:00+00:00', '2026-01-02T00:00:00+00:00'], operators: ORDERED, extremes: true },
  { type: 'interval', scalar: 'String', values: ['01:00:00', '1 day'], operators: ORDERED, extremes: true },
  { type: 'bytea', scalar: 'String', values: ['\\x6869', '\\x6a'], operators: ORDERED },
  { type: 'inet', scalar: 'String', values: ['10.0.0.1', '10.0.0.2'], operators: ORDERED, extremes: true },
  { type: 'cidr', scalar: 'String', values: ['10.0.0.0/8', '11.0.0.0/8'], operators: ORDERED, extremes: true },
  { type: 'macaddr', scalar: 'String', values: ['08:00:2b:01:02:03', '08:00:2b:01:02:04'], operators: ORDERED },
  { type: 'macaddr8', scalar: 'String', values: ['08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03:04:06'], operators: ORDERED },
  { type: 'bit(3)', scalar: 'String', values: ['101', '111'], operators: ORDERED },
  { type: 'varbit', scalar: 'String', values: ['1', '11'], operators: ORDERED },
  { type: 'pg_lsn', scalar: 'String', values: ['0/10', '0/11'], operators: ORDERED },
  { type: 'ltree', scalar: 'String', values: ['a.b', 'a.c'], operators: `${ORDERED} contains contained_by` },
  { type: 'tsvector', scalar: 'String', values: [`'a' 'b'`, `'c' 'd' 'e'`], operators: 'eq neq' },
  { type: 'tsquery', scalar: 'String', values: [`'a'`, `'a' & 'b'`], operators: 'eq neq' },
  { type: 'xid', scalar: 'String', values: ['5', '6'], operators: 'eq neq', unordered: true },
  { type: 'regclass', scalar: 'String', values: ['shelves', 'docs'], operators: 'eq neq', unordered: true },
  { type: 'json', scalar: 'JSON', values: [{ k: 1 }, { k: [2, 'x'] }], operators: DOCUMENT, unordered: true },
  { type: 'jsonb', scalar: 'JSON', values: [{ k: 1 }, { k: 2 }], operators: DOCUMENT },
  { type: 'facts', scalar: 'JSON', values: [{ k: 1 }, { k: 2 }], operators: DOCUMENT },
  { type: 'hstore', scalar: 'JSON', values: [{ k: '1' }, { 'a"\\': null, 'b=>': 'x, y' }], operators: DOCUMENT, unordered: true },
  { type: 'pair', scalar: 'JSON', values: [{ a: 1, b: 'x' }, { a: 2, b: null }], operators: 'eq neq contains contained_by path', unordered: true },
  { type: 'jsonpath', scalar: 'String', values: ['$."a"', '$."b"'], operators: '', unordered: true },
  { type: 'xml', scalar: 'String', values: ['<a/>', '<b/>'], operators: '', unordered: true },
  { type: 'point', scalar: 'JSON', values: ['(1,2)', '(2,3)'], operators: '', unordered: true },
  { type: 'polygon', scalar: 'JSON', values: ['((1,2),(3,4))', '((1,2),(3,5))'], operators: '', unordered: true },
  { type: 'circle', scalar: 'JSON', values: ['<(1,2),3>', '<(1,2),4>'], operators: '', unordered: true },
  { type: 'int4range', scalar: 'JSON', values: ['[1,5)', '[7,9)'], operators: OVERLAPPING },
  { type: 'tstzrange', scalar: 'JSON', values: ['["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")', '["2027-01-01 00:00:00+00",)'], operators: OVERLAPPING },
  { type: 'int4multirange', scalar: 'JSON', values: ['{[1,5)}', '{[7,9)}'], operators: OVERLAPPING },
  { type: 'int4[]', scalar: 'JSON', values: [[1, 2], [3, null]], operators: OVERLAPPING },
  { type: 'int4[][]', scalar: 'JSON', values: [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], operators: OVERLAPPING },
  { type: 'text[]', scalar: 'JSON', values: [['a', 'b"c', '{}', ''], ['null', 'd,e']], operators: OVERLAPPING },
  { type: 'mood[]', scalar: 'JSON', values: [['wild'], ['calm']], operators: OVERLAPPING },
  { type: 'uuid[]', scalar: 'JSON', values: [[uuid(1)], [uuid(2)]], operators: OVERLAPPING },
  { type: 'bytea[]', scalar: 'JSON', values: [['\\x6869'], ['\\x6a']], operators: OVERLAPPING },
  { type: 'jsonb[]', scalar: 'JSON', values: [[{ a: 1 }, [1], 'x'], [{ a: 2 }]], operators: OVERLAPPING },
  { type: 'int4range[]', scalar: 'JSON', values: [['[1,5)'], ['[2,5)']], operators: OVERLAPPING },
  { type: 'positives', scalar: 'JSON', values: [[1, 2], [3]], operators: OVERLAPPING },
  { type: 'json[]', scalar: 'JSON', values: [[{ a: 1 }], [{ a: 2 }]], operators: CONTAINING, unordered: true },
  { type: 'pair[]', scalar: 'JSON', values: [[{ a: 1, b: 'x' }], [{ a: 2, b: 'y' }]], operators: CONTAINING, unordered: true },
]

/** Types that an extension of their name brings, which not every PostgreSQL has; why where it has not. */
const BROUGHT = await Promise.all(
  ['citext', 'hstore', 'ltree'].map(async (name) => ({
    name,
    missing: await missingExtension(name),
  })),
)

const ABSENT = [...BROUGHT, { name: 'xml', missing: await missingXml() }].filter(
  ({ missing }) => missing !== undefined,
)

const SAMPLES = KNOWN.filter(({ type }) => !ABSENT.some(({ name }) => name === type))

test.skipIf(true).for(ABSENT)('$name: $missing', () => {})

const SCHEMA = `set search_path = public;
${BROUGHT.flatMap(({ name, missing }) => (missing ? [] : [`create extension ${name};`])).join(' ')}
create type mood as enum ('wild', 'calm'); create type pair as (a int, b text);
create domain positive as int check (value > 0); create domain positives as int[];
create domain email as text check (value like '%@%'); create domain facts as jsonb;
create table shelves (j json, p point); create table spans (id int primary key, r int4range, t tstzrange, m int4multirange, tags text[]);
insert into spans values (1, '[1,5)', '[2026-01-01,2026-02-01)', '{[1,3),[7,9)}', '{a,b}'), (2, '[5,9)', '[2026-02-01,)', '{}', '{c}');
create table docs (id int primary key, j json, b jsonb);
insert into docs select id, doc::json, doc::jsonb from (values
  (1, '{"n": 5, "s": "Ada", "on": "2026-01-05", "tags": ["x", "y"], "deep": {"list": [{"k": true}, {"k": 2}]}, "a.b": 1}'),
  (2, '{"n": "5", "s": "Bob", "on": "2026-03-01", "tags": [], "deep": null}'),
  (3, '{"n": 12, "s": null, "deep": {"list": []}}'), (4, '[1, "two"]'), (5, 'null'), (6, null)) as v(id, doc);
create table pages (id int primary key, doc_id int references docs, facts json);
insert into pages values (1, 1, '{"words": 10}'), (2, 1, '{"words": 90}'), (3, 3, null);
create table samples (id int primary key, ${SAMPLES.map(({ type }, at) => `c${at} ${type}`).join(', ')});
grant all on samples, docs, spans, shelves, pages to service_role`

beforeAll(async () => {
  app = await startApp()
  await app.sql(SCHEMA)
  service = app.as(app.serviceKey)
})

afterAll(() => app[Symbol.asyncDispose]())

type Row = Record<string, unknown>
type Answer = { data: Record<string, unknown>; errors?: { message: string }[] }

async function ask(query: string, variables?: object): Promise<Answer> {
  const res = await service.post('/api/v1/graphql', { query, variables })
  return (await res.json()) as Answer
}

async function data<T = Record<string, Row[]>>(query: string, variables?: object): Promise<T> {
  const { data: found, errors } = await ask(query, variables)
  expect([query, errors]).toEqual([query, undefined])
  return found as T
}

type Named = { name: string; type: { name: string } }

describe('columns', () => {
  beforeAll(async () => {
    const row = (id: number, of: (sample: Sample) => unknown) =>
      Object.fromEntries([['id', id], ...SAMPLES.map((sample, at) => [`c${at}`, of(sample)])])
    const given = [0, 1].map((at) => row(at + 1, ({ values }) => values[at]))
    const insert = 'mutation ($rows: [SampleInput!]!) { insertManySamples(data: $rows) { id } }'
    await data(insert, { rows: [...given, row(3, () => null)] })
  })

  test.each(SAMPLES.map((sample, at) => [sample.type, at, sample] as const))(
    '%s',
    async (_, at, { scalar, values, operators, unordered, extremes }) => {
      const name = `c${at}`
      const types = `{ row: __type(name: "Samples") { fields { name type { name } } }
        filter: __type(name: "SamplesFilter") { fields: inputFields { name } }
        order: __type(name: "SamplesOrderBy") { fields: inputFields { name } }
        extremes: __type(name: "SamplesExtremes") { fields { name } } }`
      const found = await data<Record<string, { fields: Named[] }>>(types)
      const fields = (of: string) => found[of]?.fields ?? []
      const own = fields('filter').filter((one) => one.name.startsWith(`${name}_`))
      const words = [...operators.split(' '), 'is_null'].filter(Boolean)
      expect(own.map((one) => one.name.slice(name.length + 1))).toEqual(words)
      expect(fields('row').find((one) => one.name === name)?.type.name).toBe(scalar)
      expect(fields('order').some((one) => one.name === name)).toBe(!unordered)
      expect(fields('extremes').some((one) => one.name === name)).toBe(extremes === true)

      const { samples } = await data(`{ samples(orderBy: {id: ASC}) { ${name} } }`)
      expect(samples?.map((row) => row[name])).toEqual([...values, null])

      for (const word of words) {
        const { operand, type, rows } = expected(word, values, scalar)
        const query = `query ($v: ${type}) { samples(filter: {${name}_${word}: $v}, orderBy: {id: ASC}) { id } }`
        const of = await data(query, { v: operand })
        if (rows) expect([word, of.samples?.map(({ id }) => id)]).toEqual([word, rows])
      }
      if (!unordered) expect(await walk(`orderBy: {${name}: DESC_NULLS_LAST}`)).toEqual([2, 1, 3])
      if (extremes) {
        const query = `{ all: samplesAggregate { min { ${name} } max { ${name} } } }`
        const [min, max] = values
        const both = { min: { [name]: min }, max: { [name]: max } }
        expect(await data(query)).toEqual({ all: both })
      }
      const update = `mutation ($d: SampleInput!) { updateSample(id: 3, data: $d) { ${name} } }`
      expect(await data(update, { d: { [name]: values[1] } })).toEqual({
        updateSample: { [name]: values[1] },
      })
    },
  )
})

/** What an operator with the first value finds; rows that nothing is said of differ from type to type. */
function expected(word: string, [first]: readonly unknown[], scalar: string) {
  const rows: Record<string, number[]> = {
    eq: [1],
    neq: [2],
    gt: [2],
    gte: [1, 2],
    lt: [],
    lte: [1],
    in: [1],
    like: [1],
    contains: [1],
    overlaps: [1],
    is_null: [3],
  }
  const [[key, value] = []] = Object.entries(first as object)
  const paths = [{ path: [key], eq: value, neq: 'other' }]
  const special: Record<string, [type: string, operand: unknown]> = {
    is_null: ['Boolean', true],
    in: [`[${scalar}]`, [first]],
    path: ['[JSONPathFilter!]', paths],
    has_key: ['String', key],
    has_keys_any: ['[String!]', ['other', key]],
    has_keys_all: ['[String!]', [key]],
  }
  const [type, operand] = special[word] ?? [scalar, first]
  const isShared = word.startsWith('has_key')
  return { type, operand, rows: isShared ? undefined : rows[word] }
}

type PageOf = { page: { nodes: Row[]; pageInfo: { endCursor: string | null } } }

/** Page by page, one row each. */
async function walk(order: string): Promise<unknown[]> {
  const ids: unknown[] = []
  let after: string | null = null
  for (let page = 0; page < 4; page++) {
    const query: string = `query ($a: String) { page: samplesConnection(first: 1, ${order}, after: $a) { nodes { id } pageInfo { endCursor } } }`
    const { page: found }: PageOf = await data<PageOf>(query, { a: after })
    ids.push(...found.nodes.map(({ id }) => id))
    after = found.pageInfo.endCursor
    if (found.nodes.length === 0) break
  }
  return ids
}

/** From variables and in the text, first and from the kept statement. */
async function idsWhere(table: string, filter: object): Promise<unknown> {
  const type = `${table[0]?.toUpperCase()}${table.slice(1)}Filter`
  const query = `query ($f: ${type}) { ${table}(filter: $f, orderBy: {id: ASC}) { id } }`
  const text = JSON.stringify(filter).replaceAll(/"(\w+)":/g, '$1:')
  const inline = `{ ${table}(filter: ${text}, orderBy: {id: ASC}) { id } }`
  const answers = [await data(query, { f: filter }), await data(query, { f: filter })]
  answers.push(await data(inline))
  const [first, ...others] = answers.map((one) => one[table]?.map(({ id }) => id))
  for (const other of others) expect([filter, other]).toEqual([filter, first])
  return first
}

describe('documents', () => {
  // biome-ignore format: a table
  const FILTERS: [filter: object, ids: number[]][] = [
    [{ _eq: [1, 'two'] }, [4]], [{ _neq: [1, 'two'] }, [1, 2, 3, 5]], [{ _eq: null }, [6]], [{ _is_null: false }, [1, 2, 3, 4, 5]],
    [{ _contains: { tags: ['y'] } }, [1]], [{ _contains: { deep: { list: [{ k: 2 }] } } }, [1]], [{ _contains: ['two'] }, [4]],
    [{ _contained_by: [1, 'two', 3] }, [4]],
    [{ _has_key: 'tags' }, [1, 2]], [{ _has_key: 'two' }, [4]], [{ _has_key: 'a.b' }, [1]],
    [{ _has_keys_any: ['a.b', 'two'] }, [1, 4]], [{ _has_keys_any: [] }, []], [{ _has_keys_all: ['n', 's', 'on'] }, [1, 2]],
    [{ _path: [{ path: ['n'], eq: 5 }] }, [1]], [{ _path: { path: 'n', eq: '5' } }, [2]], [{ _path: { path: 'n', neq: 5 } }, [2, 3]],
    [{ _path: { path: 'n', gt: 4 } }, [1, 3]], [{ _path: { path: 'n', gte: 5, lt: 12 } }, [1]], [{ _path: { path: 'n', lt: '6' } }, [2]],
    [{ _path: { path: 'on', gte: '2026-02-01' } }, [2]], [{ _path: { path: 'on', lte: '2026-02-01' } }, [1]],
    [{ _path: { path: 'n', in: [5, '5', 7] } }, [1, 2]], [{ _path: { path: 'n', in: [] } }, []],
    [{ _path: { path: 's', like: 'A%' } }, [1]], [{ _path: { path: 's', ilike: '%B' } }, [2]],
    [{ _path: { path: ['deep', 'list', '1', 'k'], eq: 2 } }, [1]], [{ _path: { path: ['deep', 'list', '-2', 'k'], eq: true } }, [1]],
    [{ _path: { path: ['deep', 'list'], contains: [{ k: true }] } }, [1]], [{ _path: { path: 'tags', contained_by: ['x', 'y', 'z'] } }, [1, 2]],
    [{ _path: { path: 'deep', has_key: 'list' } }, [1, 3]], [{ _path: { path: ['1'], eq: 'two' } }, [4]],
    [{ _path: { path: 'deep', is_null: true } }, [2, 4, 5, 6]], [{ _path: { path: 'deep', is_null: false } }, [1, 3]],
    [{ _path: { path: 's', eq: null } }, [3, 4, 5, 6]], [{ _path: { path: 's', neq: null } }, [1, 2]],
    [{ _path: [{ path: 'n', gt: 1 }, { path: 's', neq: null }] }, [1]], [{ _path: [] }, [1, 2, 3, 4, 5, 6]],
    [{ _path: { path: 'a.b', eq: 1 } }, [1]], [{ _path: { path: `x' or true --`, eq: 1 } }, []], [{ _path: { path: [], eq: [1, 'two'] } }, [4]],
  ]

  test.each(['j', 'b'])(
    'in %s are found by what they hold, be the column json or jsonb',
    async (column) => {
      for (const [filter, ids] of FILTERS) {
        const own = Object.fromEntries(Object.entries(filter).map(([op, v]) => [column + op, v]))
        expect([own, await idsWhere('docs', own)]).toEqual([own, ids])
      }
    },
  )

  test('a path is a value like any other: another one is another question to the same statement', async () => {
    const query =
      'query ($p: [String!]!, $v: JSON) { docs(filter: {j_path: {path: $p, eq: $v}}) { id } }'
    expect(await data(query, { p: ['n'], v: 12 })).toEqual({ docs: [{ id: 3 }] })
    expect(await data(query, { p: ['s'], v: 'Bob' })).toEqual({ docs: [{ id: 2 }] })
    expect(await data(query, { p: ['s'], v: 12 })).toEqual({ docs: [] })
  })

  test('are filtered on every hop, under aggregates and connections, and where rows are changed', async () => {
    const words = 'filter: {facts_path: {path: "words", gt: 50}}'
    const found = `{ docs(filter: {id_lte: 3}, orderBy: {id: ASC}) { pages(${words}) { id } pagesAggregate(${words}) { count } }
      pagesAggregate(${words}) { count } pagesConnection(first: 5, ${words}) { nodes { id } totalCount } }`
    const none = { pages: [], pagesAggregate: { count: 0 } }
    expect(await data(found)).toEqual({
      docs: [{ pages: [{ id: 2 }], pagesAggregate: { count: 1 } }, none, none],
      pagesAggregate: { count: 1 },
      pagesConnection: { nodes: [{ id: 2 }], totalCount: 1 },
    })
    const change = `mutation ($at: [JSONPathFilter!]) { updateManyPages(filter: {facts_path: $at}, data: {facts: {words: 60}}) { id }
      deleteManyPages(filter: {facts_has_key: "nothing"}) }`
    const few = { at: { path: ['words'], lt: 50 } }
    expect(await data(change, few)).toEqual({ updateManyPages: [{ id: 1 }], deleteManyPages: 0 })
    expect(await data(change, few)).toEqual({ updateManyPages: [], deleteManyPages: 0 })
  })

  test('a filter that says nothing of a place is refused', async () => {
    for (const [filter, text] of [
      ['{j_path: {path: "n"}}', 'j_path must hold an operator'],
      ['{j_path: null}', 'j_path must not be null'],
      ['{j_path: {path: "n", gt: null}}', 'gt at a path must not be null'],
      ['{b_has_key: null}', 'b_has_key must not be null'],
      ['{j_path: {eq: 1}}', 'path'],
      ['{j_path: {path: null, eq: 1}}', 'null'],
    ] as const) {
      const { errors } = await ask(`{ docs(filter: ${filter}) { id } }`)
      expect([filter, errors?.[0]?.message]).toEqual([filter, expect.stringContaining(text)])
    }
    const { errors } = await ask('mutation { deleteManyDocs(filter: {j_path: []}) }')
    expect(errors?.[0]?.message).toBe('filter argument required')
  })

  test('are written as they are given, null inside and null outside', async () => {
    const write = 'mutation ($j: JSON, $b: JSON) { updateDoc(id: 6, data: {j: $j, b: $b}) { j b } }'
    for (const value of [{ a: [null, { b: 1.5 }] }, [], 'text', 7, false, null]) {
      const doc = { j: value, b: value }
      expect(await data(write, doc)).toEqual({ updateDoc: doc })
    }
    expect(await idsWhere('docs', { j_is_null: true })).toEqual([6])
  })
})

test('ranges and lists are asked for one value as well as for many', async () => {
  for (const [filter, ids] of [
    [{ r_contains: 4 }, [1]],
    [{ r_contains: '[2,3]' }, [1]],
    [{ r_contains: 'empty' }, [1, 2]],
    [{ r_overlaps: '[4,6)' }, [1, 2]],
    [{ m_contains: 7 }, [1]],
    [{ m_overlaps: '{[8,20)}' }, [1]],
    [{ t_contains: '2026-01-15T00:00:00Z' }, [1]],
    [{ t_contains: '2031-01-01' }, [2]],
    [{ tags_contains: 'a' }, [1]],
    [{ tags_contains: '{a,b}' }, [1]],
    [{ tags_overlaps: ['b', 'c'] }, [1, 2]],
    [{ tags_overlaps: [] }, []],
    [{ tags_contained_by: ['c', 'd'] }, [2]],
  ] as const) {
    expect([filter, await idsWhere('spans', filter)]).toEqual([filter, ids])
  }
  for (const filter of ['{r_contains: "x"}', '{r_eq: [1]}', '{m_contains: {a: 1}}']) {
    const { errors } = await ask(`{ spans(filter: ${filter}) { id } }`)
    expect([filter, errors?.[0]?.message]).toEqual([filter, expect.stringMatching(/^query failed/)])
  }
})

test('types and columns may be called what every object of JavaScript knows', async () => {
  await app.sql(`create type constructor as enum ('a', 'b');
    create table racers (id int primary key, team constructor, constructor int);
    grant all on racers to service_role; insert into racers values (1, 'a', 7), (2, 'b', 8)`)
  expect(
    await data(
      '{ racers(filter: {team_eq: "a"}, orderBy: {constructor: ASC}) { id team constructor } }',
    ),
  ).toEqual({ racers: [{ id: 1, team: 'a', constructor: 7 }] })
})

test('a table that has no order has no argument for it', async () => {
  expect(await data('{ shelves { j } shelvesAggregate { count } }')).toEqual({
    shelves: [],
    shelvesAggregate: { count: 0 },
  })
  const { __type: none } = await data('{ __type(name: "ShelvesOrderBy") { name } }')
  expect(none).toBeNull()
  const { errors } = await ask('{ shelves(orderBy: {j: ASC}) { j } }')
  expect(errors?.[0]?.message).toBe('Unknown argument "orderBy" on field "Query.shelves".')
})
