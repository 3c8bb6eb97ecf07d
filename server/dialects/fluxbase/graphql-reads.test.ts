/** GraphQL reads: values, relations, filters, order, aggregates, cursors and fragments. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { A, type Answer, data, G, message, service, usePosts } from './graphql-fixture.ts'

usePosts()

const B = '00000000-0000-4000-8000-000000000002'

test('values have the types of their columns, in the order of the text, aliases included', async () => {
  const all = `{ users(orderBy: [{name: ASC}], limit: 1) { t big: name isAdmin b: big height mood tags meta seenAt __typename
    email age id } health: _health __typename }`
  const found = await data(all)
  expect(JSON.stringify(found)).toBe(
    JSON.stringify({
      users: [
        {
          t: 'tee',
          big: 'Ada',
          isAdmin: false,
          b: '9007199254740993',
          height: 1.65,
          mood: 'calm',
          tags: ['a', 'b'],
          meta: { k: [1, { z: 2 }] },
          seenAt: '2026-01-02T03:04:05+00:00',
          __typename: 'Users',
          email: 'ada@x',
          age: 36,
          id: A,
        },
      ],
      health: 'ok',
      __typename: 'Query',
    }),
  )
  expect(await data(all)).toEqual(found)
})

test('one row by key, null when there is none', async () => {
  expect(
    await data(
      `{ user(id: "${A}") { name } none: user(id: "${randomUUID()}") { name } pair(a: 1, b: 2) { v } }`,
    ),
  ).toEqual({
    user: { name: 'Ada' },
    none: null,
    pair: { v: 'b' },
  })
  const byId = 'query ($id: ID!) { post(id: $id) { title } }'
  expect(await data(byId, { id: '2' })).toEqual({ post: { title: 'Two' } })
  expect(await data(byId, { id: 3 })).toEqual({ post: { title: 'Three' } })
  expect(await data('query ($id: ID!) { user(id: $id) { name } }', { id: B })).toEqual({
    user: { name: 'Bob' },
  })
  expect(
    await data(
      '{ dataByPk(id: 1) { v } category(id: 2) { label parentRel { label } categories { label } } }',
    ),
  ).toEqual({
    dataByPk: null,
    category: { label: 'leaf', parentRel: { label: 'root' }, categories: [] },
  })
})

test('relations are followed both ways, as deep as asked', async () => {
  const query = `{ posts(orderBy: {id: ASC}) { title author { name manager { name } users(orderBy: {name: DESC}) { name } }
    comments(filter: {body_is_null: false}, orderBy: {body: DESC}, limit: 1) { body } }
    users(filter: {name_eq: "Ada"}) { postsByAuthorId(orderBy: {likes: DESC}, limit: 1, offset: 1) { id } postsByEditorId { id } } }`
  expect(await data(query)).toEqual({
    posts: [
      {
        title: 'One',
        author: { name: 'Ada', manager: null, users: [{ name: 'Cyd' }, { name: 'Bob' }] },
        comments: [{ body: 'y' }],
      },
      {
        title: 'Two',
        author: { name: 'Ada', manager: null, users: [{ name: 'Cyd' }, { name: 'Bob' }] },
        comments: [],
      },
      {
        title: 'Three',
        author: { name: 'Bob', manager: { name: 'Ada' }, users: [] },
        comments: [],
      },
    ],
    users: [{ postsByAuthorId: [{ id: 1 }], postsByEditorId: [] }],
  })
})

const namesWhere = async (filter: object) => {
  const query = 'query ($f: UserFilter) { users(filter: $f, orderBy: [{name: ASC}]) { name } }'
  const found = (await data(query, { f: filter })).users as { name: string }[]
  const text = JSON.stringify(filter).replaceAll(/"(\w+)":/g, '$1:')
  const inline = await data(`{ users(filter: ${text}, orderBy: [{name: ASC}]) { name } }`)
  expect([filter, inline.users]).toEqual([filter, found])
  return found.map(({ name }) => name[0]).join('')
}

test('filters mean the same from variables and in the text, first and from the kept statement', async () => {
  const expected: [object, string][] = [
    [{}, 'ABC'],
    [{ name_eq: 'Ada' }, 'A'],
    [{ name_eq: 'Bob' }, 'B'],
    [{ name_neq: 'Ada' }, 'BC'],
    [{ age_gt: 17 }, 'A'],
    [{ age_gte: 17, age_lt: 36 }, 'B'],
    [{ age_is_null: true }, 'C'],
    [{ age_is_null: false }, 'AB'],
    [{ email_eq: null }, 'B'],
    [{ email_neq: null }, 'AC'],
    [{ name_in: ['Ada', "it's", 'Cyd', 'a"b'] }, 'AC'],
    [{ name_in: [] }, ''],
    [{ id_in: [A] }, 'A'],
    [{ name_like: '%d%' }, 'AC'],
    [{ name_ilike: 'a%' }, 'A'],
    [{ height_lte: 1.7 }, 'A'],
    [{ big_eq: '9007199254740993' }, 'A'],
    [{ big_in: [5, '6'] }, 'B'],
    [{ isAdmin_eq: false, name_eq: 'Cyd' }, 'C'],
    [{ mood_eq: 'wild' }, 'C'],
    [{ mood_in: ['wild', 'calm'] }, 'AC'],
    [{ seenAt_gt: '2025-06-01' }, 'A'],
    [{ tags_contains: ['a'] }, 'A'],
    [{ tags_contains: ["it's", 'q"q'] }, 'C'],
    [{ tags_eq: ['a', 'b'] }, 'A'],
    [{ meta_contains: { k: 1 } }, 'C'],
    [{ meta_eq: { k: 1 } }, 'C'],
    [{ _or: [{ name_eq: 'Ada' }, { name_eq: 'Bob' }] }, 'AB'],
    [{ _or: [] }, ''],
    [{ _and: [] }, 'ABC'],
    [{ _or: [{}] }, 'ABC'],
    [{ _not: {} }, ''],
    [{ _not: { name_eq: 'Ada' } }, 'BC'],
    [{ _and: [{ age_gt: 1 }, { _not: { _or: [{ age_lt: 18 }, { name_eq: 'Zoe' }] } }] }, 'A'],
  ]
  for (const [filter, names] of expected)
    expect([filter, await namesWhere(filter)]).toEqual([filter, names])
  for (const [filter, names] of expected)
    expect([filter, await namesWhere(filter)]).toEqual([filter, names])
})

test('order and pages', async () => {
  const heights = async (word: string) =>
    ((await data(`{ users(orderBy: {height: ${word}}) { name } }`)).users as { name: string }[])
      .map(({ name }) => name[0])
      .join('')
  expect(await heights('ASC')).toBe('ACB')
  expect(await heights('DESC')).toBe('BCA')
  expect(await heights('ASC_NULLS_FIRST')).toBe('BAC')
  expect(await heights('DESC_NULLS_LAST')).toBe('CAB')
  const page =
    'query ($l: Int, $o: Int, $d: UsersOrderDirection!) { users(limit: $l, offset: $o, orderBy: [{name: $d}]) { name } }'
  expect(await data(page, { l: 1, o: 1, d: 'ASC' })).toEqual({ users: [{ name: 'Bob' }] })
  expect(await data(page, { l: 1, o: 0, d: 'DESC' })).toEqual({ users: [{ name: 'Cyd' }] })
  expect(await data(page, { l: 0, d: 'DESC' })).toEqual({ users: [] })
  expect(await message(page, { l: -1, d: 'ASC' })).toContain('must not be negative')
  const few = 'query ($l: Int, $m: Int) { users(limit: $l) { id } more: users(limit: $m) { id } }'
  for (const [l, m] of [
    [1, 2],
    [2, 1],
    [1, 2],
    [3, undefined],
    [null, 1],
    [1, 1],
  ] as const) {
    const { users, more } = (await data(few, { l, m })) as { users: object[]; more: object[] }
    expect([users.length, more.length]).toEqual([l ?? 3, m ?? 3])
  }
})

test('aggregates, at the root and of related rows', async () => {
  expect(
    await data(`{ postsAggregate(filter: {likes_gt: 0}) { n: count sum { likes __typename } avg { likes } min { title } max { likes } __typename }
      none: postsAggregate(filter: {likes_gt: 99}) { count sum { likes } }
      usersAggregate { max { big seenAt } }
      users(orderBy: {name: ASC}) { postsByAuthorIdAggregate { count sum { likes } } } }`),
  ).toEqual({
    postsAggregate: {
      n: 2,
      sum: { likes: 12, __typename: 'PostsNumbers' },
      avg: { likes: 6 },
      min: { title: 'One' },
      max: { likes: 7 },
      __typename: 'PostsAggregate',
    },
    none: { count: 0, sum: { likes: null } },
    usersAggregate: { max: { big: '9007199254740993', seenAt: '2026-01-02T03:04:05+00:00' } },
    users: [
      { postsByAuthorIdAggregate: { count: 2, sum: { likes: 12 } } },
      { postsByAuthorIdAggregate: { count: 1, sum: { likes: 0 } } },
      { postsByAuthorIdAggregate: { count: 0, sum: { likes: null } } },
    ],
  })
})

test('pages by cursor walk every row once, nulls and either direction included', async () => {
  const query = `query ($after: String, $order: [UsersOrderBy]) { usersConnection(first: 1, after: $after, orderBy: $order) {
    totalCount edges { cursor node { name postsByAuthorId(orderBy: {id: ASC}) { id } } } nodes { n: name } pageInfo { hasNextPage hasPreviousPage endCursor } } }`
  type Page = {
    usersConnection: {
      totalCount: number
      edges: { cursor: string; node: object }[]
      nodes: { n: string }[]
      pageInfo: { hasNextPage: boolean; endCursor: string }
    }
  }
  const walk = async (order: object) => {
    let after: string | undefined
    let names = ''
    for (let more = true; more; ) {
      const { usersConnection: page } = (await data(query, { after, order })) as Page
      names += page.nodes.map(({ n }) => n[0]).join('')
      expect(page.totalCount).toBe(3)
      expect(page.edges[0]?.cursor).toBe(page.pageInfo.endCursor)
      after = page.pageInfo.endCursor
      more = page.pageInfo.hasNextPage
    }
    return names
  }
  expect(await walk([{ name: 'ASC' }])).toBe('ABC')
  expect(await walk([{ height: 'ASC' }])).toBe('ACB')
  expect(await walk([{ height: 'DESC' }])).toBe('BCA')
  expect(await walk([{ isAdmin: 'DESC' }, { height: 'DESC_NULLS_LAST' }])).toBe('CAB')
  expect(await message(query, { after: 'bm8=' })).toContain('not a cursor')
  expect(await message(query, { after: '☃', order: [] })).toContain('not a cursor')
  expect(
    await data(
      `{ users(filter: {name_eq: "Ada"}) { postsByAuthorIdConnection(first: 1, orderBy: {likes: DESC}) { nodes { id } totalCount pageInfo { hasNextPage } } } }`,
    ),
  ).toEqual({
    users: [
      {
        postsByAuthorIdConnection: {
          nodes: [{ id: 2 }],
          totalCount: 2,
          pageInfo: { hasNextPage: true },
        },
      },
    ],
  })
})

test('fragments, directives and several operations', async () => {
  const text = `query All($with: Boolean!) { users(filter: {name_eq: "Ada"}) { ...Who ... @include(if: $with) { age } name @skip(if: $with) ...on Posts { title } } }
    query Other { _health } fragment Who on Users { id ...More } fragment More on Users { name }`
  const run = async (body: object) =>
    (await (await service.post(G, { query: text, ...body })).json()) as Answer
  expect((await run({ operationName: 'All', variables: { with: true } })).errors).toBeDefined()
  const fine = text.replace('...on Posts { title }', '')
  const asked = async (body: object) =>
    (await (await service.post(G, { query: fine, ...body })).json()) as Answer
  expect(await asked({ operationName: 'All', variables: { with: true } })).toEqual({
    data: { users: [{ id: A, name: 'Ada', age: 36 }] },
  })
  expect(await asked({ operationName: 'All', variables: { with: false } })).toEqual({
    data: { users: [{ id: A, name: 'Ada' }] },
  })
  const none =
    '{ user(id: "' +
    A +
    '") { name @skip(if: true) postsByAuthorId { id @include(if: false) } manager { id @skip(if: true) } } users(filter: {name_neq: "Ada"}) { manager { id @skip(if: true) } } }'
  expect(await data(none)).toEqual({
    user: { postsByAuthorId: [{}, {}], manager: null },
    users: [{ manager: {} }, { manager: {} }],
  })
  expect(await data('{ users { id @skip(if: true) } _health @skip(if: true) }')).toEqual({
    users: [{}, {}, {}],
  })
  expect(await asked({ operationName: 'Other' })).toEqual({ data: { _health: 'ok' } })
  expect((await asked({})).errors?.[0]?.message).toContain('operation name')
  expect((await asked({ operationName: 'Nope' })).errors?.[0]?.message).toContain(
    'Unknown operation',
  )
})
