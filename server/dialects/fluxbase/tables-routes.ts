/** The routes of tables, with what the documentation says of them. */
import { z } from 'zod'
import type { RouteDocs } from '#http/about'
import type { Method } from '#http/routes'
import { QueryDocument } from './tables-document.ts'

const Row = z.record(z.string(), z.unknown())
const Rows = z.array(Row)
const Ids = z.array(z.unknown())

const json = (shape: z.ZodType) => ({ content: { 'application/json': shape } })

const READ: RouteDocs = {
  description:
    'Filters are further parameters: `column=operator.value` or `column.operator=value`, and `or=(…)`, `and=(…)` over several.',
  query: {
    select: 'Columns, aggregates and embedded tables; all columns without it',
    order: '`column.asc|desc.nullsfirst|nullslast`, several with commas',
    limit: 'Rows at most; 1000 without it',
    offset: 'Rows to skip',
    count: '`exact`, `planned` or `estimated`: all rows that the filters find, in `Content-Range`',
    group_by: 'Columns that aggregates are grouped by',
    truncate: 'Characters of a text at most: longer ones are cut, and say how long they are',
    cursor: 'What `X-Next-Cursor` gave: goes on behind the last row of that page',
    cursor_column: 'The column that the cursor means, instead of its own',
  },
  headers: {
    Prefer: '`count=…`, `timezone=…`, `handling=strict`',
    Range: '`0-9`: these rows, as a part (206); not beside `limit` or `offset`',
  },
}

const WRITTEN: RouteDocs = {
  query: { select: 'Columns of the rows in the answer' },
  headers: {
    Prefer:
      '`return=minimal|headers-only|representation`, `resolution=merge-duplicates|ignore-duplicates`, `missing=default`, `max-affected=…`, `tx=rollback`',
    'Idempotency-Key':
      'At most 256 characters: the same request with it is done once, and answered again for a day',
  },
}

const INSERT: RouteDocs = {
  ...WRITTEN,
  query: {
    ...WRITTEN.query,
    on_conflict: 'Columns of the key that decides what a duplicate is',
    columns: 'Columns of the body that count',
  },
  status: 201,
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
    docs: { ...INSERT, ...json(z.union([Row, Rows])) },
  },
  {
    method: 'patch',
    path: '{table}',
    summary: 'Change the rows that the filters find',
    docs: { ...WRITTEN, ...json(Row) },
  },
  {
    method: 'delete',
    path: '{table}',
    summary: 'Delete the rows that the filters find',
    docs: WRITTEN,
  },
]

const SUB_RESOURCES: readonly TableRoute[] = [
  {
    method: 'post',
    path: '{table}/query',
    summary: 'Read rows, with the query in the body',
    docs: { description: 'For queries too long for a URL.', ...json(QueryDocument) },
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
    },
  },
  {
    method: 'delete',
    path: '{table}/bulk',
    summary: 'Delete many rows, by id or by filters',
    docs: json(z.union([Ids, z.object({ ids: Ids }), z.object({ targets: Ids })])),
  },
  {
    method: 'get',
    path: '{table}/export',
    summary: 'Export rows as CSV or JSON',
    docs: {
      ...READ,
      query: {
        ...READ.query,
        format: '`csv`, which is the default, or `json`',
        items: 'Ids, as a JSON array',
      },
      type: 'text/csv',
    },
  },
]

const recordsAt = (path: string, docs: RouteDocs): readonly TableRoute[] => [
  { method: 'get', path, summary: 'Read one row', docs },
  { method: 'head', path, summary: 'Is the row there?', docs },
  {
    method: 'post',
    path,
    summary: 'Insert rows, or what else a table’s sub-resources offer',
    docs: { ...docs, ...json(z.unknown()) },
  },
  { method: 'put', path, summary: 'Change one row', docs: { ...docs, ...json(Row) } },
  { method: 'patch', path, summary: 'Change one row', docs: { ...docs, ...json(Row) } },
  { method: 'delete', path, summary: 'Delete one row', docs: { ...docs, status: 204 } },
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
