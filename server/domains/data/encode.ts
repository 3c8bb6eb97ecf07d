/** Values on their way to PostgreSQL: from the caller's spelling to the text form of a type. */
import type { Encoding, Literal } from './query.ts'
import { Scanner } from './scanner.ts'

/**
 * The text that is bound for a literal.
 * @throws `invalid` parse_error for a malformed list
 */
export function encode(text: string, encoding: Encoding): string {
  switch (encoding) {
    case 'text':
    case 'json':
      return text
    case 'pattern':
    case 'patterns':
      return text.replaceAll('*', '%')
    case 'list':
      return arrayLiteral(parseList(text))
    case 'commas':
      return arrayLiteral(splitCommas(text))
  }
}

/** The values of a compiled statement, from the values of the request at hand. */
export function bindAll(binds: readonly Literal[], slots: readonly string[]): string[] {
  const values: string[] = []
  for (const { slot, text, encoding } of binds) {
    values.push(encode(slot < 0 ? text : (slots[slot] ?? ''), encoding))
  }
  return values
}

/** `{"a","b \"c\""}` */
export function arrayLiteral(items: readonly (string | null)[]): string {
  const quoted = items.map((item) =>
    item === null ? 'NULL' : `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  )
  return `{${quoted.join(',')}}`
}

/** The items of `(a,"b,c")`; `()` has none. */
export function parseList(text: string): string[] {
  const scanner = new Scanner('list', text)
  const items: string[] = []
  scanner.blanks()
  scanner.needs('(')
  scanner.blanks()
  do items.push(readItem(scanner))
  while (scanner.takes(','))
  scanner.needs(')')
  scanner.blanks()
  scanner.end()
  return items.length === 1 && items[0] === '' ? [] : items
}

function readItem(scanner: Scanner): string {
  if (scanner.next === '"') {
    const start = scanner.at
    const value = scanner.sealed()
    if (value !== undefined && (scanner.sees(',') || scanner.sees(')'))) return value
    scanner.at = start
  }
  return scanner.until(',)')
}

function splitCommas(text: string): string[] {
  const inner = text.replace(/^\s*\(/, '').replace(/\)\s*$/, '')
  return inner.trim() === '' ? [] : inner.split(',').map((item) => item.trim())
}
