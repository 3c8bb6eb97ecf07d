/** What an owner sets on an app. Every change holds for the next request of every process. */
import { audit } from '#domains/accounts'
import type { App, AppPatch } from './apps.sql.ts'
import type { Context } from './context.ts'

/** `authenticated` refuses anonymous data requests; row security binds in both modes. */
export function setAccessMode(ctx: Context, app: App, accessMode: App['accessMode']): Promise<App> {
  const data = { access_mode: accessMode }
  return configure(ctx, app, { eventType: 'app.config.access_mode', patch: { accessMode }, data })
}

/** A paused app answers no data request; its configuration stays reachable. */
export function setPaused(
  ctx: Context,
  app: App,
  { paused, reason }: { paused: boolean; reason?: string | undefined },
): Promise<App> {
  const patch = paused
    ? { pausedAt: app.pausedAt ?? ctx.clock(), pausedReason: reason ?? null }
    : { pausedAt: null, pausedReason: null }
  const data = { paused, reason: patch.pausedReason }
  return configure(ctx, app, { eventType: 'app.config.paused', patch, data })
}

type Change = { eventType: string; patch: AppPatch; data: Record<string, unknown> }

async function configure(ctx: Context, app: App, { eventType, patch, data }: Change): Promise<App> {
  const changed = await ctx.apps.update(app.id, patch)
  await audit(ctx, {
    appId: app.id,
    category: 'admin',
    eventType,
    action: 'update',
    resourceType: 'app',
    resourceId: app.id,
    data,
  })
  return changed
}
