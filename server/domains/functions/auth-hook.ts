/** The function that hears of every sign-up and sign-in of an app, when its owner named one. */
import { type App, setAuthHook } from '#domains/apps'
import { invalid } from '#core/errors'
import type { FunctionsContext } from './context.ts'
import { invokeFunction, type Spelling } from './invocations.ts'

/**
 * @param name of a deployed function; null takes the hook away
 * @throws `invalid` function_not_deployed
 */
export async function bindAuthHook(ctx: FunctionsContext, name: string | null): Promise<App> {
  if (name !== null && !(await ctx.functions.deployed.find(ctx.app, name))) {
    throw invalid('function_not_deployed', `Function "${name}" is not deployed`, {
      hint: 'Deploy it with POST /v1/{app_id}/functions first; GET there lists what is deployed.',
    })
  }
  return setAuthHook(ctx, ctx.app, name)
}

/**
 * Calls the hook with `told` as its JSON body, as the service. Nothing happens in a paused app, or when
 * the function was deleted since. What the function answers, or that it fails, stands in its log only.
 * @throws `rate_limited` concurrency_limit; `bad_gateway` runtime_unreachable
 */
export function runAuthHook(
  ctx: FunctionsContext,
  told: object,
  spelling: Spelling,
): Promise<void> {
  const running = run(ctx, told, spelling)
  ctx.functions.unattended(running)
  return running
}

async function run(ctx: FunctionsContext, told: object, spelling: Spelling): Promise<void> {
  const { authHookFunction: name, pausedAt } = ctx.app
  if (name === null || pausedAt !== null) return
  if (!(await ctx.functions.deployed.find(ctx.app, name))) return
  const answer = await invokeFunction(
    ctx,
    {
      name,
      trigger: 'auth_hook',
      origin: { kind: 'platform' },
      asUser: undefined,
      method: 'POST',
      headers: [['content-type', 'application/json']],
      body: Buffer.from(JSON.stringify(told)),
      search: '',
      path: new URL(spelling.urlOf(name)).pathname,
      depth: 0,
    },
    spelling,
  )
  if (answer.ok && answer.body instanceof ReadableStream) await answer.body.cancel()
}
