/** What every table gets from its first moment: row security, grants, and the service's way around it. */
import type { Tx } from '#db/database'
import { quoteIdent } from '#db/sql'
import { derivedName } from './model.ts'

const API_ROLES = 'anon, authenticated, service_role'

export const serviceBypassOf = (table: string): string => derivedName(table, '_service_bypass')

/** Idempotent. */
export function serviceBypass(table: string): string[] {
  const on = `${quoteIdent(serviceBypassOf(table))} ON ${quoteIdent(table)}`
  return [
    `DROP POLICY IF EXISTS ${on}`,
    `CREATE POLICY ${on} FOR ALL TO butterbase_service USING (true) WITH CHECK (true)`,
  ]
}

/** For a table that was created a moment ago. */
export const protectTable = (table: string): string[] => [
  `ALTER TABLE ${quoteIdent(table)} ENABLE ROW LEVEL SECURITY`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ${quoteIdent(table)} TO ${API_ROLES}`,
  `CREATE POLICY ${quoteIdent(serviceBypassOf(table))} ON ${quoteIdent(table)} FOR ALL TO butterbase_service USING (true) WITH CHECK (true)`,
]

export const grantSequence = (sequence: string): string =>
  `GRANT USAGE, SELECT ON SEQUENCE ${quoteIdent(sequence)} TO ${API_ROLES}`

/** Sequences of serial columns that the API's roles cannot use yet. */
export async function selectClosedSequences(tx: Tx): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select s.relname as name from pg_class s
    join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
      and d.refclassid = 'pg_class'::regclass and d.deptype = 'a'
    where s.relnamespace = 'public'::regnamespace and pg_has_role(s.relowner, 'USAGE')
      and case when s.relkind = 'S' then not has_sequence_privilege('anon', s.oid, 'USAGE') end
    order by s.relname`
  return rows.map(({ name }) => name)
}

/** Those of the tables whose row security binds their owner too. */
export async function selectForcedTables(tx: Tx, tables: readonly string[]): Promise<string[]> {
  if (tables.length === 0) return []
  const rows = await tx<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relname = any(${tables}::text[])
      and relkind in ('r', 'p') and relforcerowsecurity
    order by relname`
  return rows.map(({ name }) => name)
}

export const force = (table: string): string =>
  `ALTER TABLE ${quoteIdent(table)} FORCE ROW LEVEL SECURITY`

export const unforce = (table: string): string =>
  `ALTER TABLE ${quoteIdent(table)} NO FORCE ROW LEVEL SECURITY`
