/** What whoever manages an app switches on and off. */
import { audit } from '#domains/accounts'
import type { App } from './apps.sql.ts'
import type { Context } from './context.ts'

/** How each stands while nobody has set it. */
const UNSET = {
  /** Users of the app may make client keys, and those that they made are good. */
  allowUserClientKeys: true,
  /** Requests are counted by caller and refused beyond what a minute allows. */
  limitRequests: false,
} as const satisfies Record<string, boolean>

export type SwitchName = keyof typeof UNSET

export const isSet = ({ settings }: App, name: SwitchName): boolean =>
  typeof settings[name] === 'boolean'

export function isOn({ settings }: Pick<App, 'settings'>, name: SwitchName): boolean {
  const value = settings[name]
  return typeof value === 'boolean' ? value : UNSET[name]
}

/** Undefined: as if nobody had set it. */
export type SwitchPatch = { readonly [Name in SwitchName]?: boolean | undefined }

/** Holds for the next request; what is not named stays. @throws `not_found` app_not_found when it was deleted meanwhile */
export async function setSwitches(ctx: Context, app: App, patch: SwitchPatch): Promise<App> {
  const changed = await ctx.apps.change(app.id, (fresh) => ({
    settings: { ...fresh.settings, ...patch },
  }))
  await audit(ctx, {
    appId: app.id,
    category: 'admin',
    eventType: 'app.config.switches',
    action: 'update',
    resourceType: 'app',
    resourceId: app.id,
    data: Object.fromEntries(Object.entries(patch).map(([name, on]) => [name, on ?? null])),
  })
  return changed
}
