/** Walks through a piece of query text and says where and why it cannot go on. */
import { type AppError, invalid } from '#core/errors'

/** The facts of a parse error. `column` counts characters from 1. */
export type ParseFacts = {
  /** What was parsed: `select parameter`, `filter`, `order`, `logic tree` … */
  what: string
  text: string
  column: number
  found: string
  expected: string
}

export function parseError(facts: ParseFacts): AppError {
  const { what, text, column, found, expected } = facts
  return invalid(
    'parse_error',
    `Cannot parse ${what} "${text.slice(0, 200)}": at column ${column} found ${found}, expected ${expected}`,
    { details: facts, hint: `Write ${expected} at column ${column}.` },
  )
}

/** Longest text that is parsed at all, in characters; deeper nesting than MAX_DEPTH is refused. */
const MAX_TEXT = 65_536
const MAX_DEPTH = 32

const SEALED = /"(?:[^"\\]|\\.)*"/suy
const NAME_PART = /[\p{L}\p{M}\p{N}_$ ]+/uy

export class Scanner {
  readonly text: string
  readonly what: string
  at = 0
  /** Characters that the caller wrote before the text. */
  readonly before: number
  #depth = 0

  constructor(what: string, text: string, before = 0) {
    this.before = before
    this.what = what
    this.text = text
    if (text.length > MAX_TEXT) throw this.#error(`at most ${MAX_TEXT} characters`)
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  get next(): string {
    return this.text.charAt(this.at)
  }

  sees(token: string): boolean {
    return this.text.startsWith(token, this.at)
  }

  /** Goes past `token` when it is next. */
  takes(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false
    this.at += token.length
    return true
  }

  needs(token: string): void {
    if (!this.takes(token)) throw this.#error(`"${token}"`)
  }

  blanks(): void {
    while (this.next !== '' && ' \t\n\r'.includes(this.next)) this.at++
  }

  end(): void {
    if (!this.done) throw this.#error('end of input')
  }

  /** @param found what stands there instead, when not simply the next character */
  fail(expected: string, found?: string): never {
    throw this.#error(expected, found)
  }

  /** Runs `work` one level deeper. */
  nested<T>(work: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.fail(`at most ${MAX_DEPTH} levels`)
    const value = work()
    this.#depth--
    return value
  }

  /** A column or relation name: bare letters, digits, `_`, `$`, inner blanks and dashes; or quoted. */
  name(expected = 'a name'): string {
    if (this.next === '"') return this.quoted()
    const parts = [this.#namePart(expected)]
    while (this.next === '-' && this.text.charAt(this.at + 1) !== '>') {
      this.at++
      parts.push(this.#namePart(expected))
    }
    return parts.join('-')
  }

  #namePart(expected: string): string {
    NAME_PART.lastIndex = this.at
    const [part = ''] = NAME_PART.exec(this.text) ?? []
    if (part.trim() === '') this.fail(expected)
    this.at += part.length
    return part.trim()
  }

  /** `"…"`, a backslash keeps the next character. */
  quoted(): string {
    this.needs('"')
    let value = ''
    while (!this.done && this.next !== '"') {
      if (this.next === '\\') this.at++
      value += this.next
      this.at++
    }
    this.needs('"')
    return value
  }

  /** What is in quotes, unless they never close: then nothing is taken. */
  sealed(): string | undefined {
    SEALED.lastIndex = this.at
    return SEALED.test(this.text) ? this.quoted() : undefined
  }

  /** Everything up to one of `stops`, which stay. */
  until(stops: string): string {
    const start = this.at
    while (!this.done && !stops.includes(this.next)) this.at++
    return this.text.slice(start, this.at)
  }

  rest(): string {
    const value = this.text.slice(this.at)
    this.at = this.text.length
    return value
  }

  #error(expected: string, instead?: string): AppError {
    const found = instead ?? this.#found()
    return parseError({
      what: this.what,
      text: this.text,
      column: this.before + this.at + 1,
      found,
      expected,
    })
  }

  #found(): string {
    return this.done ? 'end of input' : JSON.stringify(this.text.charAt(this.at))
  }
}
