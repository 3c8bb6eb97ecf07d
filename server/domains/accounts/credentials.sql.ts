import type { Tx } from '#db/database'
import { sql } from '#db/sql'

export type CredentialKind = 'platform_key' | 'app_key' | 'session' | 'client_key'

/** Everything but the secret, of which only the hash is kept. */
export type Credential = {
  id: string
  kind: CredentialKind
  prefix: string
  name: string
  accountId: string | null
  workspaceId: string | null
  appId: string | null
  /** Of a client key: the app's user it acts as. */
  userId: string | null
  /** Of a client key. */
  requestsPerMinute: number | null
  description: string | null
  /** Of a client key: where alone its scopes count; null is everywhere. */
  allowedNamespaces: string[] | null
  scopes: string[]
  expiresAt: Date | null
  revokedAt: Date | null
  lastUsedAt: Date | null
  createdAt: Date
  /** When somebody last changed or revoked it. */
  updatedAt: Date
}

export type NewCredential = Pick<
  Credential,
  | 'id'
  | 'kind'
  | 'prefix'
  | 'name'
  | 'accountId'
  | 'workspaceId'
  | 'appId'
  | 'userId'
  | 'requestsPerMinute'
  | 'description'
  | 'allowedNamespaces'
  | 'scopes'
  | 'expiresAt'
> & { hash: Buffer }

/** A credential's columns: everything but its hash. */
export const COLUMNS = sql`id, kind, prefix, name, account_id, workspace_id, app_id, user_id, requests_per_minute,
  description, allowed_namespaces, scopes, expires_at, revoked_at, last_used_at, created_at, updated_at`

/** Gives back the stored row; a credential with this hash that exists already stays as it is. */
export async function insertCredential(tx: Tx, it: NewCredential): Promise<Credential | undefined> {
  const [row] = await tx<Credential>`
    insert into credentials (id, kind, prefix, hash, name, account_id, workspace_id, app_id, user_id,
      requests_per_minute, description, allowed_namespaces, scopes, expires_at)
    values (${it.id}, ${it.kind}, ${it.prefix}, ${it.hash}, ${it.name}, ${it.accountId}, ${it.workspaceId},
      ${it.appId}, ${it.userId}, ${it.requestsPerMinute}, ${it.description}, ${it.allowedNamespaces}, ${it.scopes},
      ${it.expiresAt})
    on conflict (hash) do nothing
    returning ${COLUMNS}`
  return row
}

/** The index compares hashes of 256 bits: how long it takes tells nothing about the secret. */
export async function selectByHash(tx: Tx, hash: Buffer): Promise<Credential | undefined> {
  const [row] = await tx<Credential>`
    select ${COLUMNS}
    from credentials where hash = ${hash}`
  return row
}

export function selectKeysOf(tx: Tx, accountId: string): Promise<Credential[]> {
  return tx<Credential>`
    select ${COLUMNS}
    from credentials
    where account_id = ${accountId} and kind = 'platform_key' and revoked_at is null
    order by created_at desc, id`
}

/** False when it is unknown, not the account's or revoked already. */
export async function revokeKeyOf(tx: Tx, accountId: string, id: string): Promise<boolean> {
  const rows = await tx`
    update credentials set revoked_at = now(), updated_at = now()
    where id = ${id} and account_id = ${accountId} and kind = 'platform_key' and revoked_at is null
    returning id`
  return rows.length > 0
}

/** `uses` are pairs of id and time; a later time never goes back. */
export async function updateLastUsed(tx: Tx, uses: readonly [string, Date][]): Promise<void> {
  await tx`
    update credentials c set last_used_at = u.at
    from unnest(${uses.map(([id]) => id)}::uuid[], ${uses.map(([, at]) => at)}::timestamptz[]) u(id, at)
    where c.id = u.id and (c.last_used_at is null or c.last_used_at < u.at)`
}
