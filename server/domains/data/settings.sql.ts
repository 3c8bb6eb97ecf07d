/** What the settings of an app's data API name: roles that it may run as, schemas and functions. */
import type { Tx } from '#db/database'
import { ident } from '#db/sql'

export type RoleFacts = {
  /** The first role it leads to that may do more than its grants say; null when there is none. */
  power: string | null
}

/** What a role is, and what it may become; nothing when there is no such role. */
export async function selectRole(tx: Tx, name: string): Promise<RoleFacts | undefined> {
  const [role] = await tx<RoleFacts>`
    with recursive reach(oid) as (
      select oid from pg_roles where rolname = ${name}
      union select m.roleid from pg_auth_members m join reach on m.member = reach.oid
    )
    select (
      select r.rolname::text from reach join pg_roles r using (oid)
      where r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
        or r.rolcanlogin or r.rolname ~ '^pg_'
        or exists (select from pg_database d where d.datdba = r.oid)
      order by r.rolname limit 1
    ) as power
    from pg_roles where rolname = ${name}`
  return role
}

/** The login role may become it, and has none of its rights before it does. */
export async function grantRole(tx: Tx, role: string, login: string): Promise<void> {
  await tx`grant ${ident(role)} to ${ident(login)}`
}

/** Those of the schemas that are not there, in their order. */
export async function selectAbsentSchemas(tx: Tx, names: readonly string[]): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select name from unnest(${names}::text[]) with ordinality as given (name, place)
    where not exists (select from pg_namespace where nspname = name) order by place`
  return rows.map(({ name }) => name)
}

/** Whether one of the schemas has a function of that name that can be called without arguments. */
export async function hasPlainFunction(
  tx: Tx,
  { name, schemas }: { name: string; schemas: readonly string[] },
): Promise<boolean> {
  const found = await tx`
    select from pg_proc join pg_namespace n on n.oid = pronamespace
    where proname = ${name} and n.nspname = any (${schemas}::text[])
      and prokind = 'f' and pronargs = pronargdefaults
    limit 1`
  return found.length > 0
}
