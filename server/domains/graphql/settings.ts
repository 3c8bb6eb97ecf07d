/** What an app allows in GraphQL. */
import type { App } from '#domains/apps'

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

export const DEFAULT_SETTINGS: GraphqlSettings = {
  enabled: true,
  introspection: true,
  allowFragments: true,
  maxDepth: 10,
  maxComplexity: 1000,
  maxFieldsPerLevel: 50,
}

const known = new WeakMap<App, GraphqlSettings>()

/** Made once per app as loaded. */
export function graphqlSettingsOf(app: App): GraphqlSettings {
  let settings = known.get(app)
  if (!settings) {
    settings = { ...DEFAULT_SETTINGS, ...(app.settings.graphql as Partial<GraphqlSettings>) }
    known.set(app, settings)
  }
  return settings
}
