/** Butterbase's data API: the rows of an app's tables at /v1/{app_id}/{table}. */
import { type AppContext, requireNotPaused } from '#domains/apps'
import {
  columnsOf,
  type DataContext,
  type DataRequest,
  type DataResult,
  execute,
  type Format,
  type Output,
  type Payload,
  payloadOf,
  queryOf,
  type ReadQuery,
  type Relation,
  type Rows,
  rowsOfJson,
  simulatedIdentity,
} from '#domains/data'
import { AppError, invalid, notFound, unauthenticated } from '#core/errors'
import type { RouteDocs } from '#http/about'
import { MEBIBYTE, readText } from '#http/body'
import type { Http } from '#http/env'
import { bodyOf } from '#http/large'
import { hasLeft, headerOf, requestFacts } from '#http/request'
import type { Method, RouteTable } from '#http/routes'
import type { Services } from '#services'
import type { Scopes } from './guards.ts'
import { rowError, rowNotFound } from './rows-errors.ts'
import { DELETE, DELETE_ONE, INSERT, READ, READ_ONE, UPDATE, UPDATE_ONE } from './rows-docs.ts'
import {
  buildRowQuery,
  type RowParams,
  readRowParams,
  requireExact,
  SCHEMA,
  tableOf,
} from './rows-query.ts'

const TIMEOUT_MS = 15_000

/** Words that stand where a table could: they belong to other parts of the API. */
export const RESERVED = new Set(
  `functions fn webhook env schema migrations rls config secure auth admin audit-logs realtime kv rag
  agents mcp-servers public durable-objects ai chat embeddings images videos integrations frontend
  edge-ssr billing repo custom-domains`.split(/\s+/),
)

type RowCall = { c: Http; ctx: DataContext; table: string; params: RowParams }

type Handler = (call: RowCall) => Promise<Response>

type RowRoute = readonly [Method, string, string, Handler, RouteDocs]

/** Mounted after every other route of the dialect: a table's name may be almost any word. */
export function addRows(routes: RouteTable<Scopes>, services: Services): void {
  const table = '/v1/{app_id}/{table}'
  const row = `${table}/{id}`
  const all: readonly RowRoute[] = [
    ['get', table, 'Read rows', listRows, READ],
    ['post', table, 'Insert a row, or several', insertRows, INSERT],
    ['patch', table, 'Update the rows that the filters find', updateRows, UPDATE],
    ['delete', table, 'Delete the rows that the filters find', deleteRows, DELETE],
    ['get', row, 'Read one row by its key', getRow, READ_ONE],
    ['patch', row, 'Update one row by its key', updateRow, UPDATE_ONE],
    ['delete', row, 'Delete one row by its key', deleteRow, DELETE_ONE],
  ]
  for (const [method, path, summary, handler, docs] of all) {
    routes.add({ method, path, access: 'visitor', summary, docs }, async ({ c, ctx }) => {
      const call = callOf(services, c, ctx)
      return handler(call).catch((error: unknown) => {
        throw rowError(error)
      })
    })
  }
}

function callOf(services: Services, c: Http, ctx: AppContext): RowCall {
  const table = c.req.param('table') ?? ''
  if (RESERVED.has(table)) {
    throw notFound('route_not_found', `There is nothing at ${c.req.path} for ${c.req.method}`, {
      hint: `"${table}" is not a table here but a route: look up its methods at /docs/api.`,
    })
  }
  requireNotPaused(ctx.app)
  if (ctx.app.accessMode === 'authenticated' && ctx.caller.kind === 'anonymous') {
    throw signInRequired()
  }
  const data: DataContext = {
    appId: ctx.app.id,
    database: ctx.databases.api,
    platform: ctx.databases.platform,
    identity: identityFor(c, ctx),
    catalogs: services.catalogs,
    timeoutMs: TIMEOUT_MS,
    isAbandoned: () => hasLeft(c),
    facts: () => requestFacts(c),
  }
  return { c, ctx: data, table, params: readRowParams(queryOf(c.req.url)) }
}

/** Whoever reads this has no key, and should not: they visit the app. */
const signInRequired = () =>
  unauthenticated(
    'auth_required',
    'This app requires authentication. Anonymous access is disabled.',
    { hint: 'Sign in a user with POST /auth/{app_id}/login and send their access token.' },
  )

/**
 * Owners may look at the data as nobody or as one of the app's users, whom the one header names as well as both: calls of
 * functions know only that one, and who names a user does not expect every row.
 * @throws `invalid` unknown_role: a word that was taken for none would run with all rights; missing_user
 */
