/** Reads the public schema of an app as it is. */
import type { Tx } from '#db/database'
import { sql } from '#db/sql'
import type { Action, IndexMethod, LiveColumn, LiveIndex, LiveSchema, LiveTable } from './model.ts'
import { canonicalType } from './types.ts'

/** Tables that are the app's own: neither internal (`_…`) nor an extension's. */
const OWN_TABLES = sql`c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and not c.relispartition and left(c.relname, 1) <> '_'
  and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass
    and e.objid = c.oid and e.deptype = 'e')`

const ACTIONS: Record<string, Action> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
}

type ColumnRow = {
  table: string
  name: string | null
  type: string
  notNull: boolean
  default: string | null
  serial: boolean
  primaryKey: boolean
  unique: boolean
  seed: boolean
}

const selectColumns = (tx: Tx): Promise<ColumnRow[]> =>
  tx<ColumnRow>`select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      a.attnotnull as not_null,
      case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end as default,
      a.attidentity <> '' or exists (select from pg_depend s join pg_class q on q.oid = s.objid
        where s.classid = 'pg_class'::regclass and s.refclassid = 'pg_class'::regclass
          and s.refobjid = c.oid and s.refobjsubid = a.attnum and s.deptype = 'a'
          and q.relkind = 'S') as serial,
      exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p'
        and a.attnum = any(k.conkey)) as primary_key,
      exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'u'
        and k.conkey = array[a.attnum]) as unique,
      exists (select from stead.seed_tables m where m.table_name = c.relname) as seed
    from pg_class c
    left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${OWN_TABLES} order by c.relname, a.attnum`

type KeyRow = {
  table: string
  column: string
  name: string
  refTable: string
  refColumn: string
  onDelete: string
  onUpdate: string
}

/** To tables of the public schema; the DSL has no words for others. */
const selectForeignKeys = (tx: Tx): Promise<KeyRow[]> =>
  tx<KeyRow>`select c.relname as table, a.attname as column, k.conname as name, r.relname as ref_table,
      ra.attname as ref_column, k.confdeltype as on_delete, k.confupdtype as on_update
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_class r on r.oid = k.confrelid and r.relnamespace = 'public'::regnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
    join pg_attribute ra on ra.attrelid = r.oid and ra.attnum = k.confkey[1]
    where k.contype = 'f' and cardinality(k.conkey) = 1 and k.conparentid = 0 and ${OWN_TABLES}
    order by k.conname`

type IndexRow = {
  table: string
  name: string
  columns: string[]
  unique: boolean
  method: IndexMethod
  opclasses: string[]
  usual: boolean
}

/** Without those that a constraint owns, and without those that the DSL has no words for. */
const selectIndexes = (tx: Tx): Promise<IndexRow[]> =>
  tx<IndexRow>`select c.relname as table, i.relname as name, x.indisunique as unique, m.amname as method,
      array_agg(a.attname::text order by k.at) as columns,
      array_agg(distinct o.opcname::text) as opclasses, bool_and(o.opcdefault) as usual
    from pg_index x
    join pg_class c on c.oid = x.indrelid
    join pg_class i on i.oid = x.indexrelid
    join pg_am m on m.oid = i.relam
    cross join unnest(x.indkey::int2[], x.indclass::oid[], x.indoption::int2[])
      with ordinality k(column_number, opclass, options, at)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.column_number
    join pg_opclass o on o.oid = k.opclass
    where ${OWN_TABLES} and x.indexprs is null and x.indpred is null
      and x.indnkeyatts = x.indnatts
      and not exists (select from pg_constraint q where q.conindid = x.indexrelid)
    group by c.relname, i.relname, x.indisunique, m.amname
    having bool_and(k.options = 0) and (bool_and(o.opcdefault) or count(distinct o.oid) = 1)
    order by c.relname, i.relname`

export async function readSchema(tx: Tx): Promise<LiveSchema> {
  const schema: LiveSchema = new Map()
  for (const row of await selectColumns(tx)) {
    const table = tableIn(schema, row)
    if (row.name !== null) table.columns.set(row.name, columnOf(row))
  }
  for (const row of await selectForeignKeys(tx)) addForeignKey(schema, row)
  for (const row of await selectIndexes(tx)) {
    schema.get(row.table)?.indexes.set(row.name, indexOf(row))
  }
  return schema
}

function tableIn(schema: LiveSchema, { table: name, seed }: ColumnRow): LiveTable {
  const known = schema.get(name)
  if (known) return known
  const table: LiveTable = { columns: new Map(), indexes: new Map(), seed }
  schema.set(name, table)
  return table
}

function columnOf(row: ColumnRow): LiveColumn {
  return {
    type: canonicalType(row.type),
    serial: row.serial,
    notNull: row.notNull,
    default: row.default ?? undefined,
    primaryKey: row.primaryKey,
    unique: row.unique,
    references: undefined,
    foreignKey: undefined,
  }
}

function addForeignKey(schema: LiveSchema, row: KeyRow): void {
  const column = schema.get(row.table)?.columns.get(row.column)
  if (!column || column.references) return
  column.foreignKey = row.name
  column.references = {
    table: row.refTable,
    column: row.refColumn,
    onDelete: ACTIONS[row.onDelete] ?? 'NO ACTION',
    onUpdate: ACTIONS[row.onUpdate] ?? 'NO ACTION',
  }
}

const indexOf = ({ columns, unique, method, opclasses, usual }: IndexRow): LiveIndex => ({
  columns,
  unique,
  method,
  opclass: opclasses[0],
  usualOpclass: usual,
})

/** Whether the database knows the type that the extension for vectors brings. */
export async function hasVectorType(tx: Tx): Promise<boolean> {
  const rows = await tx`select from pg_type where typname = 'vector' and typtype = 'b'`
  return rows.length > 0
}
