/** Filters: `op.value` after a column, and the logic trees of `and=(…)` and `or=(…)`. */
import { parseList } from './encode.ts'
import { isOfExtension, readOfExtension } from './parse-extension.ts'
import { readField } from './parse-field.ts'
import {
  COMPARISONS,
  type Comparison,
  type Condition,
  type Encoding,
  type Field,
  IS_WORDS,
  type Literal,
  type Quantifier,
  SEARCHES,
  type Search,
} from './query.ts'
import { Scanner } from './scanner.ts'

const QUANTIFIED = new Set<string>([
  'eq',
  'gt',
  'gte',
  'lt',
  'lte',
  'like',
  'ilike',
  'match',
  'imatch',
])

const OPERATOR = /([a-z][a-z0-9_]*)(\(([^()]{0,63})\))?\./y

export type OperatorHead = {
  negated: boolean
  /** `eq`, `in`, `fts` … */
  operator: string
  /** What stands in parentheses after it: a quantifier or a language. */
  modifier: string | undefined
  /** Where the operand begins. */
  operandAt: number
}

export type FilterRules = {
  /** Parentheses and brackets inside a value of a logic tree must balance and belong to it. */
  balanced: boolean
  /** `nin`, `between` and those of pgvector and PostGIS are operators too. */
  extended: boolean
  /** The parameter whose value a logic tree is: columns count from it, and what follows is let be. */
  key?: string
}

const PLAIN: FilterRules = { balanced: false, extended: false }

/** Reads `[not.]op[(modifier)].` at `at`; undefined when there is no such thing. */
export function operatorHead(text: string, at = 0, rules = PLAIN): OperatorHead | undefined {
  const negated = text.startsWith('not.', at)
  OPERATOR.lastIndex = negated ? at + 4 : at
  const match = OPERATOR.exec(text)
  if (!match?.[1] || !isOperator(match[1], rules)) return undefined
  return { negated, operator: match[1], modifier: match[3], operandAt: OPERATOR.lastIndex }
}

export const isOperator = (word: string, { extended }: FilterRules = PLAIN): boolean =>
  (extended && (word === 'nin' || word === 'between' || isOfExtension(word))) ||
  Object.hasOwn(COMPARISONS, word) ||
  Object.hasOwn(SEARCHES, word) ||
  word === 'in' ||
  word === 'is'

/**
 * `[not.]op.value` for one field.
 * @param slot where the value stands among the request's values; -1 when it has no place of its own
 * @throws `invalid` parse_error
 */
export function parseFilter(
  field: Field,
  { text, slot }: RawValue,
  rules: FilterRules = PLAIN,
): Condition {
  const scanner = new Scanner('filter', text)
  const value = (): RawValue => ({ text: scanner.rest(), slot })
  return readOperation(scanner, { field, rules, value })
}

export type RawValue = { text: string; slot: number }

type Reading = { field: Field; rules: FilterRules; value: () => RawValue }

function readOperation(scanner: Scanner, { field, rules, value }: Reading): Condition {
  const head = operatorHead(scanner.text, scanner.at, rules)
  if (!head) return scanner.fail('"not" or operator (eq, gt, ...)')
  scanner.at = head.operandAt
  const item = conditionOf(scanner, { field, head, value })
  return head.negated ? { kind: 'not', item } : item
}

type Operation = { field: Field; head: OperatorHead; value: () => RawValue }

function conditionOf(scanner: Scanner, { field, head, value }: Operation): Condition {
  const { operator, modifier } = head
  if (Object.hasOwn(SEARCHES, operator)) {
    const language = modifier === '' ? scanner.fail('a language') : modifier
    const words = literal(value(), 'text')
    return { kind: 'search', field, operator: operator as Search, language, value: words }
  }
  if (operator === 'in' || operator === 'nin') {
    if (modifier !== undefined) scanner.fail('in.(…)')
    const item: Condition = { kind: 'in', field, values: literal(value(), 'list') }
    return operator === 'in' ? item : { kind: 'not', item }
  }
  if (operator === 'between') return readBetween(scanner, field, value)
  if (operator === 'is') return readIs(scanner, field, value)
  if (isOfExtension(operator)) return readOfExtension(scanner, { field, head, value })
  const quantifier = quantifierOf(scanner, head)
  const pattern = operator === 'like' || operator === 'ilike'
  const encoding = pattern ? (quantifier ? 'patterns' : 'pattern') : 'text'
  return {
    kind: 'compare',
    field,
    operator: operator as Comparison,
    quantifier,
    value: literal(value(), encoding),
  }
}

/** `(min,max)`, both included. */
function readBetween(scanner: Scanner, field: Field, value: () => RawValue): Condition {
  const [min, max, ...others] = parseList(value().text)
  if (min === undefined || max === undefined || others.length > 0) scanner.fail('(min,max)')
  const bound = (operator: Comparison, text: string | undefined): Condition => ({
    kind: 'compare',
    field,
    operator,
    value: { text: text ?? '', slot: -1, encoding: 'text' },
  })
  return { kind: 'and', items: [bound('gte', min), bound('lte', max)] }
}

function quantifierOf(scanner: Scanner, head: OperatorHead): Quantifier | undefined {
  const { operator, modifier } = head
  if (modifier === undefined) return undefined
  if (!QUANTIFIED.has(operator)) return scanner.fail(`${operator} without a modifier`)
  if (modifier === 'any' || modifier === 'all') return modifier
  return scanner.fail('(any) or (all)')
}

