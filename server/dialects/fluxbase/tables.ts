/** Fluxbase's tables, mounted at /api/v1/tables. */
import { z } from 'zod'
import { AppError, forbidden, methodNotAllowed } from '#core/errors'
import { manages } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import {
  type Column as TableColumn,
  isCollision,
  type Relation,
  visibleCatalog,
} from '#domains/data'
import { methodsBut } from '#http/allow'
import type { Http } from '#http/env'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { JSON_TYPE } from './errors.ts'
import type { Scopes } from './guards.ts'
import { deleteBulk, isBulkExport, patchBulk, postBulk } from './tables-bulk.ts'
import { answerTo, say } from './tables-errors.ts'
import { exportRecords } from './tables-export.ts'
import { queryRecords } from './tables-document.ts'
import { getRecord, listRecords } from './tables-read.ts'
import { doneOnce } from './tables-idempotency.ts'
import { isInternal, type Place, type SubResource } from './tables-path.ts'
import { dataContext, type TableCall, tableCall } from './tables-request.ts'
import { TABLE_ROUTES } from './tables-routes.ts'
import {
  changeRecord,
  deleteRecord,
  deleteRecords,
  insertRecords,
  updateRecords,
} from './tables-write.ts'

const Column = z
  .object({
    name: z.string(),
    data_type: z.string().describe('As PostgreSQL writes it'),
    is_nullable: z.boolean(),
    default_value: z.string().nullable().describe('SQL'),
    is_primary_key: z.boolean(),
    is_foreign_key: z.boolean(),
    is_unique: z.boolean(),
    max_length: z.int().nullable(),
    position: z.int(),
    description: z.string().optional(),
  })
  .meta({ id: 'FluxbaseColumn' })

const Table = z
  .object({
    schema: z.string(),
    name: z.string(),
    type: z.enum(['table', 'view', 'materialized_view']),
    path: z.string(),
    columns: z.array(Column),
    primary_key: z.array(z.string()),
    rls_enabled: z.boolean(),
  })
  .meta({ id: 'FluxbaseTable' })

export function addTables(routes: RouteTable<Scopes>, services: Services): void {
  routes.add(
    {
      method: 'get',
      path: '/api/v1/tables',
      access: 'credential',
      summary: 'List tables and columns, for whoever manages the app',
      answer: z.array(Table),
      docs: { query: { schema: 'Schemas, with commas between them; all without it' } },
    },
    ({ c, ctx }) => describeTables(services, c, ctx),
  )
  for (const { path, ...spec } of TABLE_ROUTES) {
    routes.add(
      { ...spec, path: `/api/v1/tables/${path}`, access: 'credential', scope: 'tables' },
      ({ c, ctx }) => answered(services, c, ctx),
    )
  }
}

async function answered(services: Services, c: Http, ctx: AppContext): Promise<Response> {
  let call: TableCall | undefined
  const refused = (error: unknown): Response => {
    const anonymous = ctx.identity.role === 'anon'
    const said = answerTo(error, { method: c.req.method, anonymous, relation: call?.relation })
    if (!said) throw error
    return say(c, call && said.status === 405 ? { ...said, allow: allowed(call, error) } : said)
  }
  try {
    const asked = (call = await tableCall(services, c, ctx))
    const isOnce = isWrite(asked) && asked.preferences.tx !== 'rollback'
    if (!isOnce) return await handled(asked)
    const respond = () =>
      handled(asked).catch((error: unknown) => {
        // It says to try again, which would bring the kept answer for a day.
        if (isCollision(error)) throw error
        return refused(error)
      })
    return await doneOnce({ c, ctx, body: asked.body, respond })
  } catch (error) {
    return refused(error)
  }
}

const isWrite = ({ c, place }: TableCall): boolean =>
  !/^(GET|HEAD)$/.test(c.req.method) && place.sub !== 'query'

function handled(call: TableCall): Promise<Response> {
  const handler = handlerOf(call)
  return READING.has(handler) ? handler(call) : checkWritable(call).then(() => handler(call))
}

type Handler = (call: TableCall) => Promise<Response>

const COLLECTION: Record<string, Handler> = {
  GET: listRecords,
  HEAD: listRecords,
  POST: insertRecords,
  PATCH: updateRecords,
  DELETE: deleteRecords,
}

