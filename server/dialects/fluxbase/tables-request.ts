/** What a request to a table has: its place, its query, its preferences; and how it is run. */
import { manages, requireScope } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { requireNotPaused } from '#domains/apps'
import {
  type Ask,
  columnsOf,
  type Condition,
  type DataContext,
  type DataRequest,
  type DataResult,
  execute,
  type Payload,
  payloadOf,
  queryOf,
  type ReadQuery,
  type Relation,
  type Rows,
  type Target,
} from '#domains/data'
import { invalid, unauthenticated } from '#core/errors'
import type { Http } from '#http/env'
import { hasLeft, headerOf, requestFacts } from '#http/request'
import { type Preferences, readPrefer } from '#http/prefer'
import type { Services } from '#services'
import { requireMain } from './branches.ts'
import { type Body, bodyOf } from './tables-body.ts'
import { requireOwnChoice } from './tables-choice.ts'
import { readTableParams, reservedValue, type TableParams } from './tables-params.ts'
import { findPlace, type Place, segmentsOf } from './tables-path.ts'
import { type At, buildTableQuery } from './tables-query.ts'

const TIMEOUT_MS = 30_000

export type TableCall = {
  c: Http
  data: DataContext
  place: Place
  relation: Relation
  params: TableParams
  body: Body
  preferences: Preferences
  /** Manages the app: no cap on how far pages reach. */
  admin: boolean
  anonymous: boolean
}

/**
 * Whether the app answers requests for data now, and this caller's.
 * @throws `unavailable` app_paused; `unauthenticated` auth_required for nobody in particular, where the owner lets in others only
 */
export function requireAdmitted({ app, identity }: AppContext): void {
  requireNotPaused(app)
  if (app.accessMode !== 'authenticated' || identity.role !== 'anon') return
  throw unauthenticated('auth_required', 'Authentication required', {
    hint: 'Show the token of a user who signed in: the app lets nobody else read its data.',
  })
}

/** @throws `not_found` tables_not_found, `invalid` invalid_preferences, and as `requireAdmitted` */
export async function tableCall(services: Services, c: Http, ctx: AppContext): Promise<TableCall> {
  requireAdmitted(ctx)
  const data = dataContext(services, c, ctx)
  const isRead = /^(GET|HEAD)$/.test(c.req.method)
  requireScope(ctx.caller, isRead || mayQuery(c) ? READ : WRITE)
  const place = await findPlace(data, segmentsOf(c.req.url), c.req.method)
  requireScope(ctx.caller, isRead || place.sub === 'query' ? READ : WRITE)
  const preferences = readPrefer(headerOf(c, 'prefer'))
  if (preferences.handling === 'strict' && preferences.unknown.length > 0) {
    throw invalid('invalid_preferences', 'Invalid preferences given with handling=strict', {
      details: preferences.unknown,
    })
  }
  const alsoReserved = place.sub === 'export' ? EXPORT_WORDS : undefined
  const reading = { relation: place.relation, alsoReserved }
  const params = readTableParams(queryOf(c.req.url), reading)
  requireMain(reservedValue(params, 'branch'))
  return {
    c,
    data,
    place,
    relation: place.relation,
    params,
    body: bodyOf(c, place.sub === 'bulk'),
    preferences,
    admin: manages(ctx.caller, ctx.app),
    anonymous: ctx.identity.role === 'anon',
  }
}

const READ = 'tables:read'
const WRITE = 'tables:write'

/** Whether it is a query depends on the tables there are, of which nobody is told who may not read. */
const mayQuery = (c: Http): boolean => c.req.method === 'POST' && /\/query\/?$/.test(c.req.path)

/** Reserved for exports only. */
const EXPORT_WORDS: ReadonlySet<string> = new Set(['format', 'items'])

export const dataContext = (services: Services, c: Http, ctx: AppContext): DataContext => ({
  appId: ctx.app.id,
  database: ctx.databases.api,
  platform: ctx.databases.platform,
  identity: ctx.identity,
  catalogs: services.catalogs,
  timeoutMs: TIMEOUT_MS,
  isAbandoned: () => hasLeft(c),
  facts: () => requestFacts(c),
})

export type Running = {
  /** What sets this kind of request apart from others with the same query. */
  what: string
  slots?: readonly string[] | undefined
  /** `query` is the one of the query string. */
  build: (query: ReadQuery, at: At) => DataRequest
  /** Never kept. */
  once?: boolean | undefined
}

/** Runs a request whose query comes from the query string; later slots belong to the caller. */
export function run(call: TableCall, { what, slots, build, once }: Running): Promise<DataResult> {
  const { relation, params, preferences, data } = call
  const { schema, name } = relation
  const ask: Ask = {
    shape:
      params.shape === undefined || once
        ? undefined
        : `tables ${what} ${schema}\0${name}\0${params.shape}`,
    slots: slots ?? params.slots,
    schema,
    rehearse: preferences.tx === 'rollback',
    timeZone: preferences.timezone,
    build: (catalog) => {
      const at = { catalog, relation: catalog.relation(schema, name) ?? relation }
      const request = build(buildTableQuery(at, params), at)
      if (request.kind === 'update' || request.kind === 'delete') requireOwnChoice(request.query)
      return request
    },
  }
  return execute(data, ask)
}

export const targetOf = ({ schema, name: table }: Relation): Target => ({ schema, table })

/** The key's columns with the values of an id in the path. @throws `invalid` invalid_id */
export function keyConditions(relation: Relation, id: string): Condition[] {
  const names = keyNames(relation)
  const values = names.length === 1 ? [id] : id.split(',')
  if (names.length === 0 || values.length !== names.length) {
    throw invalid('invalid_id', `Invalid id: expected ${names.join(',') || 'a primary key'}`)
  }
  return names.map((name, at) => ({
    kind: 'compare',
    field: { name, path: [] },
    operator: 'eq',
    value: { text: values[at] ?? '', slot: -1, encoding: 'text' },
  }))
}

/** The primary key, else a column called id. */
export function keyNames({ primaryKey, columns }: Relation): readonly string[] {
  if (primaryKey.length > 0) return primaryKey
  return columns.has('id') ? ['id'] : []
}

/** The rows of a body as the statement's payload; the JSON text stands in `slot`. */
export function payloadFor(rows: Rows, slot: number, columns?: readonly string[]): Payload {
  const found = columnsOf(rows)
  return payloadOf(rows, { ...found, columns: columns ?? found.columns }, slot)
}

/** The only row of an array that PostgreSQL wrote; null when `select` shows nothing of it. */
export const onlyRow = (body: string): string => (body === '[]' ? 'null' : body.slice(1, -1))
