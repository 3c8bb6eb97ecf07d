import type { Tx } from '#db/database'
import { type Fragment, raw, sql } from '#db/sql'
import type { Trigger } from './triggers.ts'

/** `secret` is sealed. */
export type StoredTrigger = Trigger & { secret: string | null }

export type FunctionRow = {
  id: string
  name: string
  description: string | null
  code: string
  version: number
  /** Sealed. */
  env: string | null
  envKeys: string[]
  timeoutMs: number
  memoryLimitMb: number
  agentTool: boolean
  agentToolDescription: string | null
  agentToolMode: 'read_only' | 'read_write'
  agentToolExposedTo: 'developer_only' | 'end_user'
  allowServiceKeyImpersonation: boolean
  invocationCount: number
  errorCount: number
  totalDurationMs: number
  lastInvokedAt: Date | null
  lastStatus: number | null
  updatedAt: Date
  deployedAt: Date
  deletedAt: Date | null
  /** Sorted by type. */
  triggers: StoredTrigger[]
}

const COLUMNS = sql`f.id, f.name, f.description, f.code, f.version, f.env, f.env_keys, f.timeout_ms,
  f.memory_limit_mb, f.agent_tool, f.agent_tool_description, f.agent_tool_mode, f.agent_tool_exposed_to,
  f.allow_service_key_impersonation, f.invocation_count::float8, f.error_count::float8, f.total_duration_ms,
  f.last_invoked_at, f.last_status, f.updated_at, f.deployed_at, f.deleted_at,
  (select coalesce(jsonb_agg(jsonb_build_object('type', t.type, 'config', t.config, 'enabled', t.enabled,
      'secret', t.secret) order by t.type), '[]')
    from functions.triggers t where t.function_id = f.id) as triggers`

