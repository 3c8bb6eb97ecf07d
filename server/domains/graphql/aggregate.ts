/** What rows come to together: counts, sums, means, least and greatest values. */
import type { ReadPlan } from '#domains/data'
import { conditionsOf, fieldOf } from './conditions.ts'
import type { AggregatePlan, AggregateShape } from './operation.sql.ts'
import { type Compiling, type Level, type SelectedField, TYPENAME } from './compiling.ts'

type Aggregating = Level & { typeName: string }

export function planAggregate(compiling: Compiling, level: Aggregating): AggregatePlan {
  const { table, sets, inputs, times, typeName } = level
  const columns = new Map<string, string>()
  compiling.cost.field(times)
  const shapes = compiling
    .fields(sets, typeName)
    .map((field) => shapeOf(compiling, field, { level, columns }))
  const source: ReadPlan = {
    relation: table.relation,
    alias: compiling.alias(),
    items: [
      { kind: 'expression', as: 'one', columns: [], write: (sql) => sql.add('1') },
      ...[...columns].map(([name, as]) => ({ kind: 'field', field: fieldOf(name), as }) as const),
    ],
    embeds: [],
    where: conditionsOf(inputs.get('filter'), compiling.literals),
    order: [],
    limit: undefined,
    offset: undefined,
    groupBy: undefined,
  }
  return { source, shapes }
}

type Shaping = { level: Aggregating; columns: Map<string, string> }

/** @param columns what the aggregates read, and how it is called inside */
function shapeOf(compiling: Compiling, field: SelectedField, shaping: Shaping): AggregateShape {
  const { level, columns } = shaping
  const { key, name } = field
  compiling.cost.field(level.times)
  if (name === TYPENAME) return { as: key, kind: 'constant', text: level.typeName }
  if (name === 'count') return { as: key, kind: 'count' }
  const values = compiling.fields(field.sets, field.typeName).map((one): AggregateShape => {
    compiling.cost.field(level.times)
    if (one.name === TYPENAME) return { as: one.key, kind: 'constant', text: field.typeName }
    const column = level.table.columns.get(one.name)
    if (!column) throw new Error(`${field.typeName} has no field ${one.name}`)
    const as = columns.get(column.column.name) ?? `k${columns.size}`
    columns.set(column.column.name, as)
    const isText = column.scalar === 'BigInt' && (name === 'min' || name === 'max')
    return { as: one.key, kind: 'value', aggregate: name as 'sum', column: as, isText }
  })
  return { as: key, kind: 'group', values }
}
