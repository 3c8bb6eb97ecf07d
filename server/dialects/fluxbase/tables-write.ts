/** Writing rows: insert and upsert, update and delete by filter, by id and in bulk. */
import { invalid } from '#core/errors'
import {
  badPayload,
  type Conflict,
  columnsOf,
  type DataResult,
  payloadOf,
  type ReadQuery,
  type Relation,
  type Rows,
  type WriteOptions,
} from '#domains/data'
import { appliedPreferences } from '#http/prefer'
import { JSON_TYPE } from './errors.ts'
import { hiddenOrAbsent, recordNotFound, say } from './tables-errors.ts'
import { type Body, readRows } from './tables-body.ts'
import { contentRange, numberOf } from './tables-page.ts'
import { badQuery, reservedValue } from './tables-params.ts'
import { checkShapes } from './tables-shapes.ts'
import {
  keyConditions,
  keyNames,
  onlyRow,
  payloadFor,
  run,
  type TableCall,
  targetOf,
} from './tables-request.ts'

const MAX_BATCH = 1_000
export const MAX_BULK = 10_000

const APPLICABLE = [
  'resolution',
  'missing',
  'return',
  'count',
  'tx',
  'handling',
  'maxAffected',
  'timezone',
] as const

export async function insertRecords(call: TableCall): Promise<Response> {
  const rows = await readRows(call.body)
  if (rows.rows.length > MAX_BATCH) throw tooMany(rows.rows.length, MAX_BATCH)
  return insert(call, rows)
}

/** `POST …/bulk` with rows. */
export function insertBulk(call: TableCall, rows: Rows): Promise<Response> {
  if (rows.rows.length > MAX_BULK) throw tooMany(rows.rows.length, MAX_BULK)
  return insert(call, rows)
}

export const tooMany = (count: number, max: number) =>
  invalid('tables_input', `Batch size ${count} exceeds maximum allowed batch size of ${max}`)

async function insert(call: TableCall, rows: Rows): Promise<Response> {
  const { params, relation, preferences } = call
  const named = namesIn(call, 'columns')
  const { columns, ragged } = columnsOf(rows)
  checkShapes(relation, rows)
  const conflict = conflictOf(call, named ?? columns)
  const result = await run(call, {
    what: `insert ${writeKey(call)} ${rows.shape}${ragged ? '?' : ''} ${JSON.stringify(named ?? columns)}`,
    slots: [...params.slots, rows.json],
    build: (query) => ({
      kind: 'insert',
      ...targetOf(relation),
      payload: payloadOf(
        rows,
        { columns: named ?? columns, ragged: ragged || named !== undefined },
        params.slots.length,
      ),
      conflict,
      resetMissing: preferences.missing === 'default',
      ...optionsOf(call, withoutPage(query)),
      wantKey: preferences.return === 'headers-only',
    }),
  })
  return inserted(call, rows, result)
}

function inserted(call: TableCall, rows: Rows, result: DataResult): Response {
  const { c, preferences, relation } = call
  const headers = writeHeaders(call, result)
  if (preferences.return === 'minimal') return c.body(null, 201, headers)
  if (preferences.return === 'headers-only') {
    const location = locationOf(relation, result.key)
    return affected(call, result, location)
  }
  const typed = { ...headers, 'Content-Type': JSON_TYPE }
  if (rows.shape === 'array') return c.body(result.body, 201, typed)
  // A lone row that was already there and left alone is no error.
  if (result.changed === 0) return c.body('[]', 200, typed)
  return c.body(onlyRow(result.body), 201, typed)
}

/** Only how many; with a location, of what was made. */
function affected(call: TableCall, result: DataResult, location?: string): Response {
  const headers: Record<string, string> = writeHeaders(call, result)
  if (location !== undefined) headers.Location = location
  const body = `{"affected":${result.changed}}`
  const status = call.c.req.method === 'POST' ? 201 : 200
  return call.c.body(body, status, { ...headers, 'Content-Type': JSON_TYPE })
}

