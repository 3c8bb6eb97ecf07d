export {
  type Applied,
  applySchema,
  currentSchema,
  type History,
  type SchemaChange,
  schemaHistory,
} from './apply.ts'
export { type SchemaDsl, SchemaShape } from './dsl.ts'
export {
  type Isolated,
  type IsolationRequest,
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
export type { Policy, PolicyCommand, PolicyRole } from './rls.sql.ts'
