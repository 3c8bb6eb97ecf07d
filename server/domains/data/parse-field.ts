/** Fields: a column, and a way into its JSON. */
import type { Field, JsonStep } from './query.ts'
import { Scanner } from './scanner.ts'

const INDEX = /-?\d+(?=->|::|[.,):]|\s*$)/y

/** `column`, `column->key->0->>last` */
export function readField(scanner: Scanner): Field {
  scanner.blanks()
  const name = scanner.name('field name (* or [a..z0..9_$])')
  const path = readPath(scanner)
  scanner.blanks()
  return { name, path }
}

export function readPath(scanner: Scanner): JsonStep[] {
  const path: JsonStep[] = []
  while (scanner.takes('->')) {
    const asText = scanner.takes('>')
    path.push({ ...readKey(scanner), asText })
  }
  return path
}

function readKey(scanner: Scanner): { key: string; index: boolean } {
  INDEX.lastIndex = scanner.at
  const [digits] = INDEX.exec(scanner.text) ?? []
  if (digits !== undefined && digits.length <= 9) {
    scanner.at += digits.length
    return { key: digits, index: true }
  }
  return { key: scanner.next === '"' ? scanner.quoted() : readBareKey(scanner), index: false }
}

const BARE_KEY = /[^(\-:.,>)]+(-(?!>)[^(\-:.,>)]+)*/uy

/** Whatever has no meaning of its own in a query, dashes inside. */
function readBareKey(scanner: Scanner): string {
  BARE_KEY.lastIndex = scanner.at
  const [key] = BARE_KEY.exec(scanner.text) ?? []
  if (key === undefined) {
    if (scanner.takes('-')) scanner.fail('digit')
    scanner.fail('"-", digit or any non reserved character different from: .,>()')
  }
  scanner.at += key.length
  return key.trim()
}

/** A field, and the embeds that lead to its level. */
export type Placed = { path: string[]; field: Field }

/**
 * `posts.data->>key`: path posts, field data with its way into JSON.
 * @param what it is in the words of the dialect
 * @throws `invalid` parse_error
 */
export function parseKey(what: string, key: string): Placed {
  const scanner = new Scanner(what, key)
  const path: string[] = []
  for (;;) {
    const field = readField(scanner)
    if (scanner.done) return { path, field }
    scanner.needs('.')
    path.push(field.name)
  }
}

/** The name a field has in the output when it is given none. */
export function outputName({ name, path }: Field): string {
  for (let at = path.length - 1; at >= 0; at--) {
    const step = path[at]
    if (step && !step.index) return step.key
  }
  return name
}
