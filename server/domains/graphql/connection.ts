/** Pages by cursor: a page starts after the row that the cursor names, whatever was written meanwhile. */
import type { Condition, OrderTerm, PlanItem, ReadPlan } from '#domains/data'
import { invalid } from '#core/errors'
import { conditionsOf, fieldOf, orderOf } from './conditions.ts'
import type { Input } from './inputs.ts'
import type { ConnectionPlan, ConnectionShape } from './operation.sql.ts'
import {
  type Compiling,
  type Level,
  limitText,
  type Row,
  type SelectedField,
  TYPENAME,
} from './compiling.ts'

type Connecting = Level & { typeName: string }

/** Plans what is shown of a row; given, because levels hold connections and connections levels. */
export type PlanItems = (compiling: Compiling, sets: SelectedField['sets'], row: Row) => PlanItem[]

export function planConnection(
  compiling: Compiling,
  level: Connecting,
  itemsIn: PlanItems,
): ConnectionPlan {
  const { table, sets, inputs, times, typeName } = level
  const { literals } = compiling
  const first = inputs.get('first')
  compiling.cost.list(times, first)
  const order = totalOrder(level)
  const where = conditionsOf(inputs.get('filter'), literals)
  const row: ReadPlan = {
    relation: table.relation,
    alias: compiling.alias(),
    items: [],
    embeds: [],
    where: [...where, ...after(compiling, inputs.get('after'), order)],
    order,
    limit: literals.read((given) => String(Number(limitText(given, first, undefined)) + 1)),
    offset: undefined,
    groupBy: undefined,
  }
  const nodes: ReadPlan[] = []
  const shapes = compiling
    .fields(sets, typeName)
    .map((field) => shapeOf(compiling, field, { level, row, nodes, itemsIn }))
  return {
    row: { ...row, embeds: nodes.flatMap(({ embeds }) => embeds) },
    nodes,
    shapes,
    counted: { ...row, where, order: [], limit: undefined },
    first: literals.read((given) => limitText(given, first, undefined)),
  }
}

/** What was asked for, and then the key: no two rows are at the same place. */
function totalOrder({
  table,
  inputs,
}: Level): Required<Pick<OrderTerm, 'field' | 'direction' | 'nulls'>>[] {
  const asked = orderOf(inputs.get('orderBy'))
  const key = table.key
    .filter(({ column }) => !asked.some(({ field }) => field.name === column.name))
    .map(
      ({ column }): OrderTerm => ({ field: fieldOf(column.name), direction: 'asc', nulls: 'last' }),
    )
  return [...asked, ...key].map(({ field, direction, nulls }) => ({
    field,
    direction: direction ?? 'asc',
    nulls: nulls ?? 'last',
  }))
}

type Term = ReturnType<typeof totalOrder>[number]

/** Rows behind the cursor's. What its values are decides the statement, so it is not kept. */
function after(
  compiling: Compiling,
  cursor: Input | undefined,
  order: readonly Term[],
): Condition[] {
  if (!cursor || cursor.value === null) return []
  if (cursor.read) compiling.keep = false
  const values = valuesIn(cursor.value as string, order.length)
  const items = order.flatMap((term, at): Condition[] => {
    const beyond = behind(term, values[at] ?? null)
    const equal = order.slice(0, at).map((one, place) => same(one, values[place] ?? null))
    return beyond ? [{ kind: 'and', items: [...equal, beyond] }] : []
  })
  return items.length === 0
    ? [{ kind: 'not', item: { kind: 'and', items: order.map(anything) } }]
    : [{ kind: 'or', items }]
}

const anything = ({ field }: Term): Condition => ({
  kind: 'or',
  items: [
    { kind: 'is', field, word: 'null' },
    { kind: 'is', field, word: 'not_null' },
  ],
})

/** @throws `invalid` graphql_argument */
function valuesIn(cursor: string, length: number): (string | null)[] {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64').toString('utf8'))
    const fits = Array.isArray(values) && values.length === length
    if (fits && values.every((one) => one === null || typeof one === 'string')) return values
  } catch {
    // Said below.
  }
  throw invalid('graphql_argument', 'after is not a cursor of this order')
}

const literal = (text: string) => ({ text, slot: -1, encoding: 'text' }) as const

const same = ({ field }: Term, value: string | null): Condition =>
  value === null
    ? { kind: 'is', field, word: 'null' }
    : { kind: 'compare', field, operator: 'eq', value: literal(value) }

/** Nothing is behind nulls that are last. */
function behind({ field, direction, nulls }: Term, value: string | null): Condition | undefined {
  if (value === null) return nulls === 'first' ? { kind: 'is', field, word: 'not_null' } : undefined
  const operator = direction === 'asc' ? 'gt' : 'lt'
  const beyond: Condition = { kind: 'compare', field, operator, value: literal(value) }
  if (nulls === 'first') return beyond
  return { kind: 'or', items: [beyond, { kind: 'is', field, word: 'null' }] }
}

type Shaping = { level: Connecting; row: ReadPlan; nodes: ReadPlan[]; itemsIn: PlanItems }

function shapeOf(compiling: Compiling, field: SelectedField, shaping: Shaping): ConnectionShape {
  const { level } = shaping
  const { key, name, sets, typeName } = field
  compiling.cost.field(level.times)
  switch (name) {
    case TYPENAME:
      return { as: key, kind: 'constant', text: level.typeName }
    case 'totalCount':
      return { as: key, kind: 'total' }
    case 'pageInfo':
      return { as: key, kind: 'page', values: namesIn(compiling, sets, typeName) }
    case 'nodes':
      return { as: key, kind: 'nodes', node: nodeOf(compiling, sets, shaping) }
    default: {
      const parts = compiling.fields(sets, typeName).map((part) => {
        const isNode = part.name === 'node'
        const node = isNode ? nodeOf(compiling, part.sets, shaping) : undefined
        return { as: part.key, name: part.name, typeName, node }
      })
      return { as: key, kind: 'edges', parts }
    }
  }
}

const namesIn = (compiling: Compiling, sets: SelectedField['sets'], typeName: string) =>
  compiling.fields(sets, typeName).map(({ key, name }) => ({ as: key, name, typeName }))

/** Puts one more view of the row beside the others. @returns its place */
function nodeOf(compiling: Compiling, sets: SelectedField['sets'], shaping: Shaping): number {
  const { level, row, nodes, itemsIn } = shaping
  const { table, times } = level
  const items = itemsIn(compiling, sets, { table, alias: row.alias, times: times * 10 })
  const embeds = items.flatMap((item) => (item.kind === 'embed' ? [item.embed] : []))
  return nodes.push({ ...row, items, embeds, where: [], order: [], limit: undefined }) - 1
}
