/** One change at a time, in any schema of the app: statements, and what is there already. */
import type { Tx } from '#db/database'
import { quoteIdent } from '#db/sql'

export type Target = { schema: string; table: string }

export type EditColumn = {
  name: string
  /** As PostgreSQL takes it; checked. */
  type: string
  notNull: boolean
  primaryKey: boolean
  /** SQL, checked. */
  default: string | undefined
}

const named = ({ schema, table }: Target): string => `${quoteIdent(schema)}.${quoteIdent(table)}`

export const createSchema = (name: string): string[] => [
  `CREATE SCHEMA ${quoteIdent(name)}`,
  `GRANT USAGE ON SCHEMA ${quoteIdent(name)} TO service_role`,
]

export const dropSchema = (name: string): string => `DROP SCHEMA ${quoteIdent(name)}`

function columnSql({ name, type, notNull, default: expression }: EditColumn): string {
  const parts = [quoteIdent(name), type]
  if (notNull) parts.push('NOT NULL')
  if (expression !== undefined) parts.push(`DEFAULT ${expression}`)
  return parts.join(' ')
}

/** Nobody but the service sees its rows until the owner says so. */
export function createTable(target: Target, columns: readonly EditColumn[]): string[] {
  const keys = columns.filter(({ primaryKey }) => primaryKey).map(({ name }) => quoteIdent(name))
  const lines = columns.map(columnSql)
  if (keys.length > 0) lines.push(`PRIMARY KEY (${keys.join(', ')})`)
  return [
    `CREATE TABLE ${named(target)} (\n  ${lines.join(',\n  ')}\n)`,
    `ALTER TABLE ${named(target)} ENABLE ROW LEVEL SECURITY`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${named(target)} TO service_role`,
  ]
}

export const dropTable = (target: Target): string => `DROP TABLE ${named(target)}`

export const renameTable = (target: Target, to: string): string =>
  `ALTER TABLE ${named(target)} RENAME TO ${quoteIdent(to)}`

export const addColumn = (target: Target, column: EditColumn): string =>
  `ALTER TABLE ${named(target)} ADD COLUMN ${columnSql(column)}`

export const dropColumn = (target: Target, column: string): string =>
  `ALTER TABLE ${named(target)} DROP COLUMN ${quoteIdent(column)}`

/** For the sequences behind serial columns of a table made a moment ago. */
export async function grantSequences(tx: Tx, { schema, table }: Target): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select format('%I.%I', sn.nspname, s.relname) as name
    from pg_class s join pg_namespace sn on sn.oid = s.relnamespace
    join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
      and d.refclassid = 'pg_class'::regclass and d.deptype = 'a'
    join pg_class t on t.oid = d.refobjid join pg_namespace n on n.oid = t.relnamespace
    where s.relkind = 'S' and n.nspname = ${schema} and t.relname = ${table}`
  return rows.map(({ name }) => `GRANT USAGE, SELECT ON SEQUENCE ${name} TO service_role`)
}

export type SchemaFacts = { name: string; owner: string }

/** Schemas that the app's owner may look into; the server's own are none of them. */
export const selectSchemas = (tx: Tx): Promise<SchemaFacts[]> =>
  tx<SchemaFacts>`
    select nspname as name, pg_get_userbyid(nspowner) as owner from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'stead')
      and has_schema_privilege(oid, 'usage')
    order by nspname`

export type TableName = { schema: string; name: string }

/** Tables that are the owner's, or that the service may read; of one schema when it is named. */
export const selectTables = (tx: Tx, schema: string | undefined): Promise<TableName[]> =>
  tx<TableName>`
    select n.nspname as schema, c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and (${schema ?? null}::text is null or n.nspname = ${schema ?? null})
      and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'stead')
      and has_schema_privilege(n.oid, 'usage') and not (n.nspname = 'public' and c.relname ~ '^_')
      and (pg_has_role(c.relowner, 'usage') or has_any_column_privilege('service_role', c.oid, 'select'))
    order by n.nspname, c.relname`

/** Whether a relation of any kind has the name. */
export async function relationExists(tx: Tx, { schema, table }: Target): Promise<boolean> {
  const rows = await tx`
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname = ${table}`
  return rows.length > 0
}

export async function tableExists(tx: Tx, { schema, table }: Target): Promise<boolean> {
  const rows = await tx`
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname = ${table} and c.relkind in ('r', 'p')`
  return rows.length > 0
}

export async function columnExists(
  tx: Tx,
  { schema, table }: Target,
  column: string,
): Promise<boolean> {
  const rows = await tx`
    select from pg_attribute a join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname = ${table} and a.attname = ${column}
      and a.attnum > 0 and not a.attisdropped`
  return rows.length > 0
}
