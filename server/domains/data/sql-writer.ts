/** Builds one statement: text with `$1…`, quoted names, and the literals behind the parameters. */
import { quoteIdent } from '#db/sql'
import type { Literal } from './query.ts'

export class SqlWriter {
  text = ''
  readonly binds: Literal[] = []
  readonly #places = new Map<Literal, number>()
  readonly #constants = new Map<string, Literal>()

  /** Constant text of ours, or a type name from the catalog. */
  add(text: string): this {
    this.text += text
    return this
  }

  /** A quoted name, dots between its parts. */
  name(first: string, second?: string): this {
    this.text += quoteIdent(first)
    if (second !== undefined) this.text += `.${quoteIdent(second)}`
    return this
  }

  /** A parameter. The same literal is sent once. */
  bind(literal: Literal, type?: string): this {
    let place = this.#places.get(literal)
    if (place === undefined) {
      place = this.binds.push(literal)
      this.#places.set(literal, place)
    }
    this.text += type === undefined ? `$${place}` : `$${place}::${type}`
    return this
  }

  /**
   * A parameter that belongs to the shape. Equal ones are one, so that equal expressions are equal.
   * @param type undefined = what PostgreSQL takes it for, as it does with a literal
   */
  constant(text: string, type: string | undefined): this {
    const key = `${type ?? ''} ${text}`
    let literal = this.#constants.get(key)
    if (!literal) {
      literal = { text, slot: -1, encoding: 'text' }
      this.#constants.set(key, literal)
    }
    return this.bind(literal, type)
  }

  /** `write` for each item with a separator between. */
  list<T>(items: Iterable<T>, separator: string, write: (item: T) => void): this {
    let first = true
    for (const item of items) {
      if (!first) this.text += separator
      first = false
      write(item)
    }
    return this
  }
}

/** Type names of more than one word and those that only the grammar knows; others are identifiers. */
const GRAMMAR_TYPES = new Set(
  `int integer smallint bigint real float decimal dec numeric boolean char character varchar nchar bit
  time timestamp interval|double precision|character varying|bit varying|national character
  |timestamp with time zone|timestamp without time zone|time with time zone|time without time zone`
    .split('|')
    .flatMap((part, at) => (at === 0 ? part.trim().split(/\s+/) : [part.trim()])),
)

/** A type a caller named: `text`, `int[]`, `my_enum`. Never anything but one type's name. */
export function castType(name: string): string {
  const arrays = /(\[\])*$/.exec(name)?.[0] ?? ''
  const base = name
    .slice(0, name.length - arrays.length)
    .trim()
    .toLowerCase()
    .replaceAll(/\s+/g, ' ')
  return (GRAMMAR_TYPES.has(base) ? base : quoteIdent(base)) + arrays
}
