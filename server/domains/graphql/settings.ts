/** What an app allows in GraphQL. */
import { audit } from '#domains/accounts'
import type { App, AppContext } from '#domains/apps'

/** Numbers: 0 = no limit. */
export type GraphqlSettings = {
  enabled: boolean
  introspection: boolean
  /** `fragment` definitions and their spreads; inline fragments are always allowed. */
  allowFragments: boolean
  /** Nested selection sets. */
  maxDepth: number
  maxComplexity: number
  /** Distinct field names in one selection set. */
  maxFieldsPerLevel: number
}

const DEFAULTS: GraphqlSettings = {
  enabled: true,
  introspection: true,
  allowFragments: true,
  maxDepth: 10,
  maxComplexity: 1000,
  maxFieldsPerLevel: 50,
}

const known = new WeakMap<App, GraphqlSettings>()

type Stored = Partial<GraphqlSettings>

const storedOf = ({ settings }: App): Stored => (settings.graphql ?? {}) as Stored

/** Made once per app as loaded. */
export function graphqlSettingsOf(app: App): GraphqlSettings {
  let settings = known.get(app)
  if (!settings) {
    settings = { ...DEFAULTS, ...storedOf(app) }
    known.set(app, settings)
  }
  return settings
}

/** As an owner sets it; what is absent stays. */
export type GraphqlPatch = { [Name in keyof GraphqlSettings]?: GraphqlSettings[Name] | undefined }

export async function changeGraphql(ctx: AppContext, patch: GraphqlPatch): Promise<App> {
  const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
  const app = await ctx.apps.change(ctx.app.id, (fresh) => ({
    settings: { ...fresh.settings, graphql: { ...storedOf(fresh), ...given } },
  }))
  await audit(ctx, {
    category: 'admin',
    eventType: 'app.config.graphql',
    action: 'update',
    resourceType: 'app',
    resourceId: app.id,
    appId: app.id,
    data: given,
  })
  return app
}
