/** What of a schema the caller's role has any right to. */
import type { DataContext } from './execute.ts'
import { sessionStatement } from './session.sql.ts'

export type Reachable = { relations: ReadonlySet<string>; routines: ReadonlySet<string> }

const TEXT = `select json_build_object(
  'relations', (select coalesce(json_agg(c.relname), '[]') from pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and has_table_privilege(c.oid, 'select, insert, update, delete')),
  'routines', (select coalesce(json_agg(distinct p.proname), '[]') from pg_proc p
    where p.pronamespace = n.oid and has_function_privilege(p.oid, 'execute')))
  from pg_namespace n where n.nspname = $1 and has_schema_privilege(n.oid, 'usage')`

/** Asks as the caller. */
export async function reachableIn(ctx: DataContext, schema: string): Promise<Reachable> {
  const { identity, database, extraSearchPath, timeoutMs = 0, signal } = ctx
  const session = sessionStatement(identity, { readOnly: true, timeoutMs, schema, extraSearchPath })
  const asking = { name: 'data_reachable', text: TEXT, values: [schema] }
  const [, result] = await database.batch([session, asking], { signal })
  const text = result?.rows[0]?.[0] ?? '{"relations":[],"routines":[]}'
  const { relations, routines } = JSON.parse(text) as Record<keyof Reachable, string[]>
  return { relations: new Set(relations), routines: new Set(routines) }
}
