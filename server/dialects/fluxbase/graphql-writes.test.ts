/** GraphQL writes, their errors, and what grants and row security leave to whom. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Client } from '#support/client'
import {
  A,
  ada,
  adaId,
  anon,
  app,
  ask,
  bob,
  data,
  message,
  rowsOf,
  service,
  usePosts,
} from './graphql-fixture.ts'

usePosts()

test('mutations write, answer with what was asked for, and mean the same in both spellings', async () => {
  const made = await data(
    `mutation ($d: UserInput!) { one: insertUser(data: $d) { name big meta tags isAdmin } insertUsers(data: {name: "Fay", managerId: "${A}"}) { name manager { name } } }`,
    { d: { name: 'Eve', big: 12, meta: { a: [1, null] }, tags: ['x', 'y,z'], isAdmin: true } },
  )
  expect(made).toEqual({
    one: { name: 'Eve', big: '12', meta: { a: [1, null] }, tags: ['x', 'y,z'], isAdmin: true },
    insertUsers: { name: 'Fay', manager: { name: 'Ada' } },
  })
  expect(
    await data(
      'mutation ($rows: [UsersInput!]!) { insertManyUsers(data: $rows) { name age isAdmin } }',
      { rows: [{ name: 'Gus' }, { age: 4, name: 'Hal', isAdmin: true }] },
    ),
  ).toEqual({
    insertManyUsers: [
      { name: 'Gus', age: null, isAdmin: false },
      { name: 'Hal', age: 4, isAdmin: true },
    ],
  })
  expect(await data('mutation { insertManyUser(data: []) { name } }')).toEqual({
    insertManyUser: [],
  })
  const change =
    'mutation ($f: UsersFilter!, $d: UserInput!) { many: updateManyUsers(filter: $f, data: $d) { name age } }'
  expect(await data(change, { f: { name_in: ['Gus'] }, d: { age: 5 } })).toEqual({
    many: [{ name: 'Gus', age: 5 }],
  })
  expect(await data(change, { f: { name_in: ['Hal'] }, d: { age: null } })).toEqual({
    many: [{ name: 'Hal', age: null }],
  })
  expect(
    await data(
      'mutation { updateManyUser(filter: {name_in: ["Gus", "Hal"]}, data: {age: 9}) deleteManyUsers(filter: {age_eq: 9}) }',
    ),
  ).toEqual({ updateManyUser: 2, deleteManyUsers: 2 })
  expect(
    await data(
      `mutation ($id: ID!) { updateUser(id: $id, data: {age: 37}) { age } gone: deleteUser(id: "${randomUUID()}") { id } }`,
      { id: A },
    ),
  ).toEqual({ updateUser: { age: 37 }, gone: null })
  expect(await data('mutation { deleteManyUser(filter: {name_in: ["Eve", "Fay"]}) }')).toEqual({
    deleteManyUser: 2,
  })
  expect(
    await data(
      'mutation { insertPair(data: {a: 3, b: 4, v: "n"}) { v } updatePairs(a: 3, b: 4, data: {v: "m"}) { v } deletePair(a: 3, b: 4) { a v } insertData(data: {id: 1}) { v } updateManyData(filter: {id_eq: 1}, data: {v: "w"}) deleteData(id: 1) { v } }',
    ),
  ).toEqual({
    insertPair: { v: 'n' },
    updatePairs: { v: 'm' },
    deletePair: { a: 3, v: 'm' },
    insertData: { v: null },
    updateManyData: 1,
    deleteData: { v: 'w' },
  })
})

test('a write says which rows it means', async () => {
  const before = await rowsOf('users')
  for (const text of [
    'deleteManyUsers(filter: {})',
    'deleteManyUsers(filter: {_and: []})',
    'updateManyUser(filter: {}, data: {age: 1})',
  ]) {
    expect(await message(`mutation { ${text} }`)).toBe('filter argument required')
  }
  expect(
    await message('mutation ($n: String) { deleteManyUsers(filter: {name_eq: $n}) }', {}),
  ).toBe('filter argument required')
  expect(
    await message('mutation { updateManyUser(filter: {name_eq: "Ada"}, data: {}) }'),
  ).toContain('data must hold')
  for (const filter of [
    '_or: [{}]',
    '_or: [{}, {name_eq: "x"}]',
    '_not: {_or: []}',
    '_and: [{_and: [{}]}]',
    'name_eq: "x", _not: {_not: {_not: {}}}',
  ].slice(0, 4)) {
    expect([filter, await message(`mutation { deleteManyUsers(filter: {${filter}}) }`)]).toEqual([
      filter,
      'filter argument required',
    ])
  }
  expect(await rowsOf('users')).toBe(before)
})

test('each field of a mutation stands for itself: what fails is told, what came before and after is done', async () => {
  const before = await rowsOf('users')
  const found = await ask(`mutation {
    a: insertUser(data: {name: "New", email: "new@x"}) { name }
    b: insertUser(data: {name: "New", email: "ada@x"}) { name }
    n: updateUser(id: "00000000-0000-4000-8000-000000000000", data: {age: 1}) { name }
    __typename
    c: deleteManyUsers(filter: {email_eq: "new@x"})
    d: insertUser(data: {age: 1}) { name }
  }`)
  expect(found).toMatchObject({
    data: { a: { name: 'New' }, b: null, n: null, __typename: 'Mutation', c: 1, d: null },
    errors: [
      {
        message: expect.stringMatching(/^insert failed: duplicate key/),
        path: ['b'],
        extensions: { code: 'DUPLICATE_KEY', sqlstate: '23505' },
      },
      { path: ['d'], extensions: { code: 'NOT_NULL_VIOLATION', sqlstate: '23502' } },
    ],
  })
  expect(Object.keys((found as { data: object }).data)).toEqual([
    'a',
    'b',
    'n',
    '__typename',
    'c',
    'd',
  ])
  expect(await rowsOf('users')).toBe(before)
})

const G = '/api/v1/graphql'

test('a mutation with an Idempotency-Key is done once; a query with one is asked anew', async () => {
  const key = { 'idempotency-key': 'once-1' }
  const insert = (name: string) => ({
    query: `mutation { insertUser(data: {name: "${name}"}) { id } }`,
  })
  const twice = [1, 2].map(() => service.request('POST', G, insert('Once'), key))
  const both = await Promise.all(twice)
  const done = both.filter(({ status }) => status === 200)
  for (const res of both.filter((one) => !done.includes(one))) {
    expect([res.status, await res.json()]).toEqual([
      409,
      expect.objectContaining({ code: 'IDEMPOTENCY_REQUEST_IN_PROGRESS' }),
    ])
  }
  const first: unknown = await done[0]?.json()
  const again = await service.request('POST', G, insert('Once'), key)
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(await again.json()).toEqual(first)
  const other = await service.request('POST', G, insert('Other'), key)
  expect([other.status, await other.json()]).toEqual([
    422,
    expect.objectContaining({
      error: expect.stringMatching(/another body/),
      code: 'IDEMPOTENCY_REQUEST_BODY_MISMATCH',
    }),
  ])
  const spelled = JSON.stringify(insert('Spelled')).replace('mutation', String.raw`\u006dutation`)
  const asJson = { 'idempotency-key': 'once-2', 'content-type': 'application/json' }
  for (const replayed of [null, 'true']) {
    const res = await service.request('POST', G, spelled, asJson)
    expect([res.status, res.headers.get('idempotency-replayed')]).toEqual([200, replayed])
  }
  const count = { query: '{ usersAggregate(filter: {name_eq: "Once"}) { count } }' }
  for (const left of [1, 0]) {
    const res = await service.request('POST', G, count, key)
    expect(res.headers.get('idempotency-replayed')).toBe(null)
    expect(await res.json()).toEqual({ data: { usersAggregate: { count: left } } })
    await service.post(G, { query: 'mutation { deleteManyUsers(filter: {name_eq: "Once"}) }' })
  }
  const bad = await service.request('POST', G, '{', { ...key, 'content-type': 'application/json' })
  expect([bad.status, await bad.json()]).toMatchObject([
    400,
    { error: 'Invalid JSON in request body' },
  ])
  const long = await service.request('POST', G, insert('x'), { 'idempotency-key': 'k'.repeat(257) })
  expect(long.status).toBe(400)
})

test('errors of the database are errors of the operation', async () => {
  const failed = async (text: string, by?: Client) => {
    const { errors, data: found } = await ask(text, undefined, by)
    expect(errors).toHaveLength(1)
    const {
      extensions,
      message: said,
      path,
    } = (errors as unknown[])[0] as { extensions: object; message: string; path: string[] }
    expect(Object.values(found ?? {})).toEqual([null])
    return { ...extensions, said, path }
  }
  expect(
    await failed('mutation { insertPost(data: {likes: -1, title: "x"}) { id } }'),
  ).toMatchObject({ sqlstate: '23514', code: 'CHECK_VIOLATION' })
  expect(await failed('mutation { insertPost(data: {}) { id } }')).toMatchObject({
    sqlstate: '23502',
    code: 'NOT_NULL_VIOLATION',
    path: ['insertPost'],
  })
  expect(await failed('mutation { insertComment(data: {postId: 999}) { id } }')).toMatchObject({
    sqlstate: '23503',
  })
  expect(await failed('{ users(filter: {seenAt_gt: "yesterdayish"}) { id } }')).toMatchObject({
    sqlstate: '22007',
    code: 'INVALID_INPUT',
    said: expect.stringMatching(/^query failed: /),
  })
  expect(
    await failed(
      'mutation { insertMine(data: {body: "x", userId: "00000000-0000-4000-8000-000000000001"}) { id } }',
      ada,
    ),
  ).toMatchObject({ sqlstate: '42501', code: 'RLS_POLICY_VIOLATION' })
})

test('row security and grants hold on every hop, and the schema tells nobody more', async () => {
  expect(
    await data('mutation { insertMine(data: {body: "hers"}) { body userId } }', undefined, ada),
  ).toEqual({ insertMine: { body: 'hers', userId: adaId } })
  const mine = '{ mines: mine { body } mineAggregate { count } }'
  expect(await data(mine, undefined, ada)).toEqual({
    mines: [{ body: 'hers' }],
    mineAggregate: { count: 1 },
  })
  expect(await data(mine, undefined, bob)).toEqual({ mines: [], mineAggregate: { count: 0 } })
  expect(
    await data(
      'mutation { updateManyMine(filter: {id_gt: 0}, data: {body: "his"}) deleteManyMine(filter: {id_gt: 0}) }',
      undefined,
      bob,
    ),
  ).toEqual({ updateManyMine: 0, deleteManyMine: 0 })
  expect(await data(mine, undefined, anon)).toEqual({ mines: [], mineAggregate: { count: 0 } })
  expect(await data('{ users(filter: {name_eq: "Ada"}) { id } }', undefined, app.nobody)).toEqual({
    users: [{ id: A }],
  })
  expect(await message('{ users { secret } }', undefined, anon)).toContain(
    'Cannot query field "secret"',
  )
  expect(await message('{ users(filter: {email_like: "%"}) { id } }', undefined, anon)).toContain(
    'email_like',
  )
  expect(await message('{ closed { id } }')).toContain('Cannot query field "closed"')
  expect(await message('mutation { deletePost(id: 1) { id } }', undefined, ada)).toContain(
    'Cannot query field "deletePost"',
  )
  expect(
    await message('mutation { insertPost(data: {title: "x"}) { id } }', undefined, anon),
  ).toContain('mutation')
  expect(
    await data(
      'mutation { insertPost(data: {title: "hers"}) { title comments { id } } }',
      undefined,
      ada,
    ),
  ).toMatchObject({ insertPost: { title: 'hers' } })
  const types = async (by: Client) =>
    JSON.stringify(
      await data(
        '{ __schema { types { name inputFields { name } fields { name } } } }',
        undefined,
        by,
      ),
    )
  expect(await types(anon)).not.toMatch(/secret|closed|Pairs|deleteMine/i)
  expect(await types(service)).toMatch(/secret/)
  expect(await types(service)).not.toMatch(/[Cc]losed/)
})

test('a table that may only be inserted into has inserts that count, and nothing else', async () => {
  const write = 'mutation ($d: LetterInput!) { insertLetter(data: $d) }'
  expect(await data(write, { d: { body: 'dear' } }, ada)).toEqual({ insertLetter: 1 })
  expect(
    await data(
      'mutation { insertManyLetters(data: [{body: "a"}, {body: "b"}]) insertLetters(data: {body: "c"}) none: insertManyLetter(data: []) }',
      undefined,
      ada,
    ),
  ).toEqual({ insertManyLetters: 2, insertLetters: 1, none: 0 })
  expect(await rowsOf('letters')).toBe(4)
  expect(await message('{ letters { id } }', undefined, ada)).toContain('letters')
  expect(await message('{ lettersAggregate { count } }', undefined, ada)).toContain('lettersAgg')
  expect(await message(write, { d: { body: 'x', toWho: 'me' } }, ada)).toContain('toWho')
  expect(await message('mutation { deleteManyLetters(filter: {}) }', undefined, ada)).toContain(
    'deleteManyLetters',
  )
  expect(
    await message('mutation { insertLetter(data: {body: "x"}) { id } }', undefined, ada),
  ).toContain('must not have a selection')
  const { errors } = await ask('mutation { insertLetter(data: {}) }', undefined, ada)
  expect(errors).toMatchObject([{ extensions: { sqlstate: '23502' }, path: ['insertLetter'] }])
  const types = await data('{ __schema { types { name } } }', undefined, ada)
  const names = JSON.stringify(types).match(/"Letter\w*"/g)
  expect(names).toEqual(['"LettersInput"'])
  expect(await data('mutation { insertManyPosts(data: []) { id } }', undefined, ada)).toEqual({
    insertManyPosts: [],
  })
  expect(
    await data('mutation { insertKeep(data: {id: 1, v: "x"}) { v } }', undefined, ada),
  ).toEqual({ insertKeep: { v: 'x' } })
  expect(await message('{ keep { id } }', undefined, ada)).toContain('"id"')
})

test('changes of tables and grants are seen by the next request', async () => {
  await app.sql('create table later (id int primary key, x text); grant select on later to anon')
  expect(await data('{ later { id x } }', undefined, anon)).toEqual({ later: [] })
  await app.sql('alter table later add y int; grant insert on later to anon')
  expect(
    await data('mutation { insertLater(data: {id: 1, y: 2}) { id y } }', undefined, anon),
  ).toEqual({ insertLater: { id: 1, y: 2 } })
  await app.sql('alter table later drop column x; revoke insert on later from anon')
  expect(await message('{ later { x } }', undefined, anon)).toContain('Cannot query field "x"')
  await app.sql('revoke select on later from anon')
  expect(await message('{ later { id } }', undefined, anon)).toContain('later')
  await app.sql('drop table later')
  expect(await message('{ later { id } }')).toContain('Cannot query field "later"')
})
