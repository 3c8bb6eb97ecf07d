/** What is said of a schema, and what of it the caller's role has any right to. */
import { hash } from 'node:crypto'
import type { DataContext } from './execute.ts'
import { sessionStatement } from './session.sql.ts'

export type SchemaFacts = {
  comment: string | null
  /** Names of tables and views. */
  relations: ReadonlySet<string>
  /** Object ids of functions. */
  routines: ReadonlySet<string>
  /** The same for facts that are the same. */
  digest: string
}

const TEXT = `select json_build_object('comment', obj_description(n.oid, 'pg_namespace'),
  'relations', (select coalesce(json_agg(c.relname), '[]') from pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') and has_schema_privilege(n.oid, 'usage')
      and (has_table_privilege(c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or has_any_column_privilege(c.oid, 'select, insert, update, references'))),
  'routines', (select coalesce(json_agg(p.oid::text), '[]') from pg_proc p
    where p.pronamespace = n.oid and has_schema_privilege(n.oid, 'usage')
      and has_function_privilege(p.oid, 'execute')))
  from pg_namespace n where n.nspname = $1`

const NOTHING = '{"comment":null,"relations":[],"routines":[]}'

/** Asks as the caller. */
export async function describeSchema(ctx: DataContext, schema: string): Promise<SchemaFacts> {
  const { identity, database, extraSearchPath, timeoutMs = 0, isAbandoned } = ctx
  const session = sessionStatement(identity, { readOnly: true, timeoutMs, schema, extraSearchPath })
  const asking = { name: 'data_schema_facts', text: TEXT, values: [schema] }
  const [, result] = await database.batch([session, asking], { isAbandoned })
  const text = result?.rows[0]?.[0] ?? NOTHING
  const { comment, relations, routines } = JSON.parse(text) as {
    comment: string | null
    relations: string[]
    routines: string[]
  }
  return {
    comment,
    relations: new Set(relations),
    routines: new Set(routines),
    digest: hash('sha256', text),
  }
}
