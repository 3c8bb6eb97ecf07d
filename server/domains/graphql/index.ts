/** The GraphQL domain's front door. */
export {
  answerGraphql,
  type GraphqlAnswer,
  type GraphqlContext,
  type GraphqlRequest,
  type Failure,
  introspect,
} from './run.ts'
export {
  changeGraphql,
  type GraphqlPatch,
  type GraphqlSettings,
  graphqlSettingsOf,
} from './settings.ts'
