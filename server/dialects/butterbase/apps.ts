/** Butterbase's apps: create, list, look at, delete, configure. */
import { z } from 'zod'
import {
  type App,
  type Context,
  createApp,
  deleteApp,
  listApps,
  setAccessMode,
  setPaused,
} from '#domains/apps'
import { durationMs } from '#core/clock'
import { notFound } from '#core/errors'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'
import { JwtConfig, StorageConfig } from './config.ts'
import { PAGE_QUERY, pageOf } from './page.ts'
import { AppId, Message, Meta, Time } from './shapes.ts'

const NewApp = z.object({
  name: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'use 1 to 63 of a-z, 0-9, - and _, not starting with - or _'),
  region: z.string().optional(),
  subdomain: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'use 1 to 63 of a-z, 0-9 and inner dashes')
    .optional(),
  organization_id: z.string().optional(),
})

const AccessMode = z.object({ access_mode: z.enum(['public', 'authenticated']) })

const Pause = z.object({ paused: z.boolean(), reason: z.string().max(500).optional() })

const Provisioning = z.enum(['provisioning', 'ready', 'failed', 'deleting', 'migrating'])

const Visibility = z.enum(['private', 'public'])

const AppAnswer = z
  .object({
    id: AppId,
    name: z.string(),
    subdomain: z.string(),
    db_name: z.string(),
    db_provisioned: z.boolean(),
    provisioning_status: Provisioning,
    region: z.string(),
    visibility: Visibility,
    listed: z.boolean(),
    template_source_app_id: z.string().nullable(),
    fork_count: z.int(),
    organization_id: z.string(),
    substrate_organization_id: z.null(),
    substrate_autopropagate: z.boolean(),
    paused: z.boolean(),
    created_at: Time,
  })
  .meta({ id: 'ButterbaseApp' })

const OneApp = AppAnswer.extend({
  api_url: z.url(),
  url: z.url(),
  access_mode: AccessMode.shape.access_mode,
})

const NewAppAnswer = z
  .object({
    app_id: AppId,
    name: z.string(),
    region: z.string(),
    api_url: z.url(),
    api_base_url: z.url(),
    subdomain: z.string(),
    url: z.url(),
    db_provisioned: z.boolean(),
    provisioning_status: Provisioning,
    organization_id: z.string(),
    created_at: Time,
    anon_key: z.string().describe('For programs that everybody may read, such as web pages'),
    service_key: z.string().describe('May do everything in the app: for servers'),
    _meta: Meta,
  })
  .meta({ id: 'ButterbaseNewApp' })

const Status = z.object({
  app_id: AppId,
  name: z.string(),
  db_provisioned: z.boolean(),
  provisioning_status: Provisioning,
  provisioning_error: z.string().nullable(),
})

const Deleted = z.object({ message: Message, app_id: AppId, db_name: z.string() })

const PauseAnswer = z.object({ paused_at: Time.nullable(), paused_reason: z.string().nullable() })

const Configuration = z
  .object({
    id: AppId,
    name: z.string(),
    db_name: z.string(),
    db_provisioned: z.boolean(),
    region: z.string(),
    subdomain: z.string(),
    allowed_origins: z.array(z.string()),
    cors_allowed_origins: z.array(z.string()),
    storage_config: StorageConfig,
    storage_public_read_enabled: z.boolean(),
    storage_used_bytes: z.number(),
    storage_limit_bytes: z.number().nullable(),
    jwt_config: JwtConfig,
    jwt_token_ttl: z.number().describe('Seconds that an access token lives'),
    auth_hook_function: z.string().nullable(),
    access_mode: AccessMode.shape.access_mode,
    visibility: Visibility,
    listed: z.boolean(),
    paused: z.boolean(),
    ...PauseAnswer.shape,
    template_source_app_id: z.string().nullable(),
    repo_latest_snapshot: z.string().nullable(),
    fork_count: z.int(),
    substrate_organization_id: z.null(),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'ButterbaseConfiguration' })

