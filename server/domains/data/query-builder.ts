/** Puts the scattered parts of a query (`posts.order=…`, `posts.id=eq.1`) at their level of the tree. */
import { embedUnknown } from './plan-read.ts'
import type { Condition, EmbedItem, Literal, OrderTerm, ReadQuery, SelectItem } from './query.ts'

type Level = {
  select: SelectItem[]
  where: Condition[]
  order: OrderTerm[]
  limit?: Literal | undefined
  offset?: Literal | undefined
  groupBy?: readonly string[] | undefined
}

export class QueryBuilder {
  readonly #root: Level

  constructor(select: readonly SelectItem[]) {
    this.#root = { select: select.map(copied), where: [], order: [] }
  }

  /** True when `name` is an embed at the top level. */
  embeds(name: string): boolean {
    return this.#root.select.some((item) => item.kind === 'embed' && nameOf(item) === name)
  }

  /** @throws `invalid` embed_unknown when the path leads to nothing that was selected */
  where(path: readonly string[], condition: Condition): void {
    this.#level(path).where.push(condition)
  }

  order(path: readonly string[], terms: readonly OrderTerm[]): void {
    this.#level(path).order = [...terms]
  }

  limit(path: readonly string[], limit: Literal): void {
    this.#level(path).limit = limit
  }

  offset(path: readonly string[], offset: Literal): void {
    this.#level(path).offset = offset
  }

  groupBy(names: readonly string[]): void {
    this.#root.groupBy = names
  }

  build(): ReadQuery {
    return this.#root
  }

  #level(path: readonly string[]): Level {
    let level = this.#root
    for (const name of path) {
      const embeds = level.select.filter((item): item is EmbedItem => item.kind === 'embed')
      const embed =
        embeds.find((item) => nameOf(item) === name) ??
        embeds.find(({ relation }) => relation === name)
      if (!embed) throw embedUnknown(name)
      level = embed.query as Level
    }
    return level
  }
}

const nameOf = ({ alias, relation }: EmbedItem): string => alias ?? relation

/** Parsed trees may be shared; levels are filled in here, so each builder has its own. */
function copied(item: SelectItem): SelectItem {
  if (item.kind !== 'embed') return item
  const select = item.query.select.map(copied)
  return { ...item, query: { select, where: [], order: [] } }
}
