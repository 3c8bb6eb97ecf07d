/** PostgREST's settings of an app, under PostgREST's own names. */
import { z } from 'zod'
import type { App } from '#domains/apps'
import { changeDataApi, dataApiOf, OPENAPI_MODES } from '#domains/data'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'

/** A name as PostgreSQL keeps it. */
const Name = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= 63, 'is longer than 63 bytes')
  .refine((text) => !text.includes('\0'), 'holds a NUL')

const DataApiSettings = z
  .strictObject({
    db_schemas: z.array(Name).min(1).max(50).optional(),
    db_anon_role: Name.nullable().optional(),
    db_pre_request: z.string().min(1).max(200).nullable().optional(),
    db_extra_search_path: z.array(Name).max(50).optional(),
    db_max_rows: z.int().min(0).max(1_000_000_000).nullable().optional(),
    db_aggregates_enabled: z.boolean().optional(),
    db_plan_enabled: z.boolean().optional(),
    jwt_secret: z.string().min(32).max(512).nullable().optional(),
    openapi_mode: z.enum(OPENAPI_MODES).optional(),
    openapi_security_active: z.boolean().optional(),
    db_root_spec: Name.nullable().optional(),
  })
  .refine((it) => Object.values(it).some((value) => value !== undefined), {
    message: 'give at least one setting',
  })

export function addDataApi(routes: RouteTable<Scopes>): void {
  const path = '/v1/{app_id}/config/data-api'
  const access = 'owner'
  routes.add(
    { method: 'get', path, access, summary: 'How the app speaks PostgREST' },
    ({ c, ctx }) => c.json(toWire(ctx.app)),
  )
  routes.add(
    {
      method: 'patch',
      path,
      access,
      summary: 'Change how the app speaks PostgREST',
      body: DataApiSettings,
    },
    async ({ c, ctx, body }) => {
      const app = await changeDataApi(ctx, {
        dbSchemas: body.db_schemas,
        dbAnonRole: body.db_anon_role,
        dbPreRequest: body.db_pre_request,
        dbExtraSearchPath: body.db_extra_search_path,
        dbMaxRows: body.db_max_rows,
        dbAggregatesEnabled: body.db_aggregates_enabled,
        dbPlanEnabled: body.db_plan_enabled,
        jwtSecret: body.jwt_secret,
        openapiMode: body.openapi_mode,
        openapiSecurityActive: body.openapi_security_active,
        dbRootSpec: body.db_root_spec,
      })
      return c.json(toWire(app))
    },
  )
}

/** The secret is never shown again. */
function toWire(app: App) {
  const settings = dataApiOf(app)
  return {
    app_id: app.id,
    db_schemas: settings.schemas,
    db_anon_role: settings.anonRole,
    db_pre_request: settings.preRequestName,
    db_extra_search_path: settings.extraSearchPath,
    db_max_rows: settings.maxRows ?? null,
    db_aggregates_enabled: settings.aggregates,
    db_plan_enabled: settings.plan,
    openapi_mode: settings.openapiMode,
    openapi_security_active: settings.securityActive,
    db_root_spec: settings.rootSpec ?? null,
    jwt_secret_configured: settings.hasJwtSecret,
  }
}
