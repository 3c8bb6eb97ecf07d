import { expect, test } from 'vitest'
import { Likeness } from './likeness.ts'

const NAMES = ['authors', 'books', 'book_shelves', 'Shelves', 'orders', 'order_lines']

test.each([
  ['author', 'authors'],
  ['AUTHORS', 'authors'],
  ['bookshelves', 'book_shelves'],
  ['shelve', 'Shelves'],
  ['order', 'orders'],
  ['orderlines', 'order_lines'],
  ['xyz', undefined],
  ['', undefined],
  ['x'.repeat(10_000), undefined],
])('%j is most like %j', (wanted, name) => {
  expect(new Likeness(NAMES).nearest(wanted)).toBe(name)
})

test('a name that must be nearly the same is no other', () => {
  const names = new Likeness(NAMES)
  expect(
    ['author', 'orderz', 'shelf', 'book_shops'].map((one) => names.nearest(one, 0.75)),
  ).toEqual(['authors', 'orders', undefined, undefined])
})

test('pieces of three letters decide before pieces of two', () => {
  // "fee" has more in common letter for letter, but shares no three of them.
  expect(new Likeness(['fee', 'factories']).nearest('fake')).toBe('factories')
})

test('of two names that differ in case only, the one in small letters is meant', () => {
  expect(new Likeness(['Item', 'item']).nearest('itemm')).toBe('item')
})

test('has() does not mind the case', () => {
  expect([new Likeness(NAMES).has('BOOKS'), new Likeness(NAMES).has('book')]).toEqual([true, false])
})

test('a schema of very many names is not searched', () => {
  const names = Array.from({ length: 501 }, (_, i) => `table_${i}`)
  expect(new Likeness(names).nearest('table_1x')).toBeUndefined()
})
