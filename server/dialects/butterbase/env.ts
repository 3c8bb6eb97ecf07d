/** Butterbase's environment of an app, which all its functions inherit. */
import { z } from 'zod'
import { getAppEnv, patchAppEnv } from '#domains/functions'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { withFunctions } from './functions.ts'
import type { Scopes } from './guards.ts'

const EnvPatch = z.object({ envVars: z.unknown().optional() })

const ENV = '/v1/{app_id}/env'

export function addEnv(routes: RouteTable<Scopes>, services: Services): void {
  const scoped = withFunctions(services)
  routes.add(
    { method: 'get', path: ENV, access: 'owner', summary: 'List the names of the app environment' },
    async ({ c, ctx }) => {
      const { keys, updatedAt } = await getAppEnv(scoped(ctx))
      return c.json({ keys, updatedAt: updatedAt?.toISOString() ?? null })
    },
  )
  routes.add(
    {
      method: 'patch',
      path: ENV,
      access: 'owner',
      summary: 'Set or remove environment variables of the app',
      body: EnvPatch,
    },
    async ({ c, ctx, body }) => {
      const { keys, functions } = await patchAppEnv(scoped(ctx), body.envVars)
      return c.json({
        message: 'App-level environment variables updated successfully',
        updatedKeys: keys,
        invalidated: { functions, count: functions.length, durable_objects_redeployed: false },
      })
    },
  )
}
