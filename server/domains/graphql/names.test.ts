import { expect, test } from 'vitest'
import { camelCase, Names, pascalCase, singular, stem } from './names.ts'

test('words end at _ and -, then at humps; a name without those is one word in lower case', () => {
  const expected: Record<string, [camel: string, pascal: string]> = {
    users: ['users', 'Users'],
    order_items: ['orderItems', 'OrderItems'],
    'order-items': ['orderItems', 'OrderItems'],
    OrderItems: ['orderitems', 'Orderitems'],
    my_OrderItems: ['myOrderItems', 'MyOrderItems'],
    _private: ['private', 'Private'],
    '2fa_codes': ['_2faCodes', '_2faCodes'],
    'größe m': ['grEM', 'GrEM'],
    '☃': ['_', '_'],
  }
  for (const [name, [camel, pascal]] of Object.entries(expected)) {
    expect([name, camelCase(name), pascalCase(name)]).toEqual([name, camel, pascal])
    expect(camelCase(name)).toMatch(/^[_A-Za-z][_0-9A-Za-z]*$/)
  }
})

test('the singular drops one s, and ies becomes y', () => {
  expect(['users', 'categories', 'address', 'data', 's'].map(singular)).toEqual([
    'user',
    'category',
    'addres',
    'data',
    's',
  ])
  expect(['author_id', 'author', '_id'].map(stem)).toEqual(['author', 'author', '_id'])
})

test('a name is given once', () => {
  const names = new Names(['taken'])
  expect(['taken', 'free', 'free', 'free'].map((name) => names.take(name))).toEqual([
    'taken2',
    'free',
    'free2',
    'free3',
  ])
  expect(names.take('free', 'Rel')).toBe('freeRel')
  expect(names.take('free', 'Rel')).toBe('freeRel2')
})
