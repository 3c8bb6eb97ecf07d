export {
  type Applied,
  applySchema,
  currentSchema,
  type History,
  type SchemaChange,
  schemaHistory,
} from './apply.ts'
export { type SchemaDsl, SchemaShape } from './dsl.ts'