function identityFor(c: Http, { caller, identity }: AppContext): AppContext['identity'] {
  if (caller.kind !== 'account' && caller.kind !== 'app_key') return identity
  const role = headerOf(c, 'x-butterbase-as-role')
  const userId = headerOf(c, 'x-butterbase-as-user')
  if (!role && !userId) return identity
  if (role === 'anon') return simulatedIdentity('anon')
  if (role && role !== 'user') throw unknownRole()
  if (userId) return simulatedIdentity({ userId })
  throw invalid('missing_user', 'X-Butterbase-As-User is required when the role is "user"', {
    hint: 'Send the id of a user of the app in X-Butterbase-As-User.',
  })
}

const unknownRole = () =>
  invalid('unknown_role', 'X-Butterbase-As-Role must be "anon" or "user"', {
    hint: 'Leave the header out to ask with the rights of the key itself.',
  })

type Asking = {
  what: string
  stream?: boolean
  slots?: readonly string[]
  build: (relation: Relation, query: ReadQuery) => DataRequest
}

function run(call: RowCall, { what, slots = [], stream, build }: Asking): Promise<DataResult> {
  const { ctx, table, params } = call
  return execute(ctx, {
    shape: `rows ${what} ${table}\0${params.shape}`,
    slots: slots.length > 0 ? [...params.slots, ...slots] : params.slots,
    schema: SCHEMA,
    stream,
    build: (catalog) => {
      const relation = tableOf(catalog, table)
      return build(relation, buildRowQuery(relation, params))
    },
  })
}

const JSON_TYPE = 'application/json; charset=utf-8'

const json = (c: Http, body: string, status: 200 | 201 = 200): Response =>
  c.body(body, status, { 'Content-Type': JSON_TYPE })

const read = (table: string, query: ReadQuery, format: Format): DataRequest => ({
  kind: 'read',
  schema: SCHEMA,
  table,
  query,
  output: output(format),
})

const output = (format: Format): Output => ({ format, timestamps: 'milliseconds' })

const listRows: Handler = async (call) => {
  const build = (_: Relation, query: ReadQuery) => read(call.table, query, 'array')
  const result = await run(call, { what: 'list', stream: true, build })
  const { body, headers } = bodyOf(call.c, result)
  return call.c.body(body, 200, { 'Content-Type': JSON_TYPE, ...headers })
}

const getRow: Handler = async (call) => {
  const { body } = await byKey(call, 'get', (query) => read(call.table, query, 'object'))
  return json(call.c, body)
}

/** The id is the last slot. @throws `invalid` no_single_key, invalid_id */
async function byKey(
  call: RowCall,
  what: string,
  build: (query: ReadQuery, relation: Relation) => DataRequest,
): Promise<DataResult> {
  const id = call.c.req.param('id') ?? ''
  const slot = call.params.slots.length
  const asking = run(call, {
    what: `${what} by key`,
    slots: [id],
    build: (relation, query) => {
      const [name, ...others] = relation.primaryKey
      if (name === undefined || others.length > 0) throw noSingleKey(relation)
      const field = { name, path: [] }
      const value = { text: id, slot, encoding: 'text' as const }
      const condition = { kind: 'compare' as const, field, operator: 'eq' as const, value }
      return build({ ...query, where: [...query.where, condition] }, relation)
    },
  })
  return asking.catch((error: unknown) => {
    throw isBadId(error, id) ? invalidId(id) : error
  })
}

const noSingleKey = ({ name, primaryKey }: Relation) =>
  invalid(
    'no_single_key',
    primaryKey.length === 0
      ? `Table "${name}" has no primary key`
      : `Table "${name}" has a composite primary key`,
    { hint: 'Use filters instead of an id in the path.' },
  )

const isBadId = (error: unknown, id: string): boolean =>
  error instanceof Error && error.message.endsWith(`: "${id}"`) && error.message.includes('invalid')

const invalidId = (id: string) =>
  invalid('invalid_id', `Invalid id "${id}"`, { hint: 'Send an id of the type of the key.' })

/** @throws `invalid` malformed_json, no_valid_columns when it is no object and no array of objects */
async function readRows(c: Http): Promise<Rows> {
  const text = await readText(c, MEBIBYTE)
  try {
    return rowsOfJson(text)
  } catch (error) {
    throw error instanceof AppError ? badRows(error) : error
  }
}

