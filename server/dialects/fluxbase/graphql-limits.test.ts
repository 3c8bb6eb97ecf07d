/** GraphQL of strangers: introspection, limits, floods, hostile texts and values. */
import { buildClientSchema, getIntrospectionQuery, printSchema, validateSchema } from 'graphql'
import { expect, test } from 'vitest'
import type { Client } from '#support/client'
import {
  A,
  type Answer,
  ask,
  data,
  G,
  message,
  rowsOf,
  service,
  usePosts,
} from './graphql-fixture.ts'

usePosts()

async function refused(query: string, variables?: object, by: Client = service): Promise<string> {
  const res = await by.post(G, { query, variables })
  const body = (await res.json()) as Answer
  expect([query.slice(0, 99), res.status, body.error]).toEqual([
    query.slice(0, 99),
    400,
    body.errors?.[0]?.message,
  ])
  return String(body.error)
}

test('limits answer 400 and say the number', async () => {
  const nested = (levels: number) => `${'manager { '.repeat(levels)}name${' }'.repeat(levels)}`
  expect(await data(`{ user(id: "${A}") { ${nested(8)} } }`)).toBeDefined()
  expect(await refused(`{ user(id: "${A}") { ${nested(9)} } }`)).toBe(
    'query depth 11 exceeds maximum allowed depth of 10',
  )
  expect(
    await refused(`{ user(id: "${A}") { ${'... { '.repeat(9)}name${' }'.repeat(9)} } }`),
  ).toContain('query depth 11')
  expect(
    await refused(
      `query { ...A } ${Array.from({ length: 12 }, (_, i) => `fragment ${String.fromCharCode(65 + i)} on Users { manager { ...${String.fromCharCode(66 + i)} } }`).join(' ')}`,
    ),
  ).toContain('query depth')
  const names = Array.from({ length: 51 }, (_, i) => `f${i}`).join(' ')
  expect(await refused(`{ users { ${names} } }`)).toBe(
    'query has 51 unique fields at a level, maximum allowed is 50',
  )
  const aliases = Array.from({ length: 501 }, (_, i) => `a${i}: _health`).join(' ')
  expect(await refused(`{ ${aliases} }`)).toBe(
    'query has 502 selections, maximum allowed is 500'.replace('502', '501'),
  )
  expect(await refused('{ users(limit: 995) { id } }')).toBe(
    'query complexity 1005 exceeds maximum of 1000',
  )
  expect(await refused('query ($l: Int) { users(limit: $l) { id } }', { l: 1000 })).toBe(
    'query complexity 1010 exceeds maximum of 1000',
  )
  expect(await data('query ($l: Int) { users(limit: $l) { id } }', { l: 990 })).toBeDefined()
  expect(await refused(`{ users { ${'x'.repeat(64)}: id } }`)).toContain('longer than 63')
  expect(
    await refused(
      '{ _health a: __schema { description } ...B } fragment B on Query { b: __schema { description } c: __schema { description } }',
    ),
  ).toContain('__schema')
  expect(
    await refused(
      `{ ${Array.from({ length: 3 }, (_, i) => `a${i}: __schema { queryType { name } }`).join(' ')} }`,
    ),
  ).toContain('__schema')
})

test('clients read the whole schema with the query of graphql-js, twice the same', async () => {
  const options = {
    schemaDescription: true,
    inputValueDeprecation: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    oneOf: true,
  }
  for (const query of [getIntrospectionQuery(), getIntrospectionQuery(options)]) {
    const first = await data(query)
    expect(await data(query)).toEqual(first)
    const schema = buildClientSchema(first as never)
    expect(validateSchema(schema)).toEqual([])
    const printed = printSchema(schema)
    expect(printed).toContain('user(id: UUID!): Users\n')
    expect(printed).toContain(
      'users(filter: UsersFilter, orderBy: [UsersOrderBy], limit: Int, offset: Int): [Users]\n',
    )
    expect(printed).toContain('insertManyUsers(data: [UsersInput!]!): [Users]')
    expect(printed).toContain('updateManyUser(filter: UsersFilter!, data: UsersInput!): Int')
    expect(printed).toContain('deleteManyUsers(filter: UsersFilter!): Int')
  }
  const one = await data(
    '{ a: __type(name: "Users") { name } b: __type(name: "Nope") { name } _health }',
  )
  expect(one).toEqual({ a: { name: 'Users' }, b: null, _health: 'ok' })
})

