/** Who is asking, after their credential was checked. */
import { forbidden, unauthenticated } from '#core/errors'
import { ANONYMOUS, type Claims, type Identity, SERVICE } from '#db/identity'

/** Nobody in particular. `appId` is the app whose anon key was shown, if one was. */
export type AnonymousCaller = { kind: 'anonymous'; appId?: string }

/** Somebody who signed in to an app. */
export type UserCaller = {
  kind: 'user'
  appId: string
  userId: string
  sessionId: string | undefined
  claims: Claims
  identity: Identity
}

/** A key that stands for whole apps: an app's service key, or a platform key limited to apps. */
export type AppKeyCaller = {
  kind: 'app_key'
  appIds: readonly string[]
  credentialId: string
  scopes: readonly string[]
  /** The account that a limited platform key belongs to. */
  accountId: string | undefined
}

/** Somebody who builds, by platform key or session. */
export type AccountCaller = {
  kind: 'account'
  accountId: string
  credentialId: string
  via: 'key' | 'session'
  scopes: readonly string[]
  workspaceIds: readonly string[]
}

/**
 * A key that a user, or an owner, made for a program. It does what its scopes name, where a dialect knows them;
 * everywhere else it is refused, because no other part asks for them.
 */
export type ClientKeyCaller = {
  kind: 'client_key'
  appId: string
  credentialId: string
  /** Whom it acts as; nobody in particular when absent. */
  userId: string | undefined
  scopes: readonly string[]
  requestsPerMinute: number
  /** Of that user, or of nobody. */
  identity: Identity
}

export type Caller = AnonymousCaller | UserCaller | AppKeyCaller | AccountCaller | ClientKeyCaller

/** What the question "is this yours?" needs to know of an app. */
export type Owned = { id: string; workspaceId: string }

/** True for an account of the app's workspace and for a key of the app. */
export function manages(caller: Caller, app: Owned): boolean {
  if (caller.kind === 'account') return caller.workspaceIds.includes(app.workspaceId)
  return caller.kind === 'app_key' && caller.appIds.includes(app.id)
}

/**
 * The identity under which the caller's statements run in an app it may address.
 * @throws `unauthenticated` when the credential belongs to another app
 */
export function identityIn(caller: Caller, app: Owned): Identity {
  if (caller.kind === 'anonymous' && (caller.appId ?? app.id) === app.id) return ANONYMOUS
  if (caller.kind === 'user' && caller.appId === app.id) return caller.identity
  if (manages(caller, app)) return SERVICE
  throw unauthenticated('credential_of_another_app', 'The credential belongs to another app', {
    hint: 'Use a key or token of the app that the request addresses.',
  })
}

/** @throws `unauthenticated` for nobody, `forbidden` for users and keys of single apps */
export function requireAccount(caller: Caller): AccountCaller {
  if (caller.kind === 'account') return caller
  if (caller.kind === 'anonymous') throw authRequired()
  throw forbidden('insufficient_permissions', 'This credential may not do that', {
    hint: 'Use a platform key with account scope.',
  })
}

export const authRequired = () =>
  unauthenticated('auth_required', 'This request needs a credential', {
    hint: 'Send "Authorization: Bearer <key>" with a platform key, or with the service key of the app.',
  })
