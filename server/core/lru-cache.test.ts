import { expect, test } from 'vitest'
import { LruCache } from './lru-cache.ts'

const keys = (from: number, to: number, length = 4): string[] =>
  Array.from({ length: to - from }, (_, at) => `${from + at}-`.padEnd(length, 'x'))

test('LruCache keeps what is asked for, and never more than it may', () => {
  const cache = new LruCache<number>(10)
  cache.set('kept', 1)
  for (const key of keys(0, 100)) {
    cache.set(key, 2)
    expect(cache.get('kept')).toBe(1)
    expect(cache.size).toBeLessThanOrEqual(10)
  }
  expect(cache.get(keys(0, 1)[0] ?? '')).toBeUndefined()
})

test('LruCache forgets long keys before their number is too large, and takes none that would fill it', () => {
  const cache = new LruCache<number>(1_000, 10_000)
  const long = keys(0, 50, 1_000)
  for (const key of long) cache.set(key, 1)
  const held = long.filter((key) => cache.get(key) !== undefined)
  expect([held.length > 1, held.length <= 10]).toEqual([true, true])
  expect(cache.get(long.at(-1) ?? '')).toBe(1)
  cache.set('y'.repeat(6_000), 1)
  expect(cache.get('y'.repeat(6_000))).toBeUndefined()
  for (let again = 0; again < 100; again++) cache.set('same', again)
  expect(cache.get('same')).toBe(99)
  cache.clear()
  expect(cache.size).toBe(0)
})
