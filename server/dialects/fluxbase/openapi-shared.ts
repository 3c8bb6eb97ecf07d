/** What the operations of all tables have in common: parameters, and the document of `POST …/query`. */
import type { Schema, Version } from '#http/openapi/document'
import { schemaOf } from '#http/openapi/schema'
import { QueryDocument } from './tables-document.ts'

const text = (name: string, description: string): Schema => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string' },
})

const whole = (name: string, description: string): Schema => ({
  name,
  in: 'query',
  description,
  schema: { type: 'integer', minimum: 0 },
})

const BY_WORD = {
  select: text('select', 'Columns, aggregates and embedded tables; all columns without it'),
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
  truncate: {
    name: 'truncate',
    in: 'query',
    description: 'Characters of a text at most: longer ones are cut, and say how long they are',
    schema: { type: 'integer', minimum: 1 },
  },
  cursor: text('cursor', 'What `X-Next-Cursor` gave: goes on behind the last row of that page'),
  idempotency: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same request with it is done once, and answered again for a day',
    schema: { type: 'string', maxLength: 256 },
  },
  filters: {
    name: 'filters',
    in: 'query',
    description: '`column=operator.value` or `column.operator=value`; `or=(…)` and `and=(…)`',
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
      '`return`, `count`, `resolution`, `missing`, `handling`, `max-affected`, `tx`, `timezone`',
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

type Word = keyof typeof BY_WORD

const componentName = (word: string): string => `Table.${word}`

/** By their names among the components. */
export const PARAMETERS: Record<string, Schema> = Object.fromEntries(
  Object.entries(BY_WORD).map(([word, parameter]) => [componentName(word), parameter]),
)

/** References to the parameters. */
export const use = (...words: Word[]): Schema[] =>
  words.map((word) => ({ $ref: `#/components/parameters/${componentName(word)}` }))

/** The body of `POST …/query`. */
export const queryDocument = (version: Version): Schema => schemaOf(QueryDocument, version)
