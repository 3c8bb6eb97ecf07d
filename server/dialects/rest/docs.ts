/** What the documentation says of the routes. */
import { z } from 'zod'
import type { RouteDocs } from '#http/about'
import { REST } from './about.ts'

const Row = z.record(z.string(), z.unknown())

const Rows = z.array(Row)

/** Rows in the media types that a caller may ask for. */
const asRows = {
  'application/json': Rows,
  'application/vnd.pgrst.object+json': Row,
  'text/csv': z.string(),
  '*/*': z.unknown().describe('In whatever media type the app itself writes'),
}

const RANGE = {
  'Content-Range': '`first-last/total`; the total is `*` where nothing counted',
}

const PAGES = {
  200: { content: asRows, headers: RANGE },
  206: { content: asRows, headers: RANGE, description: 'A part of the rows' },
}

/** With `Prefer: return=representation` the rows, else nothing. */
const CHANGED = {
  200: { content: asRows, headers: RANGE, description: 'With the rows, which `Prefer` asked for' },
  204: { headers: RANGE },
}

const MADE = {
  description: 'With the rows, where `Prefer` asks for them',
  content: asRows,
  headers: { Location: 'With `return=headers-only`: the new row, by its key' },
}

const AMBIGUOUS = {
  300: {
    description: 'Ambiguous: the body names what may be meant',
    content: { 'application/json': REST.error.body },
  },
}

const FILTERS =
  'Filters are further parameters: `column=operator.value`, and `or=(…)`, `and=(…)` over several; those of an embedded table begin with its name.'

const SELECT = { select: 'Columns, aggregates, casts and embedded tables; all columns without it' }

const PAGE = {
  order: '`column.asc|desc.nullsfirst|nullslast`, several with commas',
  limit: z.int().min(0).describe('Rows at most'),
  offset: z.int().min(0).describe('Rows to skip'),
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
  answers: { ...PAGES, ...AMBIGUOUS },
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
  answers: { 200: MADE, 201: MADE, ...AMBIGUOUS },
}

export const UPDATE: RouteDocs = {
  description: FILTERS,
  query: { ...SELECT, columns: 'Columns of the body that count', ...PAGE },
  headers: WRITE_HEADERS,
  content: rows(Row),
  answers: { ...CHANGED, ...AMBIGUOUS },
}

export const PUT: RouteDocs = {
  description: 'The filters name the whole primary key, each column with `eq`, and nothing else.',
  query: SELECT,
  headers: WRITE_HEADERS,
  content: rows(Row),
  answers: { ...CHANGED, 201: MADE, ...AMBIGUOUS },
}

export const DELETE: RouteDocs = {
  description: FILTERS,
  query: { ...SELECT, ...PAGE },
  headers: WRITE_HEADERS,
  answers: { ...CHANGED, ...AMBIGUOUS },
}

const CALLED =
  'A function that gives rows can be filtered, ordered, paged and embedded like a table.'

const RESULT = {
  headers: RANGE,
  content: {
    'application/json': z.unknown().describe('The value, or the rows'),
    '*/*': z.unknown().describe('In the media type that was asked for'),
  },
}

const RESULTS = {
  200: RESULT,
  204: { description: 'The function gives nothing' },
  206: { ...RESULT, description: 'A part of the rows' },
  ...AMBIGUOUS,
}

/** Arguments in the query string. */
export const CALL: RouteDocs = {
  ...READ,
  description: `Each argument is a parameter. ${CALLED}`,
  answers: RESULTS,
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
  answers: RESULTS,
}

export const ROOT: RouteDocs = {
  description: 'Tables, views and functions of the schema, as an OpenAPI 2.0 document.',
  headers: { 'Accept-Profile': 'The schema, where the app shows several' },
  answers: {
    200: {
      content: {
        'application/openapi+json': z.looseObject({
          swagger: z.literal('2.0'),
          info: z.record(z.string(), z.unknown()),
          paths: z.record(z.string(), z.unknown()),
          definitions: z.record(z.string(), z.unknown()),
        }),
        '*/*': z.unknown().describe('What `db_root_spec` gives, where the app names one'),
      },
    },
  },
}

export const OPTIONS: RouteDocs = {
  answers: { 200: { headers: { Allow: 'The methods, with commas between them' } } },
}
