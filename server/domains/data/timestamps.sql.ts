/** Timestamps as JavaScript writes them: in UTC, with three digits after the second, and a Z. */
import type { Column } from './catalog.ts'
import type { PlanItem, ReadPlan } from './plan.ts'

const FORM = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`

/** How a column of each type is brought to UTC. One without a time zone is taken to be in UTC. */
const IN_UTC: Record<string, string> = { timestamptz: ` at time zone 'UTC'`, timestamp: '' }

/** The level with its own columns of timestamps as texts of that form; embedded levels stay as they are. */
export function withMilliseconds(read: ReadPlan): ReadPlan {
  const columns = [...read.relation.columns.values()]
  if (!columns.some(isTimestamp)) return read
  const items = read.items.flatMap((item): PlanItem[] =>
    item.kind === 'all' ? columns.map(({ name }) => fieldOf(name)) : [item],
  )
  return { ...read, items: items.map((item) => shown(read, item)) }
}

/** A domain with a form of its own keeps that. */
const isTimestamp = ({ baseType, form }: Column): boolean =>
  Object.hasOwn(IN_UTC, baseType) && !form?.toJson

const fieldOf = (name: string): PlanItem => ({
  kind: 'field',
  field: { name, path: [] },
  as: name,
})

function shown({ relation, alias }: ReadPlan, item: PlanItem): PlanItem {
  if (item.kind !== 'field' || !item.field || item.aggregate || item.cast) return item
  const { name, path } = item.field
  const column = relation.columns.get(name)
  if (!column || path.length > 0 || !isTimestamp(column)) return item
  const inUtc = IN_UTC[column.baseType] ?? ''
  return {
    kind: 'expression',
    as: item.as,
    columns: [name],
    // What has no four digits of a year (infinity, before Christ) stays as PostgreSQL says it.
    write: (sql) => {
      sql.add('case when ').name(alias, name)
      sql.add(` between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00' then to_char(`)
      sql.name(alias, name).add(`${inUtc}, ${FORM}) else to_json(`)
      sql.name(alias, name).add(`) #>> '{}' end`)
    },
  }
}
