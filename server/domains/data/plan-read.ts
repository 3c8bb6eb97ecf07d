/** Resolves a query against the catalog: relations, relationships, names in the output. */
import { invalid } from '#core/errors'
import type { Catalog, Relation } from './catalog.ts'
import { findRelationship } from './find-relationship.ts'
import { outputName } from './parse-field.ts'
import type { EmbedPlan, PlanCondition, PlanItem, PlanOrder, ReadPlan } from './plan.ts'
import type { Condition, EmbedItem, OrderTerm, ReadQuery, SelectItem } from './query.ts'
import { isToOne } from './relationships.ts'

/** Resolves one request; aliases are unique within it. */
export type Planner = { catalog: Catalog; aliases: number }

export const plannerOf = (catalog: Catalog): Planner => ({ catalog, aliases: 0 })

/** @throws `invalid` relationship_not_found, relationship_ambiguous, embed_unknown … */
export function planRead(planner: Planner, relation: Relation, query: ReadQuery): ReadPlan {
  const select: readonly SelectItem[] = query.select.length > 0 ? query.select : [{ kind: 'all' }]
  const items: PlanItem[] = select.map((item) => planItem(planner, relation, item))
  const embeds = items.flatMap((item) => (item.kind === 'embed' ? [item.embed] : []))
  return {
    relation,
    alias: relation.name,
    items,
    embeds,
    where: query.where.map((condition) => planCondition(condition, { relation, embeds })),
    order: query.order.map((term) => planOrder(term, relation, embeds)),
    limit: query.limit,
    offset: query.offset,
    atMost: query.atMost,
    groupBy: query.groupBy,
  }
}

function planItem(planner: Planner, relation: Relation, item: SelectItem): PlanItem {
  if (item.kind === 'all') return item
  if (item.kind === 'embed') return { kind: 'embed', embed: planEmbed(planner, relation, item) }
  const plain = item.field ? outputName(item.field) : 'count'
  return { ...item, as: item.alias ?? item.aggregate ?? plain }
}

function planEmbed(planner: Planner, from: Relation, item: EmbedItem): EmbedPlan {
  const relationship = findRelationship(planner.catalog, from, item)
  const one = isToOne(relationship)
  const serial = ++planner.aliases
  const alias = `${relationship.to.name}_${serial}`
  const plan = planEmbedded(planner, { relationship, item, alias })
  if (item.spread && one) plan.hoists = true
  if (item.spread && !one && aggregates(plan)) throw spreadAggregates()
  return {
    as: item.alias ?? item.relation,
    relationship,
    junctionAlias: `junction_${serial}`,
    alias: `embed_${serial}`,
    inner: item.join === 'inner',
    spread: item.spread,
    plan,
  }
}

/** A level that gathers values, itself or for the rows that are spread into it. */
const aggregates = ({ items }: ReadPlan): boolean =>
  items.some((item) => {
    if (item.kind === 'field') return item.aggregate !== undefined
    return item.kind === 'embed' && item.embed.spread && aggregates(item.embed.plan)
  })

const spreadAggregates = () =>
  invalid('spread_aggregates', 'Feature not implemented', {
    details: {
      detail: 'Aggregates are not implemented for one-to-many or many-to-many spreads.',
    },
  })

type Embedded = { relationship: EmbedPlan['relationship']; item: EmbedItem; alias: string }

/** An embed that selects nothing gives nothing, unlike a request that selects nothing. */
function planEmbedded(planner: Planner, { relationship, item, alias }: Embedded): ReadPlan {
  const plan = { ...planRead(planner, relationship.to, item.query), alias }
  return item.query.select.length > 0 ? plan : { ...plan, items: [] }
}

type Level = { relation: Relation; embeds: readonly EmbedPlan[] }

/** A name of an embed with `is null` asks whether the embed has rows. */
export function planCondition(condition: Condition, level: Level): PlanCondition {
  if (condition.kind === 'not') {
    return { kind: 'not', item: planCondition(condition.item, level) }
  }
  if ('items' in condition) {
    const items = condition.items.map((item) => planCondition(item, level))
    return { kind: condition.kind, items }
  }
  const { relation, embeds } = level
  const embed = embeds.find(({ as }) => as === condition.field.name)
  if (!embed) return condition
  // A column of the same name is meant by whatever asks for more than presence.
  const asksPresence = condition.kind === 'is' && condition.word.endsWith('null')
  if (!asksPresence && relation.columns.has(embed.as)) return condition
  return planPresence(condition, embed)
}

/** @throws `invalid` embed_operator */
function planPresence(condition: Condition, embed: EmbedPlan): PlanCondition {
  const absent = { kind: 'embed_absent', embed } as const
  if (condition.kind === 'is' && condition.word === 'null') return absent
  if (condition.kind === 'is' && condition.word === 'not_null') return { kind: 'not', item: absent }
  throw invalid('embed_operator', `Bad operator on the '${embed.as}' embedded resource`, {
    details: { embed: embed.as },
    hint: 'Only is.null and not.is.null filters are allowed on embedded resources.',
  })
}

function planOrder(term: OrderTerm, relation: Relation, embeds: readonly EmbedPlan[]): PlanOrder {
  if (term.relation === undefined) return term
  const embed = embeds.find(({ as }) => as === term.relation)
  if (!embed) throw embedUnknown(term.relation)
  if (isToOne(embed.relationship)) return { ...term, embed }
  throw invalid('related_order', `A related order on '${embed.as}' is not possible`, {
    details: { from: relation.name, to: embed.as },
    hint: 'Order by a column of a to-one relation only.',
  })
}

export const embedUnknown = (name: string) =>
  invalid('embed_unknown', `'${name}' is not an embedded resource in this request`, {
    details: { name },
    hint: `Verify that '${name}' is included in the 'select' query parameter.`,
  })