test('hostile texts and variables are refused, never a failure of ours', async () => {
  const deep = (open: string, close: string, times: number) =>
    open.repeat(times) + close.repeat(times)
  const texts = [
    '',
    ' ',
    '{',
    '}',
    '{ }',
    'null',
    '\u0000',
    '{ users { id } } \u0000',
    '{ users { id \ud800 } }',
    deep('{a', '}', 150),
    deep('{a', '}', 50_000),
    `{ users(filter: ${deep('{_not: ', '}', 190)}) { id } }`,
    `{ users(filter: {tags_eq: ${deep('[', ']', 60_000)}}) { id } }`,
    'query ($a: ' + deep('[', ']', 30_000) + ') { _health }',
    '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
    '{ users { ...A } } fragment A on Users { id ...A }',
    '{ "a"; drop table users; --": users { id } }',
    '{ users(orderBy: {name: "ASC; drop"}) { id } }',
    'subscription { users { id } }',
    'query A { _health } query A { _health }',
    '{ __proto__ }',
    '{ constructor { name } }',
    '{ users { __proto__ toString } }',
    '{ users(filter: {__proto__: {}}) { id } }',
    'mutation { insertUser(data: {__proto__: {}}) { id } }',
    '{ users @skip(if: "x") { id } }',
    '{ users @nope { id } }',
    '{ users(limit: 99999999999) { id } }',
    '{ users(limit: 1.5) { id } }',
    '{ users(limit: -1) { id } }',
    '{ users(offset: -1) { id } }',
    '#'.repeat(100_000),
    '{ users(filter: {name_eq: """' + '"'.repeat(5),
    '{ users(filter: {name_like: null}) { id } }',
    '{ user(id: "x") { id } }',
    '{ user(id: null) { id } }',
    '{ user { id } }',
    '{ post(id: 99999999999) { id } }',
    `{ users(filter: {big_eq: "99999999999999999999"}) { id } }`,
    '{ users(filter: {name_eq: "\u0000"}) { id } }',
    'mutation { insertUser(data: {name: "\u0000"}) { id } }',
    'mutation { insertUser(data: {name: "x", meta: {a: "\u0000"}}) { id } }',
    '{ users(filter: {meta_eq: {a: "\u0000"}}) { id } }',
    '{ users(filter: {tags_eq: [["a"], "b"]}) { id } }',
    '{ users(filter: {tags_contains: {a: 1}}) { id } }',
    '{ users(filter: {name_in: ["\u0000"]}) { id } }',
    'mutation { insertUser(data: {name: "x", tags: {a: 1}}) { id } }',
    'query ($a: Nope) { _health }',
    'query ($a: Users) { _health }',
    'query ($i: ID!) { users(filter: {name_eq: $i}) { id } }',
    'query ($v: JSON) { users(filter: {meta_eq: $v, meta_contains: {a: $v}}) { id } }',
    `{ usersConnection(first: 1, after: "${Buffer.from('["\u0000"]').toString('base64')}") { nodes { id } } }`,
    `{ usersConnection(first: -1) { nodes { id } } }`,
    `{ usersConnection(first: 1, after: "${Buffer.from('["x"]').toString('base64')}") { nodes { id } } }`,
  ]
  const before = await rowsOf('users')
  for (const query of texts) {
    for (const variables of [
      undefined,
      { a: deep('[', ']', 10), i: {}, v: { x: 'y'.repeat(10_000) } },
      { i: '\u0000', v: '\u0000' },
    ]) {
      for (const accept of ['application/json', 'application/graphql-response+json']) {
        const res = await service.post(G, { query, variables }, { accept })
        const body = (await res.json()) as Answer
        expect([query.slice(0, 200), res.status < 500]).toEqual([query.slice(0, 200), true])
        const isFine = query.includes('query ($v: JSON)')
        if (!isFine)
          expect([query.slice(0, 200), body.errors?.length]).not.toEqual([
            query.slice(0, 200),
            undefined,
          ])
      }
    }
  }
  expect(await rowsOf('users')).toBe(before)
})

