import { describe, expect, test } from 'vitest'
import { AppError } from '#core/errors'
import { arrayLiteral, encode, parseList } from './encode.ts'
import { readPairs } from './pairs.ts'
import { operatorHead, parseFilter, parseLogic } from './parse-filter.ts'
import { parseOrder } from './parse-order.ts'
import { parseSelect } from './parse-select.ts'
import { rowsOfCsv, rowsOfJson } from './payload.ts'
import type { ParseFacts } from './scanner.ts'
import { castType } from './sql-writer.ts'

const field = (name: string) => ({ name, path: [] })

describe('parseSelect', () => {
  test('reads columns, aliases, casts, JSON paths and aggregates', () => {
    expect(parseSelect('*, a , b:c::int[],d->e->0->>"f g",sum:x.sum()::text,count()')).toEqual([
      { kind: 'all' },
      { kind: 'field', field: field('a') },
      { kind: 'field', alias: 'b', field: field('c'), cast: 'int[]' },
      {
        kind: 'field',
        field: {
          name: 'd',
          path: [
            { key: 'e', index: false, asText: false },
            { key: '0', index: true, asText: false },
            { key: 'f g', index: false, asText: true },
          ],
        },
      },
      { kind: 'field', alias: 'sum', field: field('x'), aggregate: 'sum', aggregateCast: 'text' },
      { kind: 'field', aggregate: 'count' },
    ])
  })

  test('reads embeds with alias, hint, join and nesting, and spreads', () => {
    const query = (select: unknown[]) => ({ select, where: [], order: [] })
    expect(parseSelect('x:rel!hint!inner(a,b(*)),...other!left(c),empty()')).toEqual([
      {
        kind: 'embed',
        relation: 'rel',
        alias: 'x',
        hint: 'hint',
        join: 'inner',
        spread: false,
        query: query([
          { kind: 'field', field: field('a') },
          { kind: 'embed', relation: 'b', spread: false, query: query([{ kind: 'all' }]) },
        ]),
      },
      {
        kind: 'embed',
        relation: 'other',
        join: 'left',
        spread: true,
        query: query([{ kind: 'field', field: field('c') }]),
      },
      { kind: 'embed', relation: 'empty', spread: false, query: query([]) },
    ])
  })

  test('names may hold dashes, blanks, other scripts, and anything in quotes', () => {
    expect(parseSelect('my-col,two words,naïve,"a,b(c)"')).toMatchObject(
      ['my-col', 'two words', 'naïve', 'a,b(c)'].map((name) => ({ field: field(name) })),
    )
  })
})

test('parseOrder reads direction, nulls, JSON paths and relations', () => {
  expect(parseOrder('a,b.desc.nullslast,c->>d.nullsfirst,rel(e).asc')).toMatchObject([
    { field: field('a') },
    { field: field('b'), direction: 'desc', nulls: 'last' },
    { field: { name: 'c' }, nulls: 'first' },
    { field: field('e'), relation: 'rel', direction: 'asc' },
  ])
})

test('parseFilter keeps everything after the first dot as the value', () => {
  expect(parseFilter(field('a'), { text: 'not.eq.1.5,(x)', slot: 3 })).toEqual({
    kind: 'not',
    item: {
      kind: 'compare',
      field: field('a'),
      operator: 'eq',
      value: { text: '1.5,(x)', slot: 3, encoding: 'text' },
    },
  })
})

test('parseLogic nests, quotes, and lets braces keep their commas', () => {
  const tree = parseLogic('or', '(a.eq."x,)",not.and(b.cs.{1,2},c.in.(1,"2,3")),d->>e.is.null)')
  expect(tree).toMatchObject({
    kind: 'or',
    items: [
      { operator: 'eq', value: { text: 'x,)' } },
      {
        kind: 'not',
        item: {
          kind: 'and',
          items: [{ value: { text: '{1,2}' } }, { kind: 'in', values: { text: '(1,"2,3")' } }],
        },
      },
      { kind: 'is', word: 'null' },
    ],
  })
})

test('operatorHead knows operators only', () => {
  expect(operatorHead('fts(english).a b')).toEqual({
    negated: false,
    operator: 'fts',
    modifier: 'english',
    operandAt: 13,
  })
  for (const text of ['One', 'xx.1', 'constructor.1', '__proto__.1', 'nin.(1)', '']) {
    expect([text, operatorHead(text)]).toEqual([text, undefined])
  }
})

