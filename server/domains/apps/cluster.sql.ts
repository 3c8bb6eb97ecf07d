/** Statements about databases and roles. DDL takes no parameters: names are quoted, never spliced. */
import type { Secret } from '#core/secret'
import type { Client, Database, Tx } from '#db/database'
import { ident, quoteLiteral, raw, sql } from '#db/sql'
import { sqlstateOf } from '#db/sqlstate'

/** Roles of the whole cluster; each line can run again. Butterbase's names are groups of ours. */
const CLUSTER_ROLES = [
  ['anon', 'nologin'],
  ['authenticated', 'nologin'],
  ['service_role', 'nologin bypassrls'],
  ['tenant_service', 'nologin'],
  ['butterbase_anon', 'nologin'],
  ['butterbase_user', 'nologin'],
  ['butterbase_service', 'nologin'],
] as const

const GROUPS = [
  ['butterbase_anon', 'anon'],
  ['butterbase_user', 'authenticated'],
  ['butterbase_service', 'service_role'],
] as const

/** Another process made it a moment ago: that is as good. */
const CREATED_MEANWHILE = new Set(['42710', '23505', '42P04'])

export async function createClusterRoles(admin: Database): Promise<void> {
  for (const [role, options] of CLUSTER_ROLES) await createRole(admin, role, options)
  for (const [group, member] of GROUPS) {
    await admin.query`grant ${ident(group)} to ${ident(member)}`
  }
}

async function createRole(admin: Database, role: string, options: string): Promise<void> {
  const [found] = await admin.query`select from pg_roles where rolname = ${role}`
  if (found) return
  try {
    await admin.query`create role ${ident(role)} ${raw(options)}`
  } catch (error) {
    if (!CREATED_MEANWHILE.has(sqlstateOf(error) ?? '')) throw error
  }
}

type AppRoles = { api: string; user: string; owner: string }

export async function createAppRoles(
  admin: Database,
  { api, user, owner }: AppRoles,
  password: (role: string) => Secret,
): Promise<void> {
  const login = (role: string) =>
    raw(`login noinherit password ${quoteLiteral(password(role).reveal())}`)
  await admin.transaction(async (tx) => {
    for (const role of [api, user, owner]) await tx`create role ${ident(role)} ${login(role)}`
    await tx`grant anon, authenticated to ${ident(api)}, ${ident(user)}`
    await tx`grant service_role to ${ident(api)}`
    // The creator of a database must be a member of the role that is to own it.
    await tx`grant ${ident(owner)} to current_user`
  })
}

type Logins = { name: string; roles: AppRoles; password: (role: string) => Secret }

/** As they were made: any role may change its own password and settings, and drop what it was granted. */
export async function renewLogins(
  admin: Database,
  { name, roles: { api, user, owner }, password }: Logins,
): Promise<void> {
  await admin.transaction(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('stead logins'))`
    for (const role of [api, user, owner]) {
      const words = raw(`password ${quoteLiteral(password(role).reveal())}`)
      await tx`alter role ${ident(role)} ${words} valid until 'infinity' connection limit -1`
      await tx`alter role ${ident(role)} reset all`
      await tx`alter role ${ident(role)} in database ${ident(name)} reset all`
    }
    await tx`grant connect on database ${ident(name)} to ${ident(api)}, ${ident(user)}`
  })
}

export async function dropAppRoles(admin: Database, { api, user, owner }: AppRoles): Promise<void> {
  for (const role of [api, user, owner]) await admin.query`drop role if exists ${ident(role)}`
}

/** Connections that the cluster allows to those who are no superusers. */
export async function selectConnectionLimit(tx: Tx): Promise<number> {
  const [row] = await tx<{ total: number }>`
    select sum(setting::int * case when name = 'max_connections' then 1 else -1 end)::int as total
    from pg_settings
    where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')`
  return row?.total ?? 0
}

export async function databaseExists(client: Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
  return rowCount === 1
}

type NewDatabase = { name: string; template: string; owner?: string }

/** A copy through the write-ahead log: no checkpoint, so it takes tens of milliseconds. */
export async function createDatabaseFrom(
  admin: Database,
  { name, template, owner }: NewDatabase,
): Promise<void> {
  const by = owner === undefined ? raw('') : sql` owner ${ident(owner)}`
  await admin.query`create database ${ident(name)} template ${ident(template)} strategy wal_log${by}`
  // Every role of the cluster could connect: those of other apps too.
  await admin.query`revoke all on database ${ident(name)} from public`
}

