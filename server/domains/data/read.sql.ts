/** A read plan as SQL: one select per level, embeds as lateral joins. */
import {
  subjectOf,
  writeCondition,
  writeConditions,
  writeField,
  writeRow,
} from './condition.sql.ts'
import { writeDistance } from './extensions.sql.ts'
import type { EmbedPlan, PlanItem, PlanOrder, ReadPlan } from './plan.ts'
import type { FieldItem, Literal } from './query.ts'
import type { Relationship } from './relationships.ts'
import { isSingle, isVisible, type SpreadItem, spreadItems, spreadNames } from './spread.ts'
import { castType, type SqlWriter } from './sql-writer.ts'
import { writeValue } from './value.sql.ts'

/** Writes what the level reads from, without its name: a table, a result, a call. */
export type SourceWriter = (sql: SqlWriter) => void

const tableSource =
  ({ relation }: ReadPlan): SourceWriter =>
  (sql) =>
    sql.name(relation.schema, relation.name)

/** `select … from … where … order by … limit …` */
export function writeSelect(
  sql: SqlWriter,
  plan: ReadPlan,
  source: SourceWriter = tableSource(plan),
): void {
  sql.add('select ')
  writeItems(sql, plan)
  writeFrom(sql, plan, source)
  writeWhere(sql, plan)
  writeGroupBy(sql, plan)
  writeOrder(sql, plan)
  writePage(sql, plan)
}

const UNPAGED = { limit: undefined, offset: undefined, atMost: undefined }

/** The rows that the conditions leave, without any column, order or page: what a count counts. */
export function writeCounted(
  sql: SqlWriter,
  plan: ReadPlan,
  source: SourceWriter = tableSource(plan),
): void {
  if (isGrouped(plan)) {
    writeSelect(sql, { ...plan, order: [], ...UNPAGED }, source)
    return
  }
  sql.add('select 1')
  const filtering = plan.embeds.filter((embed) => embed.inner || plan.where.some(uses(embed)))
  writeFrom(sql, { ...plan, embeds: filtering }, source)
  writeWhere(sql, plan)
}

const uses =
  (embed: EmbedPlan) =>
  (condition: ReadPlan['where'][number]): boolean => {
    if (condition.kind === 'embed_absent') return condition.embed === embed
    if (condition.kind === 'not') return uses(embed)(condition.item)
    if (condition.kind === 'and' || condition.kind === 'or')
      return condition.items.some(uses(embed))
    return false
  }

/** The columns of a level, each with its name. */
export function writeItems(sql: SqlWriter, plan: ReadPlan): void {
  const groups = plan.groupBy ?? []
  const shown = plan.items.filter(
    (item) => !(item.kind === 'field' && !item.aggregate && groups.includes(item.as)),
  )
  const visible = shown.filter((item) => item.kind !== 'embed' || isVisible(item.embed))
  sql.list(groups, ', ', (name) => sql.name(plan.alias, name).add(' as ').name(name))
  if (groups.length > 0 && visible.length > 0) sql.add(', ')
  sql.list(visible, ', ', (item) => writeItem(sql, plan, item))
}

function writeItem(sql: SqlWriter, plan: ReadPlan, item: PlanItem): void {
  if (item.kind === 'all') {
    writeAll(sql, plan)
    return
  }
  if (item.kind === 'embed') {
    writeEmbedItem(sql, item.embed, plan)
    return
  }
  if (item.kind === 'expression') {
    item.write(sql)
    sql.add(' as ').name(item.as)
    return
  }
  writeValue(sql, plan, plan.hoists ? bare(item) : item)
  sql.add(' as ').name(item.as)
}

/** What an aggregate works on, for the parent to do so. */
function bare(item: FieldItem): FieldItem {
  if (!item.aggregate) return item
  const { aggregate: _, aggregateCast: __, ...rest } = item
  return rest
}

/** Every column, each in the form that it has outside. */
function writeAll(sql: SqlWriter, { alias, relation }: ReadPlan): void {
  const columns = [...relation.columns.values()]
  if (!columns.some(({ form }) => form?.toJson)) {
    sql.name(alias).add('.*')
    return
  }
  sql.list(columns, ', ', ({ name, form }) => {
    if (form?.toJson) sql.add(`${form.toJson}(`).name(alias, name).add(') as ').name(name)
    else sql.name(alias, name)
  })
}

function writeEmbedItem(sql: SqlWriter, embed: EmbedPlan, plan: ReadPlan): void {
  const grouped = isGrouped(plan)
  if (embed.spread) {
    sql.list(spreadItems(embed), ', ', (item) => {
      if (plan.hoists) sql.name(embed.alias, item.name)
      else writeSpreadItem(sql, embed.alias, { item, grouped })
      sql.add(' as ').name(item.name)
    })
    return
  }
  if (isSingle(embed)) sql.name(embed.alias, 'value')
  else sql.add('coalesce(').name(embed.alias, 'value').add(`, '[]')`)
  if (grouped || plan.inJsonb) sql.add('::jsonb')
  sql.add(' as ').name(embed.as)
}

