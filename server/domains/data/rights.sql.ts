/** What a role may do with whole relations; rows are another matter. */
import type { Catalog, Relation } from './catalog.ts'
import { catalogOf, type DataContext } from './execute.ts'

/** Of `select`, `insert` and `update`: with at least one column. */
export type TableRights = { select: boolean; insert: boolean; update: boolean; delete: boolean }

/** Undefined: the relation is out of the role's sight. */
export type RightsOf = (relation: Relation) => TableRights | undefined

const RIGHTS = `select n.nspname, c.relname,
    has_any_column_privilege($1::name, c.oid, 'select'), has_any_column_privilege($1::name, c.oid, 'insert'),
    has_any_column_privilege($1::name, c.oid, 'update'), has_table_privilege($1::name, c.oid, 'delete')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and has_schema_privilege($1::name, n.oid, 'usage')`

/** The present catalog, and what the role of the context may do in it: granting makes a new catalog. */
export async function visibleCatalog(
  ctx: DataContext,
): Promise<{ catalog: Catalog; readRights: () => Promise<RightsOf> }> {
  return { catalog: await catalogOf(ctx, true), readRights: () => readRights(ctx) }
}

async function readRights({ platform, identity }: DataContext): Promise<RightsOf> {
  const statement = { name: 'stead_table_rights', text: RIGHTS, values: [identity.role] }
  const [result] = await platform.batch([statement])
  const rights = new Map<string, TableRights>()
  for (const [schema, name, ...may] of result?.rows ?? []) {
    const [select, insert, update, remove] = may.map((yes) => yes === 't')
    if (!select && !insert && !update && !remove) continue
    rights.set(JSON.stringify([schema, name]), {
      select: select ?? false,
      insert: insert ?? false,
      update: update ?? false,
      delete: remove ?? false,
    })
  }
  return ({ schema, name }) => rights.get(JSON.stringify([schema, name]))
}