/** Whoever deploys a name waits for whoever is at it. */
export async function lockName(tx: Tx, name: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended('function ' || ${name}, 0))`
}

/** Also a deleted one. */
export async function selectFunction(tx: Tx, name: string): Promise<FunctionRow | undefined> {
  const [row] = await tx<FunctionRow>`
    select ${COLUMNS} from functions.functions f where f.name = ${name}`
  return row
}

/** For read-change-write of one that is deployed. */
export async function lockFunction(tx: Tx, name: string): Promise<FunctionRow | undefined> {
  const [row] = await tx<FunctionRow>`
    select ${COLUMNS} from functions.functions f
    where f.name = ${name} and f.deleted_at is null for update of f`
  return row
}

/** With the env that all functions of the app inherit. */
export async function selectDeployed(
  tx: Tx,
  name: string,
): Promise<(FunctionRow & { appEnv: string | null }) | undefined> {
  const [row] = await tx<FunctionRow & { appEnv: string | null }>`
    select ${COLUMNS}, (select a.env from functions.app_env a) as app_env
    from functions.functions f where f.name = ${name} and f.deleted_at is null`
  return row
}

/** What the last 24 hours say of a function. */
export type Recent = { recentErrorRate: number; recentDurationMs: number }

export function selectFunctions(
  tx: Tx,
  { name, since }: { name?: string | undefined; since: Date },
): Promise<(FunctionRow & Recent)[]> {
  const named = name === undefined ? raw('') : sql`and f.name = ${name}`
  return tx<FunctionRow & Recent>`
    select ${COLUMNS}, coalesce(r.error_rate, 0)::float8 as recent_error_rate,
      coalesce(r.duration_ms, 0)::float8 as recent_duration_ms
    from functions.functions f
    left join lateral (
      select avg((i.error is not null)::int) as error_rate, avg(i.duration_ms) as duration_ms
      from functions.invocations i where i.function_id = f.id and i.started_at > ${since}
    ) r on true
    where f.deleted_at is null ${named}
    order by f.name`
}

export const selectFunctionNames = async (tx: Tx): Promise<string[]> =>
  (
    await tx<{ name: string }>`
      select name from functions.functions where deleted_at is null order by name`
  ).map(({ name }) => name)

/** Everything a deploy sets. */
export type Deployment = Pick<
  FunctionRow,
  | 'id'
  | 'name'
  | 'description'
  | 'code'
  | 'env'
  | 'envKeys'
  | 'timeoutMs'
  | 'memoryLimitMb'
  | 'agentTool'
  | 'agentToolDescription'
  | 'agentToolMode'
  | 'agentToolExposedTo'
  | 'allowServiceKeyImpersonation'
>

/** Counters and logs of an earlier deployment stay. */
export async function upsertFunction(tx: Tx, it: Deployment): Promise<{ deployedAt: Date }> {
  const [row] = await tx<{ deployedAt: Date }>`
    insert into functions.functions as f (id, name, description, code, env, env_keys, timeout_ms,
      memory_limit_mb, agent_tool, agent_tool_description, agent_tool_mode, agent_tool_exposed_to,
      allow_service_key_impersonation)
    values (${it.id}, ${it.name}, ${it.description}, ${it.code}, ${it.env}, ${it.envKeys}, ${it.timeoutMs},
      ${it.memoryLimitMb}, ${it.agentTool}, ${it.agentToolDescription}, ${it.agentToolMode},
      ${it.agentToolExposedTo}, ${it.allowServiceKeyImpersonation})
    on conflict (name) do update set description = excluded.description, code = excluded.code,
      version = f.version + 1, env = excluded.env, env_keys = excluded.env_keys,
      timeout_ms = excluded.timeout_ms, memory_limit_mb = excluded.memory_limit_mb,
      agent_tool = excluded.agent_tool, agent_tool_description = excluded.agent_tool_description,
      agent_tool_mode = excluded.agent_tool_mode, agent_tool_exposed_to = excluded.agent_tool_exposed_to,
      allow_service_key_impersonation = excluded.allow_service_key_impersonation,
      deployed_at = now(), updated_at = now(), deleted_at = null
    returning f.deployed_at`
  return row as { deployedAt: Date }
}

export async function replaceTriggers(
  tx: Tx,
  functionId: string,
  triggers: readonly StoredTrigger[],
): Promise<void> {
  await tx`delete from functions.triggers where function_id = ${functionId}`
  await tx`
    insert into functions.triggers (function_id, type, config, secret, enabled)
    select ${functionId}::uuid, t.type, t.config, t.secret, t.enabled
    from jsonb_to_recordset(${JSON.stringify(triggers)}::jsonb)
      as t (type text, config jsonb, secret text, enabled boolean)`
}

type FunctionPatch = Partial<
  Pick<FunctionRow, 'allowServiceKeyImpersonation'> & { env: string; envKeys: string[] }
>

export async function updateFunction(
  tx: Tx,
  id: string,
  { env, envKeys, allowServiceKeyImpersonation }: FunctionPatch,
): Promise<Date> {
  const orOld = (value: unknown, column: Fragment): Fragment => sql`coalesce(${value}, ${column})`
  const [row] = await tx<{ updatedAt: Date }>`
    update functions.functions f set updated_at = now(),
      env = ${orOld(env, sql`f.env`)}, env_keys = ${orOld(envKeys, sql`f.env_keys`)},
      allow_service_key_impersonation =
        ${orOld(allowServiceKeyImpersonation, sql`f.allow_service_key_impersonation`)}
    where f.id = ${id} returning f.updated_at`
  return (row as { updatedAt: Date }).updatedAt
}

/** Its logs stay; its triggers stop with it. False when there is none. */
export async function markDeleted(tx: Tx, name: string): Promise<string | undefined> {
  const [row] = await tx<{ id: string }>`
    update functions.functions set deleted_at = now(), updated_at = now()
    where name = ${name} and deleted_at is null returning id`
  return row?.id
}

export type AppEnvRow = { env: string | null; envKeys: string[]; updatedAt: Date | null }

export async function selectAppEnv(tx: Tx, lock = false): Promise<AppEnvRow> {
  const [row] = await tx<AppEnvRow>`
    select env, env_keys, updated_at from functions.app_env ${raw(lock ? 'for update' : '')}`
  return row as AppEnvRow
}

export async function updateAppEnv(tx: Tx, env: string, envKeys: string[]): Promise<void> {
  await tx`update functions.app_env set env = ${env}, env_keys = ${envKeys}, updated_at = now()`
}

/** Other processes forget what they know of the app's functions. On the control database. */
export async function announce(tx: Tx, appId: string): Promise<void> {
  await tx`select pg_notify('stead_functions', ${appId})`
}
