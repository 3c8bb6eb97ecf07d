/** Which rows a change or a removal means: those that the table's own columns tell. */
import type { Condition, EmbedItem, ReadQuery } from '#domains/data'
import { badQuery } from './tables-params.ts'

/**
 * Related rows are read when the change is done. What would have chosen rows by them may not be passed over, or the
 * change would reach all of the others too.
 * @throws `invalid` tables_query
 */
export function requireOwnChoice(query: ReadQuery): void {
  const embeds = embedsOf(query)
  const names = new Set(embeds.map(({ alias, relation }) => alias ?? relation))
  const isPaged = query.limit !== undefined || query.offset !== undefined
  if (
    embeds.some(isNarrowing) ||
    query.where.some((condition) => isAboutEmbed(condition, names)) ||
    (isPaged && query.order.some(({ relation }) => relation !== undefined))
  ) {
    throw badQuery(
      'related rows cannot choose which rows a write means: filter by columns of the table',
    )
  }
}

const embedsOf = ({ select }: ReadQuery): EmbedItem[] =>
  select.filter((item): item is EmbedItem => item.kind === 'embed')

/** Only rows with such related rows would be meant. */
const isNarrowing = ({ join, query }: EmbedItem): boolean =>
  join === 'inner' && (query.where.length > 0 || embedsOf(query).some(isNarrowing))

/** `posts=is.null` asks whether there are related rows. */
function isAboutEmbed(condition: Condition, names: ReadonlySet<string>): boolean {
  const { kind } = condition
  if (kind === 'and' || kind === 'or') {
    return condition.items.some((item) => isAboutEmbed(item, names))
  }
  if (kind === 'not') return isAboutEmbed(condition.item, names)
  return kind === 'is' && names.has(condition.field.name)
}
