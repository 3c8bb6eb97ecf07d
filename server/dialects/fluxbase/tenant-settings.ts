/** What may be set on an app, under Fluxbase's dotted names, mounted at /api/v1/admin/tenants/{id}/settings. */
import { z } from 'zod'
import {
  type App,
  type Context,
  isOn,
  isSet,
  requireUsable,
  requireWritable,
  setSwitches,
  type SwitchName,
} from '#domains/apps'
import { invalid, notFound } from '#core/errors'
import type { RouteTable } from '#http/routes'
import { answer } from './auth.ts'
import type { Scopes } from './guards.ts'
import { tenantIn } from './tenants.ts'

/** Fluxbase has many more; of these ours mean the same. */
const SWITCHES: Record<string, SwitchName> = {
  'app.auth.allow_user_client_keys': 'allowUserClientKeys',
  'app.security.enable_global_rate_limit': 'limitRequests',
}

const PATHS = Object.keys(SWITCHES)

const Patch = z.object({
  settings: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe(`Of ${PATHS.map((path) => `\`${path}\``).join(', ')}: true or false`),
  secrets: z.record(z.string(), z.unknown()).nullish().describe('There are none that can be set'),
})

const Setting = z.object({
  value: z.boolean(),
  source: z.literal('tenant'),
  is_overridable: z.literal(true),
})

const Settings = z
  .object({
    tenant_id: z.uuid(),
    tenant_name: z.string(),
    settings: z.record(z.string(), Setting).describe('Those that were set, by dotted path'),
    overridable_settings: z.array(z.string()).describe('Those that can be set'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'FluxbaseTenantSettings' })

const OneSetting = z.object({
  tenant_id: z.uuid(),
  path: z.string(),
  value: z.boolean(),
  source: z.enum(['tenant', 'default']),
  is_overridable: z.literal(true),
})

export const SETTING_ANSWERS = { not_overridable: [400, 'NOT_OVERRIDABLE'] } as const

const BASE = '/api/v1/admin/tenants/{id}/settings'

export function addTenantSettings(routes: RouteTable<Scopes>): void {
  routes
    .add(
      {
        method: 'get',
        access: 'builder',
        path: BASE,
        summary: 'What is set on an app, and what can be',
        answer: Settings,
      },
      async ({ c, ctx }) => answer(c, toWire(await tenantIn(ctx, c))),
    )
    .add(
      {
        method: 'patch',
        access: 'builder',
        path: BASE,
        summary: 'Set some of it: all that is sent, or nothing',
        body: Patch,
        answer: Settings,
      },
      async ({ c, ctx, body }) => {
        const app = writable(await tenantIn(ctx, c))
        const patch = patchIn(body)
        return answer(c, toWire(await setSwitches(ctx, app, patch)))
      },
    )
  addOne(routes)
}

function addOne(routes: RouteTable<Scopes>): void {
  const one = { access: 'builder', path: `${BASE}/{key}` } as const
  routes
    .add(
      { ...one, method: 'get', summary: 'One setting, as it stands', answer: OneSetting },
      async ({ c, ctx }) => {
        const app = await tenantIn(ctx, c)
        const path = c.req.param('key') ?? ''
        return answer(c, oneOf(app, path, switchAt(path)))
      },
    )
    .add(
      {
        ...one,
        method: 'delete',
        summary: 'Unset it: it stands as it does without',
        docs: { status: 204 },
      },
      async ({ c, ctx }) => {
        const app = writable(await tenantIn(ctx, c))
        const name = switchAt(c.req.param('key') ?? '')
        if (!isSet(app, name)) throw settingNotFound()
        await unset(ctx, app, name)
        return c.body(null, 204)
      },
    )
}

const unset = (ctx: Context, app: App, name: SwitchName): Promise<App> =>
  setSwitches(ctx, app, { [name]: undefined })

function writable(app: App): App {
  requireUsable(app)
  requireWritable(app)
  return app
}

/** @throws `invalid` missing_field, not_overridable, invalid_body */
function patchIn({ settings, secrets }: z.output<typeof Patch>): Record<string, boolean> {
  const given = Object.entries(settings ?? {})
  const hidden = Object.keys(secrets ?? {})
  if (given.length === 0 && hidden.length === 0) {
    throw invalid('missing_field', 'Settings or secrets are required')
  }
  for (const path of hidden) throw notOverridable(path)
  return Object.fromEntries(
    given.map(([path, value]) => {
      const name = switchOf(path)
      if (!name) throw notOverridable(path)
      if (typeof value !== 'boolean') throw invalid('invalid_body', `${path} must be true or false`)
      return [name, value]
    }),
  )
}

const notOverridable = (path: string) =>
  invalid('not_overridable', `Setting '${path}' cannot be set on a tenant`, {
    hint: `These can: ${PATHS.join(', ')}.`,
  })

const switchOf = (path: string): SwitchName | undefined =>
  Object.hasOwn(SWITCHES, path) ? SWITCHES[path] : undefined

/** @throws `not_found` setting_not_found */
function switchAt(path: string): SwitchName {
  const name = switchOf(path)
  if (!name) throw settingNotFound()
  return name
}

const settingNotFound = () => notFound('setting_not_found', 'Setting not found')

const oneOf = (app: App, path: string, name: SwitchName): z.input<typeof OneSetting> => ({
  tenant_id: app.tenantId,
  path,
  value: isOn(app, name),
  source: isSet(app, name) ? 'tenant' : 'default',
  is_overridable: true,
})

/** The only place where what is set becomes Fluxbase's. */
function toWire(app: App): z.input<typeof Settings> {
  const set = Object.entries(SWITCHES).filter(([, name]) => isSet(app, name))
  return {
    tenant_id: app.tenantId,
    tenant_name: app.name,
    settings: Object.fromEntries(
      set.map(([path, name]) => [
        path,
        { value: isOn(app, name), source: 'tenant', is_overridable: true },
      ]),
    ),
    overridable_settings: PATHS,
    created_at: app.createdAt.toISOString(),
    updated_at: app.updatedAt.toISOString(),
  }
}
