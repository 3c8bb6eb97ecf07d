import { expect, test } from 'vitest'
import { diffSchemas } from './diff.ts'
import { wantedFrom } from './dsl.ts'
import { derivedName, type LiveSchema } from './model.ts'
import { canonicalType, parseType } from './types.ts'

const NOTHING: LiveSchema = new Map()

const idOnly = { columns: { id: { type: 'uuid', primaryKey: true } } }

test('diffSchemas drops first, then creates what is referred to before what refers to it', () => {
  const wanted = wantedFrom({
    tables: {
      a: { columns: { b_id: { type: 'uuid', references: 'b.id' } } },
      b: { ...idOnly, indexes: { b_i: { columns: ['id'] } } },
    },
    _drop: ['old', 'unknown'],
  })
  const live: LiveSchema = new Map([
    ['old', { columns: new Map(), indexes: new Map(), seed: false }],
  ])
  const { statements, refused } = diffSchemas(live, wanted)
  expect(refused).toEqual([])
  expect(statements.map(({ sql }) => sql.split(' ').slice(0, 3).join(' '))).toEqual([
    'DROP TABLE "old"',
    'CREATE TABLE "b"',
    'CREATE INDEX "b_i"',
    'CREATE TABLE "a"',
  ])
  expect(statements.map(({ destructive }) => destructive)).toEqual([true, false, false, false])
})

test('diffSchemas leaves tables alone that no schema can name', () => {
  const none = { columns: new Map(), indexes: new Map(), seed: false }
  const live: LiveSchema = new Map(['Mixed Case', 'größe', 'plain'].map((name) => [name, none]))
  expect(diffSchemas(live, wantedFrom({ tables: {} }))).toMatchObject({
    statements: [],
    refused: [expect.stringContaining('"plain"')],
  })
})

test('diffSchemas names the tables of a circle, and lets a table refer to itself', () => {
  const self = { columns: { id: { type: 'uuid' }, up: { type: 'uuid', references: 't.id' } } }
  expect(diffSchemas(NOTHING, wantedFrom({ tables: { t: self } })).statements).toHaveLength(1)
  const ring = (to: string) => ({ columns: { id: { type: 'uuid', references: `${to}.id` } } })
  const wanted = wantedFrom({ tables: { a: ring('b'), b: ring('c'), c: ring('a'), d: idOnly } })
  expect(() => diffSchemas(NOTHING, wanted)).toThrow(/a, b, c/)
})

test('derivedName keeps the ending, stays within 63 characters and tells long tables apart', () => {
  const long = 'x'.repeat(63)
  const [one, other] = [
    derivedName(long, '_user_isolation'),
    derivedName(`${long.slice(1)}y`, '_user_isolation'),
  ]
  expect(one).toHaveLength(63)
  expect(one).toMatch(/_user_isolation$/)
  expect(one).not.toBe(other)
  expect(derivedName('posts', '_user_isolation')).toBe('posts_user_isolation')
})

test('parseType and canonicalType meet in one spelling', () => {
  const pairs = [
    ['timestamptz', 'timestamp with time zone'],
    ['timestamp[]', 'timestamp without time zone[]'],
    ['varchar(20)', 'character varying(20)'],
    ['char', 'character(1)'],
    ['char[]', 'character(1)[]'],
    ['decimal(8)', 'numeric(8,0)'],
    ['FLOAT8', 'double precision'],
    ['timetz', 'time with time zone'],
  ] as const
  for (const [ours, theirs] of pairs) expect(parseType(ours)?.type).toBe(canonicalType(theirs))
  for (const none of ['', 'money', 'text[][]', 'numeric(1,2,3)', 'vector(0)', '__proto__']) {
    expect(parseType(none)).toBeUndefined()
  }
})
