/** What an embed gives its parent: one value, or the columns of a spread. */
import type { EmbedPlan } from './plan.ts'
import type { FieldItem } from './query.ts'
import { isToOne } from './relationships.ts'

/** The parent has one row of it at most. */
export const isSingle = ({ relationship }: EmbedPlan): boolean => isToOne(relationship)

/** An embed of nothing, or of nothing but such embeds, is not shown. */
export const isVisible = ({ plan }: EmbedPlan): boolean =>
  plan.items.some((item) => item.kind !== 'embed' || isVisible(item.embed))

export type SpreadItem = {
  name: string
  aggregate?: FieldItem['aggregate']
  aggregateCast?: FieldItem['aggregateCast']
  /** A value that cannot be grouped by as it is. */
  json: boolean
}

/** What a spread adds to its parent: of single rows with the aggregates left to do. */
export function spreadItems(embed: EmbedPlan): SpreadItem[] {
  const single = isSingle(embed)
  const { plan } = embed
  return plan.items.flatMap((item): SpreadItem[] => {
    if (item.kind === 'all')
      return [...plan.relation.columns.keys()].map((name) => ({ name, json: !single }))
    if (item.kind === 'expression') return [{ name: item.as, json: !single }]
    if (item.kind === 'field') {
      const { as: name, aggregate, aggregateCast } = item
      return [single ? { name, aggregate, aggregateCast, json: false } : { name, json: true }]
    }
    if (!isVisible(item.embed)) return []
    if (!item.embed.spread) return [{ name: item.embed.as, json: true }]
    const inner = spreadItems(item.embed)
    return single ? inner : inner.map(({ name }) => ({ name, json: true }))
  })
}

export const spreadNames = (embed: EmbedPlan): string[] =>
  spreadItems(embed).map(({ name }) => name)