/** The answer to rows that were changed or deleted, as much of it as the caller prefers. */
export function changed(call: TableCall, result: DataResult, body: () => string): Response {
  const { c, preferences } = call
  const headers = writeHeaders(call, result)
  if (preferences.return === 'minimal') return c.body(null, 200, headers)
  if (preferences.return === 'headers-only') return affected(call, result)
  return c.body(body(), 200, { ...headers, 'Content-Type': JSON_TYPE })
}

function locationOf({ schema, name }: Relation, key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  const table = schema === 'public' ? name : `${schema}/${name}`
  const pairs = Object.entries(JSON.parse(key) as Record<string, string>)
  const query = pairs.map(
    ([column, value]) => `${encodeURIComponent(column)}=eq.${encodeURIComponent(value)}`,
  )
  return `/api/v1/tables/${table}?${query.join('&')}`
}

export function writeHeaders(call: TableCall, { changed }: DataResult): Record<string, string> {
  const applied = appliedPreferences(call.preferences, APPLICABLE)
  return {
    'Content-Range': contentRange(0, 0, changed),
    'X-Affected-Count': String(changed),
    ...(applied === undefined ? {} : { 'Preference-Applied': applied }),
  }
}

/** @throws `invalid` tables_input */
function conflictOf(call: TableCall, given: readonly string[]): Conflict | undefined {
  const { preferences, relation } = call
  if (preferences.resolution === undefined) return undefined
  const columns = namesIn(call, 'on_conflict')
  const unknown = columns?.find((name) => !relation.columns.has(name))
  if (unknown !== undefined)
    throw invalid('tables_input', `Unknown column in on_conflict: ${unknown}`)
  const target =
    columns ?? (relation.primaryKey.length > 0 ? relation.primaryKey : relation.uniques[0])
  if (!target) {
    throw invalid(
      'tables_input',
      'Cannot perform upsert: table has no primary key or unique constraint',
    )
  }
  const sets = given.some((name) => !target.includes(name)) || preferences.missing === 'default'
  const merges = preferences.resolution === 'merge-duplicates' && sets
  return { action: merges ? 'merge' : 'ignore', columns: target }
}

function namesIn({ params }: TableCall, key: string): string[] | undefined {
  const text = reservedValue(params, key)
  return text?.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
}

const writeKey = ({ preferences }: TableCall): string =>
  [
    preferences.return,
    preferences.resolution,
    preferences.missing,
    preferences.handling,
    preferences.maxAffected,
  ].join(' ')

/** What the preferences make of a write, whatever chooses its rows. */
export function optionsOf({ preferences }: TableCall, query: ReadQuery): WriteOptions {
  const bodyless = preferences.return === 'minimal' || preferences.return === 'headers-only'
  return {
    query,
    output: { format: bodyless ? 'none' : 'array' },
    maxAffected: preferences.handling === 'strict' ? preferences.maxAffected : undefined,
  }
}

const withoutPage = (query: ReadQuery): ReadQuery => ({
  ...query,
  where: [],
  limit: undefined,
  offset: undefined,
})

/** `limit` and `offset` restrict the rows that are changed. @throws `invalid` tables_query */
function chosen({ params }: TableCall, query: ReadQuery): ReadQuery {
  const limit = numberOf(params, 'limit')
  if (limit === undefined && query.where.some(({ kind }) => kind === 'near')) {
    throw badQuery('a vector operator orders rows and leaves none out: add limit')
  }
  return { ...query, limit: literal(limit), offset: literal(numberOf(params, 'offset')) }
}

const literal = (count: number | undefined) =>
  count === undefined ? undefined : ({ text: String(count), slot: -1, encoding: 'text' } as const)

const isPaged = ({ params }: TableCall): boolean =>
  numberOf(params, 'limit') !== undefined || numberOf(params, 'offset') !== undefined