const RECORD: Record<string, Handler> = {
  GET: getRecord,
  HEAD: getRecord,
  PUT: changeRecord,
  PATCH: changeRecord,
  DELETE: deleteRecord,
}

const BULK: Record<string, Handler> = { POST: postBulk, PATCH: patchBulk, DELETE: deleteBulk }

const SUBS: Record<SubResource, Record<string, Handler>> = {
  query: { POST: queryRecords },
  bulk: BULK,
  export: { GET: exportRecords, HEAD: exportRecords },
}

const READING = new Set<Handler>([listRecords, getRecord, queryRecords, exportRecords])

/** @throws `method_not_allowed` read_only_relation */
async function checkWritable(call: TableCall): Promise<void> {
  const { kind, schema, name: table } = call.relation
  if (kind !== 'view' && kind !== 'materialized_view') return
  if (call.place.sub === 'bulk' && (await isBulkExport(call))) return
  throw methodNotAllowed('read_only_relation', `Table '${schema}.${table}' is read-only`, {
    details: { schema, table },
  })
}

/** @throws `method_not_allowed` */
function handlerOf({ place, c }: TableCall): Handler {
  const { method } = c.req
  const handler = handlersAt(place)[method]
  if (handler) return handler
  throw methodNotAllowed('method_not_allowed', 'Method Not Allowed')
}

const handlersAt = ({ sub, id }: Place): Record<string, Handler> =>
  sub === undefined ? (id === undefined ? COLLECTION : RECORD) : SUBS[sub]

/** What may be done where `error` refused something with 405. */
function allowed({ c, place }: TableCall, error: unknown): string {
  const methods = Object.keys(handlersAt(place))
  if (!(error instanceof AppError && error.code === 'read_only_relation'))
    return methodsBut(c.req.method, methods).join(', ')
  // What is read in bulk is asked for with POST.
  return place.sub === 'bulk' ? 'POST' : 'GET, HEAD'
}

/** @throws `forbidden` for anybody but who manages the app */
async function describeTables(services: Services, c: Http, ctx: AppContext): Promise<Response> {
  if (!manages(ctx.caller, ctx.app)) {
    throw forbidden('insufficient_permissions', 'Insufficient permissions')
  }
  const { catalog, readRights } = await visibleCatalog(dataContext(services, c, ctx))
  const rightsOf = await readRights()
  const named = c.req
    .query('schema')
    ?.split(',')
    .map((name) => name.trim())
  const schemas = named ?? catalog.schemas
  const relations = schemas.flatMap((schema) => catalog.relationsOf(schema))
  const told = relations.filter((one) => !isInternal(one) && rightsOf(one)).map(toWire)
  return c.json(told, 200, { 'Content-Type': JSON_TYPE })
}

const TYPES = {
  table: 'table',
  view: 'view',
  materialized_view: 'materialized_view',
  foreign_table: 'table',
} as const satisfies Record<Relation['kind'], string>

function toWire(relation: Relation): z.input<typeof Table> {
  const { schema, name, kind, primaryKey, rowSecurity } = relation
  return {
    schema,
    name,
    type: TYPES[kind],
    path: `/api/v1/tables/${schema === 'public' ? name : `${schema}/${name}`}`,
    columns: [...relation.columns.values()].map((column) => columnToWire(relation, column)),
    primary_key: [...primaryKey],
    rls_enabled: rowSecurity,
  }
}

function columnToWire(
  { primaryKey, foreignKeys, uniques }: Relation,
  column: TableColumn,
): z.input<typeof Column> {
  const { name, type, notNull, defaultSql, position, description } = column
  return {
    name,
    data_type: type,
    is_nullable: !notNull,
    default_value: defaultSql,
    is_primary_key: primaryKey.includes(name),
    is_foreign_key: foreignKeys.some(({ columns }) => columns.includes(name)),
    is_unique: uniques.some((names) => names.length === 1 && names[0] === name),
    max_length: lengthIn(type),
    position,
    ...(description === null ? {} : { description }),
  }
}

function lengthIn(type: string): number | null {
  const length = /^character(?: varying)?\((\d+)\)$/.exec(type)?.[1]
  return length === undefined ? null : Number(length)
}
