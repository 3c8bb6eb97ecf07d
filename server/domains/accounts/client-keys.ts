/** Client keys: what users of an app, and who manages it, make for their programs. */
import { conflict, forbidden, invalid, notFound } from '#core/errors'
import { isUuid, randomToken } from '#core/ids'
import { type Audited, audit } from './audit.ts'
import { manages, type Owned } from './caller.ts'
import {
  type ClientKeyPatch,
  countClientKeys,
  deleteClientKeyRow,
  deleteClientKeyRows,
  markRevoked,
  type Owner,
  type Page,
  type Reach,
  selectClientKey,
  selectClientKeys,
  updateClientKey,
} from './client-keys.sql.ts'
import type { Credential, Credentials, Minted } from './credentials.ts'
import { scopeBeyond } from './scopes.ts'

export type { ClientKeyPatch } from './client-keys.sql.ts'

/** What client keys need to know of their app. */
export type KeyedApp = Owned & { settings: Record<string, unknown> }

export type ClientKeyContext = Audited & { credentials: Credentials; app: KeyedApp }

export type ClientKeyRequest = {
  name: string
  description?: string | undefined
  /** Words of the contract; unknown ones are kept and grant nothing. */
  scopes: readonly string[]
  requestsPerMinute: number
  allowedNamespaces?: readonly string[] | undefined
  expiresAt?: Date | undefined
}

/** Each is a row of the control database, where users of apps write nothing else. */
const MAX_KEYS = 1000

/** Whether users of the app may make keys, and whether those that they made are good. */
export const allowsUserKeys = ({ settings }: Pick<KeyedApp, 'settings'>): boolean =>
  settings.allowUserClientKeys !== false

/**
 * Newest first, with those that were revoked or have expired.
 * @param userId only keys of that user
 * @throws `forbidden` insufficient_permissions for the keys of somebody else, admin_required; `invalid` invalid_id
 */
export async function listClientKeys(
  ctx: ClientKeyContext,
  { userId, ...page }: Page & { userId?: string | undefined },
): Promise<{ keys: Credential[]; total: number }> {
  const reach = reachOf(ctx)
  const of = userId === undefined ? reach.of : narrowed(reach.of, userId)
  return selectClientKeys(ctx.platform.query, { ...reach, of }, page)
}

function narrowed(of: Owner, userId: string): Owner {
  if (of !== 'everybody' && of.userId !== userId.toLowerCase()) throw insufficient()
  return { userId: requireUuid(userId) }
}

/**
 * A key that acts as the caller; what no user makes acts as nobody. Its text is in the answer and never again.
 * @throws `forbidden` insufficient_scope when a client key gives what it has not, insufficient_permissions, admin_required;
 *   `conflict` too_many_client_keys
 */
export async function createClientKey(
  ctx: ClientKeyContext,
  { requestsPerMinute, ...request }: ClientKeyRequest,
): Promise<Minted> {
  const reach = reachOf(ctx)
  const userId = reach.of === 'everybody' ? null : reach.of.userId
  requireHeld(ctx, request.scopes)
  await requireRoom(ctx, { appId: reach.appId, of: { userId } })
  const allowedNamespaces = await namespacesOf(ctx, request.allowedNamespaces)
  const minted = await ctx.credentials.mint({
    kind: 'client_key',
    secret: `fbk_${randomToken(32)}`,
    appId: reach.appId,
    name: request.name,
    scopes: request.scopes,
    requestsPerMinute,
    ...(userId === null ? {} : { userId }),
    ...(request.description === undefined ? {} : { description: request.description }),
    ...(allowedNamespaces ? { allowedNamespaces } : {}),
    ...(request.expiresAt ? { expiresAt: request.expiresAt } : {}),
  })
  await auditKey(ctx, minted.credential.id, { eventType: 'client_key.create', action: 'create' })
  return minted
}

/** @throws `not_found` client_key_not_found: unknown, or not the caller's; `invalid` invalid_id */
export async function findClientKey(ctx: ClientKeyContext, id: string): Promise<Credential> {
  return required(await selectClientKey(ctx.platform.query, oneKey(ctx, id)))
}

/**
 * What is not given stays; holds for the next request.
 * @throws as `findClientKey`, and `forbidden` insufficient_scope
 */