/** Columns that the body gives values, of those that count. @throws `invalid` tables_input */
function changing(call: TableCall, rows: Rows, fixed: readonly string[] = []): string[] {
  const named = namesIn(call, 'columns')
  const columns = columnsOf(rows).columns.filter(
    (name) => !fixed.includes(name) && named?.includes(name) !== false,
  )
  if (columns.length === 0) throw invalid('tables_input', 'No fields to update')
  return columns
}

/** One object of new values. @throws `invalid` bad_payload */
async function readChanges(body: Body): Promise<Rows> {
  const rows = await readRows(body)
  if (rows.shape === 'object') return rows
  throw badPayload('Send one object with the new values')
}

export async function updateRecords(call: TableCall): Promise<Response> {
  const rows = await readChanges(call.body)
  const { params, relation } = call
  const columns = changing(call, rows)
  checkShapes(relation, rows)
  const result = await run(call, {
    what: `update ${writeKey(call)} ${JSON.stringify(columns)}`,
    once: isPaged(call),
    slots: [...params.slots, rows.json],
    build: (query) => ({
      kind: 'update',
      ...targetOf(relation),
      payload: payloadFor(rows, params.slots.length, columns),
      ...optionsOf(call, chosen(call, query)),
    }),
  })
  return changed(call, result, () => result.body)
}

const FILTER_REQUIRED =
  'Batch delete requires at least one filter. Use DELETE /:id for single deletes'

/** The rows that the filters find. @param format of the answer, where it is not the preferred one */
export function deleteMany(call: TableCall, format?: 'none'): Promise<DataResult> {
  const { relation } = call
  return run(call, {
    what: `delete ${format ?? ''} ${writeKey(call)}`,
    once: isPaged(call),
    build: (query) => {
      if (query.where.length === 0) throw invalid('tables_input', FILTER_REQUIRED)
      const options = optionsOf(call, chosen(call, query))
      const output = format === undefined ? options.output : { format }
      return { kind: 'delete', ...targetOf(relation), ...options, output }
    },
  })
}

export async function deleteRecords(call: TableCall): Promise<Response> {
  const result = await deleteMany(call)
  return changed(call, result, () => `{"affected":${result.changed},"records":${result.body}}`)
}

/** `PUT` and `PATCH` of one record: what the body names changes, the key stays. */
export async function changeRecord(call: TableCall): Promise<Response> {
  const rows = await readChanges(call.body)
  const { relation, place, params } = call
  const columns = changing(call, rows, keyNames(relation))
  checkShapes(relation, rows)
  const conditions = keyConditions(relation, place.id ?? '')
  const result = await run(call, {
    what: 'change',
    once: true,
    slots: [...params.slots, rows.json],
    build: (query) => ({
      kind: 'update',
      ...targetOf(relation),
      payload: payloadFor(rows, params.slots.length, columns),
      query: { ...query, where: [...query.where, ...conditions] },
      output: { format: 'array' },
    }),
  })
  if (result.changed === 0) return nothingChanged(call)
  return changed(call, result, () => onlyRow(result.body))
}

export async function deleteRecord(call: TableCall): Promise<Response> {
  const { relation, place, c } = call
  const conditions = keyConditions(relation, place.id ?? '')
  const result = await run(call, {
    what: 'remove',
    once: true,
    build: (query) => ({
      kind: 'delete',
      ...targetOf(relation),
      query: { ...query, where: [...query.where, ...conditions] },
      output: { format: 'none' },
    }),
  })
  return result.rows === 0 ? nothingChanged(call) : c.body(null, 204)
}

/** Where policies bind the caller, hidden and absent look alike. */
function nothingChanged({ c, relation, data, anonymous }: TableCall): Response {
  const bound = relation.rowSecurity && data.identity.role !== 'service_role'
  return say(c, bound ? hiddenOrAbsent(anonymous) : recordNotFound)
}