export async function markAsTemplate(admin: Database, draft: string, name: string): Promise<void> {
  await admin.query`alter database ${ident(draft)} rename to ${ident(name)}`
}

export async function dropDatabase(admin: Database, name: string): Promise<void> {
  await admin.query`drop database if exists ${ident(name)} with (force)`
}

/** What cannot stand in the template because it names the app's own roles. */
export async function grantAppDatabase(
  database: Database,
  name: string,
  { api, user, owner }: AppRoles,
): Promise<void> {
  await database.transaction(async (tx) => {
    await tx`grant connect on database ${ident(name)} to ${ident(api)}, ${ident(user)}`
    // Whoever connects by the database's address means the app's own tables, whatever the role is called.
    await tx`alter database ${ident(name)} set search_path = public`
    await tx`grant all on schema public to ${ident(owner)}`
    // Policies name the helpers of auth; changes of the schema are recorded where they are made.
    await tx`grant usage on schema auth, stead to ${ident(owner)}`
    await tx`grant select, insert on stead.schema_migrations to ${ident(owner)}`
    await tx`grant select, insert, delete on stead.seed_tables to ${ident(owner)}`
    await tx`alter default privileges for role ${ident(owner)} in schema public
      grant all on tables to service_role`
    await tx`alter default privileges for role ${ident(owner)} in schema public
      grant all on sequences to service_role`
  })
}

/** Whoever makes or clears spares of a cluster holds this lock. False when somebody else has it. */
export async function lockSpares(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(
    "select pg_try_advisory_lock(hashtext('stead spares')) as got",
  )
  return rows[0]?.got === true
}

export async function unlockSpares(client: Client): Promise<void> {
  await client.query("select pg_advisory_unlock(hashtext('stead spares'))")
}

/** A whole spare of this family; half-made ones have no comment yet. */
export async function selectReadySpare(tx: Tx, prefix: string): Promise<string | undefined> {
  const [row] = await tx<{ name: string }>`
    select datname as name from pg_database
    where starts_with(datname, ${prefix}) and shobj_description(oid, 'pg_database') = 'spare'
    order by datname limit 1`
  return row?.name
}

/** Spares of any family that are half-made or of another template. */
export async function selectUselessSpares(
  tx: Tx,
  family: string,
  prefix: string,
): Promise<string[]> {
  const rows = await tx<{ name: string }>`
    select datname as name from pg_database
    where starts_with(datname, ${family}) and not (
      starts_with(datname, ${prefix}) and coalesce(shobj_description(oid, 'pg_database'), '') = 'spare'
    )`
  return rows.map(({ name }) => name)
}

export async function declareSpare(admin: Database, name: string): Promise<void> {
  await admin.query`comment on database ${ident(name)} is 'spare'`
}

export type Renaming = {
  spare: string
  name: string
  roles: { from: AppRoles; to: AppRoles }
  password: (role: string) => Secret
}

/** All of it or nothing. False when another process took the spare first. */
export async function renameSpare(
  admin: Database,
  { spare, name, roles: { from, to }, password }: Renaming,
): Promise<boolean> {
  try {
    await admin.transaction(async (tx) => {
      await tx`alter database ${ident(spare)} rename to ${ident(name)}`
      await tx`comment on database ${ident(name)} is null`
      for (const kind of ['api', 'user', 'owner'] as const) {
        await tx`alter role ${ident(from[kind])} rename to ${ident(to[kind])}`
        const words = raw(`password ${quoteLiteral(password(to[kind]).reveal())}`)
        await tx`alter role ${ident(to[kind])} ${words}`
      }
    })
    return true
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error
    return false
  }
}

/** Whether a crash left anything of an app's database. */
export async function hasRemains(
  tx: Tx,
  name: string,
  { api, user, owner }: AppRoles,
): Promise<boolean> {
  const rows = await tx`
    select from pg_database where datname = ${name}
    union all select from pg_roles where rolname in (${api}, ${user}, ${owner})`
  return rows.length > 0
}
