/** `POST`, `PATCH`, `PUT` and `DELETE` of a table or view. */
import { AppError, invalid, methodNotAllowed } from '#core/errors'
import {
  type Conflict,
  type DataRequest,
  type DataResult,
  execute,
  type Format,
  payloadOf,
  relationOf,
  type Rows,
  rowsOf,
} from '#domains/data'
import type { Http } from '#http/env'
import type { RestContext } from './guards.ts'
import { type Answer, baseHeaders, send } from './answer.ts'
import { readNames, readRows, readUnnamedRows, uniformColumns } from './body.ts'
import { buildQuery, refuseLostFilters, valueOf } from './params.ts'
import type { Preferences } from '#http/prefer'
import { contentRange } from './range.ts'
import { type RestRequest, readRequest, targetOf } from './request.ts'

const INSERTING = [
  'resolution',
  'missing',
  'return',
  'count',
  'tx',
  'handling',
  'timezone',
] as const
const PUTTING = ['return', 'count', 'tx', 'handling', 'timezone'] as const
const DELETING = [...PUTTING, 'maxAffected'] as const
const UPDATING = [...DELETING, 'missing'] as const

export async function insertRows(c: Http, ctx: RestContext, table: string): Promise<Response> {
  const request = readRequest(c, ctx.dataApi)
  const isNamed = valueOf(request.params, 'columns') !== undefined
  const rows = await (isNamed ? readUnnamedRows(c) : readRows(c))
  const { preferences } = request
  const result = await run(ctx, request, {
    rows,
    shape: `${table}\0${preferences.resolution ?? ''} ${preferences.missing ?? ''}`,
    build: (incoming) => ({
      kind: 'insert',
      ...targetOf(request, table),
      payload: incoming.payload,
      conflict: conflictOf(request),
      ...optionsOf(request),
      maxAffected: undefined,
    }),
  })
  const merges = preferences.resolution === 'merge-duplicates' && result.compiled.resolves
  const allThere = merges && (result.inserted === 0 || result.rows === 0)
  const applicable = result.compiled.resolves ? INSERTING : INSERTING.slice(1)
  const answer = written(request, result, { status: allThere ? 200 : 201, applicable })
  const location = locationOf(table, result.key)
  if (location !== undefined) answer.headers.Location = location
  return send(c, result, withReturn(request, answer))
}

export async function updateRows(c: Http, ctx: RestContext, table: string): Promise<Response> {
  const request = readRequest(c, ctx.dataApi)
  refuseLostFilters(request.params)
  const given = await readRows(c)
  // Of several objects, the first one says what to set.
  const rows = given.shape === 'object' ? given : rowsOf(given.rows.slice(0, 1), 'object')
  const result = await run(ctx, request, {
    rows,
    shape: `${table}\0${request.preferences.missing ?? ''}`,
    build: ({ payload }) => ({
      kind: 'update',
      ...targetOf(request, table),
      payload,
      resetMissing: request.preferences.missing === 'default',
      ...optionsOf(request),
    }),
  })
  const range = contentRange(0, result.rows, counted(request, result))
  return changed(c, { request, result, range, applicable: UPDATING })
}

export async function deleteRows(c: Http, ctx: RestContext, table: string): Promise<Response> {
  const request = readRequest(c, ctx.dataApi)
  const { params, shapeHead } = request
  refuseLostFilters(params)
  const result = await execute(ctx, {
    ...request,
    shape:
      params.shape === undefined
        ? undefined
        : `${shapeHead} ${optionKey(request)} ${table}\0${params.shape}`,
    slots: params.slots,
    build: () => ({ kind: 'delete', ...targetOf(request, table), ...optionsOf(request) }),
  })
  const range = contentRange(0, 0, counted(request, result))
  return changed(c, { request, result, range, applicable: DELETING })
}

/** One row by its whole key: inserted, or replaced. */
export async function putRow(c: Http, ctx: RestContext, table: string): Promise<Response> {
  const request = readRequest(c, ctx.dataApi)
  const rows = await readRows(c)
  const key = await checkPut(ctx, request, { table, rows })
  const result = await run(ctx, request, {
    rows,
    shape: `${table}\0`,
    build: ({ payload }) => {
      const { output, query, ...options } = optionsOf(request)
      return {
        kind: 'insert',
        ...targetOf(request, table),
        payload,
        conflict: { action: 'merge', columns: key },
        ...options,
        maxAffected: undefined,
        output: { ...output, exactlyOne: true },
        query: { ...query, where: [] },
        given: query.where,
      }
    },
  }).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'not_single' ? keyMismatch() : error
  })
  const shown = request.preferences.return === 'representation'
  const status = shown ? ((result.inserted ?? 0) > 0 ? 201 : 200) : 204
  const answer = written(request, result, { status, applicable: PUTTING })
  delete answer.headers['Content-Range']
  return send(c, result, withReturn(request, answer))
}

type Incoming = { payload: ReturnType<typeof payloadOf> }
type Write = { rows: Rows; shape: string; build: (incoming: Incoming) => DataRequest }

