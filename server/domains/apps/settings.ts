/** More of what an owner sets on an app: who may call from where, how long sessions last, what may be kept. */
import { audit } from '#domains/accounts'
import type { Keyring } from '#core/keyring'
import type { App, AppPatch } from './apps.sql.ts'
import type { Context } from './context.ts'

/** Beside the origins: what the owner allows pages there to do. */
export type CorsSettings = { methods?: string[]; headers?: string[]; credentials?: boolean }

/** Where to tell that somebody cloned the app. The secret is sealed. */
export type CloneWebhook = { url: string; sealedSecret: string }

export const corsSettingsOf = ({ settings }: App): CorsSettings =>
  (settings.cors ?? {}) as CorsSettings

export const cloneWebhookOf = ({ settings }: App): CloneWebhook | undefined =>
  (settings.cloneWebhook ?? undefined) as CloneWebhook | undefined

/** The secret that signs deliveries. */
export const cloneWebhookSecret = (keyring: Keyring, app: App): string | undefined => {
  const webhook = cloneWebhookOf(app)
  return webhook && keyring.decrypt(webhook.sealedSecret, sealedFor(app.id))
}

const sealedFor = (appId: string): string => `${appId}/clone-webhook`

/** The webhook with its secret under the current key; nothing when it is already, or there is none. */
export function renewedWebhook(keyring: Keyring, app: App): CloneWebhook | undefined {
  const webhook = cloneWebhookOf(app)
  const sealedSecret = webhook && keyring.renew(webhook.sealedSecret, sealedFor(app.id))
  return webhook && sealedSecret !== undefined ? { ...webhook, sealedSecret } : undefined
}

/** @param origins replace the present ones; absent = they stay */
export function setCors(
  ctx: Context,
  app: App,
  { origins, ...more }: CorsSettings & { origins?: string[] },
): Promise<App> {
  return change(ctx, app, {
    eventType: 'app.config.cors',
    data: { origins, ...more },
    patchOf: (fresh) => ({
      ...(origins ? { allowedOrigins: [...new Set(origins)] } : {}),
      settings: { ...fresh.settings, cors: { ...corsSettingsOf(fresh), ...more } },
    }),
  })
}

/** New tokens only; what is not given stays. */
export function setTokenLifetimes(
  ctx: Context,
  app: App,
  lifetimes: Partial<App['jwtConfig']>,
): Promise<App> {
  return change(ctx, app, {
    eventType: 'app.config.jwt',
    data: lifetimes,
    patchOf: (fresh) => ({ jwtConfig: { ...fresh.jwtConfig, ...lifetimes } }),
  })
}

/** What is not given stays. */
export function setStorageRules(
  ctx: Context,
  app: App,
  rules: Record<string, unknown>,
): Promise<App> {
  return change(ctx, app, {
    eventType: 'app.config.storage',
    data: rules,
    patchOf: (fresh) => ({ storageConfig: { ...fresh.storageConfig, ...rules } }),
  })
}

/** A public app can be read as a template and cloned; `listed` is kept when it is not given. */
export function setVisibility(
  ctx: Context,
  app: App,
  { visibility, listed }: { visibility: App['visibility']; listed?: boolean | undefined },
): Promise<App> {
  return change(ctx, app, {
    eventType: 'app.config.visibility',
    data: { visibility, listed },
    patchOf: (fresh) => ({ visibility, listed: listed ?? fresh.listed }),
  })
}

/** @param name of a function of the app; whether it is deployed is for the caller to know */
export function setAuthHook(ctx: Context, app: App, name: string | null): Promise<App> {
  return change(ctx, app, {
    eventType: 'app.config.auth_hooks',
    data: { post_auth_function: name },
    patchOf: () => ({ authHookFunction: name }),
  })
}

/** @param webhook nothing takes it away */
export function setCloneWebhook(
  ctx: Context,
  app: App,
  webhook: { url: string; secret: string } | undefined,
): Promise<App> {
  const stored = webhook && {
    url: webhook.url,
    sealedSecret: ctx.keyring.encrypt(webhook.secret, sealedFor(app.id)),
  }
  return change(ctx, app, {
    eventType: 'app.config.clone_webhook',
    data: { configured: webhook !== undefined },
    patchOf: (fresh) => ({ settings: { ...fresh.settings, cloneWebhook: stored } }),
  })
}

type Change = {
  eventType: string
  /** For the record: never a secret. */
  data: Record<string, unknown>
  patchOf: (fresh: App) => AppPatch
}

/** Two changes at once are both kept. */
async function change(ctx: Context, app: App, { eventType, data, patchOf }: Change): Promise<App> {
  const changed = await ctx.apps.change(app.id, patchOf)
  const event = { category: 'admin', eventType, action: 'update', resourceType: 'app' } as const
  await audit(ctx, { ...event, appId: app.id, resourceId: app.id, data })
  return changed
}
