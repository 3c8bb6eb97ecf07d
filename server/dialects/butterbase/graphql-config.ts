/** What an app allows in GraphQL. */
import { z } from 'zod'
import type { App } from '#domains/apps'
import { changeGraphql, graphqlSettingsOf } from '#domains/graphql'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'

/** 0 = no limit. */
const Limit = z.int().min(0).max(1_000_000_000)

const GraphqlConfig = z
  .strictObject({
    enabled: z.boolean().optional(),
    introspection: z.boolean().optional(),
    allow_fragments: z.boolean().optional(),
    max_depth: Limit.optional(),
    max_complexity: Limit.optional(),
    max_fields_per_lvl: Limit.optional(),
  })
  .refine((it) => Object.values(it).some((value) => value !== undefined), {
    message: 'give at least one setting',
  })

export function addGraphqlConfig(routes: RouteTable<Scopes>): void {
  const path = '/v1/{app_id}/config/graphql'
  const access = 'owner'
  routes.add(
    { method: 'get', path, access, summary: 'What the app allows in GraphQL' },
    ({ c, ctx }) => c.json(toWire(ctx.app)),
  )
  routes.add(
    {
      method: 'patch',
      path,
      access,
      summary: 'Change what the app allows in GraphQL',
      body: GraphqlConfig,
    },
    async ({ c, ctx, body }) => {
      const app = await changeGraphql(ctx, {
        enabled: body.enabled,
        introspection: body.introspection,
        allowFragments: body.allow_fragments,
        maxDepth: body.max_depth,
        maxComplexity: body.max_complexity,
        maxFieldsPerLevel: body.max_fields_per_lvl,
      })
      return c.json(toWire(app))
    },
  )
}

function toWire(app: App) {
  const settings = graphqlSettingsOf(app)
  return {
    app_id: app.id,
    enabled: settings.enabled,
    introspection: settings.introspection,
    allow_fragments: settings.allowFragments,
    max_depth: settings.maxDepth,
    max_complexity: settings.maxComplexity,
    max_fields_per_lvl: settings.maxFieldsPerLevel,
  }
}
