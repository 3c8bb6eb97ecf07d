/** Platform keys: which ones an account may make, list and take back. */
import { forbidden, invalid, notFound } from '#core/errors'
import { randomHex } from '#core/ids'
import { type Audited, audit } from './audit.ts'
import { manages, type Owned, requireAccount } from './caller.ts'
import type { Credential, Credentials, Minted } from './credentials.ts'

/** What making keys needs of a request. */
export type KeyContext = Audited & {
  credentials: Credentials
  apps: { find(id: string): Promise<Owned | undefined> }
}

/** What a key is good for: apps, the graph of facts (`substrate`), or both. */
export type KeyUse = 'app' | 'substrate' | 'both'

export type KeyRequest = {
  name: string
  /** `account` or `app`; default account. */
  keyScope?: string | undefined
  /** The app that an `app` key is limited to. */
  targetAppId?: string | undefined
  additionalScopes?: readonly string[] | undefined
  /** `app`, `substrate` or `both`; default app. */
  use?: string | undefined
  workspaceId?: string | undefined
}

const EXTRA_SCOPES: readonly string[] = ['ai:gateway', 'substrate']

/** A key for the graph of facts alone; it opens no route of the platform. */
const newSubstrateKey = (): string => `bb_sub_${randomHex(20)}`

/**
 * The text of the key is in the answer and never again.
 * @throws `forbidden` insufficient_permissions or workspace_forbidden; `invalid` invalid_key_scope,
 *   target_app_required, target_app_not_allowed, reserved_scope, unknown_scope or invalid_scope;
 *   `not_found` app_not_found when the target is not the caller's
 */
export async function createKey(ctx: KeyContext, request: KeyRequest): Promise<Minted> {
  const { accountId, workspaceIds } = requireAccount(ctx.caller)
  const { name, workspaceId, targetAppId } = request
  if (workspaceId !== undefined && !workspaceIds.includes(workspaceId)) {
    throw forbidden('workspace_forbidden', 'You are not a member of that organization')
  }
  const use = useOf(request)
  const scopes = scopesOf(request, use)
  if (targetAppId !== undefined) await requireTarget(ctx, targetAppId)
  const minted = await ctx.credentials.mint({
    kind: 'platform_key',
    name,
    scopes,
    accountId,
    ...(workspaceId === undefined ? {} : { workspaceId }),
    // The key goes when its app goes.
    ...(targetAppId === undefined ? {} : { appId: targetAppId }),
    ...(use === 'substrate' ? { secret: newSubstrateKey() } : {}),
  })
  await auditKey(ctx, minted.credential.id, { eventType: 'api_key.create', action: 'create' })
  return minted
}

function useOf({ use = 'app' }: KeyRequest): KeyUse {
  if (use === 'app' || use === 'substrate' || use === 'both') return use
  throw invalid('invalid_scope', `Unknown scope "${use}"`, {
    hint: 'Use "app", "substrate" or "both".',
  })
}

function scopesOf(request: KeyRequest, use: KeyUse): string[] {
  const { keyScope = 'account', targetAppId, additionalScopes = [] } = request
  additionalScopes.forEach(requireExtraScope)
  const extra = use === 'both' ? [...additionalScopes, 'substrate'] : additionalScopes
  const own = ownScopes(keyScope, targetAppId)
  return [...new Set(use === 'substrate' ? ['substrate', ...extra] : [...own, ...extra])]
}

function ownScopes(keyScope: string, targetAppId: string | undefined): string[] {
  if (keyScope === 'account') {
    if (targetAppId === undefined) return ['*']
    throw invalid('target_app_not_allowed', 'A key of the account takes no target_app_id', {
      hint: 'Set key_scope to "app", or leave target_app_id out.',
    })
  }
  if (keyScope !== 'app') {
    throw invalid('invalid_key_scope', `Unknown key_scope "${keyScope}"`, {
      hint: 'Use "account" or "app".',
    })
  }
  if (targetAppId !== undefined) return [`app:${targetAppId}`, 'ai:gateway']
  throw invalid('target_app_required', 'A key of an app needs target_app_id', {
    hint: 'Name the app that the key is for.',
  })
}

function requireExtraScope(scope: string): void {
  if (EXTRA_SCOPES.includes(scope)) return
  if (scope === '*' || scope.startsWith('app:')) {
    throw invalid('reserved_scope', `The scope "${scope}" cannot be asked for by name`, {
      hint: 'Use key_scope and target_app_id.',
    })
  }
  throw invalid('unknown_scope', `Unknown scope "${scope}"`, {
    hint: `Use ${EXTRA_SCOPES.join(' or ')}.`,
  })
}

/** Answers the same for an app that does not exist and one of somebody else. */
async function requireTarget(ctx: KeyContext, id: string): Promise<void> {
  const app = await ctx.apps.find(id)
  if (!app || !manages(ctx.caller, app)) throw notFound('app_not_found', 'App not found')
}

/** @returns what a key is good for, by its scopes */
export function keyUse({ scopes }: Pick<Credential, 'scopes'>): KeyUse {
  if (!scopes.includes('substrate')) return 'app'
  return scopes.some((scope) => scope === '*' || scope.startsWith('app:')) ? 'both' : 'substrate'
}

/** The caller's keys, newest first. @param use only those that are good for exactly that */
export async function listKeys(ctx: KeyContext, use?: KeyUse): Promise<Credential[]> {
  const { accountId } = requireAccount(ctx.caller)
  const keys = await ctx.credentials.listKeys(accountId)
  return use === undefined ? keys : keys.filter((key) => keyUse(key) === use)
}

/** Works from the next request on. @throws `not_found` key_not_found */
export async function revokeKey(ctx: KeyContext, id: string): Promise<void> {
  const { accountId } = requireAccount(ctx.caller)
  await ctx.credentials.revokeKey(accountId, id)
  await auditKey(ctx, id, { eventType: 'api_key.revoke', action: 'delete' })
}

type KeyEvent = { eventType: string; action: 'create' | 'delete' }

const auditKey = (ctx: KeyContext, resourceId: string, event: KeyEvent): Promise<void> =>
  audit(ctx, { category: 'admin', resourceType: 'api_key', resourceId, ...event })