/** The body is the last slot, so that equal columns make an equal shape. */
function run(
  ctx: RestContext,
  request: RestRequest,
  { rows, shape, build }: Write,
): Promise<DataResult> {
  const { params, shapeHead, preferences } = request
  const named = valueOf(params, 'columns')
  const columns = named === undefined ? uniformColumns(rows) : readNames('columns', named)
  const ragged = named !== undefined && preferences.missing === 'default'
  const slots = [...params.slots, rows.json]
  const payload = payloadOf(rows, { columns, ragged }, slots.length - 1)
  const key = `${shapeHead} ${optionKey(request)} ${shape} ${rows.shape} ${JSON.stringify(columns)}`
  return execute(ctx, {
    ...request,
    shape: params.shape === undefined ? undefined : `${key}${params.shape}`,
    slots,
    build: () => build({ payload }),
  })
}

const optionKey = ({ preferences }: RestRequest): string =>
  `${preferences.return ?? ''} ${preferences.handling ?? ''} ${preferences.maxAffected ?? ''}`

function optionsOf(request: RestRequest) {
  const { params, preferences, media } = request
  const { return: wanted, handling, maxAffected } = preferences
  const format: Format = wanted === 'representation' ? media.format : 'none'
  return {
    query: buildQuery(params, { paged: true }),
    output: {
      format,
      accepts: media.accepts,
      explain: media.explain,
      stripNulls: media.stripNulls,
      exactlyOne: media.format === 'object',
    },
    maxAffected: handling === 'strict' ? maxAffected : undefined,
    wantKey: wanted === 'headers-only',
  }
}

function conflictOf({ preferences, params }: RestRequest): Conflict | undefined {
  if (preferences.resolution === undefined) return undefined
  const named = valueOf(params, 'on_conflict')
  return {
    action: preferences.resolution === 'merge-duplicates' ? 'merge' : 'ignore',
    columns: named === undefined ? undefined : readNames('on_conflict', named),
    unchecked: true,
  }
}

const counted = ({ preferences }: RestRequest, { rows }: DataResult): number | undefined =>
  preferences.count === undefined ? undefined : rows

type Written = { status: number; applicable: readonly (keyof Preferences)[] }

function written(
  request: RestRequest,
  result: DataResult,
  { status, applicable }: Written,
): Answer {
  const range = contentRange(0, 0, counted(request, result))
  return { status, body: result.body, headers: baseHeaders(range, { ...request, applicable }) }
}

/** Without `return=representation` there is no body, and so no type of one. */
function withReturn({ preferences }: RestRequest, answer: Answer): Answer {
  if (preferences.return === 'representation') return answer
  const { 'Content-Type': _, 'Content-Profile': __, ...headers } = answer.headers
  return { ...answer, body: null, headers }
}

type Changed = {
  request: RestRequest
  result: DataResult
  range: string
  applicable: readonly (keyof Preferences)[]
}

function changed(c: Http, { request, result, range, applicable }: Changed): Response {
  const shown = request.preferences.return === 'representation'
  const headers = baseHeaders(range, { ...request, applicable })
  const answer = { status: shown ? 200 : 204, body: result.body, headers }
  return send(c, result, withReturn(request, answer))
}

function locationOf(table: string, key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  const pairs = Object.entries(JSON.parse(key) as Record<string, string | null>)
  const query = pairs.map(([name, value]) => {
    const filter = value === null ? 'is.null' : `eq.${encodeURIComponent(value)}`
    return `${encodeURIComponent(name)}=${filter}`
  })
  return `/${encodeURIComponent(table)}?${query.join('&')}`
}

type Put = { table: string; rows: Rows }

/** @returns the key's columns @throws `method_not_allowed` put_filters, `invalid` put_range, put_key_mismatch */
async function checkPut(
  ctx: RestContext,
  { schema, params }: RestRequest,
  { table, rows }: Put,
): Promise<readonly string[]> {
  if (params.all.some(({ key }) => key === 'limit' || key === 'offset')) {
    throw invalid('put_range', 'limit/offset querystring parameters are not allowed for PUT')
  }
  const { primaryKey } = await relationOf(ctx, { schema, table, wholeOnly: true })
  const filters = params.all.filter(({ key }) => key !== 'select' && key !== 'columns')
  const names = filters.map(({ key }) => key)
  const exact =
    names.length === primaryKey.length && primaryKey.every((name) => names.includes(name))
  if (primaryKey.length === 0 || !exact || !filters.every(({ value }) => value.startsWith('eq.'))) {
    throw methodNotAllowed(
      'put_filters',
      "Filters must include all and only primary key columns with 'eq' operators",
    )
  }
  // Which row has the same values, the database tells: it knows their types.
  const [row] = rows.rows
  if (row && primaryKey.every((name) => Object.hasOwn(row, name))) return primaryKey
  throw keyMismatch()
}

const keyMismatch = () =>
  invalid('put_key_mismatch', 'Payload values do not match URL in primary key column(s)')
