/** What an app allows in GraphQL. */
import { z } from 'zod'
import type { App } from '#domains/apps'
import { changeGraphql, graphqlSettingsOf } from '#domains/graphql'
import type { RouteTable } from '#http/routes'
import { addConfigPart, isSomeGiven } from './config-part.ts'
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
  .refine(isSomeGiven, { message: 'give at least one setting' })

const GraphqlAnswer = z.object(GraphqlConfig.shape).required()

export function addGraphqlConfig(routes: RouteTable<Scopes>): void {
  addConfigPart(routes, {
    name: 'graphql',
    summary: {
      get: 'What the app allows in GraphQL',
      patch: 'Change what the app allows in GraphQL',
    },
    shape: GraphqlConfig,
    change: (ctx, given) => changeGraphql(ctx, patchFrom(given)),
    answer: GraphqlAnswer,
    toWire,
  })
}

const patchFrom = (given: z.output<typeof GraphqlConfig>) => ({
  enabled: given.enabled,
  introspection: given.introspection,
  allowFragments: given.allow_fragments,
  maxDepth: given.max_depth,
  maxComplexity: given.max_complexity,
  maxFieldsPerLevel: given.max_fields_per_lvl,
})

function toWire(app: App): z.input<typeof GraphqlAnswer> {
  const settings = graphqlSettingsOf(app)
  return {
    enabled: settings.enabled,
    introspection: settings.introspection,
    allow_fragments: settings.allowFragments,
    max_depth: settings.maxDepth,
    max_complexity: settings.maxComplexity,
    max_fields_per_lvl: settings.maxFieldsPerLevel,
  }
}
