/** Apps as Fluxbase lists them to whoever manages them: tenants, mounted at /api/v1/admin. */
import { z } from 'zod'
import { type App, type AppState, type Context, listApps } from '#domains/apps'
import type { RouteTable } from '#http/routes'
import { answer } from './auth.ts'
import type { Scopes } from './guards.ts'
import { tenantIn } from './tenants.ts'

const Tenant = z
  .object({
    id: z.uuid(),
    slug: z.string().describe('The app’s subdomain'),
    name: z.string(),
    db_name: z.string(),
    status: z.enum(['creating', 'active', 'deleting', 'error']),
    is_default: z.boolean(),
    metadata: z.object({ app_id: z.string().describe('`app_…`'), region: z.string() }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'FluxbaseTenant' })

const MyTenant = Tenant.extend({ my_role: z.literal('tenant_admin') })

const reading = { method: 'get', access: 'builder' } as const

export function addAdminTenants(routes: RouteTable<Scopes>): void {
  routes
    .add(
      {
        method: 'get',
        access: 'public',
        path: '/api/v1/admin/setup/status',
        summary: 'Is there anything to set up?',
        docs: { description: 'Never: the first start makes the operator and the key.' },
        answer: z.object({ needs_setup: z.literal(false), has_admin: z.literal(true) }),
      },
      ({ c }) => answer(c, { needs_setup: false, has_admin: true }),
    )
    .add(
      {
        ...reading,
        path: '/api/v1/admin/tenants',
        summary: 'The apps that the caller manages, the oldest first',
        answer: z.array(Tenant),
      },
      async ({ c, ctx }) => answer(c, (await tenants(ctx)).map(toWire)),
    )
    .add(
      {
        method: 'get',
        access: 'signed',
        path: '/api/v1/admin/tenants/mine',
        summary: 'The same, with one’s role in each; users of an app manage none',
        answer: z.array(MyTenant),
      },
      async ({ c, ctx }) => answer(c, (await managedBy(ctx)).map(toMine)),
    )
    .add(
      {
        ...reading,
        path: '/api/v1/admin/tenants/deleted',
        summary: 'Deleted apps that could come back',
        docs: { description: 'None: a deleted app is gone with its data.' },
        answer: z.array(z.never()),
      },
      ({ c }) => answer(c, []),
    )
    .add(
      {
        ...reading,
        path: '/api/v1/admin/tenants/{id}',
        summary: 'One app, by tenant id, app id or subdomain',
        answer: Tenant,
      },
      async ({ c, ctx }) => answer(c, toWire(await tenantIn(ctx, c))),
    )
}

/** Whom the route lets in beside builders manages nothing. */
const managedBy = (ctx: Context): Promise<App[]> | App[] =>
  ctx.caller.kind === 'user' ? [] : tenants(ctx)

const tenants = async (ctx: Context): Promise<App[]> => (await listApps(ctx)).toReversed()

const STATUS = {
  provisioning: 'creating',
  ready: 'active',
  migrating: 'active',
  failed: 'error',
  deleting: 'deleting',
} as const satisfies Record<AppState, z.output<typeof Tenant>['status']>

/** The only place where an app becomes a tenant. */
const toWire = (app: App): z.input<typeof Tenant> => ({
  id: app.tenantId,
  slug: app.subdomain,
  name: app.name,
  db_name: app.dbName,
  status: STATUS[app.state],
  is_default: app.isDefault,
  metadata: { app_id: app.id, region: app.region },
  created_at: app.createdAt.toISOString(),
  updated_at: app.updatedAt.toISOString(),
})

const toMine = (app: App): z.input<typeof MyTenant> => ({
  ...toWire(app),
  my_role: 'tenant_admin',
})
