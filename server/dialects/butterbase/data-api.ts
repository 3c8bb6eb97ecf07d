/** PostgREST's settings of an app, under PostgREST's own names. */
import { z } from 'zod'
import type { App } from '#domains/apps'
import { changeDataApi, dataApiOf, OPENAPI_MODES } from '#domains/data'
import type { RouteTable } from '#http/routes'
import { addConfigPart, isSomeGiven } from './config-part.ts'
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
    jwt_aud: z.string().min(1).max(500).nullable().optional(),
    jwt_role_claim_key: z.string().min(1).max(500).optional(),
    openapi_mode: z.enum(OPENAPI_MODES).optional(),
    openapi_security_active: z.boolean().optional(),
    db_root_spec: Name.nullable().optional(),
    server_timing_enabled: z.boolean().optional(),
  })
  .refine(isSomeGiven, { message: 'give at least one setting' })

const { jwt_secret: _, ...settings } = DataApiSettings.shape

/** Every setting has a value, but for the secret, which is never shown again. */
const DataApiAnswer = z.object(settings).required().extend({ jwt_secret_configured: z.boolean() })

export function addDataApi(routes: RouteTable<Scopes>): void {
  addConfigPart(routes, {
    name: 'data-api',
    summary: {
      get: 'How the app speaks PostgREST',
      patch: 'Change how the app speaks PostgREST',
    },
    shape: DataApiSettings,
    change: (ctx, given) => changeDataApi(ctx, patchFrom(given)),
    answer: DataApiAnswer,
    toWire,
  })
}

const patchFrom = (given: z.output<typeof DataApiSettings>) => ({
  dbSchemas: given.db_schemas,
  dbAnonRole: given.db_anon_role,
  dbPreRequest: given.db_pre_request,
  dbExtraSearchPath: given.db_extra_search_path,
  dbMaxRows: given.db_max_rows,
  dbAggregatesEnabled: given.db_aggregates_enabled,
  dbPlanEnabled: given.db_plan_enabled,
  jwtSecret: given.jwt_secret,
  jwtAud: given.jwt_aud,
  jwtRoleClaimKey: given.jwt_role_claim_key,
  openapiMode: given.openapi_mode,
  openapiSecurityActive: given.openapi_security_active,
  dbRootSpec: given.db_root_spec,
  serverTimingEnabled: given.server_timing_enabled,
})

function toWire(app: App): z.input<typeof DataApiAnswer> {
  const settings = dataApiOf(app)
  return {
    db_schemas: [...settings.schemas],
    db_anon_role: settings.anonRole,
    db_pre_request: settings.preRequestName,
    db_extra_search_path: [...settings.extraSearchPath],
    db_max_rows: settings.maxRows ?? null,
    db_aggregates_enabled: settings.aggregates,
    db_plan_enabled: settings.plan,
    jwt_aud: settings.audience ?? null,
    jwt_role_claim_key: settings.roleClaimKey,
    openapi_mode: settings.openapiMode,
    openapi_security_active: settings.securityActive,
    db_root_spec: settings.rootSpec ?? null,
    server_timing_enabled: settings.serverTiming,
    jwt_secret_configured: settings.hasJwtSecret,
  }
}
