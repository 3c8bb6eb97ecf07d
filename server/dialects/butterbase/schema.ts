/** Butterbase's declarative schema: read it, apply one, list what was applied. */
import { z } from 'zod'
import type { AppContext } from '#domains/apps'
import {
  type Applied,
  applySchema,
  currentSchema,
  type History,
  type SchemaDsl,
  SchemaShape,
  schemaHistory,
} from '#domains/schema'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import type { Scopes } from './guards.ts'
import { PAGE_QUERY, pageOf } from './page.ts'
import { RESERVED } from './rows.ts'
import { AppId, Message, NextActions, Time } from './shapes.ts'

const Apply = z.object({
  schema: SchemaShape,
  dry_run: z.boolean().optional().describe('Only tell what would be done'),
  name: z.string().min(1).max(200).optional().describe('Of the change, in the list of them'),
})

/** As it is: whoever works in the database by hand calls things as they like. */
const SchemaAsRead = z.object({
  tables: z.record(
    z.string(),
    z.object({
      columns: z
        .record(
          z.string(),
          z.object({
            type: z.string(),
            primaryKey: z.boolean().optional(),
            nullable: z.boolean().optional(),
            default: z.string().optional().describe('As SQL'),
            unique: z.boolean().optional(),
            references: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
          }),
        )
        .optional(),
      indexes: z
        .record(
          z.string(),
          z.object({
            columns: z.array(z.string()),
            unique: z.boolean().optional(),
            method: z.string().optional(),
            opclass: z.string().optional(),
          }),
        )
        .optional(),
      _seed: z.boolean().optional(),
    }),
  ),
})

const SchemaAnswer = z.object({
  app_id: AppId,
  schema: SchemaAsRead,
  api_base: z.url(),
  _meta: z.object({
    resource_info: z.object({ table_count: z.int(), tables: z.array(z.string()) }),
    next_actions: NextActions,
  }),
})

const Warnings = z.array(z.string()).optional().describe('Only where there is something to say')

const Statement = z.object({ sql: z.string(), description: z.string() })

const AppliedAnswer = z.object({
  applied: z.int().describe('Statements; 0 where the schema was so already'),
  statements: z.array(Statement),
  migration_id: z.number().optional(),
  message: Message,
  warnings: Warnings,
})

const Rehearsed = z.object({
  dry_run: z.literal(true),
  applied: z.int().describe('Statements that would be run'),
  statements: z.array(Statement.extend({ destructive: z.boolean() })),
  warnings: Warnings,
})

const HistoryAnswer = z.object({
  app_id: AppId,
  migrations: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      description: z.string(),
      applied_sql: z.string(),
      applied_at: Time,
    }),
  ),
  template_migrations: z
    .array(z.object({ id: z.int(), filename: z.string(), applied_at: Time }))
    .describe('What every app begins with'),
})

export function addSchema(routes: RouteTable<Scopes>, { catalogs }: Services): void {
  routes.add(
    {
      method: 'get',
      path: '/v1/{app_id}/schema',
      access: 'owner',
      summary: 'Read the schema of the app',
      answer: SchemaAnswer,
    },
    async ({ c, ctx }) => c.json(schemaToWire(ctx, await currentSchema(ctx))),
  )
  routes.add(
    {
      method: 'post',
      path: '/v1/{app_id}/schema/apply',
      access: 'owner',
      summary: 'Bring the schema to what the body describes',
      body: Apply,
      answer: z.union([AppliedAnswer, Rehearsed]),
    },
    async ({ c, ctx, body: { schema, name, dry_run: dryRun } }) => {
      const applied = await applySchema(ctx, { schema, name, dryRun })
      // Its first request will come soon.
      if (!dryRun) catalogs.warm(ctx.app.id, ctx.databases.platform)
      const told = dryRun ? rehearsedToWire(applied) : appliedToWire(applied)
      return c.json({ ...told, ...warningsOf(schema) })
    },
  )
  routes.add(
    {
      method: 'get',
      path: '/v1/{app_id}/migrations',
      access: 'owner',
      summary: 'List the changes of the schema, newest first',
      answer: HistoryAnswer,
      docs: { query: PAGE_QUERY },
    },
    async ({ c, ctx }) => {
      const { own, template } = await schemaHistory(ctx)
      return c.json(historyToWire(ctx, { own: [...pageOf(c, own)], template }))
    },
  )
}

function schemaToWire(ctx: AppContext, schema: SchemaDsl): z.output<typeof SchemaAnswer> {
  const tables = Object.keys(schema.tables)
  const next =
    tables.length === 0
      ? { action: 'apply_schema', description: 'Describe tables with POST schema/apply.' }
      : { action: 'secure_tables', description: 'Give each user their own rows with POST rls.' }
  return {
    app_id: ctx.app.id,
    schema,
    api_base: ctx.apps.apiUrlOf(ctx.app),
    _meta: {
      resource_info: { table_count: tables.length, tables },
      next_actions: [{ ...next, recommended: true }],
    },
  }
}

/** A table that this dialect cannot address is there all the same, for the others. */
function warningsOf({ tables }: SchemaDsl): { warnings?: string[] } {
  const hidden = Object.keys(tables).filter((name) => RESERVED.has(name))
  if (hidden.length === 0) return {}
  const warnings = hidden.map(
    (name) =>
      `The rows of "${name}" are not at /v1/{app_id}/${name}, which means something else: use /rest/v1/${name}, or another name`,
  )
  return { warnings }
}

function appliedToWire({ statements, migrationId }: Applied): z.input<typeof AppliedAnswer> {
  if (migrationId === undefined) {
    return { applied: 0, statements: [], message: 'Schema is up to date' }
  }
  return {
    applied: statements.length,
    statements: statements.map(({ sql, description }) => ({ sql, description })),
    migration_id: migrationId,
    message: `Applied ${statements.length} ${statements.length === 1 ? 'statement' : 'statements'}`,
  }
}

const rehearsedToWire = ({ statements }: Applied): z.input<typeof Rehearsed> => ({
  dry_run: true,
  applied: statements.length,
  statements: statements.map(({ sql, description, destructive }) => ({
    sql,
    description,
    destructive,
  })),
})

const historyToWire = (
  { app }: AppContext,
  { own, template }: History,
): z.input<typeof HistoryAnswer> => ({
  app_id: app.id,
  migrations: own.map(({ id, name, sqlUp, appliedAt }) => ({
    id,
    name,
    description: name,
    applied_sql: sqlUp,
    applied_at: appliedAt.toISOString(),
  })),
  template_migrations: template.map(({ version, name, appliedAt }) => ({
    id: version,
    filename: `${String(version).padStart(4, '0')}_${name}.sql`,
    applied_at: appliedAt.toISOString(),
  })),
})