test('floods are refused with a reason, whichever way they come', async () => {
  const many = (times: number, of: (at: number) => string) =>
    Array.from({ length: times }, (_, at) => of(at)).join(' ')
  const ids = (times: number) => Array.from({ length: times }, (_, at) => ({ age_eq: at }))
  const users =
    'query ($f: UsersFilter, $o: [UsersOrderBy]) { users(filter: $f, orderBy: $o) { id } }'
  const floods: [string, object | undefined, string][] = [
    [`{ a${'()'.repeat(1_000_000)} }`, undefined, 'more than 20000 opening brackets'],
    ['{'.repeat(1_000_000), undefined, 'query depth 201'],
    [many(201, (at) => `query A${at} { _health }`), undefined, '201 definitions'],
    [
      `{ _health } ${many(500, (at) => `fragment F${at} on Users { id }`)}`,
      undefined,
      'definitions',
    ],
    [
      `{ users { ...F0 } } ${many(40, (at) => `fragment F${at} on Users { id ...F${at + 1} ...F${at + 1} }`)}`,
      undefined,
      'selections',
    ],
    [`{ _health ${'@x '.repeat(40_000)} }`, undefined, 'Invalid query syntax'],
    [
      `query (${many(20_000, (at) => `$v${at}: Int`)}) { _health }`,
      undefined,
      'Invalid query syntax',
    ],
    [users, { f: { _or: ids(70_000) } }, 'more than 1000 conditions'],
    [
      users,
      { f: { _and: Array.from({ length: 600 }, () => ({ _not: { age_eq: 1 } })) } },
      'conditions',
    ],
    [users, { o: Array.from({ length: 101 }, () => ({ id: 'ASC' })) }, 'more than 100 terms'],
    [
      many(2, () => '').concat(
        `{ ${many(400, (at) => `t${at}: __type(name: "Users") { name }`)} }`,
      ),
      undefined,
      'selections',
    ],
  ]
  for (const [text, variables, reason] of floods) {
    expect([text.slice(0, 60), await refused(text, variables)]).toEqual([
      text.slice(0, 60),
      expect.stringContaining(reason),
    ])
  }
  expect((await data(users, { f: { _or: ids(499) } })).users).toHaveLength(2)
  const rows = (length: number) => ({ rows: Array.from({ length }, () => ({ nope: 1 })) })
  const insert = 'mutation ($rows: [UsersInput!]!) { insertManyUsers(data: $rows) { id } }'
  expect(await message(insert, rows(50_000))).toContain('Batch size 50000 exceeds')
  const { errors } = await ask(insert, rows(1_000))
  expect(errors?.length).toBeLessThan(25)
})

