/** `order`: terms with direction and the place of nulls. */
import { readField } from './parse-field.ts'
import type { OrderTerm } from './query.ts'
import { Scanner } from './scanner.ts'

/** @throws `invalid` parse_error */
export function parseOrder(text: string): OrderTerm[] {
  const scanner = new Scanner('order', text)
  const terms: OrderTerm[] = []
  do terms.push(readTerm(scanner))
  while (scanner.takes(','))
  scanner.end()
  return terms
}

function readTerm(scanner: Scanner): OrderTerm {
  const outer = readField(scanner)
  if (!scanner.takes('(')) return { field: outer, ...readWords(scanner) }
  if (outer.path.length > 0) scanner.fail('a relation without a JSON path')
  const field = readField(scanner)
  scanner.needs(')')
  return { field, relation: outer.name, ...readWords(scanner) }
}

function readWords(scanner: Scanner): Pick<OrderTerm, 'direction' | 'nulls'> {
  const words: Pick<OrderTerm, 'direction' | 'nulls'> = {}
  while (scanner.takes('.')) {
    if (!words.nulls && !words.direction && scanner.takes('asc')) words.direction = 'asc'
    else if (!words.nulls && !words.direction && scanner.takes('desc')) words.direction = 'desc'
    else if (!words.nulls && scanner.takes('nullsfirst')) words.nulls = 'first'
    else if (!words.nulls && scanner.takes('nullslast')) words.nulls = 'last'
    else scanner.fail('asc, desc, nullsfirst or nullslast')
  }
  scanner.blanks()
  return words
}
