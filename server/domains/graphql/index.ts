/** The GraphQL domain's front door. */
export {
  answerGraphql,
  type GraphqlAnswer,
  type GraphqlContext,
  type GraphqlRequest,
  introspect,
} from './run.ts'
export { DEFAULT_SETTINGS, type GraphqlSettings, graphqlSettingsOf } from './settings.ts'