test('values of any kind for variables of any type are taken or refused, never a failure of ours', async () => {
  const values = [
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    2147483648,
    '',
    'x',
    '\u0000',
    '\ud800',
    '9'.repeat(40),
    '1e999',
    A,
    '2026-01-01',
    'infinity',
    [],
    [null],
    [[]],
    [1, 'a', { b: [] }],
    {},
    { a: 1 },
    { __proto__: 1 },
    { id_eq: 'x' },
    { _and: [{}] },
    { name: '\u0000' },
    { path: ['a'], eq: 1 },
    [{ path: 'a', like: '\u0000' }],
    JSON.parse('{"__proto__": {"x": 1}}') as object,
  ]
  const places: [string, string][] = [
    ['Int', 'users(limit: $v) { id }'],
    ['Int', 'users(filter: {age_eq: $v}) { id }'],
    ['[Int]', 'users(filter: {age_in: $v}) { id }'],
    ['Float', 'users(filter: {height_lt: $v}) { id }'],
    ['BigInt', 'users(filter: {big_gte: $v}) { id }'],
    ['String', 'users(filter: {name_like: $v}) { id }'],
    ['String', 'usersConnection(first: 1, after: $v) { nodes { id } }'],
    ['Boolean', 'users(filter: {isAdmin_eq: $v}) { id }'],
    ['Boolean', 'users(filter: {age_is_null: $v}) { id }'],
    ['UUID', 'users(filter: {managerId_neq: $v}) { id }'],
    ['ID!', 'user(id: $v) { id }'],
    ['ID!', 'post(id: $v) { id }'],
    ['DateTime', 'users(filter: {seenAt_gt: $v}) { id }'],
    ['JSON', 'users(filter: {meta_contains: $v}) { id }'],
    ['JSON', 'users(filter: {tags_contained_by: $v}) { id }'],
    ['JSON', 'users(filter: {meta_path: {path: "a", gt: $v}}) { id }'],
    ['[JSON]', 'users(filter: {meta_path: {path: "a", in: $v}}) { id }'],
    ['[String!]!', 'users(filter: {meta_path: {path: $v, eq: 1}}) { id }'],
    ['[JSONPathFilter!]', 'users(filter: {meta_path: $v}) { id }'],
    ['String', 'users(filter: {meta_has_key: $v}) { id }'],
    ['[String!]', 'users(filter: {meta_has_keys_any: $v}) { id }'],
    ['UsersFilter', 'users(filter: $v) { id }'],
    ['[UsersFilter!]', 'users(filter: {_or: $v}) { id }'],
    ['[UsersOrderBy]', 'users(orderBy: $v) { id }'],
    ['UsersOrderDirection', 'users(orderBy: {name: $v}) { id }'],
  ]
  const before = await rowsOf('users')
  for (const [type, field] of places) {
    const query = `query ($v: ${type}) { ${field} }`
    for (const v of values) {
      const res = await service.post(G, { query, variables: { v } })
      const { data: found, errors } = (await res.json()) as Answer
      expect([query, v, res.status]).toEqual([query, v, 200])
      expect([query, v, found !== undefined || errors !== undefined]).toEqual([query, v, true])
    }
  }
  expect(await rowsOf('users')).toBe(before)
})

test('token soup is refused with a reason', async () => {
  const pieces =
    '{ } ( ) [ ] : ! = | & $v @skip @include(if:true) ... ...F fragment on Users Query query mutation subscription users user post id name __typename __schema __type "x" """y""" 1 -1 1e9 null true filter limit: orderBy: \\ # \u0000 , \uFEFF'.split(
      ' ',
    )
  let state = 11
  const pick = <T>(list: readonly T[]): T => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return list[(state >>> 8) % list.length] as T
  }
  for (let round = 0; round < 300; round++) {
    const words = Array.from({ length: 1 + (round % 17) }, () => pick(pieces)).join(' ')
    for (const query of [words, `{ users { ${words} } }`, `query ($v: Int) { ${words} { id } }`]) {
      const res = await service.post(G, { query, variables: { v: 1 } })
      const { data: found, errors } = (await res.json()) as Answer
      expect([query, res.status < 500]).toEqual([query, true])
      expect([query, found !== undefined || (errors?.length ?? 0) > 0]).toEqual([query, true])
    }
  }
})

test('injection strings are values', async () => {
  const evil = `'; drop table users; -- " \\ $1 }`
  expect(
    await data(
      'query ($n: String) { users(filter: {name_eq: $n, name_in: [$n], _not: {name_like: $n}}) { id } }',
      { n: evil },
    ),
  ).toEqual({ users: [] })
  expect(
    await data(
      `{ users(filter: {name_eq: ${JSON.stringify(evil)}, tags_contains: [${JSON.stringify(evil)}]}) { id } }`,
    ),
  ).toEqual({ users: [] })
  expect(
    await data('mutation ($n: String) { insertUser(data: {name: $n}) { name } }', { n: evil }),
  ).toEqual({ insertUser: { name: evil } })
  expect(
    await data('mutation ($n: String) { deleteManyUser(filter: {name_eq: $n}) }', { n: evil }),
  ).toEqual({ deleteManyUser: 1 })
})