function readIs(scanner: Scanner, field: Field, value: () => RawValue): Condition {
  const start = scanner.at
  const word = value().text.toLowerCase()
  const known = IS_WORDS.find((name) => name === word)
  if (known) return { kind: 'is', field, word: known }
  scanner.at = start + Math.max(...IS_WORDS.map((name) => sharedStart(name, word)))
  return scanner.fail('isVal: (null, not_null, true, false, unknown)')
}

/** How many letters two words have in common before they differ. */
function sharedStart(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at
}

const literal = (raw: RawValue, encoding: Encoding): Literal => ({ ...raw, encoding })

/**
 * The operand of `and=` or `or=`: `(a.eq.1,not.or(b.is.null,c.gt.2))`.
 * @throws `invalid` parse_error
 */
export function parseLogic(
  kind: 'and' | 'or',
  text: string,
  rules: FilterRules = PLAIN,
): Condition {
  const scanner = new Scanner('logic tree', text, rules.key?.length)
  const items = scanner.nested(() => readItems(scanner, rules))
  scanner.blanks()
  if (rules.key === undefined) scanner.end()
  return { kind, items }
}

function readItems(scanner: Scanner, rules: FilterRules): Condition[] {
  const items: Condition[] = []
  scanner.blanks()
  scanner.needs('(')
  do items.push(scanner.nested(() => readNode(scanner, rules)))
  while (scanner.takes(','))
  scanner.needs(')')
  scanner.blanks()
  return items
}

/** What may stand in a logic tree. */
const NODE = 'field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)'

function readNode(scanner: Scanner, rules: FilterRules): Condition {
  scanner.blanks()
  const start = scanner.at
  const negated = scanner.takes('not.')
  for (const kind of ['and', 'or'] as const) {
    if (!scanner.takes(kind)) continue
    scanner.blanks()
    if (scanner.sees('(')) {
      const item: Condition = { kind, items: readItems(scanner, rules) }
      return negated ? { kind: 'not', item } : item
    }
    break
  }
  scanner.at = start
  if (scanner.sees(')')) scanner.fail(NODE)
  return readLeaf(scanner, rules)
}

function readLeaf(scanner: Scanner, rules: FilterRules): Condition {
  const field = readField(scanner)
  scanner.needs('.')
  const head = operatorHead(scanner.text, scanner.at, rules)
  const listed = LISTED.has(head?.operator ?? '')
  const bracketed = rules.balanced && scanner.text[head?.operandAt ?? -1] === '['
  const read = listed && !bracketed ? readList : readLogicValue
  const value = (): RawValue => ({ text: read(scanner, rules), slot: -1 })
  const item = readOperation(scanner, { field, rules, value })
  scanner.blanks()
  return item
}

const LISTED = new Set(['in', 'nin', 'between'])

function readLogicValue(scanner: Scanner, rules: FilterRules): string {
  if (scanner.next === '"') {
    const start = scanner.at
    const value = scanner.quoted()
    if (scanner.done || scanner.sees(',') || scanner.sees(')')) return value
    scanner.at = start
  }
  return rules.balanced ? readBalanced(scanner) : readBraced(scanner)
}

/** A brace literal keeps its commas; otherwise a value ends at a comma or a parenthesis. */
function readBraced(scanner: Scanner): string {
  const start = scanner.at
  if (scanner.takes('{')) {
    scanner.until('}')
    if (scanner.takes('}')) return scanner.text.slice(start, scanner.at)
    scanner.at = start
  }
  return scanner.until(',)')
}

const CLOSERS: Record<string, string> = { '(': ')', '[': ']', '{': '}' }

function readBalanced(scanner: Scanner): string {
  const start = scanner.at
  const open: string[] = []
  while (!scanner.done) {
    const { next } = scanner
    if (open.length === 0 && (next === ',' || next === ')')) break
    if (next === '"') {
      scanner.quoted()
      continue
    }
    const closer = CLOSERS[next]
    // A range such as [1,5) closes with either.
    if (closer) open.push(closer)
    else if (open.length > 0 && (next === ')' || next === ']' || next === '}')) open.pop()
    scanner.at++
  }
  if (open.length > 0) scanner.fail(`"${open.at(-1)}"`)
  return scanner.text.slice(start, scanner.at)
}

function readList(scanner: Scanner, rules: FilterRules): string {
  const start = scanner.at
  if (rules.balanced && scanner.sees('(') && skipsPair(scanner))
    return scanner.text.slice(start, scanner.at)
  scanner.needs('(')
  while (!scanner.done && scanner.next !== ')') {
    if (scanner.next === '"') scanner.quoted()
    else scanner.at++
  }
  scanner.needs(')')
  return scanner.text.slice(start, scanner.at)
}

/** Goes behind the parenthesis that closes the one here; false, and nowhere, when none does. */
function skipsPair(scanner: Scanner): boolean {
  const start = scanner.at
  let depth = 0
  do {
    const { next } = scanner
    if (next === '"') {
      scanner.quoted()
      continue
    }
    if (next === '(') depth++
    else if (next === ')') depth--
    scanner.at++
  } while (depth > 0 && !scanner.done)
  if (depth > 0) scanner.at = start
  return depth === 0
}
