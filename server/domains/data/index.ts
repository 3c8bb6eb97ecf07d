/** The data domain's front door. */
export {
  type Catalog,
  type Column,
  type Relation,
  type Routine,
} from './catalog.ts'
export { CatalogCache } from './catalog-cache.ts'
export { isCollision, retried } from './collisions.ts'
export { arrayLiteral, parseList } from './encode.ts'
export {
  type Ask,
  catalogOf,
  type DataContext,
  type DataResult,
  execute,
  type Step,
  type Timings,
} from './execute.ts'
export { geoJsonProblem } from './parse-extension.ts'
export { type KeptAnswer, once } from './idempotency.ts'
export { parseKey } from './parse-field.ts'
export {
  type FilterRules,
  operatorHead,
  parseFilter,
  parseLogic,
} from './parse-filter.ts'
export { parseOrder } from './parse-order.ts'
export { parseSelect } from './parse-select.ts'
export * from './query.ts'
export { type ParseFacts, Scanner } from './scanner.ts'
export { relationOf } from './look-up.ts'
export { decode, type Pair, queryOf, readPairs } from './pairs.ts'
export {
  badPayload,
  columnsOf,
  payloadOf,
  type Rows,
  rowsOf,
  rowsOfCsv,
  rowsOfJson,
} from './payload.ts'
export type { RoutineFacts } from './plan-call.ts'
export { QueryBuilder } from './query-builder.ts'
export { findRelationship, type RelationshipFacts } from './find-relationship.ts'
export type { Relationship } from './relationships.ts'
export { describeSchema, type SchemaFacts } from './reachable.sql.ts'
export type { RequestFacts } from './request-settings.sql.ts'
export { type RightsOf, type TableRights, visibleCatalog } from './rights.sql.ts'
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
  renewSealedDataApi,
} from './settings.ts'
export { simulatedIdentity } from './simulate.ts'

export { openRows, type RowStream } from './stream.ts'
export { vectorVersion } from './vector.sql.ts'

// What another language over the same plan needs.
export { named, type CompiledStatement } from './compile.ts'
export { bindAll } from './encode.ts'
export type * from './plan.ts'
export type { DocumentOperator } from './document.sql.ts'
export { returningOf } from './plan-write.ts'
export { preambleOf } from './preamble.ts'
export { writeItems, writeSelect } from './read.sql.ts'
export { relationshipsOf } from './relationships.ts'
export { SqlWriter } from './sql-writer.ts'
export { writeChange } from './write.sql.ts'
