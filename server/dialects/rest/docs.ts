/** What the documentation says of the routes. */
import { z } from 'zod'
import type { RouteDocs } from '#http/about'

const Row = z.record(z.string(), z.unknown())

const FILTERS =
  'Filters are further parameters: `column=operator.value`, and `or=(…)`, `and=(…)` over several; those of an embedded table begin with its name.'

const SELECT = { select: 'Columns, aggregates, casts and embedded tables; all columns without it' }

const PAGE = {
  order: '`column.asc|desc.nullsfirst|nullslast`, several with commas',
  limit: 'Rows at most',
  offset: 'Rows to skip',
}

const ACCEPT = '`text/csv`, `application/vnd.pgrst.object+json` for a single row; JSON without it'

export const READ: RouteDocs = {
  description: FILTERS,
  query: { ...SELECT, ...PAGE },
  headers: {
    Prefer: '`count=exact|planned|estimated`, `timezone=…`, `handling=strict`, `max-affected=…`',
    Range: '`0-9`: these rows only',
    Accept: ACCEPT,
    'Accept-Profile': 'The schema, where the app shows several',
  },
  status: [200, 206],
}

const WRITE_HEADERS = {
  Prefer:
    '`return=minimal|headers-only|representation`, `resolution=merge-duplicates|ignore-duplicates`, `missing=default`, `count=…`, `max-affected=…`, `tx=rollback`, `timezone=…`, `handling=strict`',
  Accept: ACCEPT,
  'Content-Profile': 'The schema, where the app shows several',
}

const rows = (one: z.ZodType) => ({
  'application/json': one,
  'text/csv': z.string(),
  'application/x-www-form-urlencoded': Row,
})

export const INSERT: RouteDocs = {
  query: {
    ...SELECT,
    columns: 'Columns of the body that count',
    on_conflict: 'Columns of the key that decides what a duplicate is',
  },
  headers: WRITE_HEADERS,
  content: rows(z.union([Row, z.array(Row)])),
  status: [200, 201],
}

export const UPDATE: RouteDocs = {
  description: FILTERS,
  query: { ...SELECT, columns: 'Columns of the body that count', ...PAGE },
  headers: WRITE_HEADERS,
  content: rows(Row),
  status: [200, 204],
}

export const PUT: RouteDocs = {
  description: 'The filters name the whole primary key, each column with `eq`, and nothing else.',
  query: SELECT,
  headers: WRITE_HEADERS,
  content: rows(Row),
  status: [200, 201, 204],
}

export const DELETE: RouteDocs = {
  description: FILTERS,
  query: { ...SELECT, ...PAGE },
  headers: WRITE_HEADERS,
  status: [200, 204],
}

const CALLED =
  'A function that gives rows can be filtered, ordered, paged and embedded like a table.'

/** Arguments in the query string. */
export const CALL: RouteDocs = {
  ...READ,
  description: `Each argument is a parameter. ${CALLED}`,
}

/** Arguments in the body. */
export const CALL_POST: RouteDocs = {
  ...READ,
  description: `The arguments stand in the body, by name. ${CALLED}`,
  content: {
    'application/json': Row,
    'text/plain': z.string(),
    'application/octet-stream': z.unknown(),
  },
  status: [200, 204, 206],
}

export const ROOT: RouteDocs = {
  description: 'Tables, views and functions of the schema, as an OpenAPI 2.0 document.',
  headers: { 'Accept-Profile': 'The schema, where the app shows several' },
}

export const OPTIONS: RouteDocs = { description: 'The methods stand in the `Allow` header.' }
