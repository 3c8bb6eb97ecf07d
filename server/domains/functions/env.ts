/** Environment variables of functions and of the whole app. Values go in and are never given back. */
import { audit } from '#domains/accounts'
import type { FunctionsContext } from './context.ts'
import { auditOf, functionNotFound, type Updated } from './deployments.ts'
import {
  lockFunction,
  selectAppEnv,
  selectFunctionNames,
  updateAppEnv,
  updateFunction,
} from './functions.sql.ts'
import {
  APP_ENV,
  functionEnvContext,
  mergeEnv,
  sealEnv,
  toEnvPatch,
  unsealEnv,
} from './sealed-env.ts'

/**
 * Merges over what is there; null removes. The next invocation sees it.
 * @param given names to text or null
 * @throws `invalid` invalid_env, `not_found` function_not_found
 */
export async function patchFunctionEnv(
  ctx: FunctionsContext,
  name: string,
  given: unknown,
): Promise<Updated & { keys: string[] }> {
  const patch = toEnvPatch(given)
  const updated = await ctx.asPlatform(async (tx) => {
    const row = await lockFunction(tx, name)
    if (!row) throw functionNotFound()
    const context = functionEnvContext(ctx.app.id, row.id)
    const values = mergeEnv(unsealEnv(ctx.keyring, row.env, context), patch)
    const keys = Object.keys(values)
    const env = sealEnv(ctx.keyring, values, context)
    const updatedAt = await updateFunction(tx, row.id, { env, envKeys: keys })
    return { id: row.id, name, updatedAt, keys }
  })
  await ctx.functions.changed(ctx.app)
  await auditEnv(ctx, { id: updated.id, eventType: 'function.env', changed: Object.keys(patch) })
  return updated
}

export type AppEnv = { keys: string[]; updatedAt: Date | null }

export async function getAppEnv(ctx: FunctionsContext): Promise<AppEnv> {
  const { envKeys: keys, updatedAt } = await ctx.asPlatform((tx) => selectAppEnv(tx))
  return { keys, updatedAt }
}

/** As `patchFunctionEnv`, for all functions. @returns also the names of the functions that inherit it */
export async function patchAppEnv(
  ctx: FunctionsContext,
  given: unknown,
): Promise<{ keys: string[]; functions: string[] }> {
  const patch = toEnvPatch(given)
  const context = `${ctx.app.id}/${APP_ENV}`
  const patched = await ctx.asPlatform(async (tx) => {
    const { env } = await selectAppEnv(tx, true)
    const values = mergeEnv(unsealEnv(ctx.keyring, env, context), patch)
    const keys = Object.keys(values)
    await updateAppEnv(tx, sealEnv(ctx.keyring, values, context), keys)
    return { keys, functions: await selectFunctionNames(tx) }
  })
  await ctx.functions.changed(ctx.app)
  await auditEnv(ctx, { id: ctx.app.id, eventType: 'app.env', changed: Object.keys(patch) })
  return patched
}

type EnvChange = { id: string; eventType: string; changed: string[] }

async function auditEnv(
  ctx: FunctionsContext,
  { id, eventType, changed }: EnvChange,
): Promise<void> {
  const data = { envKeys: changed }
  await audit(ctx, { ...auditOf(ctx.app, id), eventType, action: 'update', data })
}