/** A column of a spread row; its aggregate, if it is one. */
function writeSpreadItem(
  sql: SqlWriter,
  alias: string,
  { item, grouped }: { item: SpreadItem; grouped: boolean },
): void {
  const { name, aggregate, aggregateCast, json } = item
  if (aggregateCast) sql.add('cast(')
  if (aggregate) sql.add(`${aggregate}(`)
  sql.name(alias, name)
  if (json && grouped) sql.add('::jsonb')
  if (aggregate) sql.add(')')
  if (aggregateCast) sql.add(` as ${castType(aggregateCast)})`)
}

function writeFrom(sql: SqlWriter, plan: ReadPlan, source: SourceWriter): void {
  sql.add(' from ')
  source(sql)
  sql.add(' as ').name(plan.alias)
  for (const embed of plan.embeds) writeJoin(sql, plan, embed)
}

/** Each embed is a lateral join with the columns `hit` (null when there is no row) and its values. */
function writeJoin(sql: SqlWriter, parent: ReadPlan, embed: EmbedPlan): void {
  sql.add(embed.inner ? ' join lateral (' : ' left join lateral (')
  const rows: SourceWriter = (inner) => writeEmbedded(inner, parent, embed)
  if (embed.spread) writeSpread(sql, embed, rows)
  else if (isSingle(embed)) {
    sql.add('select true as hit, row_to_json(r.*) as value from (')
    rows(sql)
    sql.add(') as r')
  } else {
    sql.add('select json_agg(r.*) as value, nullif(count(*), 0) as hit from (')
    rows(sql)
    sql.add(') as r')
  }
  sql.add(') as ').name(embed.alias)
  if (embed.inner) sql.add(' on ').name(embed.alias, 'hit').add(' is not null')
  else sql.add(' on true')
}

/** To-one: the row's columns. To-many: each column as an array. */
function writeSpread(sql: SqlWriter, embed: EmbedPlan, rows: SourceWriter): void {
  const one = isSingle(embed)
  sql.add(one ? 'select true as hit' : 'select nullif(count(*), 0) as hit')
  for (const name of spreadNames(embed)) {
    sql.add(', ')
    if (one) sql.name('r', name)
    else sql.add('coalesce(json_agg(').name('r', name).add(`), '[]')`)
    sql.add(' as ').name(name)
  }
  sql.add(' from (')
  rows(sql)
  sql.add(') as r')
}

/** The embed's own select, tied to the parent's row. */
function writeEmbedded(sql: SqlWriter, parent: ReadPlan, embed: EmbedPlan): void {
  const { plan, relationship } = embed
  sql.add('select ')
  if (plan.items.some((item) => item.kind !== 'embed' || isVisible(item.embed)))
    writeItems(sql, plan)
  else sql.add('1')
  const { junction } = relationship
  writeFrom(sql, plan, (source) => writeEmbeddedSource(source, parent, embed))
  if (junction) {
    sql.add(', ').name(junction.relation.schema, junction.relation.name)
    sql.add(' as ').name(embed.junctionAlias)
  }
  sql.add(' where ')
  writeTie(sql, parent, embed)
  for (const condition of plan.where) {
    sql.add(' and ')
    writeCondition(sql, plan, condition)
  }
  writeGroupBy(sql, plan)
  writeOrder(sql, plan)
  writePage(sql, plan)
}

/** The table, or a function of the parent's row. */
function writeEmbeddedSource(sql: SqlWriter, parent: ReadPlan, { relationship }: EmbedPlan): void {
  const { routine, to } = relationship
  if (!routine) {
    sql.name(to.schema, to.name)
    return
  }
  sql.name(routine.schema, routine.name).add('(')
  writeRow(sql, parent)
  sql.add(')')
}

function writeTie(sql: SqlWriter, parent: ReadPlan, embed: EmbedPlan): void {
  const { junction, columns, routine } = embed.relationship
  if (routine) {
    sql.add('true')
    return
  }
  const child = embed.plan.alias
  if (!junction) {
    writeEqual(sql, parent.alias, { other: child, columns })
    return
  }
  writeEqual(sql, embed.junctionAlias, { other: parent.alias, columns: junction.fromColumns })
  sql.add(' and ')
  writeEqual(sql, embed.junctionAlias, { other: child, columns: junction.toColumns })
}

function writeEqual(
  sql: SqlWriter,
  own: string,
  { other, columns }: { other: string; columns: Relationship['columns'] },
): void {
  sql.list(columns, ' and ', ([left, right]) => sql.name(own, left).add(' = ').name(other, right))
}

function writeWhere(sql: SqlWriter, plan: ReadPlan): void {
  if (plan.where.length === 0) return
  sql.add(' where ')
  writeConditions(sql, plan, plan.where)
}

const isGrouped = (plan: ReadPlan): boolean =>
  !plan.hoists && ((plan.groupBy?.length ?? 0) > 0 || plan.items.some(isAggregated))

