/** The data domain's front door. */
export {
  type Catalog,
  type Column,
  type Relation,
  type Routine,
  type RoutineArgument,
} from './catalog.ts'
export { CatalogCache } from './catalog-cache.ts'
export { compile, findRelation } from './compile.ts'
export { arrayLiteral, encode, parseList } from './encode.ts'
export {
  type Ask,
  catalogOf,
  type DataContext,
  type DataResult,
  execute,
  notSingle,
} from './execute.ts'
export { nearest } from './nearest.ts'
export { outputName, readField } from './parse-field.ts'
export {
  type FilterRules,
  isOperator,
  operatorHead,
  parseFilter,
  parseLogic,
} from './parse-filter.ts'
export { parseOrder } from './parse-order.ts'
export { parseSelect } from './parse-select.ts'
export * from './query.ts'
export { type ParseFacts, parseError, Scanner } from './scanner.ts'
export { decode, type Pair, queryOf, readPairs } from './pairs.ts'
export {
  badPayload,
  columnsOf,
  payloadOf,
  type Row,
  type Rows,
  rowsOf,
  rowsOfCsv,
  rowsOfJson,
} from './payload.ts'
export { argumentNames, type RoutineFacts } from './plan-call.ts'
export { QueryBuilder } from './query-builder.ts'
export type { RelationshipFacts } from './find-relationship.ts'
export type { Relationship } from './relationships.ts'
export type { RequestFacts } from './request-settings.sql.ts'
export { type Identity, identityOf } from '#db/identity'
export { type SqlFacts, sqlFacts } from '#db/sqlstate'
export {
  changeDataApi,
  type DataApi,
  type DataApiPatch,
  dataApiOf,
  dataApiSecret,
  OPENAPI_MODES,
  type OpenApiMode,
} from './settings.ts'
export { simulatedIdentity } from './simulate.ts'