const badRows = ({ cause }: AppError): AppError =>
  cause instanceof SyntaxError
    ? invalid('malformed_json', 'The body is not valid JSON', { cause, hint: ROWS_HINT })
    : noValidColumns(ROWS_HINT)

const ROWS_HINT = 'Send a JSON object, or an array of objects.'

/** @throws `invalid` malformed_json, no_valid_columns when it is not one object */
async function readChanges(c: Http): Promise<Rows> {
  const rows = await readRows(c)
  if (rows.shape === 'object') return rows
  throw noValidColumns('Send one JSON object, whose keys are the columns to change.')
}

/** Columns that the table does not have are dropped. @throws `invalid` no_valid_columns */
function payloadFor(relation: Relation, rows: Rows, slot: number): Payload {
  const { columns, ragged } = columnsOf(rows)
  const known = columns.filter((name) => relation.columns.has(name))
  if (known.length > 0) return payloadOf(rows, { columns: known, ragged }, slot)
  throw noValidColumns(`Send at least one of: ${[...relation.columns.keys()].join(', ')}`)
}

const noValidColumns = (hint: string) =>
  invalid('no_valid_columns', 'No valid columns in request body', { hint })

/** Everything about a body that decides the statement. */
function shapeOf(rows: Rows): string {
  const { columns, ragged } = columnsOf(rows)
  return `${rows.shape}${ragged ? '?' : ''} ${JSON.stringify(columns)}`
}

const insertRows: Handler = async (call) => {
  const rows = await readRows(call.c)
  const slot = call.params.slots.length
  const { body } = await run(call, {
    what: `insert ${shapeOf(rows)}`,
    slots: [rows.json],
    build: (relation, query) => ({
      kind: 'insert',
      schema: SCHEMA,
      table: call.table,
      payload: payloadFor(relation, rows, slot),
      query: { ...query, where: [], order: [], limit: undefined, offset: undefined },
      output: output('array'),
    }),
  })
  return json(call.c, rows.shape === 'array' ? body : onlyRow(body), 201)
}

/** A trigger may keep the row from being inserted, or have put it elsewhere: then there is none to show. */
const onlyRow = (body: string): string => (body === '[]' ? 'null' : body.slice(1, -1))

const updateRow: Handler = async (call) => {
  const rows = await readChanges(call.c)
  const { body } = await byKey(
    { ...call, params: withSlot(call.params, rows.json) },
    `update ${shapeOf(rows)}`,
    (query, relation) => updateRequest(call, { rows, relation, query, format: 'object' }),
  )
  return json(call.c, body)
}

const withSlot = (params: RowParams, text: string): RowParams => ({
  ...params,
  slots: [...params.slots, text],
})

type Updating = { rows: Rows; relation: Relation; query: ReadQuery; format: Format }

/** The body stands in the slot after those of the query string. */
function updateRequest(call: RowCall, { rows, relation, query, format }: Updating): DataRequest {
  const payload = payloadFor(relation, rows, call.params.slots.length)
  return {
    kind: 'update',
    schema: SCHEMA,
    table: call.table,
    payload,
    query,
    output: output(format),
  }
}

const updateRows: Handler = async (call) => {
  const rows = await readChanges(call.c)
  const { body } = await run(call, {
    what: `update ${shapeOf(rows)}`,
    slots: [rows.json],
    build: (relation, query) => {
      requireFilters(query)
      requireExact(relation, call.params)
      return updateRequest(call, { rows, relation, query, format: 'array' })
    },
  })
  return json(call.c, body)
}

/** @throws `invalid` filters_required: without filters every row would be meant */
function requireFilters({ where }: ReadQuery): void {
  if (where.length > 0) return
  throw invalid('filters_required', 'At least one filter is required', {
    hint: 'Write filters as column=op.value, or put the id of a row in the path.',
  })
}

const deleting = (table: string, query: ReadQuery): DataRequest => ({
  kind: 'delete',
  schema: SCHEMA,
  table,
  query,
  output: { format: 'none' },
})

const deleteRow: Handler = async (call) => {
  const { rows } = await byKey(call, 'delete', (query) => deleting(call.table, query))
  if (rows === 0) throw rowNotFound()
  return call.c.json({ deleted: true })
}

const deleteRows: Handler = async (call) => {
  const { rows } = await run(call, {
    what: 'delete',
    build: (relation, query) => {
      requireFilters(query)
      requireExact(relation, call.params)
      return deleting(call.table, query)
    },
  })
  return call.c.json({ deleted: true, count: rows })
}
