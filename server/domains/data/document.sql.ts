/** Tests of a column as a document: as jsonb, whatever its type, or of what is at one place in it. */
import type { Literal } from './query.ts'
import type { SqlWriter } from './sql-writer.ts'

const COMPARED = { eq: '=', neq: '<>', contains: '@>', contained_by: '<@' } as const
const ORDERED = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
const MATCHED = { like: 'like', ilike: 'ilike' } as const
const KEYS = { has_key: '?', has_keys_any: '?|', has_keys_all: '?&' } as const

/** `null`: nothing is there, or JSON's null is. */
export type DocumentOperator =
  | keyof typeof COMPARED
  | keyof typeof ORDERED
  | keyof typeof MATCHED
  | keyof typeof KEYS
  | 'in'
  | 'null'
  | 'not_null'

export type DocumentTest = {
  kind: 'document'
  /** Of the column. */
  name: string
  /** Where in it: an array literal of keys and indexes. */
  at?: Literal | undefined
  operator: DocumentOperator
  /** JSON; for `in` an array literal of it; for patterns and a key text; for keys an array literal. */
  value: Literal
}

type Subject = { isJsonb: boolean; write: () => void }

const has = <T extends object>(words: T, word: string): word is keyof T & string =>
  Object.hasOwn(words, word)

export function writeDocument(sql: SqlWriter, subject: Subject, test: DocumentTest): void {
  const { operator, value } = test
  const document = () => writePlace(sql, subject, test, '#>')
  const text = () => writePlace(sql, subject, test, '#>>')
  if (has(ORDERED, operator)) {
    // PostgreSQL orders any JSON: every boolean is more than every number.
    sql.add('(jsonb_typeof(')
    document()
    sql.add(') = jsonb_typeof(').bind(value, 'jsonb').add(') and ')
    document()
    sql.add(` ${ORDERED[operator]} `).bind(value, 'jsonb').add(')')
  } else if (has(MATCHED, operator)) {
    text()
    sql.add(` ${MATCHED[operator]} `).bind(value, 'text')
  } else if (has(KEYS, operator)) {
    document()
    sql.add(` ${KEYS[operator]} `).bind(value, operator === 'has_key' ? 'text' : 'text[]')
  } else if (has(COMPARED, operator)) {
    document()
    sql.add(` ${COMPARED[operator]} `).bind(value, 'jsonb')
  } else if (operator === 'in') {
    document()
    sql.add(' = any (').bind(value, 'jsonb[]').add(')')
  } else {
    text()
    sql.add(operator === 'null' ? ' is null' : ' is not null')
  }
}

// oxlint-disable-next-line max-params -- one place for all tests
function writePlace(
  sql: SqlWriter,
  { isJsonb, write }: Subject,
  { at }: DocumentTest,
  step: '#>' | '#>>',
): void {
  sql.add(isJsonb ? '(' : '(to_jsonb(')
  write()
  if (!isJsonb) sql.add(')')
  if (at) sql.add(` ${step} `).bind(at, 'text[]')
  else if (step === '#>>') sql.add(` #>> '{}'`)
  sql.add(')')
}
