/** Schemas and tables one change at a time, mounted at /api/v1/admin/ddl, and under the admin client's names for it. */
import { z } from 'zod'
import type { AppContext } from '#domains/apps'
import {
  addSchema,
  addTable,
  addTableColumn,
  moveTable,
  removeTable,
  removeTableColumn,
  schemasOf,
  tablesOf,
} from '#domains/schema'
import { MEBIBYTE } from '#http/body'
import type { Http } from '#http/env'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { type Answer, JSON_TYPE } from './errors.ts'
import type { Scopes } from './guards.ts'
import { answerTo, say } from './tables-errors.ts'
import { doneOnce } from './tables-idempotency.ts'

/** What Fluxbase says of changes that cannot be made. */
export const DDL_ANSWERS: Record<string, Answer> = {
  invalid_definition: [400, 'VALIDATION_FAILED'],
  schema_exists: [409, 'ALREADY_EXISTS'],
  relation_exists: [409, 'ALREADY_EXISTS'],
  column_exists: [409, 'ALREADY_EXISTS'],
  still_needed: [409, 'CONFLICT'],
}

/** What else is wrong with a name is said in words of the domain. */
const Name = z.string().meta({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: 63 })

const Column = z.object({
  name: Name,
  type: z.string(),
  nullable: z.boolean().nullish(),
  primaryKey: z.boolean().nullish(),
  defaultValue: z.unknown().optional(),
})

const NewSchema = z.object({ name: Name })
const NewTable = z.object({
  schema: Name.default('public'),
  name: Name,
  columns: z.array(Column),
})
const NewName = z.object({ newName: Name })

type Column = z.output<typeof Column>

const columnOf = ({ nullable, primaryKey, ...column }: Column) => ({
  ...column,
  nullable: nullable ?? undefined,
  primaryKey: primaryKey ?? undefined,
})

const BODY = 5 * MEBIBYTE

const Done = z.object({ success: z.literal(true), message: z.string() })
const Schemas = z.object({ schemas: z.array(z.object({ name: z.string(), owner: z.string() })) })
const Tables = z.object({ tables: z.array(z.object({ schema: z.string(), name: z.string() })) })

export function addDdl(routes: RouteTable<Scopes>, services: Services): void {
  addLists(routes)
  for (const base of ['/api/v1/admin/ddl', '/api/v1/admin'] as const) {
    addSchemaRoute(routes, services, base)
    addTableRoutes(routes, services, base)
  }
  addChangeRoutes(routes, services)
}

function addLists(routes: RouteTable<Scopes>): void {
  routes
    .add(
      {
        method: 'get',
        path: '/api/v1/admin/ddl/schemas',
        access: 'admin',
        summary: 'List the schemas of the database',
        answer: Schemas,
      },
      async ({ c, ctx }) => told(c, { schemas: await schemasOf(ctx) }),
    )
    .add(
      {
        method: 'get',
        path: '/api/v1/admin/ddl/tables',
        access: 'admin',
        summary: 'List the tables of the database',
        answer: Tables,
        docs: { query: { schema: 'Only tables of this schema' } },
      },
      async ({ c, ctx }) => told(c, { tables: await tablesOf(ctx, c.req.query('schema')) }),
    )
}

function addSchemaRoute(routes: RouteTable<Scopes>, services: Services, base: string): void {
  routes.add(
    {
      method: 'post',
      path: `${base}/schemas`,
      access: 'admin',
      summary: 'Create a schema',
      body: NewSchema,
      answer: Done.extend({ schema: z.string() }),
      limit: BODY,
      docs: { status: 201 },
    },
    ({ c, ctx, body }) =>
      changed(services, { c, ctx, body }, async () => {
        const { name } = body
        await addSchema(ctx, name)
        const message = `Created schema '${name}'`
        return told(c, { success: true, schema: name, message }, 201)
      }),
  )
}

