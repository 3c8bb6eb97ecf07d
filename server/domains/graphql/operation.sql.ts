/** A whole operation as SQL: each root field is one column of JSON text. */
import {
  type ReadPlan,
  type Relationship,
  type SqlWriter,
  writeItems,
  writeSelect,
} from '#domains/data'

/** How rows hang on a row of an outer level. */
export type Tie = { relationship: Relationship; parentAlias: string }

export type AggregateShape =
  | { as: string; kind: 'constant'; text: string }
  | { as: string; kind: 'count' }
  | { as: string; kind: 'group'; values: readonly AggregateShape[] }
  | {
      as: string
      kind: 'value'
      aggregate: 'sum' | 'avg' | 'min' | 'max'
      /** Its name in the source. */
      column: string
      isText: boolean
    }

export type AggregatePlan = { source: ReadPlan; shapes: readonly AggregateShape[] }

export type ConnectionShape =
  | { as: string; kind: 'constant'; text: string }
  | { as: string; kind: 'total' }
  | { as: string; kind: 'page'; values: readonly Named[] }
  | { as: string; kind: 'nodes'; node: number }
  | { as: string; kind: 'edges'; parts: readonly (Named & { node: number | undefined })[] }

type Named = { as: string; name: string; typeName: string }

export type ConnectionPlan = {
  /** The page and one row more; without items. */
  row: ReadPlan
  /** What is shown of each row, once for each place that asks. */
  nodes: readonly ReadPlan[]
  shapes: readonly ConnectionShape[]
  /** All rows that the filter leaves. */
  counted: ReadPlan
  first: Parameters<SqlWriter['bind']>[0]
}

export type QueryPart =
  | { kind: 'list' | 'single'; plan: ReadPlan }
  | { kind: 'aggregate'; plan: AggregatePlan }
  | { kind: 'connection'; plan: ConnectionPlan }

/** `select (…)::text, (…)::text`: one column for each root field. */
export function writeQuery(sql: SqlWriter, parts: readonly QueryPart[]): void {
  sql.add('select ').list(parts, ', ', (part) => writePart(sql, part))
}

function writePart(sql: SqlWriter, part: QueryPart): void {
  switch (part.kind) {
    case 'list':
      sql.add(`(select coalesce(json_agg(r.*), '[]')::text from (`)
      writeSelect(sql, part.plan)
      sql.add(') as r)')
      return
    case 'single':
      sql.add('(select row_to_json(r.*)::text from (')
      writeSelect(sql, part.plan)
      sql.add(') as r)')
      return
    case 'aggregate':
      writeAggregate(sql, part.plan)
      sql.add('::text')
      return
    case 'connection':
      writeConnection(sql, part.plan)
      sql.add('::text')
  }
}

const tied = (plan: ReadPlan, { relationship, parentAlias }: Tie): ReadPlan => {
  const write = (sql: SqlWriter): void => {
    sql.list(relationship.columns, ' and ', ([own, other]) =>
      sql.name(parentAlias, own).add(' = ').name(plan.alias, other),
    )
  }
  return { ...plan, where: [{ kind: 'expression', write }, ...plan.where] }
}

export const writeNestedAggregate = (sql: SqlWriter, plan: AggregatePlan, tie: Tie): void =>
  writeAggregate(sql, { ...plan, source: tied(plan.source, tie) })

export function writeNestedConnection(sql: SqlWriter, plan: ConnectionPlan, tie: Tie): void {
  writeConnection(sql, { ...plan, row: tied(plan.row, tie), counted: tied(plan.counted, tie) })
}

/** Rows of which every field was skipped: as many empty objects. */
export function writeEmptyRows(sql: SqlWriter, plan: ReadPlan, tie: Tie & { many: boolean }): void {
  sql.add(
    tie.many ? `(select coalesce(json_agg('{}'::json), '[]') from (` : `(select '{}'::json from (`,
  )
  writeSelect(sql, tied({ ...plan, items: [ONE] }, tie))
  sql.add(') as r)')
}

/** Aggregates are columns `c0…` of `a`; around them their names are put on. */
function writeAggregate(sql: SqlWriter, { source, shapes }: AggregatePlan): void {
  const inner: string[] = []
  sql.add('(select row_to_json(o.*) from (select ')
  sql.list(shapes, ', ', (shape) => writeShape(sql, shape, inner))
  sql.add(' from (select ')
  sql.add(inner.length === 0 ? 'count(*)' : inner.map((text, at) => `${text} as c${at}`).join(', '))
  sql.add(' from (')
  writeSelect(sql, source)
  sql.add(') as s) as a) as o)')
}

