import { expect, test } from 'vitest'
import { Shelf } from './shelf.ts'

/** A shelf of texts, each as large as it is long, that counts what it had to make. */
function shelfOf(maxBytes: number) {
  const shelf = new Shelf<string>(maxBytes, (text) => text.length)
  const made: string[] = []
  const take = (key: string, length = 10) =>
    shelf.take(key, async () => {
      made.push(key)
      return key.repeat(length)
    })
  return { shelf, made, take }
}

test('what was asked for the longest ago makes room', async () => {
  const { made, take } = shelfOf(30)
  for (const key of ['a', 'b', 'c', 'a', 'd', 'a', 'c', 'd']) await take(key)
  expect(made.join('')).toBe('abcd')
  await take('b')
  expect(made.join('')).toBe('abcdb')
})

test('who asks while it is made gets the same', async () => {
  const { made, take } = shelfOf(30)
  expect(await Promise.all([take('a'), take('a'), take('a')])).toEqual(
    Array(3).fill('a'.repeat(10)),
  )
  expect(made).toEqual(['a'])
})

test('what is larger than all the room is given, not kept, and drives nothing out', async () => {
  const { made, take } = shelfOf(30)
  await take('a')
  expect(await take('h', 31)).toHaveLength(31)
  await take('h', 31)
  await take('a')
  expect(made.join('')).toBe('ahh')
})

test('a failure is told to all who asked, and tried again by the next', async () => {
  const { shelf, take } = shelfOf(30)
  const failing = () => shelf.take('a', () => Promise.reject(new Error('no')))
  expect(await Promise.allSettled([failing(), take('a')])).toMatchObject([
    { status: 'rejected' },
    { status: 'rejected' },
  ])
  expect(await take('a')).toHaveLength(10)
})
