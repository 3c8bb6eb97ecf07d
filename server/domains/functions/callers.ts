/** As whom a function runs, and who may call it. */
import { type Caller, manages } from '#domains/accounts'
import type { App } from '#domains/apps'
import { forbidden, unauthenticated } from '#core/errors'
import { type Identity, identityOf, SERVICE } from '#db/identity'
import type { Deployed } from './deployed.ts'
import { functionNotFound } from './deployments.ts'

/** `ctx.caller` of a function. */
export type FunctionCaller = {
  type: 'service_key' | 'end_user_jwt' | 'loopback' | 'anonymous'
  /** Of service keys only. */
  keyId: string | null
  /** Of service keys only: the first that names an app, else the first. */
  scope: string | null
  userId: string | null
}

export type RunsAs = {
  identity: Identity
  user: { id: string } | null
  caller: FunctionCaller
  /** Who manages the app may see why the function failed. */
  isTrusted: boolean
}

/** Who calls: somebody from outside, a function that runs as this, or Stead on the owner's behalf. */
export type Origin =
  | { kind: 'outside'; caller: Caller }
  | { kind: 'loopback'; parent: RunsAs }
  | { kind: 'platform' }

export type Admission = {
  app: App
  fn: Deployed
  origin: Origin
  /** `X-Butterbase-As-User`. */
  asUser: string | undefined
  /** Through the address of its http trigger, whose rules then bind. */
  byTrigger: boolean
}

/**
 * @throws `not_found` function_not_found: no http trigger, and the caller does not manage the app;
 *   `forbidden` impersonation_forbidden or impersonation_disabled; `unauthenticated` auth_required
 */
export function admit({ app, fn, origin, asUser, byTrigger }: Admission): RunsAs {
  const runsAs = runsAsOf(origin, app)
  if (byTrigger && fn.httpAuth === undefined && !runsAs.isTrusted) throw functionNotFound()
  if (asUser !== undefined) return asThatUser(runsAs, fn, asUser)
  if (byTrigger && fn.httpAuth === 'required' && runsAs.caller.type === 'anonymous') {
    throw unauthenticated(
      'auth_required',
      'This app requires authentication. Anonymous access is disabled.',
      { hint: 'Sign in, or deploy the function with an http trigger whose auth is "none".' },
    )
  }
  return runsAs
}

/** A credential that is not good for this app counts as none. */
function runsAsOf(origin: Origin, app: App): RunsAs {
  if (origin.kind === 'loopback') return asLoopback(origin.parent)
  if (origin.kind === 'platform') return AS_PLATFORM
  const { caller } = origin
  if (caller.kind === 'user' && caller.appId === app.id) {
    const { userId, identity } = caller
    const described = { type: 'end_user_jwt', keyId: null, scope: null, userId } as const
    return { identity, user: { id: userId }, caller: described, isTrusted: false }
  }
  const isTrusted = manages(caller, app)
  const described = isTrusted ? describeKey(caller) : ANONYMOUS_CALLER
  return { identity: SERVICE, user: null, caller: described, isTrusted }
}

/** A function that calls another keeps its user, and nobody is anonymous any more. */
function asLoopback(parent: RunsAs): RunsAs {
  const { userId } = parent.caller
  const caller = { type: 'loopback', keyId: null, scope: null, userId } as const
  return { ...parent, caller, isTrusted: true }
}

const ANONYMOUS_CALLER = { type: 'anonymous', keyId: null, scope: null, userId: null } as const

/** No key was shown, but nobody from outside can look like this either. */
const AS_PLATFORM: RunsAs = {
  identity: SERVICE,
  user: null,
  caller: { ...ANONYMOUS_CALLER, type: 'service_key' },
  isTrusted: true,
}

function describeKey(caller: Caller): FunctionCaller {
  const isKey = caller.kind === 'app_key' || (caller.kind === 'account' && caller.via === 'key')
  if (!isKey) return { ...ANONYMOUS_CALLER, type: 'service_key' }
  const { credentialId: keyId, scopes } = caller
  const scope = scopes.find((one) => one.startsWith('app:')) ?? scopes[0] ?? null
  return { type: 'service_key', keyId, scope, userId: null }
}

function asThatUser(runsAs: RunsAs, fn: Deployed, id: string): RunsAs {
  if (!runsAs.isTrusted) {
    throw forbidden('impersonation_forbidden', 'Only the owner of the app may act as a user', {
      hint: 'Leave X-Butterbase-As-User out, or use a service key of the app.',
    })
  }
  if (!fn.allowsImpersonation) {
    throw forbidden('impersonation_disabled', 'This function does not let keys act as a user', {
      hint: 'Allow it with PATCH /v1/{app_id}/functions/{name}/settings.',
    })
  }
  const caller = { ...runsAs.caller, userId: id }
  return { ...runsAs, identity: userIdentity(id), user: { id }, caller }
}

/** A user of the app whom the app's owner or own code names. */
export const userIdentity = (id: string): Identity =>
  identityOf('authenticated', { role: 'authenticated', sub: id })
