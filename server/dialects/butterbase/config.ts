/** Butterbase's configuration of an app, one route per concern. */
import { z } from 'zod'
import {
  cloneWebhookOf,
  setCloneWebhook,
  setCors,
  setStorageRules,
  setTokenLifetimes,
  setVisibility,
} from '#domains/apps'
import { durationMs } from '#core/clock'
import type { RouteTable } from '#http/routes'
import { isSomeGiven } from './config-part.ts'
import type { Scopes } from './guards.ts'
import { AppId, Message } from './shapes.ts'

/** `https://App.example.com:443/path` as a browser names it: `https://app.example.com`. */
const Origin = z
  .string()
  .max(2048)
  .transform((text, issues) => {
    const url = URL.parse(text)
    if (url?.host) return url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin
    issues.addIssue({ code: 'custom', message: `"${text}" is no URL such as https://example.com` })
    return z.NEVER
  })

const Origins = z.array(Origin).min(1).max(100)

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/

const Tokens = z.array(z.string().regex(TOKEN, 'is not a method or the name of a header')).max(100)

const Cors = z
  .object({
    allowed_origins: Origins.optional(),
    allowedOrigins: Origins.optional(),
    allowedMethods: Tokens.optional(),
    allowedHeaders: Tokens.optional(),
    allowCredentials: z.boolean().optional(),
  })
  .refine(isSomeGiven, {
    message: 'give allowed_origins, allowedMethods, allowedHeaders or allowCredentials',
  })

const MAX_DAYS = 3650

const Jwt = z.object({
  accessTokenTtl: z
    .string()
    .regex(/^\d{1,9}[smhd]$/, { error: 'write a duration such as 15m, 12h or 7d', abort: true })
    .refine((text) => (durationMs(text) ?? 0) > 0, 'must be longer than nothing')
    .refine((text) => (durationMs(text) ?? 0) <= MAX_DAYS * 86_400_000, 'is longer than ten years')
    .optional(),
  refreshTokenTtlDays: z.int().positive().max(MAX_DAYS).optional(),
})

const Storage = z
  .object({
    publicReadEnabled: z.boolean().optional(),
    maxFileSizeMb: z.int().positive().max(1_000_000).optional(),
    storageLimitBytes: z.int().positive().optional(),
    allowedContentTypes: z.array(z.string().min(1).max(255)).min(1).max(200).optional(),
  })
  .refine(isSomeGiven, {
    message: 'give publicReadEnabled, maxFileSizeMb, storageLimitBytes or allowedContentTypes',
  })

/** As they are kept: everything is decided. */
export const JwtConfig = z
  .object({ accessTokenTtl: z.string(), refreshTokenTtlDays: z.int() })
  .meta({ id: 'ButterbaseJwtConfig' })

export const StorageConfig = z
  .looseObject(Storage.shape)
  .meta({ id: 'ButterbaseStorageConfig', description: 'What may be stored, and who may read it' })

const Visibility = z.object({
  visibility: z.enum(['public', 'private']),
  listed: z.boolean().optional(),
})

const WebhookUrl = z
  .string()
  .max(2048)
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'is no http or https URL')

/** Not a union: of one that fits neither, only the first alternative would be spoken of. */
const CloneWebhook = z
  .object({
    clear: z.literal(true).optional(),
    webhook_url: WebhookUrl.optional(),
    webhook_secret: z.string().min(16).max(256).optional(),
  })
  .refine((it) => it.clear ?? (it.webhook_url !== undefined && it.webhook_secret !== undefined), {
    message: 'give webhook_url and webhook_secret, or {"clear": true}',
  })

export function addConfig(routes: RouteTable<Scopes>): void {
  addCors(routes)
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/jwt',
      access: 'owner',
      summary: 'Set how long new tokens live',
      body: Jwt,
      answer: z.object({ message: Message, app_id: AppId, jwt_config: JwtConfig }),
    },
    async ({ c, ctx, body }) => {
      const app = await setTokenLifetimes(ctx, ctx.app, given(body))
      const message = 'JWT configuration updated successfully'
      return c.json({ message, app_id: app.id, jwt_config: app.jwtConfig })
    },
  )
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/storage',
      access: 'owner',
      summary: 'Set what may be stored, and who may read it',
      body: Storage,
      answer: z.object({ message: Message, app_id: AppId, storage_config: StorageConfig }),
    },
    async ({ c, ctx, body }) => {
      const app = await setStorageRules(ctx, ctx.app, given(body))
      const message = 'Storage configuration updated successfully'
      return c.json({ message, app_id: app.id, storage_config: app.storageConfig })
    },
  )
  addVisibility(routes)
}

function addCors(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/cors',
      access: 'owner',
      summary: 'Set which pages may call the app from a browser',
      body: Cors,
      answer: z.object({
        message: Message,
        app_id: AppId,
        allowed_origins: z.array(z.string()),
      }),
    },
    async ({ c, ctx, body }) => {
      const origins = body.allowed_origins ?? body.allowedOrigins
      const app = await setCors(ctx, ctx.app, {
        ...(origins ? { origins } : {}),
        ...(body.allowedMethods ? { methods: body.allowedMethods } : {}),
        ...(body.allowedHeaders ? { headers: body.allowedHeaders } : {}),
        ...(body.allowCredentials === undefined ? {} : { credentials: body.allowCredentials }),
      })
      const message = 'CORS configuration updated successfully'
      return c.json({ message, app_id: app.id, allowed_origins: app.allowedOrigins })
    },
  )
}

function addVisibility(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/visibility',
      access: 'owner',
      summary: 'Offer the app as a template, or keep it private',
      body: Visibility,
      answer: Visibility.required().extend({ message: Message, app_id: AppId }),
    },
    async ({ c, ctx, body }) => {
      const { id, visibility, listed } = await setVisibility(ctx, ctx.app, body)
      const message = `Visibility updated to "${visibility}"`
      return c.json({ message, app_id: id, visibility, listed })
    },
  )
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/clone-webhook',
      access: 'owner',
      summary: 'Say where to tell that somebody cloned the app',
      body: CloneWebhook,
      answer: z.object({
        app_id: AppId,
        clone_webhook_configured: z.boolean(),
        webhook_url: z.url().optional(),
      }),
    },
    async ({ c, ctx, body }) => {
      const { clear, webhook_url: target, webhook_secret: secret } = body
      const isGiven = !clear && target !== undefined && secret !== undefined
      const webhook = isGiven ? { url: target, secret } : undefined
      const app = await setCloneWebhook(ctx, ctx.app, webhook)
      const url = cloneWebhookOf(app)?.url
      const configured = { app_id: app.id, clone_webhook_configured: url !== undefined }
      return c.json({ ...configured, ...(url === undefined ? {} : { webhook_url: url }) })
    },
  )
}

/** Without the fields that were not sent. */
const given = <T extends object>(body: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