test('lists and arrays keep quotes and backslashes apart', () => {
  expect(parseList('(a,"b,c","d\\"e",)')).toEqual(['a', 'b,c', 'd"e', ''])
  expect(parseList('()')).toEqual([])
  expect(arrayLiteral(['a"b', 'c\\d', null])).toBe('{"a\\"b","c\\\\d",NULL}')
  expect(encode('(a, b ,c)', 'commas')).toBe('{"a","b","c"}')
})

test('readPairs decodes leniently', () => {
  expect(readPairs('a=1%202&b=x%&c=%ZZ&=d&e&f=%C3%A4+%FF&&g=a=b')).toEqual([
    { key: 'a', value: '1 2' },
    { key: 'b', value: 'x%' },
    { key: 'c', value: '%ZZ' },
    { key: '', value: 'd' },
    { key: 'e', value: '', bare: true },
    { key: 'f', value: 'ä \uFFFD' },
    { key: 'g', value: 'a=b' },
  ])
})

test('castType never lets anything but a type name through', () => {
  expect(castType('int')).toBe('int')
  expect(castType('Double  Precision')).toBe('double precision')
  expect(castType('text[]')).toBe('"text"[]')
  expect(castType('text and 1')).toBe('"text and 1"')
})

test('CSV keeps quoted text, knows NULL, and refuses ragged lines', () => {
  expect(rowsOfCsv('a,b\r\n1,"x ""y"", z"\nNULL,"NULL"\n').rows).toEqual([
    { a: '1', b: 'x "y", z' },
    { a: null, b: 'NULL' },
  ])
  expect(() => rowsOfCsv('a,b\n1')).toThrow(AppError)
  expect(() => rowsOfJson('[1]')).toThrow(AppError)
})

/** A small generator of its own, so that a failure can be repeated from its seed. */
function randomOf(seed: number) {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % below
  }
}

const HOSTILE = [
  '(',
  ')',
  ',',
  '.',
  ':',
  '::',
  '"',
  '\\',
  '->',
  '->>',
  '*',
  '!',
  '...',
  '{',
  '}',
  '[',
  ']',
  '\0',
  '%',
  "'",
  ';--',
  ' ',
  '\n',
  'eq',
  'in',
  'not',
  'is',
  'null',
  'or',
  'and',
  'a',
  'b',
  '1',
  'ä',
  '\u202e',
  '😀',
  '\ud800',
  'fts(',
  'count()',
  'asc',
  'any',
  '/*',
  '$1',
  "' or 1=1",
  'x'.repeat(300),
  '('.repeat(50),
  'and('.repeat(40),
]

/** By hand: a hundred thousand of vitest's own comparisons would take most of a minute on a busy machine. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof AppError) || error.code !== 'parse_error') return false
  const { column, expected } = error.details as Partial<ParseFacts>
  return typeof column === 'number' && typeof expected === 'string'
}

test('hostile text is parsed or refused with a place and a reason, never with anything else', () => {
  const parsers: ((text: string) => unknown)[] = [
    parseSelect,
    parseOrder,
    parseList,
    (text) => parseLogic('or', text),
    (text) => parseLogic('and', text, { balanced: true, extended: true }),
    (text) => parseFilter(field('a'), { text, slot: -1 }),
    (text) =>
      parseFilter(
        field('a'),
        { text: `between.${text}`, slot: -1 },
        { balanced: true, extended: true },
      ),
  ]
  const random = randomOf(20_260_101)
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random(9) }, () => HOSTILE[random(HOSTILE.length)]).join('')
    for (const parse of parsers) {
      try {
        parse(text)
      } catch (error) {
        if (!isRefusal(error)) throw new Error(`Hostile: ${JSON.stringify(text)}`, { cause: error })
      }
    }
  }
})

test('text of 65 thousand characters and more, and 33 levels, are refused', () => {
  expect(() => parseSelect('a,'.repeat(40_000))).toThrow('at most 65536 characters')
  expect(() => parseSelect(`${'a('.repeat(40)}b${')'.repeat(40)}`)).toThrow('at most 32 levels')
})
