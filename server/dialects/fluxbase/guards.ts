/** Who may call a Fluxbase route: the words that stand on the routes, and what each one checks. */
import {
  allowsUserKeys,
  type Caller,
  identityIn,
  manages,
  requireScope,
  type UserCaller,
} from '#domains/accounts'
import {
  type App,
  type AppContext,
  appContext,
  type Context,
  isOn,
  requireUsable,
  requireWritable,
} from '#domains/apps'
import { AppError, forbidden, unauthenticated } from '#core/errors'
import type { Http } from '#http/env'
import { limitRequest } from '#http/rate-limit'
import type { Guard } from '#http/routes'
import { requestContext, type Services } from '#services'
import { requireMainBranch } from './branches.ts'
import { rememberApp } from './cors.ts'
import {
  refusedCredential,
  requireCsrfToken,
  type Shown,
  shownCredential,
  shownCredentials,
} from './credentials.ts'
import { limitCaller, limitSignIn, MOST_OF_A_KEY } from './limits.ts'
import { appMeant, appNamed } from './tenants.ts'

/** A request by somebody who signed in to the app. */
export type UserContext = AppContext & { caller: UserCaller }

/** The words, and what a handler behind each of them is given. */
export type Scopes = {
  /** Anybody. A credential only helps to find the app; a bad one is ignored. */
  public: AppContext
  /** Anybody, but a bad credential is refused. */
  anyone: AppContext
  /** Whoever shows a credential of the app; its anon key is enough. */
  credential: AppContext
  /** Somebody who signed in to the app. */
  user: UserContext
  /** As `user`; one whose session has ended already comes in as nobody. */
  leaving: AppContext
  /** Somebody in particular: who signed in, a client key with the route's scope, or who manages the app. */
  known: AppContext
  /** Who manages the app: a service key of it, or its owner's account. */
  admin: AppContext
  /** Somebody: who signed in to an app, or who manages apps. The request is about no app in particular. */
  signed: Context
  /** Who manages apps, whichever: a service key or an account. The request is about no app in particular. */
  builder: Context
}

type Found = { caller: Caller; app: App }

const NOBODY: Caller = { kind: 'anonymous' }

export function guards(services: Services): { [A in keyof Scopes]: Guard<Scopes[A]> } {
  const admit = (c: Http, shown: Shown | undefined) => found(services, c, shown)
  const enter = (c: Http, admitted: Found) => entered(services, c, admitted)
  return {
    public: async (c, { path }) => {
      const app = await appOfPublic(services, c)
      limitSignIn(services, c, { app, path })
      return () => enter(c, { caller: NOBODY, app })
    },
    // Where nobody in particular is let in, a key needs no scope but what the route asks for.
    anyone: async (c, { scope = '' }) => {
      const admitted = await admit(c, shownCredential(c))
      checkKey(services, c, { ...admitted, scope })
      return () => enter(c, admitted)
    },
    credential: async (c, { scope }) => {
      const admitted = await admit(c, requireShown(c))
      checkKey(services, c, { ...admitted, scope })
      return () => enter(c, admitted)
    },
    known: async (c, { scope }) => {
      const admitted = await admit(c, requireShown(c))
      checkKey(services, c, { ...admitted, scope })
      if (admitted.caller.kind === 'anonymous') throw insufficient()
      return () => enter(c, admitted)
    },
    user: async (c) => {
      const admitted = await admit(c, requireShown(c))
      const caller = requireUser(c, admitted.caller)
      return () => ({ ...enter(c, admitted), caller })
    },
    leaving: async (c) => {
      const admitted = await admit(c, requireShown(c)).catch((error: unknown) => {
        if (AppError.from(error).code === 'revoked_token') return undefined
        throw error
      })
      if (admitted) requireUser(c, admitted.caller)
      const left = admitted ?? (await admit(c, undefined))
      return () => enter(c, left)
    },
    admin: async (c) => {
      const admitted = await admit(c, requireShown(c))
      if (!manages(admitted.caller, admitted.app)) throw insufficient()
      return () => enter(c, admitted)
    },
    signed: async (c) => {
      const shown = requireShown(c)
      const caller = await identified(services, shown, await appNamed(services, c))
      if (caller.kind === 'client_key') throw insufficient()
      if (caller.kind === 'anonymous') throw missingAuthentication(c)
      if (caller.kind === 'user') requireUser(c, (await admit(c, shown)).caller)
      return () => requestContext(services, c, caller)
    },
    builder: async (c) => {
      const shown = requireShown(c)
      const caller = await identified(services, shown, await appNamed(services, c))
      if (caller.kind !== 'account' && caller.kind !== 'app_key') throw insufficient()
      return () => requestContext(services, c, caller)
    },
  }
}