export async function changeClientKey(
  ctx: ClientKeyContext,
  id: string,
  patch: ClientKeyPatch,
): Promise<Credential> {
  const key = oneKey(ctx, id)
  requireHeld(ctx, patch.scopes ?? [])
  const changed = required(await updateClientKey(ctx.platform.query, key, patch))
  ctx.credentials.forget(changed.id)
  await auditKey(ctx, changed.id, { eventType: 'client_key.update', action: 'update' })
  return changed
}

/** Dead from the next request on; the record stays. Twice is no error. @throws as `findClientKey` */
export async function revokeClientKey(ctx: ClientKeyContext, id: string): Promise<void> {
  const revoked = required(await markRevoked(ctx.platform.query, oneKey(ctx, id)))
  ctx.credentials.forget(revoked.id)
  await auditKey(ctx, revoked.id, { eventType: 'client_key.revoke', action: 'disable' })
}

/** @throws as `findClientKey` */
export async function deleteClientKey(ctx: ClientKeyContext, id: string): Promise<void> {
  const deleted = required(await deleteClientKeyRow(ctx.platform.query, oneKey(ctx, id)))
  ctx.credentials.forget(deleted.id)
  await auditKey(ctx, deleted.id, { eventType: 'client_key.delete', action: 'delete' })
}

type Keeping = Pick<ClientKeyContext, 'platform' | 'credentials'>

/** The keys of a user who is gone: they act as nobody any more. */
export async function deleteClientKeysOf(
  { platform, credentials }: Keeping,
  { appId, userId }: { appId: string; userId: string },
): Promise<void> {
  await deleteClientKeyRows(platform.query, { appId, of: { userId } })
  credentials.forget()
}

/** Who manages the app reaches all of its keys, everybody else their own. */
function reachOf({ caller, app }: ClientKeyContext): Reach {
  if (manages(caller, app)) return { appId: app.id, of: 'everybody' }
  if (!allowsUserKeys(app)) throw adminRequired()
  if (caller.kind === 'client_key') return { appId: app.id, of: { userId: caller.userId ?? null } }
  // Somebody else's token may name its user by any text; here users have a UUID.
  if (caller.kind !== 'user' || !isUuid(caller.userId)) throw insufficient()
  return { appId: app.id, of: { userId: caller.userId.toLowerCase() } }
}

const oneKey = (ctx: ClientKeyContext, id: string) => ({ ...reachOf(ctx), id: requireUuid(id) })

async function requireRoom({ platform }: ClientKeyContext, own: Reach): Promise<void> {
  if ((await countClientKeys(platform.query, own)) < MAX_KEYS) return
  throw conflict('too_many_client_keys', `There are ${MAX_KEYS} client keys already`, {
    hint: 'Delete those that are not needed.',
  })
}

/** A client key that makes keys gives no more than it has. */
function requireHeld({ caller }: ClientKeyContext, scopes: readonly string[]): void {
  if (caller.kind !== 'client_key') return
  const beyond = scopeBeyond(caller.scopes, scopes)
  if (beyond === undefined) return
  throw forbidden('insufficient_scope', 'A key cannot give what it has not', {
    details: { required_scope: beyond },
  })
}

/** Those that are asked for; a client key that is bound to some gives no others. */
async function namespacesOf(
  { caller, app, platform }: ClientKeyContext,
  asked: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (caller.kind !== 'client_key') return asked
  const key = { appId: app.id, of: 'everybody', id: caller.credentialId } as const
  const own = (await selectClientKey(platform.query, key))?.allowedNamespaces
  if (!own) return asked
  if (asked?.some((name) => !own.includes(name))) throw insufficient()
  return asked ?? own
}

function requireUuid(id: string): string {
  if (isUuid(id)) return id.toLowerCase()
  throw invalid('invalid_id', `"${id}" is not a UUID`)
}

function required(key: Credential | undefined): Credential {
  if (key) return key
  throw notFound('client_key_not_found', 'Client key not found')
}

const insufficient = () => forbidden('insufficient_permissions', 'This credential may not do that')

const adminRequired = () =>
  forbidden(
    'admin_required',
    'Admin access required. Only service_role and instance_admin can access this endpoint.',
  )

type KeyEvent = { eventType: string; action: 'create' | 'update' | 'disable' | 'delete' }

const auditKey = (ctx: ClientKeyContext, resourceId: string, event: KeyEvent): Promise<void> =>
  audit(ctx, {
    appId: ctx.app.id,
    category: 'admin',
    resourceType: 'client_key',
    resourceId,
    ...event,
  })