function isAggregated(item: PlanItem): boolean {
  if (item.kind === 'field') return item.aggregate !== undefined
  if (item.kind !== 'embed' || !item.embed.spread) return false
  return spreadItems(item.embed).some(({ aggregate }) => aggregate !== undefined)
}

/** Beside aggregates, every other output is a group. */
function writeGroupBy(sql: SqlWriter, plan: ReadPlan): void {
  if (!isGrouped(plan)) return
  const groups: (() => void)[] = (plan.groupBy ?? []).map((name) => () => {
    sql.name(plan.alias, name)
  })
  for (const item of plan.items) {
    if (item.kind === 'all') groups.push(...allColumns(sql, plan))
    else if (item.kind === 'embed') groups.push(...embedGroups(sql, item.embed))
    else if (item.kind === 'expression') groups.push(() => item.write(sql))
    else if (!item.aggregate) groups.push(() => writeValue(sql, plan, item))
  }
  if (groups.length === 0) return
  sql.add(' group by ').list(groups, ', ', (write) => write())
}

const allColumns = (sql: SqlWriter, { alias, relation }: ReadPlan): (() => void)[] =>
  [...relation.columns.keys()].map((name) => () => {
    sql.name(alias, name)
  })

function embedGroups(sql: SqlWriter, embed: EmbedPlan): (() => void)[] {
  if (!isVisible(embed)) return []
  const one = isSingle(embed)
  if (embed.spread) {
    return spreadItems(embed)
      .filter(({ aggregate }) => aggregate === undefined)
      .map((item) => () => writeSpreadItem(sql, embed.alias, { item, grouped: true }))
  }
  const write = (): void => {
    if (one) sql.name(embed.alias, 'value').add('::jsonb')
    else sql.add('coalesce(').name(embed.alias, 'value').add(`, '[]')::jsonb`)
  }
  return [write]
}

function writeOrder(sql: SqlWriter, plan: ReadPlan): void {
  if (plan.order.length === 0) return
  sql.add(' order by ')
  sql.list(plan.order, ', ', (term) => writeTerm(sql, plan, term))
}

function writeTerm(sql: SqlWriter, plan: ReadPlan, term: PlanOrder): void {
  if (term.distance) writeDistance(sql, subjectOf(sql, plan, term.field), term.distance)
  else if (term.embed) writeRelated(sql, plan, { term, embed: term.embed })
  else writeOrderField(sql, plan, term)
  if (term.direction) sql.add(` ${term.direction}`)
  if (term.nulls) sql.add(` nulls ${term.nulls}`)
}

/** An output name that is no column of the table (an alias, an aggregate) orders by the output. */
function writeOrderField(sql: SqlWriter, plan: ReadPlan, { field }: PlanOrder): void {
  const isColumn = plan.relation.columns.has(field.name)
  const output = plan.items.some((item) => item.kind === 'field' && item.as === field.name)
  if (!isColumn && output && field.path.length === 0) sql.name(field.name)
  else writeField(sql, plan, field)
}

function writeRelated(
  sql: SqlWriter,
  plan: ReadPlan,
  { term, embed }: { term: PlanOrder; embed: EmbedPlan },
): void {
  const spread = isGrouped(plan) && embed.spread ? spreadOf(embed, term) : undefined
  if (spread !== undefined) {
    sql.name(embed.alias, spread)
    return
  }
  sql.add('(select ')
  writeField(sql, embed.plan, term.field)
  sql.add(' from ')
  writeEmbeddedSource(sql, plan, embed)
  sql.add(' as ').name(embed.plan.alias).add(' where ')
  writeTie(sql, plan, embed)
  sql.add(')')
}

/** The name under which the parent already has a field of its spread. */
function spreadOf({ plan }: EmbedPlan, { field }: PlanOrder): string | undefined {
  if (field.path.length > 0) return undefined
  const shown = plan.items.find(
    (item) => item.kind === 'field' && !item.aggregate && item.field?.name === field.name,
  )
  return shown?.kind === 'field' ? shown.as : undefined
}

function writePage(sql: SqlWriter, { limit, offset, atMost }: ReadPlan): void {
  const most = Math.min(fixedCount(limit) ?? Infinity, atMost ?? Infinity)
  if (limit && fixedCount(limit) === undefined) {
    if (atMost === undefined) sql.add(' limit ').bind(limit, 'int8')
    else
      sql
        .add(' limit least(')
        .bind(limit, 'int8')
        .add(`, ${Math.trunc(atMost)})`)
  } else if (Number.isFinite(most)) sql.add(` limit ${Math.trunc(most)}`)
  if (offset && fixedCount(offset) !== 0) sql.add(' offset ').bind(offset, 'int8')
}

/** The count of a literal that is the same for every request of the shape. */
const fixedCount = (count: Literal | undefined): number | undefined =>
  count && count.slot < 0 && /^\d{1,15}$/.test(count.text) ? Number(count.text) : undefined