/** What was good once is told apart from what never was. */
const REVOKED = new Set(['revoked_token', 'revoked_client_key'])

/** Who shows this credential, and the app that the request means. */
async function found(services: Services, c: Http, shown: Shown | undefined): Promise<Found> {
  const named = await appNamed(services, c)
  const caller = shown ? await identified(services, shown, named) : NOBODY
  if (shown?.carrier === 'cookie') requireCsrfToken(c)
  const app = await appMeant(services, caller, named)
  rememberApp(c, app)
  limitCaller(services, c, { app, caller })
  return { caller, app }
}

/** @throws `unauthenticated` invalid_token in the words that fit the carrier, or revoked_token */
async function identified(
  services: Services,
  shown: Shown,
  named: App | undefined,
): Promise<Caller> {
  const { secret, carrier } = shown
  if (carrier === 'client_key' && !secret.startsWith('fbk_')) throw refusedCredential(shown)
  const app = named ?? (await services.apps.default())
  try {
    const caller = await services.identifier.identify(secret, app)
    const isNoServiceKey = caller.kind === 'user' || caller.kind === 'client_key'
    if (carrier === 'service_key' && isNoServiceKey) throw refusedCredential(shown)
    return caller
  } catch (error) {
    const { kind, code } = AppError.from(error)
    throw kind === 'unauthenticated' && !REVOKED.has(code) ? refusedCredential(shown, error) : error
  }
}

/** The first credential that is good tells the app; bad ones are as if they were not there. */
async function appOfPublic(services: Services, c: Http): Promise<App> {
  const named = await appNamed(services, c)
  const caller = (await firstGood(services, c, named)) ?? NOBODY
  const app = await appMeant(services, caller, named)
  rememberApp(c, app)
  limitCaller(services, c, { app, caller: NOBODY })
  return app
}

async function firstGood(
  services: Services,
  c: Http,
  named: App | undefined,
): Promise<Caller | undefined> {
  for (const shown of shownCredentials(c)) {
    // A browser sends the cookie of whichever app it was signed in to; that is no wish for this request.
    if (named && shown.carrier === 'cookie') continue
    const caller = await identified(services, shown, named).catch((error: unknown) => {
      if (AppError.from(error).kind === 'unauthenticated') return undefined
      throw error
    })
    if (caller) return caller
  }
  return undefined
}

function entered(services: Services, c: Http, { caller, app }: Found): AppContext {
  requireMainBranch(c)
  requireUsable(app)
  if (!/^(GET|HEAD|OPTIONS)$/.test(c.req.method)) requireWritable(app)
  const identity = caller.kind === 'client_key' ? caller.identity : identityIn(caller, app)
  return appContext(requestContext(services, c, caller), app, identity)
}

type Scoped = Found & { scope: string | undefined }

/**
 * A client key has a limit of its own, and does only what it was made for.
 * @throws `rate_limited`, `forbidden` user_client_keys_disabled, insufficient_scope or insufficient_permissions
 */
function checkKey(services: Services, c: Http, { caller, app, scope }: Scoped): void {
  if (caller.kind !== 'client_key') return
  if (caller.userId !== undefined && !allowsUserKeys(app)) throw userKeysDisabled()
  const most = isOn(app, 'limitRequests') ? MOST_OF_A_KEY : Infinity
  const limit = { max: Math.min(caller.requestsPerMinute, most), windowMs: MINUTE_MS }
  limitRequest(c, services.limiter, { key: `client key ${caller.credentialId}`, ...limit })
  if (scope === undefined) throw insufficient()
  if (scope.includes(':')) requireScope(caller, scope)
}

const userKeysDisabled = () =>
  forbidden('user_client_keys_disabled', 'User client keys are disabled. Contact an administrator.')

const MINUTE_MS = 60_000

function requireShown(c: Http): Shown {
  const shown = shownCredential(c)
  if (!shown) throw missingAuthentication(c)
  return shown
}

function requireUser(c: Http, caller: Caller): UserCaller {
  if (caller.kind === 'user' && caller.userId !== '') return caller
  if (caller.kind === 'anonymous' || caller.kind === 'user') throw missingAuthentication(c)
  throw insufficient()
}

const missingAuthentication = (c: Http) =>
  unauthenticated(
    'auth_required',
    c.req.path.startsWith('/api/v1/auth/')
      ? 'Missing authentication'
      : 'Authentication required. Provide Bearer token, X-Client-Key, or X-Service-Key',
  )

const insufficient = () => forbidden('insufficient_permissions', 'Insufficient permissions')
