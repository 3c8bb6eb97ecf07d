/** Deploying, looking at, changing and removing functions. */
import { audit } from '#domains/accounts'
import type { App } from '#domains/apps'
import { notFound } from '#core/errors'
import { uuid } from '#core/ids'
import type { CheckResult } from '#isolates'
import type { FunctionsContext } from './context.ts'
import {
  type Deployment,
  type FunctionRow,
  lockFunction,
  lockName,
  markDeleted,
  replaceTriggers,
  type Recent,
  selectFunction,
  selectFunctions,
  type StoredTrigger,
  updateFunction,
  upsertFunction,
} from './functions.sql.ts'
import { assertEnvNames, functionEnvContext, sealEnv } from './sealed-env.ts'
import { invalidFunction } from './invalid-function.ts'
import { runtimeUnreachable } from './runtime-unreachable.ts'
import { HIDDEN, normalizeTriggers, type Trigger } from './triggers.ts'
import { storeSecrets, webhookToken } from './webhooks.ts'

/** What a deploy may say. Absent: kept (`description`, `envVars`, `agentToolDescription`) or the default. */
export type FunctionSpec = {
  name: string
  code: string
  description?: string | undefined
  /** Replaces all values. */
  envVars?: Record<string, string> | undefined
  timeoutMs: number
  memoryLimitMb: number
  triggers: Trigger[]
  agentTool: boolean
  agentToolDescription?: string | undefined
  agentToolMode: FunctionRow['agentToolMode']
  agentToolExposedTo: FunctionRow['agentToolExposedTo']
  allowServiceKeyImpersonation: boolean
}

export type DeployedFunction = {
  id: string
  name: string
  triggers: Trigger[]
  deployedAt: Date
  /** Of a webhook trigger; `secret` only when it was made by this deploy. */
  webhook?: { token: string; secret?: string }
}

/** @throws `invalid` invalid_function, invalid_env; `bad_gateway` runtime_unreachable */
export async function deployFunction(
  ctx: FunctionsContext,
  spec: FunctionSpec,
): Promise<DeployedFunction> {
  const triggers = normalizeTriggers(spec.triggers)
  assertEnvNames(Object.keys(spec.envVars ?? {}))
  await assertRunnable(ctx, spec.code)
  const stored = await ctx.asPlatform(async (tx) => {
    await lockName(tx, spec.name)
    const old = await selectFunction(tx, spec.name)
    const next = deploymentOf(ctx, spec, old)
    const { stored: rows, made } = storeSecrets(ctx, { functionId: next.id, triggers, old })
    const { deployedAt } = await upsertFunction(tx, next)
    await replaceTriggers(tx, next.id, rows)
    return { id: next.id, envKeys: next.envKeys, deployedAt, made }
  })
  await ctx.functions.changed(ctx.app, stored.id)
  await auditDeploy(ctx, spec, stored)
  const { id, deployedAt, made: secret } = stored
  const token = webhookToken(ctx.keyring, ctx.app.id, id)
  const webhook = { token, ...(secret === undefined ? {} : { secret }) }
  const hasWebhook = triggers.some(({ type }) => type === 'webhook')
  return { id, name: spec.name, triggers, deployedAt, ...(hasWebhook ? { webhook } : {}) }
}

/** `from "./x"`, `import "./x"`, `import("../x")`: there is one file, so nothing to be relative to. */
const RELATIVE_IMPORT = /\b(?:from|import)\s{0,20}\(?\s{0,20}["'`]\.{1,2}\//

/** @throws `invalid` invalid_function: it does not parse, does not load, or has no handler */
async function assertRunnable(ctx: FunctionsContext, code: string): Promise<void> {
  if (RELATIVE_IMPORT.test(code)) {
    throw invalidFunction('Relative imports are not supported in Butterbase functions')
  }
  if (code.includes('\0')) throw invalidFunction('code: must not contain the character NUL')
  const checked = await ctx.functions.check(code)
  if (checked.ok && checked.hasHandler) return
  throw checked.ok
    ? invalidFunction('Function must export a handler function')
    : unloadable(checked)
}

function unloadable({ problem, message }: CheckResult & { ok: false }) {
  if (problem === 'start') return runtimeUnreachable()
  const what =
    problem === 'syntax' ? 'Function code cannot be parsed' : 'Function code cannot be loaded'
  const bare = BARE_IMPORT.exec(message)?.[1]
  const said = bare === undefined ? message : `write "npm:${bare}" to import a package of npm`
  return invalidFunction(`${what}: ${said}`, { problem, message })
}

/** How Deno says that it knows no package by a bare name. */
const BARE_IMPORT = /^Import "([^"]+)" not a dependency/

