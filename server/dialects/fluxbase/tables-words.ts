/** The words of requests to tables, as the documentation tells of them: of all tables in general, and of an app's own. */
import { z } from 'zod'
import type { Given } from '#http/about'

/** Of the query string. */
export const WORDS = {
  select: 'Columns, aggregates and embedded tables, which then come instead of all columns',
  order: '`column.asc|desc.nullsfirst|nullslast`, several with commas',
  limit: z.int().min(0).describe('Rows at most; 1000 without it'),
  offset: z.int().min(0).describe('Rows to skip'),
  count: z
    .enum(['exact', 'planned', 'estimated', 'none'])
    .describe('Count all rows that the filters find, for `Content-Range`'),
  group_by: 'Columns that aggregates are grouped by',
  truncate: z
    .int()
    .min(1)
    .describe('Characters of a text at most: longer ones are cut, and say how long they are'),
  cursor: 'What `X-Next-Cursor` gave: goes on behind the last row of that page',
  cursor_column: 'The column that the cursor means, instead of its own',
  or: 'Filters of which one must hold: `(age.gt.30,name.eq.Ada)`',
  and: 'Filters that must all hold',
  on_conflict: 'Columns of the key that decides what a duplicate is',
  columns: 'Columns of the body that count',
  format: z.enum(['csv', 'json']).default('csv').describe('Of the export'),
  items: 'Only the rows with these ids: a JSON array',
} as const satisfies Record<string, Given>

export type QueryWord = keyof typeof WORDS

/** What a page of rows can be asked for with. */
export const PAGE_WORDS = [
  'select',
  'order',
  'limit',
  'offset',
  'count',
  'group_by',
  'truncate',
  'cursor',
  'cursor_column',
] as const satisfies readonly QueryWord[]

export const HEADERS = {
  Prefer:
    '`return=minimal` leaves the body of the answer out, `return=headers-only` tells `{"affected": n}` alone; `resolution=merge-duplicates|ignore-duplicates`, `missing=default`, `count=…`, `max-affected=…`, `tx=rollback`, `timezone=…`, `handling=strict`',
  Range: '`0-9`: these rows, as a part (206); not beside `limit` or `offset`',
  'Idempotency-Key': z
    .string()
    .max(256)
    .describe('The same request with it is done once, and answered again for a day'),
} as const satisfies Record<string, Given>

export const PAGE_HEADERS = {
  'Content-Range': '`first-last/total`; the total is `*` where nothing counted',
  'X-Next-Cursor': 'For `cursor`, where more rows may follow',
}

/** Some of the words. */
export const saying = (...names: QueryWord[]): Record<string, Given> =>
  Object.fromEntries(names.map((name) => [name, WORDS[name]]))
