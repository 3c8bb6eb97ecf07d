/** The routes of tables, with what the documentation says of them. */
import { z } from 'zod'
import type { RouteDocs } from '#http/about'
import type { Method } from '#http/routes'
import { QueryDocument } from './tables-document.ts'
import { HEADERS, PAGE_HEADERS, PAGE_WORDS, saying } from './tables-words.ts'

const Row = z.record(z.string(), z.unknown())
const Rows = z.array(Row)
const Ids = z.array(z.unknown())

const json = (shape: z.ZodType) => ({ content: { 'application/json': shape } })

const Affected = z.object({ affected: z.int() }).describe('With `Prefer: return=headers-only`')

/** What comes of a write: rows, how many there were, or nothing at all, as `Prefer` says. */
const written = (shape: z.ZodType) => json(z.union([shape, Affected]))

const Deleted = z.object({
  success: z.boolean(),
  message: z.string(),
  rows_affected: z.int(),
  affected: z.int(),
})

const Exported = z.object({ success: z.boolean(), count: z.int(), records: Rows })

const PAGE = {
  ...json(Rows),
  headers: PAGE_HEADERS,
}

const PAGES = { 200: PAGE, 206: { ...PAGE, description: 'A part of the rows' } }

const { Prefer, Range, 'Idempotency-Key': idempotency } = HEADERS

const READ: RouteDocs = {
  description:
    'Filters are further parameters: `column=operator.value` or `column.operator=value`, and `or=(…)`, `and=(…)` over several.',
  query: saying(...PAGE_WORDS, 'or', 'and'),
  headers: { Prefer, Range },
  answers: PAGES,
}

const WRITTEN: RouteDocs = {
  query: saying('select'),
  headers: { Prefer, 'Idempotency-Key': idempotency },
}

const INSERT: RouteDocs = { ...WRITTEN, query: saying('select', 'on_conflict', 'columns') }

const Inserted = z.union([Row, Rows]).describe('One row for an object, a list of them for a list')

const MADE = {
  201: written(Inserted),
  200: { ...json(Rows), description: 'The row was there already' },
}

const ONE_ROW: RouteDocs = {
  description:
    'A key of several columns is their values in order, joined by commas. `/api/v1/tables/{schema}/{table}` is this path too: where the schema has that table, it means the rows of the table.',
}

type TableRoute = { method: Method; path: string; summary: string; docs?: RouteDocs }

const COLLECTION: readonly TableRoute[] = [
  { method: 'get', path: '{table}', summary: 'Read rows', docs: READ },
  { method: 'head', path: '{table}', summary: 'Count rows', docs: READ },
  {
    method: 'post',
    path: '{table}',
    summary: 'Insert a row, or several',
    docs: { ...INSERT, ...json(z.union([Row, Rows])), answers: MADE },
  },
  {
    method: 'patch',
    path: '{table}',
    summary: 'Change the rows that the filters find',
    docs: { ...WRITTEN, ...json(Row), answers: { 200: written(Rows) } },
  },
  {
    method: 'delete',
    path: '{table}',
    summary: 'Delete the rows that the filters find',
    docs: {
      ...WRITTEN,
      answers: { 200: written(z.object({ affected: z.int(), records: Rows })) },
    },
  },
]

const SUB_RESOURCES: readonly TableRoute[] = [
  {
    method: 'post',
    path: '{table}/query',
    summary: 'Read rows, with the query in the body',
    docs: {
      description: 'For queries too long for a URL.',
      ...json(QueryDocument),
      answers: PAGES,
    },
  },
  {
    method: 'post',
    path: '{table}/bulk',
    summary: 'Insert many rows, or delete or export them by id',
    docs: {
      ...INSERT,
      description: 'Up to 10,000 rows, and 10 MiB.',
      ...json(
        z.union([
          Rows,
          z.object({ records: Rows }),
          z.object({ action: z.enum(['delete', 'export']), targets: Ids }),
        ]),
      ),
      answers: {
        201: written(Rows),
        200: {
          ...json(z.union([Deleted, Exported])),
          description: 'Deleted or exported, as `action` says',
        },
      },
    },
  },
  {
    method: 'patch',
    path: '{table}/bulk',
    summary: 'Change many rows, each in its own way',
    docs: {
      ...WRITTEN,
      description: 'Each row with its whole key and its new values, or one change for many ids.',
      ...json(z.union([Rows, z.object({ updates: Rows }), z.object({ ids: Ids, data: Row })])),
      answers: { 200: written(Rows) },
    },
  },
  {
    method: 'delete',
    path: '{table}/bulk',
    summary: 'Delete many rows, by id or by filters',
    docs: {
      ...json(z.union([Ids, z.object({ ids: Ids }), z.object({ targets: Ids })])),
      answers: { 200: json(Deleted) },
    },
  },
  {
    method: 'get',
    path: '{table}/export',
    summary: 'Export rows as CSV or JSON',
    docs: {
      ...READ,
      query: saying('select', 'order', 'limit', 'offset', 'or', 'and', 'format', 'items'),
      answers: { 200: { content: { 'text/csv': z.string(), 'application/json': Rows } } },
    },
  },
]

/** `{schema}/{table}` looks like a row too, and so does a sub-resource. */
const OneOrMore = z
  .union([Row, Rows])
  .describe('The row; the rows, where the path means a table or a sub-resource of one')

const ONE = { 200: json(OneOrMore), 206: { ...PAGE, description: 'A part of the rows' } }

const CHANGED = { 200: written(OneOrMore) }

const recordsAt = (path: string, docs: RouteDocs): readonly TableRoute[] => [
  { method: 'get', path, summary: 'Read one row', docs: { ...docs, answers: ONE } },
  { method: 'head', path, summary: 'Is the row there?', docs: { ...docs, answers: ONE } },
  {
    method: 'post',
    path,
    summary: 'Insert rows, or what else a table’s sub-resources offer',
    docs: {
      ...docs,
      ...json(z.unknown()),
      answers: {
        ...ONE,
        200: json(z.union([Rows, Deleted, Exported])),
        201: written(Inserted),
      },
    },
  },
  {
    method: 'put',
    path,
    summary: 'Change one row',
    docs: { ...docs, ...json(Row), answers: CHANGED },
  },
  {
    method: 'patch',
    path,
    summary: 'Change one row',
    docs: { ...docs, ...json(Row), answers: CHANGED },
  },
  {
    method: 'delete',
    path,
    summary: 'Delete one row',
    docs: {
      ...docs,
      answers: {
        204: {},
        200: {
          ...json(z.record(z.string(), z.unknown())),
          description: 'Where the path means a table: as for the rows that filters find',
        },
      },
    },
  },
]

/** Paths after `/api/v1/tables/`; sub-resources before the ids that they could be taken for. */
export const TABLE_ROUTES: readonly TableRoute[] = [
  ...COLLECTION,
  ...SUB_RESOURCES,
  ...recordsAt('{table}/{id}', ONE_ROW),
  ...recordsAt('{schema}/{table}/{id}', {
    description: 'Instead of an id, the sub-resources `query`, `bulk` and `export` of the table.',
  }),
]