export function addApps(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'get',
      path: '/v1/regions',
      access: 'public',
      summary: 'List the regions',
      answer: z.object({ regions: z.array(z.string()) }),
    },
    ({ c, ctx }) => c.json({ regions: ctx.apps.needs.regions.names }),
  )
  routes.add(
    {
      method: 'post',
      path: '/init',
      access: 'account',
      summary: 'Create an app',
      body: NewApp,
      answer: NewAppAnswer,
      docs: {
        description: 'Where you already have an app of that name, that one, with status 200.',
        status: [201, 200],
      },
    },
    async ({ c, ctx, body: { organization_id: workspaceId, ...request } }) => {
      const { app, created } = await createApp(ctx, { ...request, workspaceId })
      return c.json(await createdToWire(ctx, app), created ? 201 : 200)
    },
  )
  routes.add(
    {
      method: 'get',
      path: '/apps',
      access: 'builder',
      summary: 'List your apps',
      answer: z.object({ apps: z.array(AppAnswer) }),
      docs: { query: PAGE_QUERY },
    },
    async ({ c, ctx }) => c.json({ apps: pageOf(c, await listApps(ctx)).map(toWire) }),
  )
  addOneApp(routes)
  addConfiguration(routes)
}

function addOneApp(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'get',
      path: '/apps/{app_id}',
      access: 'builder',
      summary: 'Look at one app',
      answer: OneApp,
    },
    async ({ c, ctx }) => {
      const app = await ownApp(ctx, c.req.param('app_id'))
      const urls = { api_url: ctx.apps.apiUrlOf(app), url: ctx.apps.urlOf(app) }
      return c.json({ ...toWire(app), ...urls, access_mode: app.accessMode })
    },
  )
  routes.add(
    {
      method: 'get',
      path: '/apps/{app_id}/status',
      access: 'builder',
      summary: 'Is it ready yet?',
      answer: Status,
    },
    async ({ c, ctx }) => {
      const app = await ownApp(ctx, c.req.param('app_id'))
      return c.json({
        app_id: app.id,
        name: app.name,
        db_provisioned: isProvisioned(app),
        provisioning_status: app.state,
        provisioning_error: app.stateError,
      })
    },
  )
  routes.add(
    {
      method: 'delete',
      path: '/apps/{app_id}',
      access: 'builder',
      summary: 'Delete an app for good',
      answer: Deleted,
    },
    async ({ c, ctx }) => {
      const app = await ownApp(ctx, c.req.param('app_id'))
      await deleteApp(ctx, app)
      return c.json({ message: 'App deleted successfully', app_id: app.id, db_name: app.dbName })
    },
  )
}

function addConfiguration(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'get',
      path: '/v1/{app_id}/config',
      access: 'owner',
      summary: 'Read the configuration',
      answer: Configuration,
    },
    ({ c, ctx }) => c.json(configToWire(ctx.app)),
  )
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/access-mode',
      access: 'owner',
      summary: 'Let anonymous data requests in, or keep them out',
      body: AccessMode,
      answer: AccessMode.extend({ message: Message, app_id: AppId }),
    },
    async ({ c, ctx, body }) => {
      const app = await setAccessMode(ctx, ctx.app, body.access_mode)
      const message = `Access mode updated to "${app.accessMode}"`
      return c.json({ message, app_id: app.id, access_mode: app.accessMode })
    },
  )
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/pause',
      access: 'owner',
      summary: 'Pause or resume the app',
      body: Pause,
      answer: z.object({
        message: Message,
        app_id: AppId,
        paused: z.boolean(),
        ...PauseAnswer.shape,
      }),
    },
    async ({ c, ctx, body }) => {
      const app = await setPaused(ctx, ctx.app, body)
      const message = body.paused ? 'App paused' : 'App resumed'
      return c.json({ message, app_id: app.id, paused: body.paused, ...pauseToWire(app) })
    },
  )
}

