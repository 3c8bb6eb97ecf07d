/** One value of a level's output as SQL. */
import { type Scope, subjectOf, writeField } from './condition.sql.ts'
import { writeDistance } from './extensions.sql.ts'
import type { FieldItem } from './query.ts'
import { castType, type SqlWriter } from './sql-writer.ts'

/** Characters that a text of PostgreSQL cannot have more of. */
const LONGEST_TEXT = 1_073_741_823

/** A value without its name: a field, cast, aggregated, and cast again; cut where it would be too long. */
export function writeValue(sql: SqlWriter, scope: Scope, { truncate, ...item }: FieldItem): void {
  if (truncate === undefined) {
    writeWhole(sql, scope, item)
    return
  }
  const text = (): void => {
    sql.add('(')
    writeWhole(sql, scope, item)
    sql.add(')::text')
  }
  sql.add('case when length(')
  text()
  // A parameter: the length belongs to the request, not to the text of the statement.
  const length = String(Math.min(truncate, LONGEST_TEXT))
  sql.add(') > ').constant(length, 'int4').add(' then left(')
  text()
  sql.add(', ').constant(length, 'int4').add(`) || '... (' || length(`)
  text()
  sql.add(`) || ' chars)' else `)
  text()
  sql.add(' end')
}

function writeWhole(sql: SqlWriter, scope: Scope, item: FieldItem): void {
  if (item.distance && item.field) {
    writeDistance(sql, subjectOf(sql, scope, item.field), item.distance)
    return
  }
  const { field, cast, aggregate, aggregateCast } = item
  if (aggregateCast) sql.add('cast(')
  if (aggregate) sql.add(`${aggregate}(`)
  if (cast) sql.add('cast(')
  const form = formOf(scope, item)
  if (form) sql.add(`${form}(`)
  if (field) writeField(sql, scope, field)
  else sql.add(aggregate ? '*' : 'true')
  if (form) sql.add(')')
  if (cast) sql.add(` as ${castType(cast)})`)
  if (aggregate) sql.add(')')
  if (aggregateCast) sql.add(` as ${castType(aggregateCast)})`)
}

/** The function that gives a whole column its form outside; aggregates work on the bare value. */
const formOf = ({ relation }: Scope, { field, aggregate, form }: FieldItem): string | null =>
  form !== undefined
    ? form
    : field && field.path.length === 0 && !aggregate
      ? (relation.columns.get(field.name)?.form?.toJson ?? null)
      : null
