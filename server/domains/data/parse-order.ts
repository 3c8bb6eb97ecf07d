/** `order`: terms with direction and the place of nulls. */
import { readField } from './parse-field.ts'
import { vectorText } from './parse-extension.ts'
import { type Distance, type OrderTerm, VECTOR_OPERATORS, type VectorOperator } from './query.ts'
import { Scanner } from './scanner.ts'

/**
 * @param distances `column.vec_cos.[1,2,3]` orders by distance
 * @throws `invalid` parse_error
 */
export function parseOrder(text: string, distances = false): OrderTerm[] {
  const scanner = new Scanner('order', text)
  const terms: OrderTerm[] = []
  do terms.push(readTerm(scanner, distances))
  while (scanner.takes(','))
  if (!scanner.done) failAfter(scanner, terms.at(-1))
  return terms
}

function readTerm(scanner: Scanner, distances: boolean): OrderTerm {
  const outer = readField(scanner)
  const distance = distances ? readDistance(scanner) : undefined
  if (distance) return { field: outer, distance, ...readWords(scanner) }
  if (!scanner.takes('(')) return { field: outer, ...readWords(scanner) }
  if (outer.path.length > 0) scanner.fail('a relation without a JSON path')
  const field = readField(scanner)
  scanner.needs(')')
  return { field, relation: outer.name, ...readWords(scanner) }
}

/** `.vec_cos.[1,2,3]`, in brackets or parentheses. */
function readDistance(scanner: Scanner): Distance | undefined {
  const words = Object.keys(VECTOR_OPERATORS) as VectorOperator[]
  const operator = words.find((word) => scanner.takes(`.${word}.`))
  if (!operator) return undefined
  const start = scanner.at
  scanner.until('])')
  scanner.at++
  const text = vectorText(scanner, scanner.text.slice(start, scanner.at))
  return { operator, to: { text, slot: -1, encoding: 'text' } }
}

/** Each word may stand once, and no direction after the nulls. */
function failAfter(scanner: Scanner, last: OrderTerm | undefined): never {
  const more = last?.direction && !last.nulls ? 'delimiter (.), ' : ''
  scanner.fail(`${more}"," or end of input`, `'${scanner.next}'`)
}

function readWords(scanner: Scanner): Pick<OrderTerm, 'direction' | 'nulls'> {
  const words: Pick<OrderTerm, 'direction' | 'nulls'> = {}
  while (scanner.takes('.')) {
    if (!words.nulls && !words.direction && scanner.takes('asc')) words.direction = 'asc'
    else if (!words.nulls && !words.direction && scanner.takes('desc')) words.direction = 'desc'
    else if (!words.nulls && scanner.takes('nullsfirst')) words.nulls = 'first'
    else if (!words.nulls && scanner.takes('nullslast')) words.nulls = 'last'
    else failWord(scanner, words.direction ? NULLS : WORDS)
  }
  scanner.blanks()
  return words
}

const NULLS = ['nullsfirst', 'nullslast']
const WORDS = ['asc', 'desc', ...NULLS]

/** Tells the first letter that leaves the first of the words, if any was begun. */
function failWord(scanner: Scanner, words: readonly string[]): never {
  const rest = scanner.text.slice(scanner.at)
  const [first = ''] = words
  let same = 0
  while (same < rest.length && rest[same] === first[same]) same++
  const found = same < rest.length ? JSON.stringify(rest[same]) : 'end of input'
  const names = words.map((word) => `"${word}"`)
  scanner.fail(`${names.slice(0, -1).join(', ')} or ${names.at(-1)}`, found)
}
