/** Which app a request means, and whether that app takes requests now. */
import { authRequired, manages } from '#domains/accounts'
import { conflict, forbidden, gone, notFound, unavailable } from '#core/errors'
import type { App } from './apps.sql.ts'
import type { Context } from './context.ts'

const RETRY_SECONDS = 60

/** Answers the same whether the app does not exist or is somebody else's. */
const absent = () =>
  notFound('app_not_found', 'App not found', {
    hint: 'Check the app id, and that your credential belongs to this app or its owner.',
  })

/**
 * The app of that id, for a caller who manages it.
 * @throws `unauthenticated` for nobody, `forbidden` for a user of the app, `not_found` otherwise
 */
export async function managedApp(ctx: Context, id: string): Promise<App> {
  const { caller } = ctx
  if (caller.kind === 'anonymous') throw authRequired()
  const app = await ctx.apps.find(id)
  if (app && manages(caller, app)) return app
  if (app && caller.kind === 'user' && caller.appId === app.id) throw notTheOwner()
  throw absent()
}

/** For a user of the app, who knows that it is there. */
export const notTheOwner = () =>
  forbidden('insufficient_permissions', 'Only the owner of the app may do that', {
    hint: "Use the app's service key, or a platform key of its owner.",
  })

/**
 * The app of that id, for anybody but callers whose credential is of another app or owner.
 * @throws `not_found` when it does not exist or the credential is not good for it
 */
export async function addressedApp(ctx: Context, id: string): Promise<App> {
  const { caller } = ctx
  const app = await ctx.apps.find(id)
  if (!app) throw absent()
  if (caller.kind === 'anonymous') {
    if ((caller.appId ?? id) !== id) throw absent()
    return app
  }
  if (caller.kind === 'user' ? caller.appId === id : manages(caller, app)) return app
  throw absent()
}

/** What a request gets that comes while the app goes, or that the app's end cut short. */
export const appDeleting = () => gone('app_deleting', 'The app is being deleted')

/** @throws `conflict` app_provisioning or app_failed, `gone` app_deleting */
export function requireUsable({ state }: App): void {
  if (state === 'ready' || state === 'migrating') return
  if (state === 'deleting') throw appDeleting()
  const hint = 'Ask GET /apps/{app_id}/status until it is ready.'
  if (state === 'provisioning') {
    throw conflict('app_provisioning', 'The app is still being created', { hint })
  }
  throw conflict('app_provisioning', 'The database of the app could not be created', {
    hint: 'GET /apps/{app_id}/status says why. Delete the app and create it again.',
  })
}

/** Data requests only. @throws `unavailable` app_paused */
export function requireNotPaused({ pausedAt, pausedReason }: App): void {
  if (pausedAt === null) return
  throw unavailable('app_paused', 'App is paused', {
    details: { paused_reason: pausedReason },
    retryAfter: RETRY_SECONDS,
    hint: 'Resume the app with PATCH /v1/{app_id}/config/pause {"paused": false}.',
  })
}

/** Requests that change something. @throws `unavailable` app_migrating */
export function requireWritable({ state }: App): void {
  if (state !== 'migrating') return
  throw unavailable('app_migrating', 'The app is moving to another region', {
    retryAfter: RETRY_SECONDS,
    hint: 'Reading goes on; write again when the move is over.',
  })
}
