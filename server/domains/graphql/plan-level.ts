/** A selection on a table's rows as a level of a read plan. */
import type { EmbedPlan, PlanItem, ReadPlan, SqlWriter } from '#domains/data'
import { planAggregate } from './aggregate.ts'
import {
  type Compiling,
  constantItem,
  type Level,
  limitOf,
  type Row,
  type SelectedField,
  TYPENAME,
  wholeNumber,
} from './compiling.ts'
import { conditionsOf, fieldOf, orderOf } from './conditions.ts'
import { planConnection } from './connection.ts'
import type { FieldModel, RelationField } from './model.ts'
import {
  type Tie,
  writeEmptyRows,
  writeNestedAggregate,
  writeNestedConnection,
} from './operation.sql.ts'
import type { Selected } from './selection.ts'

/** The rows of a table: a list with its page, filter and order. */
export function planList(compiling: Compiling, level: Level): ReadPlan {
  const { inputs, times } = level
  const { literals, cost } = compiling
  const limit = inputs.get('limit')
  cost.list(times, limit)
  return {
    ...planRow(compiling, { ...level, times: times * 10 }),
    where: conditionsOf(inputs.get('filter'), literals),
    order: orderOf(inputs.get('orderBy')),
    limit: limitOf(literals, limit, inputs.get('offset')),
    offset: inputs.has('offset')
      ? literals.read((given) => String(wholeNumber(given, inputs.get('offset'), 'offset') ?? 0))
      : undefined,
  }
}

/** One level without conditions: what is shown of each row. */
export function planRow(
  compiling: Compiling,
  { table, sets, times }: Omit<Level, 'inputs'>,
): ReadPlan {
  const alias = compiling.alias()
  const items = itemsIn(compiling, sets, { table, alias, times })
  return {
    relation: table.relation,
    alias,
    items,
    embeds: items.flatMap((item) => (item.kind === 'embed' ? [item.embed] : [])),
    where: [],
    order: [],
    limit: undefined,
    offset: undefined,
    groupBy: undefined,
  }
}

export const itemsIn = (compiling: Compiling, sets: Selected['sets'], row: Row): PlanItem[] =>
  compiling.fields(sets, row.table.typeName).map((field) => planItem(compiling, field, row))

function planItem(compiling: Compiling, selected: SelectedField, row: Row): PlanItem {
  const { key, name } = selected
  if (name === TYPENAME) {
    compiling.cost.field(row.times)
    return constantItem(key, row.table.typeName)
  }
  const field = row.table.fields.get(name)
  if (!field) throw new Error(`${row.table.typeName} has no field ${name}`)
  if (field.kind !== 'column') return planRelation(compiling, { selected, field, row })
  compiling.cost.field(row.times)
  return columnItem(field, key)
}

/** Whole numbers of 64 bits are given as text. */
export const columnItem = (
  { column, scalar }: Extract<FieldModel, { kind: 'column' }>,
  as: string,
): PlanItem => ({
  kind: 'field',
  field: fieldOf(column.name),
  as,
  cast: scalar === 'BigInt' ? 'text' : undefined,
})

type Relating = { selected: SelectedField; field: RelationField; row: Row }

function planRelation(compiling: Compiling, { selected, field, row }: Relating): PlanItem {
  const { sets, inputs, key } = selected
  const { relationship, to, kind } = field
  const level: Level = { table: to, sets, inputs, times: row.times }
  const tie = { relationship, parentAlias: row.alias }
  if (kind === 'many') {
    return embedItem(key, planList(compiling, level), { ...tie, many: true })
  }
  if (kind === 'one') {
    compiling.cost.field(row.times)
    return embedItem(key, planRow(compiling, level), { ...tie, many: false })
  }
  const columns = relationship.columns.map(([own]) => own)
  if (kind === 'connection') {
    const plan = planConnection(compiling, { ...level, typeName: selected.typeName }, itemsIn)
    const write = (sql: SqlWriter): void => writeNestedConnection(sql, plan, tie)
    return { kind: 'expression', as: key, columns, write }
  }
  const aggregate = planAggregate(compiling, { ...level, typeName: selected.typeName })
  return {
    kind: 'expression',
    as: key,
    columns,
    write: (sql) => writeNestedAggregate(sql, aggregate, tie),
  }
}

function embedItem(as: string, plan: ReadPlan, tie: Tie & { many: boolean }): PlanItem {
  const { relationship } = tie
  if (plan.items.length === 0) {
    const columns = relationship.columns.map(([own]) => own)
    return { kind: 'expression', as, columns, write: (sql) => writeEmptyRows(sql, plan, tie) }
  }
  const embed: EmbedPlan = {
    as,
    relationship,
    plan,
    alias: `e${plan.alias}`,
    junctionAlias: '',
    inner: false,
    spread: false,
  }
  return { kind: 'embed', embed }
}
