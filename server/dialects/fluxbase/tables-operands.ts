/** Fluxbase's operands, which depend on the column's type, in the form PostgreSQL reads. */
import { arrayLiteral, type Column, type Condition, parseList, type Relation } from '#domains/data'

/** The same conditions with operands as the columns need them. */
export function adapt(condition: Condition, relation: Relation): Condition {
  switch (condition.kind) {
    case 'not':
      return { kind: 'not', item: adapt(condition.item, relation) }
    case 'and':
    case 'or':
      return {
        kind: condition.kind,
        items: condition.items.map((item) => adapt(item, relation)),
      }
    case 'compare':
      return adaptComparison(condition, relation.columns.get(condition.field.name))
    case 'search':
      return adaptSearch(condition)
    case 'in':
      return adaptList(condition)
    case 'is':
    case 'near':
    case 'spatial':
      return condition
  }
}

type Listing = Extract<Condition, { kind: 'in' }>

/** What is an array already stays as it is. */
const adaptList = (condition: Listing): Listing =>
  condition.values.encoding === 'list'
    ? { ...condition, values: { ...condition.values, ...arrayOf(asList(condition.values.text)) } }
    : condition

const arrayOf = (list: string) =>
  ({ text: arrayLiteral(listItems(list)), encoding: 'text' }) as const

/**
 * The items of `(a,"b,c")`. Clients write them without quotes: parentheses of an item's own are part of it when they
 * are in pairs.
 */
function listItems(text: string): string[] {
  try {
    return parseList(text)
  } catch (error) {
    const items = pairedItems(text.slice(1, -1))
    if (items === undefined || !text.endsWith(')')) throw error
    return items
  }
}

const PAIRED = /"(?:[^"\\]|\\.)*"(?=,|$)|(?:[^(),]|\((?:[^()]|\([^()]*\))*\))+|(?<=^|,)(?=,|$)/y

/** Undefined when the parentheses are not in pairs, or in deeper ones than anybody writes. */
function pairedItems(text: string): string[] | undefined {
  const items: string[] = []
  for (let at = 0; at <= text.length; at++) {
    PAIRED.lastIndex = at
    const [item] = PAIRED.exec(text) ?? []
    if (item === undefined) return undefined
    items.push(item.startsWith('"') ? (parseList(`(${item})`)[0] ?? '') : item)
    at += item.length
    if (at < text.length && text[at] !== ',') return undefined
  }
  return items
}

type Comparing = Extract<Condition, { kind: 'compare' }>

const ORDERED = new Set(['gt', 'gte', 'lt', 'lte'])
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/

function adaptComparison(condition: Comparing, column: Column | undefined): Comparing {
  const { operator, field, value } = condition
  if (operator === 'cs' || operator === 'cd' || operator === 'ov') {
    const json = field.path.length > 0 || /^jsonb?$/.test(column?.baseType ?? '')
    const isArray = !json && column?.category === 'A'
    const text = json ? asJson(value.text) : isArray ? asArray(value.text) : value.text
    return { ...condition, value: { ...value, text } }
  }
  const asText = field.path.at(-1)?.asText === true
  const numeric = asText && ORDERED.has(operator) && NUMBER.test(value.text)
  return numeric ? { ...condition, numeric } : condition
}

/** `(a,b)`, `[a,b]` and `a,b` are lists. */
export function asList(text: string): string {
  const trimmed = text.trim()
  if (trimmed.startsWith('(')) return trimmed
  if (trimmed.startsWith('[') && trimmed.endsWith(']')) return `(${trimmed.slice(1, -1)})`
  return `(${trimmed})`
}

/** `{a,b}` stays; `(a,b)`, `["a","b"]` and a bare item become an array literal. */
function asArray(text: string): string {
  if (text.startsWith('{')) return text
  if (text.startsWith('(')) return arrayLiteral(listItems(text))
  return arrayLiteral(jsonArray(text)?.map(itemText) ?? [text])
}

/** JSON text stays; `(a,b)` is an array, of whatever its items are as JSON, else of strings. */
const asJson = (text: string): string =>
  text.startsWith('(') && text.endsWith(')') ? `[${itemsOf(text).map(asJsonItem).join(',')}]` : text

/** Parted at commas outside of quotes, braces and brackets. */
function itemsOf(text: string): string[] {
  const found = text.slice(1, -1).match(/(?:"(?:[^"\\]|\\.)*"|\{[^{}]*\}|\[[^[\]]*\]|[^,])+/g)
  return found ?? []
}

function asJsonItem(text: string): string {
  const trimmed = text.trim()
  try {
    JSON.parse(trimmed)
    return trimmed
  } catch {
    return JSON.stringify(trimmed)
  }
}

function jsonArray(text: string): unknown[] | undefined {
  if (!text.startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const itemText = (item: unknown): string | null =>
  item === null ? null : typeof item === 'string' ? item : JSON.stringify(item)

type Searching = Extract<Condition, { kind: 'search' }>

const QUERY_SIGNS = /[&|!]|<->|:\*/

/** Free text is searched as words; only an operand with operators of its own is taken as a query. */
function adaptSearch(condition: Searching): Searching {
  if (condition.operator === 'plfts') return { ...condition, operator: 'phfts' }
  if (condition.operator !== 'fts' || QUERY_SIGNS.test(condition.value.text)) return condition
  return { ...condition, operator: 'plfts' }
}
