/** The function that an app's owner wants called after each sign-up and sign-in. */
import { z } from 'zod'
import type { SignInEvent } from '#domains/auth'
import { bindAuthHook, runAuthHook } from '#domains/functions'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { spellingOf } from './fn.ts'
import { FunctionName, withFunctions } from './functions.ts'
import type { Scopes } from './guards.ts'
import { Message } from './shapes.ts'

const AuthHooks = z.object({
  post_auth_function: FunctionName.nullable().describe('A deployed function; null: none'),
})

export function addAuthHooks(routes: RouteTable<Scopes>, services: Services): void {
  const scoped = withFunctions(services)
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/config/auth-hooks',
      access: 'owner',
      summary: 'Name the function that hears of every sign-up and sign-in',
      docs: {
        description:
          'The function is called with `POST` after the answer to whoever signed in has been decided, as the service and with the header `x-trigger-type: auth_hook`. It neither delays nor changes that answer; its log tells how it went.',
      },
      body: AuthHooks,
      answer: z.object({
        auth_hook_function: z.string().nullable(),
        message: Message,
      }),
    },
    async ({ c, ctx, body }) => {
      const { authHookFunction } = await bindAuthHook(scoped(ctx), body.post_auth_function)
      const message =
        authHookFunction === null
          ? 'Auth hook removed'
          : `Auth hook updated to "${authHookFunction}"`
      return c.json({ auth_hook_function: authHookFunction, message })
    },
  )
  services.signInHooks.subscribe((ctx, event) =>
    runAuthHook(scoped(ctx), toldOf(event), spellingOf(services, ctx)),
  )
}

/** What the function is told, whichever dialect the user spoke. */
function toldOf({ event, user }: SignInEvent) {
  const { id, email, provider, displayName, avatarUrl } = user
  const avatar = avatarUrl === null ? {} : { avatar_url: avatarUrl }
  return {
    event,
    user: { id, email, provider, display_name: displayName, ...avatar },
    isNewUser: event === 'signup',
    provider,
  }
}