function writeShape(sql: SqlWriter, shape: AggregateShape, inner: string[]): void {
  const add = (text: string): void => {
    sql.add(`a.c${inner.push(text) - 1}`)
  }
  if (shape.kind === 'constant') sql.constant(shape.text, 'text')
  else if (shape.kind === 'count') add('count(*)')
  else if (shape.kind === 'value') {
    add(`${shape.aggregate}(s.${shape.column})${shape.isText ? '::text' : ''}`)
  } else {
    sql.add('(select row_to_json(g.*) from (select ')
    sql.list(shape.values, ', ', (value) => writeShape(sql, value, inner))
    sql.add(') as g)')
  }
  sql.add(' as ').name(shape.as)
}

/**
 * `p`: the rows of the page and one more, each with its views, its cursor and its place.
 * `a`: what the page comes to. Around it, the names.
 */
function writeConnection(sql: SqlWriter, plan: ConnectionPlan): void {
  sql.add('(select row_to_json(o.*) from (select ')
  sql.list(plan.shapes, ', ', (shape, at = plan.shapes.indexOf(shape)) => {
    writeOuter(sql, plan, { shape, at })
    sql.add(' as ').name(shape.as)
  })
  sql.add(' from (select ')
  for (const [at, shape] of plan.shapes.entries()) writeCollected(sql, plan, { shape, at })
  sql.add('coalesce(bool_or(p.place > ').bind(plan.first, 'int8').add('), false) as more, ')
  sql.add('min(p.cursor) filter (where p.place = 1) as start_cursor, ')
  sql.add('(array_agg(p.cursor order by p.place desc) filter (where p.place <= ')
  sql.bind(plan.first, 'int8').add('))[1] as end_cursor')
  sql.add(' from (select q.*, row_number() over () as place from (')
  writeSelect(sql, rowsOf(plan))
  sql.add(') as q) as p) as a) as o)')
}

type Shaped = { shape: ConnectionShape; at: number }

/** What the page's own statement collects: the lists. */
function writeCollected(sql: SqlWriter, plan: ConnectionPlan, { shape, at }: Shaped): void {
  if (shape.kind !== 'nodes' && shape.kind !== 'edges') return
  sql.add('coalesce(json_agg(')
  if (shape.kind === 'nodes') sql.add(`p.n${shape.node}`)
  else {
    sql.add('(select row_to_json(e.*) from (select ')
    sql.list(shape.parts, ', ', ({ as, name, typeName, node }) => {
      if (node !== undefined) sql.add(`p.n${node}`)
      else if (name === 'cursor') sql.add('p.cursor')
      else sql.constant(typeName, 'text')
      sql.add(' as ').name(as)
    })
    sql.add(') as e)')
  }
  sql.add(' order by p.place) filter (where p.place <= ').bind(plan.first, 'int8')
  sql.add(`), '[]') as c${at}, `)
}

function writeOuter(sql: SqlWriter, plan: ConnectionPlan, { shape, at }: Shaped): void {
  switch (shape.kind) {
    case 'constant':
      sql.constant(shape.text, 'text')
      return
    case 'nodes':
    case 'edges':
      sql.add(`a.c${at}`)
      return
    case 'total':
      sql.add('(select count(*) from (')
      writeSelect(sql, { ...plan.counted, items: [ONE] })
      sql.add(') as n)')
      return
    case 'page':
      sql.add('(select row_to_json(i.*) from (select ')
      sql.list(shape.values, ', ', (value) => writePageValue(sql, plan, value))
      sql.add(') as i)')
  }
}

const ONE = {
  kind: 'expression',
  as: 'one',
  columns: [],
  write: (sql: SqlWriter) => {
    sql.add('1')
  },
} as const

const PAGE_VALUES: Record<string, string> = {
  hasNextPage: 'a.more',
  startCursor: 'a.start_cursor',
  endCursor: 'a.end_cursor',
}

function writePageValue(sql: SqlWriter, plan: ConnectionPlan, { as, name, typeName }: Named): void {
  const known = PAGE_VALUES[name]
  if (known !== undefined) sql.add(known)
  else if (name === 'hasPreviousPage')
    sql.add(String(plan.row.where.length > plan.counted.where.length))
  else sql.constant(typeName, 'text')
  sql.add(' as ').name(as)
}

/** Each view of the row as JSON, and the values that the order compares as a cursor. */
function rowsOf({ row, nodes }: ConnectionPlan): ReadPlan {
  const views = nodes.map(
    (node, at) =>
      ({
        kind: 'expression',
        as: `n${at}`,
        columns: [],
        write: (sql: SqlWriter) => {
          sql.add('(select row_to_json(v.*) from (select ')
          writeItems(sql, node)
          sql.add(') as v)')
        },
      }) as const,
  )
  const cursor = {
    kind: 'expression',
    as: 'cursor',
    columns: [],
    write: (sql: SqlWriter) => {
      // An array, because an order has more terms than a function may have arguments.
      sql.add(`translate(encode(convert_to(array_to_json(array[`)
      sql.list(row.order, ', ', ({ field }) => sql.name(row.alias, field.name).add('::text'))
      sql.add(`])::text, 'UTF8'), 'base64'), E'\\n', '')`)
    },
  } as const
  return { ...row, items: [...views, cursor] }
}