function addTableRoutes(routes: RouteTable<Scopes>, services: Services, base: string): void {
  routes
    .add(
      {
        method: 'post',
        path: `${base}/tables`,
        access: 'admin',
        summary: 'Create a table, for the service alone at first',
        body: NewTable,
        answer: Done.extend({ schema: z.string(), table: z.string() }),
        limit: BODY,
        docs: { status: 201 },
      },
      ({ c, ctx, body }) =>
        changed(services, { c, ctx, body }, async () => {
          const { schema, name, columns } = body
          await addTable(ctx, { schema, table: name }, columns.map(columnOf))
          const message = `Created table '${schema}.${name}'`
          return told(c, { success: true, schema, table: name, message }, 201)
        }),
    )
    .add(
      {
        method: 'delete',
        path: `${base}/tables/{schema}/{table}`,
        access: 'admin',
        summary: 'Drop a table and its rows',
        answer: Done,
      },
      ({ c, ctx }) =>
        changed(services, { c, ctx }, async () => {
          const target = targetOf(c)
          await removeTable(ctx, target)
          return done(c, `Dropped table '${target.schema}.${target.table}'`)
        }),
    )
}

function addChangeRoutes(routes: RouteTable<Scopes>, services: Services): void {
  const path = '/api/v1/admin/tables/{schema}/{table}'
  routes
    .add(
      {
        method: 'patch',
        path,
        access: 'admin',
        summary: 'Rename a table',
        body: NewName,
        answer: Done,
        limit: BODY,
      },
      ({ c, ctx, body }) =>
        changed(services, { c, ctx, body }, async () => {
          const { newName } = body
          const target = targetOf(c)
          await moveTable(ctx, target, newName)
          const { schema, table } = target
          return done(c, `Renamed table '${schema}.${table}' to '${schema}.${newName}'`)
        }),
    )
    .add(
      {
        method: 'post',
        path: `${path}/columns`,
        access: 'admin',
        summary: 'Add a column',
        body: Column,
        answer: Done,
        limit: BODY,
        docs: { status: 201 },
      },
      ({ c, ctx, body }) =>
        changed(services, { c, ctx, body }, async () => {
          await addTableColumn(ctx, targetOf(c), columnOf(body))
          return told(c, { success: true, message: `Added column '${body.name}'` }, 201)
        }),
    )
    .add(
      {
        method: 'delete',
        path: `${path}/columns/{column}`,
        access: 'admin',
        summary: 'Drop a column and its values',
        answer: Done,
      },
      ({ c, ctx }) =>
        changed(services, { c, ctx }, async () => {
          const column = c.req.param('column') ?? ''
          await removeTableColumn(ctx, targetOf(c), column)
          return done(c, `Dropped column '${column}'`)
        }),
    )
}

const targetOf = (c: Http) => ({
  schema: c.req.param('schema') ?? '',
  table: c.req.param('table') ?? '',
})

const told = (c: Http, body: object, status: 200 | 201 = 200): Response =>
  c.json(body, status, { 'Content-Type': JSON_TYPE })

const done = (c: Http, message: string): Response => told(c, { success: true, message })

type Asked = { c: Http; ctx: AppContext; body?: object }

/** Once for each `Idempotency-Key`. */
function changed(
  services: Services,
  { c, ctx, body }: Asked,
  work: () => Promise<Response>,
): Promise<Response> {
  const text = () => Promise.resolve(JSON.stringify(body ?? {}))
  const respond = () => attempted(services, { c, ctx }, work)
  return doneOnce({ c, ctx, body: { type: JSON_TYPE, text }, respond })
}

/** Whoever asks next sees what was changed. */
async function attempted(
  { catalogs }: Services,
  { c, ctx }: Asked,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    const answer = await work()
    catalogs.forget(ctx.app.id)
    return answer
  } catch (error) {
    const said = answerTo(error, { method: c.req.method, anonymous: false })
    if (!said) throw error
    return say(c, said)
  }
}
