/** Who may call a route under /auth/{app_id}, and how often. */
import { type Caller, identityIn, type UserCaller } from '#domains/accounts'
import { type App, appContext, requireUsable, requireWritable } from '#domains/apps'
import { type AuthContext, userNotFound } from '#domains/auth'
import { AppError, notFound, unauthenticated } from '#core/errors'
import type { Http } from '#http/env'
import { type Limit, limitRequest } from '#http/rate-limit'
import { bearerOf, clientIp, headerOf } from '#http/request'
import type { Guard } from '#http/routes'
import { requestContext, type Services } from '#services'

export type AuthScopes = {
  /** Anybody; credentials are not even looked at. */
  arrival: AuthContext
  /** A user of the app in the path, by access token. */
  self: AuthContext & { caller: UserCaller }
}

const QUARTER_MS = 15 * 60_000

/** Per app and client address. */
const LIMITS: Record<string, Limit> = {
  '/auth/{app_id}/signup': { max: 5, windowMs: QUARTER_MS },
  '/auth/{app_id}/login': { max: 10, windowMs: QUARTER_MS },
  '/auth/{app_id}/refresh': { max: 20, windowMs: QUARTER_MS },
}

export function authGuards(services: Services): { [A in keyof AuthScopes]: Guard<AuthScopes[A]> } {
  return {
    arrival: async (c, { path }) => {
      limit(services, c, path)
      return () => entered(services, c, { kind: 'anonymous' })
    },
    self: async (c, { path }) => {
      const caller = await userOf(services, c).catch((error: unknown) => {
        throw path.endsWith('/me') && isOfDeletedUser(error) ? userNotFound() : error
      })
      return async () => ({ ...(await entered(services, c, caller)), caller })
    },
  }
}

function limit({ config, limiter, trustedProxies }: Services, c: Http, path: string): void {
  const rule = LIMITS[path]
  if (!rule || config.signInRateLimits === 'off') return
  const key = `butterbase ${path} ${c.req.param('app_id')} ${clientIp(c, trustedProxies)}`
  limitRequest(c, limiter, { key, ...rule })
}

async function userOf(services: Services, c: Http): Promise<UserCaller> {
  const secret = bearerOf(headerOf(c, 'authorization'))
  if (!secret) throw unauthenticated('no_bearer', 'Missing or invalid Authorization header')
  const app = await appOf(services, c)
  const caller = await services.identifier.identify(secret, app).catch((error: unknown) => {
    throw AppError.from(error).kind === 'unauthenticated' ? badToken(error) : error
  })
  if (caller.kind !== 'user' || caller.appId !== c.req.param('app_id')) throw badToken()
  return caller
}

/** Refused as any other token, except where one asks for nothing but the user. */
const isOfDeletedUser = (error: unknown): boolean =>
  error instanceof AppError && (error.code === 'user_not_found' || isOfDeletedUser(error.cause))

const badToken = (cause?: unknown) => unauthenticated('bad_token', 'Invalid token', { cause })

const appOf = ({ apps }: Services, c: Http): Promise<App | undefined> =>
  apps.find(c.req.param('app_id') ?? '')

/** Sign-in goes on while the app is paused. */
async function entered(services: Services, c: Http, caller: Caller): Promise<AuthContext> {
  const app = await appOf(services, c)
  if (!app) throw notFound('app_not_found', 'App not found')
  requireUsable(app)
  if (c.req.method !== 'GET') requireWritable(app)
  const { identifier, signInHooks } = services
  const ctx = appContext(requestContext(services, c, caller), app, identityIn(caller, app))
  return { ...ctx, identifier, signInHooks }
}
