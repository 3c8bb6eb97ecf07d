/** `select`: columns, casts, aggregates, embeds and spreads. */
import { readField } from './parse-field.ts'
import {
  AGGREGATES,
  type Aggregate,
  type EmbedItem,
  type FieldItem,
  type SelectItem,
} from './query.ts'
import { Scanner } from './scanner.ts'

/** @throws `invalid` parse_error */
export function parseSelect(text: string): SelectItem[] {
  const scanner = new Scanner('select parameter', text)
  scanner.blanks()
  if (scanner.done) return []
  const items = readItems(scanner)
  scanner.end()
  return items
}

function readItems(scanner: Scanner): SelectItem[] {
  const items: SelectItem[] = []
  do items.push(scanner.nested(() => readItem(scanner)))
  while (scanner.takes(','))
  return items
}

function readItem(scanner: Scanner): SelectItem {
  scanner.blanks()
  if (scanner.takes('*')) {
    scanner.blanks()
    return { kind: 'all' }
  }
  if (scanner.takes('...') || scanner.takes('..')) return readEmbed(scanner, { spread: true })
  const alias = readAlias(scanner)
  const start = scanner.at
  if (isEmbed(scanner)) return readEmbed(scanner, { spread: false, alias })
  scanner.at = start
  return readFieldItem(scanner, alias)
}

/** `alias:`, but not `name::cast`. */
function readAlias(scanner: Scanner): string | undefined {
  const start = scanner.at
  const bare = /[\p{L}\p{N}_$ "]/u.test(scanner.next)
  if (bare) {
    const name = scanner.name()
    if (scanner.sees(':') && !scanner.sees('::')) {
      scanner.at++
      scanner.blanks()
      return name
    }
  }
  scanner.at = start
  return undefined
}

/** A name directly followed by `(` or `!` opens an embed, except an aggregate such as `count()`. */
function isEmbed(scanner: Scanner): boolean {
  const start = scanner.at
  if (!/[\p{L}\p{N}_$ "]/u.test(scanner.next)) return false
  const name = scanner.name()
  const opens = scanner.sees('(') || scanner.sees('!')
  const counts = name === 'count' && scanner.sees('()')
  scanner.at = start
  return opens && !counts
}

function readEmbed(
  scanner: Scanner,
  start: { spread: boolean; alias?: string | undefined },
): EmbedItem {
  scanner.blanks()
  const relation = scanner.name('a relation')
  const { hint, join } = readModifiers(scanner)
  scanner.needs('(')
  scanner.blanks()
  const select = scanner.sees(')') ? [] : readItems(scanner)
  scanner.needs(')')
  scanner.blanks()
  return { kind: 'embed', relation, hint, join, ...start, query: { select, where: [], order: [] } }
}

function readModifiers(scanner: Scanner): Pick<EmbedItem, 'hint' | 'join'> {
  let hint: string | undefined
  let join: EmbedItem['join']
  while (scanner.takes('!')) {
    const word = scanner.name('a hint, inner or left')
    if (word === 'inner' || word === 'left') join ??= word
    else hint ??= word
  }
  return { hint, join }
}

function readFieldItem(scanner: Scanner, alias: string | undefined): FieldItem {
  if (scanner.takes('count()')) {
    return readTail(scanner, { kind: 'field', alias, aggregate: 'count' })
  }
  const field = readField(scanner)
  const cast = readCast(scanner)
  const aggregate = readAggregate(scanner)
  return readTail(scanner, { kind: 'field', field, alias, cast, aggregate })
}

function readTail(scanner: Scanner, item: FieldItem): FieldItem {
  const aggregateCast = item.aggregate ? readCast(scanner) : undefined
  scanner.blanks()
  if (!scanner.done && !scanner.sees(',') && !scanner.sees(')')) {
    scanner.fail('"->", "->>", "::", ".", ",", ")" or the end')
  }
  return { ...item, aggregateCast }
}

const TYPE_NAME = /[A-Za-z0-9_ ]+(\[\])*/y

function readCast(scanner: Scanner): string | undefined {
  if (!scanner.takes('::')) return undefined
  TYPE_NAME.lastIndex = scanner.at
  const [type = ''] = TYPE_NAME.exec(scanner.text) ?? []
  if (type.trim() === '') scanner.fail('letter or digit')
  scanner.at += type.length
  return type.trim()
}

function readAggregate(scanner: Scanner): Aggregate | undefined {
  if (!scanner.takes('.')) return undefined
  const found = AGGREGATES.find((name) => scanner.takes(`${name}()`))
  return found ?? scanner.fail('an aggregate: sum(), avg(), count(), max() or min()')
}
