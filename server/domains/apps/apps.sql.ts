import type { Tx } from '#db/database'
import { type Fragment, ident, join, sql } from '#db/sql'

export type AppState = 'provisioning' | 'ready' | 'failed' | 'deleting' | 'migrating'

export type App = {
  id: string
  tenantId: string
  workspaceId: string
  ownerId: string
  name: string
  subdomain: string
  region: string
  dbName: string
  /** How many migrations of the app family its database has. */
  schemaVersion: number
  isDefault: boolean
  state: AppState
  stateError: string | null
  accessMode: 'public' | 'authenticated'
  visibility: 'private' | 'public'
  listed: boolean
  pausedAt: Date | null
  pausedReason: string | null
  allowedOrigins: string[]
  storageConfig: Record<string, unknown>
  jwtConfig: { accessTokenTtl: string; refreshTokenTtlDays: number }
  /** One key per concern, owned by the domain that writes it. */
  settings: Record<string, unknown>
  authHookFunction: string | null
  templateSourceAppId: string | null
  repoLatestSnapshot: string | null
  forkCount: number
  /** Sealed; see keys.ts. */
  keys: string
  createdAt: Date
  updatedAt: Date
}

/** Columns that a change of configuration may set. */
export type AppPatch = Partial<
  Pick<
    App,
    | 'state'
    | 'schemaVersion'
    | 'stateError'
    | 'accessMode'
    | 'visibility'
    | 'listed'
    | 'pausedAt'
    | 'pausedReason'
    | 'allowedOrigins'
    | 'storageConfig'
    | 'jwtConfig'
    | 'settings'
    | 'authHookFunction'
    | 'keys'
  >
>

const COLUMNS = sql`id, tenant_id, workspace_id, owner_id, name, subdomain, region, db_name, schema_version, is_default, state,
  state_error, access_mode, visibility, listed, paused_at, paused_reason, allowed_origins, storage_config,
  jwt_config, settings, auth_hook_function, template_source_app_id, repo_latest_snapshot, fork_count, keys,
  created_at, updated_at`

export type NewApp = Pick<
  App,
  | 'id'
  | 'workspaceId'
  | 'ownerId'
  | 'name'
  | 'subdomain'
  | 'region'
  | 'dbName'
  | 'isDefault'
  | 'keys'
>

/** Nothing when the name, the subdomain or the place of the default app is taken. */
export async function insertApp(tx: Tx, app: NewApp): Promise<App | undefined> {
  const [row] = await tx<App>`
    insert into apps (id, workspace_id, owner_id, name, subdomain, region, db_name, is_default, keys)
    values (${app.id}, ${app.workspaceId}, ${app.ownerId}, ${app.name}, ${app.subdomain}, ${app.region},
      ${app.dbName}, ${app.isDefault}, ${app.keys})
    on conflict do nothing returning ${COLUMNS}`
  return row
}

const one = async (rows: Promise<App[]>): Promise<App | undefined> => (await rows)[0]

export const selectApp = (tx: Tx, id: string): Promise<App | undefined> =>
  one(tx<App>`select ${COLUMNS} from apps where id = ${id}`)

export const selectDefaultApp = (tx: Tx): Promise<App | undefined> =>
  one(tx<App>`select ${COLUMNS} from apps where is_default`)

export const selectAppByName = (
  tx: Tx,
  { workspaceId, region, name }: { workspaceId: string; region: string; name: string },
): Promise<App | undefined> =>
  one(tx<App>`select ${COLUMNS} from apps
    where workspace_id = ${workspaceId} and region = ${region} and name = ${name}`)

/** By the id that tenants have, by app id, or by subdomain. */
export const selectAppByAnyName = (tx: Tx, name: string): Promise<App | undefined> =>
  one(tx<App>`select ${COLUMNS} from apps
    where tenant_id::text = ${name} or id = ${name} or subdomain = ${name}`)

export const selectAppsOf = (tx: Tx, workspaceIds: readonly string[]): Promise<App[]> =>
  tx<App>`select ${COLUMNS} from apps where workspace_id = any(${workspaceIds}::uuid[])
    order by created_at desc, id`

export const selectAppsById = (tx: Tx, ids: readonly string[]): Promise<App[]> =>
  tx<App>`select ${COLUMNS} from apps where id = any(${ids}::text[]) order by created_at desc, id`

/** Apps whose making or removal was interrupted. */
export const selectUnfinishedApps = (tx: Tx): Promise<App[]> =>
  tx<App>`select ${COLUMNS} from apps where state in ('provisioning', 'deleting')`

export const selectAppIds = async (tx: Tx): Promise<string[]> =>
  (await tx<{ id: string }>`select id from apps where state <> 'deleting' order by id`).map(
    ({ id }) => id,
  )

/** Those that have a database, or may have one. */
export const selectDatabases = (tx: Tx): Promise<Pick<App, 'dbName' | 'region'>[]> =>
  tx<Pick<App, 'dbName' | 'region'>>`
    select db_name, region from apps where state in ('ready', 'migrating')`

export async function isOriginOfAnyApp(tx: Tx, origin: string): Promise<boolean> {
  const rows = await tx`select from apps where ${origin} = any(allowed_origins) limit 1`
  return rows.length > 0
}

export async function subdomainTaken(tx: Tx, subdomain: string): Promise<boolean> {
  const rows = await tx`select from apps where subdomain = ${subdomain}`
  return rows.length > 0
}

const snake = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const JSON_COLUMNS = new Set(['storageConfig', 'jwtConfig', 'settings'])

function assignments(patch: AppPatch): Fragment {
  const pairs = Object.entries(patch).filter(([, value]) => value !== undefined)
  const pieces = pairs.map(([name, value]) => {
    const stored = JSON_COLUMNS.has(name) ? JSON.stringify(value) : value
    return sql`${ident(snake(name))} = ${stored}`
  })
  return join([...pieces, sql`updated_at = now()`])
}

export const updateApp = (tx: Tx, id: string, patch: AppPatch): Promise<App | undefined> =>
  one(tx<App>`update apps set ${assignments(patch)} where id = ${id} returning ${COLUMNS}`)

/** For read-change-write: nobody else changes the row before this transaction ends. */
export const lockApp = (tx: Tx, id: string): Promise<App | undefined> =>
  one(tx<App>`select ${COLUMNS} from apps where id = ${id} for update`)

export async function deleteAppRow(tx: Tx, id: string): Promise<void> {
  await tx`delete from apps where id = ${id}`
}
