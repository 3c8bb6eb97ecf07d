/** What a role may do with the tables of a schema. */
import type { Database } from '#db/database'

export type TableGrants = {
  /** Columns. */
  select: ReadonlySet<string>
  insert: ReadonlySet<string>
  update: ReadonlySet<string>
  delete: boolean
}

/** By table. */
export type Grants = ReadonlyMap<string, TableGrants>

const GRANTS = `select c.relname, has_table_privilege($1::name, c.oid, 'delete'),
    json_agg(a.attname) filter (where has_column_privilege($1::name, c.oid, a.attnum, 'select')),
    json_agg(a.attname) filter (where has_column_privilege($1::name, c.oid, a.attnum, 'insert')),
    json_agg(a.attname) filter (where has_column_privilege($1::name, c.oid, a.attnum, 'update'))
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where n.nspname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and has_schema_privilege($1::name, n.oid, 'usage')
  group by c.oid, c.relname`

/** Of every relation in the schema; none when the role may not enter it. */
export async function readGrants(
  platform: Database,
  role: string,
  schema: string,
): Promise<Grants> {
  const statement = { name: 'stead_graphql_grants', text: GRANTS, values: [role, schema] }
  const [result] = await platform.batch([statement])
  return new Map((result?.rows ?? []).map((row) => [row[0] ?? '', grantsOf(row)]))
}

function grantsOf([, deletes, ...columns]: (string | null)[]): TableGrants {
  const [select, insert, update] = columns.map(
    (json) => new Set<string>(json === null ? [] : (JSON.parse(json) as string[])),
  )
  const none: ReadonlySet<string> = new Set()
  return {
    select: select ?? none,
    insert: insert ?? none,
    update: update ?? none,
    delete: deletes === 't',
  }
}