function deploymentOf(
  { keyring, app }: FunctionsContext,
  { envVars, ...spec }: FunctionSpec,
  old: FunctionRow | undefined,
): Deployment {
  const id = old?.id ?? uuid()
  const env = envVars && sealEnv(keyring, envVars, functionEnvContext(app.id, id))
  return {
    ...spec,
    id,
    description: spec.description ?? old?.description ?? null,
    agentToolDescription: spec.agentToolDescription ?? old?.agentToolDescription ?? null,
    env: env ?? old?.env ?? null,
    envKeys: envVars ? Object.keys(envVars) : (old?.envKeys ?? []),
  }
}

async function auditDeploy(
  ctx: FunctionsContext,
  { name, triggers }: FunctionSpec,
  { id, envKeys }: { id: string; envKeys: string[] },
): Promise<void> {
  await audit(ctx, {
    ...auditOf(ctx.app, id),
    eventType: 'function.deploy',
    action: 'update',
    data: { name, triggers: triggers.map(({ type }) => type), envKeys },
  })
}

export const auditOf = (app: App, functionId: string) =>
  ({
    appId: app.id,
    category: 'function',
    resourceType: 'function',
    resourceId: functionId,
  }) as const

/** A function as its owner sees it: names of values, never values. */
export type FunctionView = Omit<FunctionRow, 'env' | 'triggers' | 'deletedAt'> &
  Recent & { triggers: Trigger[]; webhookToken: string | undefined }

const DAY_MS = 86_400_000

/** Sorted by name; deleted ones are absent. */
export async function listFunctions(ctx: FunctionsContext): Promise<FunctionView[]> {
  return select(ctx)
}

/** @throws `not_found` function_not_found */
export async function getFunction(ctx: FunctionsContext, name: string): Promise<FunctionView> {
  const [found] = await select(ctx, name)
  if (!found) throw functionNotFound()
  return found
}

async function select(ctx: FunctionsContext, name?: string): Promise<FunctionView[]> {
  await ctx.functions.journal.flush(ctx.app.id)
  const since = new Date(ctx.clock().getTime() - DAY_MS)
  const rows = await ctx.asPlatform((tx) => selectFunctions(tx, { name, since }))
  return rows.map((row) => viewOf(ctx, row))
}

function viewOf(ctx: FunctionsContext, row: FunctionRow & Recent): FunctionView {
  const { env: _env, deletedAt: _deletedAt, triggers, ...shown } = row
  const hasWebhook = triggers.some(({ type }) => type === 'webhook')
  return {
    ...shown,
    triggers: triggers.map(shownTrigger),
    webhookToken: hasWebhook ? webhookToken(ctx.keyring, ctx.app.id, row.id) : undefined,
  }
}

const shownTrigger = ({ secret, type, config, enabled }: StoredTrigger): Trigger => ({
  type,
  config: secret === null ? config : { ...config, secret: HIDDEN },
  enabled,
})

/** Idempotent; logs stay. */
export async function deleteFunction(ctx: FunctionsContext, name: string): Promise<void> {
  const id = await ctx.asPlatform((tx) => markDeleted(tx, name))
  if (id === undefined) return
  await ctx.functions.changed(ctx.app, id)
  const event = { ...auditOf(ctx.app, id), eventType: 'function.delete', action: 'delete' } as const
  await audit(ctx, { ...event, data: { name } })
}

export type Updated = { id: string; name: string; updatedAt: Date }

/** @throws `not_found` function_not_found */
export async function setImpersonation(
  ctx: FunctionsContext,
  name: string,
  allowed: boolean,
): Promise<Updated> {
  const updated = await ctx.asPlatform(async (tx) => {
    const row = await lockFunction(tx, name)
    if (!row) throw functionNotFound()
    const patch = { allowServiceKeyImpersonation: allowed }
    return { id: row.id, name, updatedAt: await updateFunction(tx, row.id, patch) }
  })
  await ctx.functions.changed(ctx.app)
  await audit(ctx, {
    ...auditOf(ctx.app, updated.id),
    eventType: 'function.settings',
    action: 'update',
    data: { name, allowServiceKeyImpersonation: allowed },
  })
  return updated
}

export const functionNotFound = () =>
  notFound('function_not_found', 'Function not found', {
    hint: 'Check the name; GET /v1/{app_id}/functions lists what is deployed.',
  })
