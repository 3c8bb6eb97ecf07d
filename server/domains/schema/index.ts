export {
  type Applied,
  applySchema,
  currentSchema,
  type History,
  schemaHistory,
} from './apply.ts'
export { type SchemaDsl, SchemaShape } from './dsl.ts'
export {
  type Isolated,
  isolateByUser,
  type Secured,
  secureApp,
} from './isolate.ts'
export {
  createPolicy,
  disableRowSecurity,
  dropPolicy,
  enableRowSecurity,
  type NewPolicy,
  type RowSecurity,
  rowSecurity,
  updatePolicy,
} from './rls.ts'
export type { Policy } from './rls.sql.ts'
export {
  addSchema,
  addTable,
  addTableColumn,
  moveTable,
  type NewColumn,
  removeTable,
  removeTableColumn,
  schemasOf,
  tablesOf,
} from './edit.ts'
