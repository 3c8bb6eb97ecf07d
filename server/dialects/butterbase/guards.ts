/** Who may call a Butterbase route: the words that stand on the routes, and what each one checks. */
import { authRequired, type Caller, identityIn, manages, requireAccount } from '#domains/accounts'
import {
  type App,
  type AppContext,
  addressedApp,
  appContext,
  type Context,
  managedApp,
  notTheOwner,
  requireNotPaused,
  requireUsable,
  requireWritable,
} from '#domains/apps'
import { invalidUserToken } from '#domains/auth'
import { AppError } from '#core/errors'
import type { Http } from '#http/env'
import { limitRequest } from '#http/rate-limit'
import { bearerOf, headerOf } from '#http/request'
import type { Guard } from '#http/routes'
import { requestContext, type Services } from '#services'

/** The words, and what a handler behind each of them is given. */
export type Scopes = {
  /** Anybody; credentials are not even looked at. */
  public: Context
  /** Anybody, but a bad credential is refused. */
  anyone: Context
  /** A platform key with account scope, or a session. */
  account: Context
  /** As `account`, or a key limited to some apps. */
  builder: Context
  /** Who manages the app in the path: its owner's account, or a key of the app. */
  owner: AppContext
  /** Whoever may address the app in the path: nobody in particular, its users, its keys, its owner. */
  visitor: AppContext
  /**
   * Anybody who calls a function: a credential that is not good for the app counts as none. A paused app refuses
   * before it asks who is there.
   */
  function: AppContext
}

const WINDOW_MS = 60_000

export function guards(services: Services): { [A in keyof Scopes]: Guard<Scopes[A]> } {
  const contextOf = async (c: Http) => requestContext(services, c, await callerOf(services, c))
  return {
    public: async (c) => () => requestContext(services, c, { kind: 'anonymous' }),
    anyone: async (c) => {
      const ctx = await contextOf(c)
      return () => ctx
    },
    account: async (c) => {
      const ctx = await contextOf(c)
      requireAccount(ctx.caller)
      return () => ctx
    },
    builder: async (c) => {
      const ctx = await contextOf(c)
      requireBuilder(ctx.caller)
      return () => ctx
    },
    owner: async (c) => {
      limitApp(services, c)
      const ctx = await contextOf(c)
      requireOwner(ctx.caller)
      return () => ownedContext(ctx, c)
    },
    visitor: async (c) => {
      limitApp(services, c)
      const ctx = await contextOf(c)
      return () => visitedContext(opensNoApp(ctx.caller) ? { ...ctx, caller: NOBODY } : ctx, c)
    },
    function: async (c) => {
      limitApp(services, c)
      const ctx = await callingContext(services, c)
      return () => ctx
    },
  }
}

/** A key that is good for something else than apps: to them who shows it is nobody in particular. */
const opensNoApp = (caller: Caller): boolean =>
  caller.kind === 'app_key' && caller.appIds.length === 0

async function callingContext(services: Services, c: Http): Promise<AppContext> {
  const app = await addressedApp(nobodyIn(services, c), c.req.param('app_id') ?? '')
  requireUsable(app)
  requireNotPaused(app)
  requireWritable(app)
  const caller = await callerIn(services, c, app)
  return appContext(requestContext(services, c, caller), app, identityIn(caller, app))
}

const NOBODY: Caller = { kind: 'anonymous' }

const nobodyIn = (services: Services, c: Http): Context => requestContext(services, c, NOBODY)

async function callerIn(services: Services, c: Http, app: App): Promise<Caller> {
  const caller = await callerOf(services, c).catch((error: unknown) => {
    if (AppError.from(error).kind === 'unauthenticated') return NOBODY
    throw error
  })
  const isOfApp = caller.kind === 'user' ? caller.appId === app.id : manages(caller, app)
  return isOfApp ? caller : NOBODY
}

/** @throws `unauthenticated` when a credential is shown that is not good, or a user's of another app */
export async function callerOf(services: Services, c: Http): Promise<Caller> {
  const secret = bearerOf(headerOf(c, 'authorization'))
  if (!secret) return { kind: 'anonymous' }
  const id = c.req.param('app_id')
  const app = id === undefined ? undefined : await services.apps.find(id)
  const caller = await services.identifier.identify(secret, app)
  if (caller.kind === 'user' && id !== undefined && caller.appId !== id) throw invalidUserToken()
  return caller
}

function requireBuilder(caller: Caller): void {
  if (caller.kind !== 'app_key' || caller.appIds.length === 0) requireAccount(caller)
}

/** What can be said without the app: a user's token was checked against the app in the path already. */
function requireOwner(caller: Caller): void {
  if (caller.kind === 'anonymous') throw authRequired()
  if (caller.kind === 'user') throw notTheOwner()
  if (caller.kind === 'app_key') requireBuilder(caller)
}

async function ownedContext(ctx: Context, c: Http): Promise<AppContext> {
  const app = await managedApp(ctx, c.req.param('app_id') ?? '')
  requireUsable(app)
  if (!isRead(c)) requireWritable(app)
  return appContext(ctx, app, identityIn(ctx.caller, app))
}

async function visitedContext(ctx: Context, c: Http): Promise<AppContext> {
  const app = await addressedApp(ctx, c.req.param('app_id') ?? '')
  requireUsable(app)
  if (!isRead(c)) requireWritable(app)
  return appContext(ctx, app, identityIn(ctx.caller, app))
}

const isRead = (c: Http): boolean => /^(GET|HEAD|OPTIONS)$/.test(c.req.method)

/** Counts the request against its app and tells the caller how much is left. */
function limitApp({ limiter, config }: Services, c: Http): void {
  const max = config.appRateLimit
  if (max < 0) return
  limitRequest(c, limiter, { key: `app ${c.req.param('app_id')}`, max, windowMs: WINDOW_MS })
}