/** An app in whatever state it is, for whoever manages it. */
async function ownApp(ctx: Context, id = ''): Promise<App> {
  const app = (await listApps(ctx)).find((one) => one.id === id)
  if (!app) throw notFound('app_not_found', 'App not found')
  return app
}

const isProvisioned = (app: App): boolean => app.state === 'ready' || app.state === 'migrating'

const pauseToWire = (app: App): z.input<typeof PauseAnswer> => ({
  paused_at: app.pausedAt?.toISOString() ?? null,
  paused_reason: app.pausedReason,
})

function toWire(app: App): z.input<typeof AppAnswer> {
  return {
    id: app.id,
    name: app.name,
    subdomain: app.subdomain,
    db_name: app.dbName,
    db_provisioned: isProvisioned(app),
    provisioning_status: app.state,
    region: app.region,
    visibility: app.visibility,
    listed: app.listed,
    template_source_app_id: app.templateSourceAppId,
    fork_count: app.forkCount,
    organization_id: app.workspaceId,
    substrate_organization_id: null,
    substrate_autopropagate: false,
    paused: app.pausedAt !== null,
    created_at: app.createdAt.toISOString(),
  }
}

/** The keys are our addition: who may make an app is who may hold them. */
async function createdToWire(ctx: Context, app: App): Promise<z.input<typeof NewAppAnswer>> {
  const apiUrl = ctx.apps.apiUrlOf(app)
  return {
    app_id: app.id,
    name: app.name,
    region: app.region,
    api_url: apiUrl,
    api_base_url: apiUrl,
    subdomain: app.subdomain,
    url: ctx.apps.urlOf(app),
    db_provisioned: isProvisioned(app),
    provisioning_status: app.state,
    organization_id: app.workspaceId,
    created_at: app.createdAt.toISOString(),
    anon_key: await ctx.apps.apiKey(app, 'anon'),
    service_key: await ctx.apps.apiKey(app, 'service_role'),
    _meta: { next_actions: [{ ...nextOf(app), recommended: true }] },
  }
}

const APPLY = {
  action: 'apply_schema',
  description: 'Describe the tables of the app with POST /v1/{app_id}/schema/apply.',
}

const WAIT = {
  action: 'check_status',
  description: 'Ask GET /apps/{app_id}/status until the app is ready.',
}

const DELETE = {
  action: 'delete_app',
  description:
    'Its database could not be made: GET /apps/{app_id}/status says why. Delete the app and create it again.',
}

const nextOf = ({ state }: App) =>
  state === 'failed' ? DELETE : state === 'provisioning' ? WAIT : APPLY

function configToWire(app: App): z.input<typeof Configuration> {
  return {
    id: app.id,
    name: app.name,
    db_name: app.dbName,
    db_provisioned: isProvisioned(app),
    region: app.region,
    subdomain: app.subdomain,
    allowed_origins: app.allowedOrigins,
    cors_allowed_origins: app.allowedOrigins,
    storage_config: app.storageConfig,
    storage_public_read_enabled: app.storageConfig.publicReadEnabled === true,
    storage_used_bytes: 0,
    storage_limit_bytes: (app.storageConfig.storageLimitBytes as number | undefined) ?? null,
    jwt_config: app.jwtConfig,
    jwt_token_ttl: (durationMs(app.jwtConfig.accessTokenTtl) ?? 0) / 1000,
    auth_hook_function: app.authHookFunction,
    access_mode: app.accessMode,
    visibility: app.visibility,
    listed: app.listed,
    paused: app.pausedAt !== null,
    ...pauseToWire(app),
    template_source_app_id: app.templateSourceAppId,
    repo_latest_snapshot: app.repoLatestSnapshot,
    fork_count: app.forkCount,
    substrate_organization_id: null,
    created_at: app.createdAt.toISOString(),
    updated_at: app.updatedAt.toISOString(),
  }
}
