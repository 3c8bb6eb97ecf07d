/** Butterbase's environment of an app, which all its functions inherit. */
import { z } from 'zod'
import { getAppEnv, patchAppEnv } from '#domains/functions'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { withFunctions } from './functions.ts'
import type { Scopes } from './guards.ts'
import { Message, Time } from './shapes.ts'

const EnvPatch = z.object({ envVars: z.unknown().optional() })

const ENV = '/v1/{app_id}/env'

export function addEnv(routes: RouteTable<Scopes>, services: Services): void {
  const scoped = withFunctions(services)
  routes.add(
    {
      method: 'get',
      path: ENV,
      access: 'owner',
      summary: 'List the names of the app environment',
      answer: z.object({ keys: z.array(z.string()), updatedAt: Time.nullable() }),
    },
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
      answer: z.object({
        message: Message,
        updatedKeys: z.array(z.string()),
        invalidated: z
          .object({
            functions: z.array(z.string()),
            count: z.int(),
            durable_objects_redeployed: z.boolean(),
          })
          .describe('Functions that take the new values from their next call on'),
      }),
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
