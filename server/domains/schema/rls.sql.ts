/** Statements about row security: what there is, and single policies. */
import type { Tx } from '#db/database'
import { ident, quoteIdent } from '#db/sql'

export type PolicyCommand = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'ALL'

export type Policy = {
  schemaname: string
  tablename: string
  policyname: string
  permissive: 'PERMISSIVE' | 'RESTRICTIVE'
  roles: string[]
  cmd: PolicyCommand
  qual: string | null
  withCheck: string | null
}

/** Who a policy is for: nobody in particular, signed-in users, or everybody. */
export type PolicyRole = 'anon' | 'user'

export type PolicyRule = {
  command: PolicyCommand
  role: PolicyRole | undefined
  using: string | undefined
  withCheck: string | undefined
  restrictive: boolean
}

export type TableFacts = {
  oid: string
  enabled: boolean
  forced: boolean
  /** Whether the role that changes schemas owns it. */
  ours: boolean
  owner: string
}

const GROUPS = { anon: 'butterbase_anon', user: 'butterbase_user' } as const

/** By table and name; internal tables are left out. */
export const selectPolicies = (tx: Tx): Promise<Policy[]> =>
  tx<Policy>`
    select schemaname, tablename, policyname, permissive, roles::text[] as roles, cmd, qual, with_check
    from pg_policies where schemaname = 'public' and left(tablename, 1) <> '_'
    order by tablename, policyname`

/** Tables with row security on, whether they have policies or not. */
export async function selectProtectedTables(tx: Tx): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relrowsecurity
      and left(relname, 1) <> '_'
    order by relname`
  return rows.map(({ name }) => name)
}

export async function selectTable(tx: Tx, table: string): Promise<TableFacts | undefined> {
  const [row] = await tx<TableFacts>`
    select oid::text, relrowsecurity as enabled, relforcerowsecurity as forced,
      pg_has_role(relowner, 'USAGE') as ours, pg_get_userbyid(relowner) as owner
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname = ${table}`
  return row
}

/** As PostgreSQL writes it; nothing when there is no such column. */
export async function selectColumnType(
  tx: Tx,
  { oid }: TableFacts,
  column: string,
): Promise<string | undefined> {
  const [row] = await tx<{ type: string }>`
    select format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = ${oid}::oid and attname = ${column} and attnum > 0 and not attisdropped`
  return row?.type
}

export async function selectPolicyNames(tx: Tx, { oid }: TableFacts): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select polname as name from pg_policy where polrelid = ${oid}::oid order by polname`
  return rows.map(({ name }) => name)
}

/**
 * Tables that a policy reads and whose own policies let the policy's callers see nothing: its
 * subqueries would find no rows. A policy for everybody is asked about users.
 */
export async function selectBlindSpots(
  tx: Tx,
  { oid }: TableFacts,
  { policy, role = 'user' }: { policy: string; role: PolicyRole | undefined },
): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select distinct c.relname as name
    from pg_policy p
    join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
      and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.polrelid
    join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p') and c.relrowsecurity
    where p.polrelid = ${oid}::oid and p.polname = ${policy}
      and not exists (select from pg_policy o where o.polrelid = c.oid and o.polpermissive
        and o.polcmd in ('r', '*') and (o.polroles @> array[0::oid] or exists (
          select from unnest(o.polroles) member where member <> 0
            and pg_has_role(${role === 'user' ? 'authenticated' : 'anon'}, member, 'USAGE'))))
    order by c.relname`
  return rows.map(({ name }) => name)
}

/** Plans a read, into which the policies of the reader go; no row is touched. */
export const planRead =
  (table: string) =>
  async (tx: Tx): Promise<void> => {
    await tx`select set_config('lock_timeout', '2s', true)`
    await tx`explain select from ${ident('public', table)}`
  }

/** Expressions were checked; parentheses keep them in their place. */
export function createPolicy(table: string, policy: string, rule: PolicyRule): string {
  const parts = [
    `CREATE POLICY ${quoteIdent(policy)} ON ${quoteIdent(table)}`,
    rule.restrictive ? 'AS RESTRICTIVE' : 'AS PERMISSIVE',
    `FOR ${rule.command} TO ${rule.role ? GROUPS[rule.role] : 'PUBLIC'}`,
  ]
  if (rule.using !== undefined) parts.push(`USING (${rule.using})`)
  if (rule.withCheck !== undefined) parts.push(`WITH CHECK (${rule.withCheck})`)
  return parts.join(' ')
}
