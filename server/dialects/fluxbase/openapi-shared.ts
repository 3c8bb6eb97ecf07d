/** What the operations of all tables have in common: parameters, and how one is put together. */
import type { Relation, TableRights } from '#domains/data'
import type { Operation, Schema } from '#http/openapi/document'
import { accessOf, errorAnswers, TENANT } from '#http/openapi/operation'
import { FLUXBASE } from './about.ts'

export const TAG = 'Tables'

const text = (name: string, description: string): Schema => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string' },
})

const whole = (name: string, description: string, minimum = 0): Schema => ({
  name,
  in: 'query',
  description,
  schema: { type: 'integer', minimum },
})

const BY_WORD = {
  select: text(
    'select',
    'Columns, aggregates and embedded tables, which then come instead of all columns',
  ),
  order: text('order', '`column.asc|desc.nullsfirst|nullslast`, several with commas'),
  limit: whole('limit', 'Rows at most; 1000 without it'),
  offset: whole('offset', 'Rows to skip'),
  count: {
    name: 'count',
    in: 'query',
    description: 'Count all rows that the filters find, for `Content-Range`',
    schema: { type: 'string', enum: ['exact', 'planned', 'estimated', 'none'] },
  },
  group_by: text('group_by', 'Columns that aggregates are grouped by'),
  truncate: whole(
    'truncate',
    'Characters of a text at most: longer ones are cut, and say how long they are',
    1,
  ),
  cursor: text('cursor', 'What `X-Next-Cursor` gave: goes on behind the last row of that page'),
  cursor_column: text('cursor_column', 'The column that the cursor means, instead of its own'),
  idempotency: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same request with it is done once, and answered again for a day',
    schema: { type: 'string', maxLength: 256 },
  },
  or: text('or', 'Filters of which one must hold: `(age.gt.30,name.eq.Ada)`'),
  and: text('and', 'Filters that must all hold'),
  filters: {
    name: 'filters',
    in: 'query',
    description:
      'Further filters: of embedded tables, `table.column=operator.value`; of fields in JSON, `column->field=operator.value`; and in the spelling `column.operator=value`',
    style: 'form',
    explode: true,
    schema: { type: 'object', additionalProperties: { type: 'string' } },
  },
  on_conflict: text('on_conflict', 'Columns of the key that decides what a duplicate is'),
  columns: text('columns', 'Columns of the body that count'),
  prefer: {
    name: 'Prefer',
    in: 'header',
    description:
      '`return=minimal` leaves the body of the answer out, `return=headers-only` tells `{"affected": n}` alone; `count`, `resolution`, `missing`, `handling`, `max-affected`, `tx`, `timezone`',
    schema: { type: 'string' },
  },
  format: {
    name: 'format',
    in: 'query',
    description: 'Of the export',
    schema: { type: 'string', enum: ['csv', 'json'], default: 'csv' },
  },
  items: text('items', 'Only the rows with these ids: a JSON array'),
} as const satisfies Record<string, Schema>

export type Word = keyof typeof BY_WORD

const componentName = (word: string): string => `Table.${word}`

/** By their names among the components. */
export const PARAMETERS: readonly (readonly [name: string, parameter: Schema])[] = Object.entries(
  BY_WORD,
).map(([word, parameter]) => [componentName(word), parameter])

/** Columns of these names are filtered in the spelling `column.operator=value`. */
const TAKEN: ReadonlySet<unknown> = new Set(
  PARAMETERS.filter(([, one]) => one.in === 'query').map(([, { name }]) => name),
)

/** A filter by one column. */
export const filterOf = (column: string): Schema =>
  text(column, '`operator.value`, such as `eq.1`, `gt.1`, `in.(1,2)`, `is.null`')

/** Names of the filters by each column among the parameters, and the columns. */
export function filtersOf({
  relation,
  component,
}: Pick<Place, 'relation' | 'component'>): [name: string, column: string][] {
  const columns = [...relation.columns.keys()].filter((name) => !TAKEN.has(name))
  // A number keeps names apart that differ in forbidden characters only.
  return columns.map((name, at) => {
    const last = plain(name) === name ? name : `${plain(name)}.${at}`
    return [`${component}.where.${last}`, name]
  })
}

/** A name among the components; a dot only parts names from each other. */
export const plain = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, '_')

/** References to the parameters. */
export const use = (...words: Word[]): Schema[] =>
  words.map((word) => ({ $ref: `#/components/parameters/${componentName(word)}` }))

/** One relation of the app among the paths. */
export type Place = {
  relation: Relation
  path: string
  /** Name among the schemas. */
  component: string
  /** The end of operation ids. */
  suffix: string
  /** What the document offers. */
  may: TableRights
}

type Purpose = 'new' | 'row' | 'changes'

/** The schemas of a place by what they are for. */
export const refTo = (place: Place, purpose: Purpose): Schema => ({
  $ref: `#/components/schemas/${componentOf(place, purpose)}`,
})

/** The plain name is that of a new row; where none can be made, of the rows that there are. */
export function componentOf({ component, may }: Place, purpose: Purpose): string {
  if (purpose === 'changes') return `${component}.Changes`
  return purpose === 'row' && may.insert ? `${component}.Row` : component
}

export type Doing = {
  id: string
  summary: string
  parameters?: readonly Schema[]
  body?: Schema
  good: Schema
}

export function operation({ relation, suffix }: Place, { id, ...doing }: Doing): Operation {
  const { schema, name } = relation
  const { summary, parameters = [], body, good } = doing
  return {
    operationId: `${id}_${suffix}`,
    tags: [TAG],
    summary: `${summary} ${schema === 'public' ? name : `${schema}.${name}`}`,
    ...accessOf('credential', FLUXBASE.access.credential),
    parameters: [...parameters, TENANT],
    ...(body ? { requestBody: { required: true, content: json(body) } } : {}),
    responses: { ...good, ...errorAnswers(FLUXBASE) },
  }
}

export const json = (schema: Schema): Schema => ({ 'application/json': { schema } })

export const answer = (status: number, schema: Schema): Schema => ({
  [status]: { description: 'Done', content: json(schema) },
})
