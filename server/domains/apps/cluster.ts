/** The PostgreSQL clusters of the regions: their databases and roles. */
import { internal } from '#core/errors'
import { Secret } from '#core/secret'
import { type Database, openDatabase } from '#db/database'
import { type Migration, migrate } from '#db/migrator'
import {
  createAppRoles,
  createClusterRoles,
  createDatabaseFrom,
  databaseExists,
  dropAppRoles,
  dropDatabase,
  grantAppDatabase,
  markAsTemplate,
  renewPasswords,
} from './cluster.sql.ts'

/** The database that new app databases are copied from. A new set of migrations gets a new one. */
const templateName = (migrations: readonly Migration[]): string =>
  `stead_template_${migrations.length}_${migrations.at(-1)?.checksum.slice(0, 8) ?? 'empty'}`

export type Cluster = {
  /** How many migrations a new app database has. */
  readonly schemaVersion: number
  /** Brings the database of an older app up to date. */
  migrateAppDatabase(name: string): Promise<void>
  /** Makes an app's database with its three login roles, over what a crash left of them. */
  createAppDatabase(name: string, password: (role: string) => Secret): Promise<void>
  dropAppDatabase(name: string): Promise<void>
  /** Gives the login roles of an app's database these passwords. */
  renewPasswords(name: string, password: (role: string) => Secret): Promise<void>
  /** Connection string of a database of this cluster, as the cluster's owner or as `login`. */
  urlOf(database: string, login?: { role: string; password: Secret }): Secret
  close(): Promise<void>
}

/** Names of the login roles of an app's database. */
export const rolesOf = (database: string) => ({
  /** May become anon, authenticated and service_role: the data API. */
  api: `${database}_api`,
  /** May become anon and authenticated only: statements that users' own code wrote. */
  user: `${database}_user`,
  /** Owns the app's schema: DDL. */
  owner: `${database}_owner`,
})

/**
 * Prepares a cluster: roles and the template database.
 * @param url any database of the cluster, as a role that may create databases and roles
 */
export async function openCluster(url: Secret, migrations: readonly Migration[]): Promise<Cluster> {
  const admin = openDatabase(url, { max: 4, applicationName: 'stead-admin' })
  const urlOf: Cluster['urlOf'] = (database, login) => databaseUrl(url, database, login)
  await createClusterRoles(admin)
  const template = templateName(migrations)
  await ensureTemplate({ admin, template, migrations, url: urlOf })
  return {
    urlOf,
    schemaVersion: migrations.length,
    async migrateAppDatabase(name) {
      const database = openDatabase(urlOf(name), { max: 1 })
      await migrate(database, migrations).finally(() => database.close())
    },
    async createAppDatabase(name, password) {
      const roles = rolesOf(name)
      await dropDatabase(admin, name)
      await dropAppRoles(admin, roles)
      await createAppRoles(admin, roles, password)
      await createDatabaseFrom(admin, { name, template, owner: roles.owner })
      const database = openDatabase(urlOf(name), { max: 1 })
      await grantAppDatabase(database, name, roles).finally(() => database.close())
    },
    async dropAppDatabase(name) {
      await dropDatabase(admin, name)
      await dropAppRoles(admin, rolesOf(name))
    },
    renewPasswords: (name, password) => renewPasswords(admin, rolesOf(name), password),
    close: () => admin.close(),
  }
}

type TemplateJob = {
  admin: Database
  template: string
  migrations: readonly Migration[]
  url: (database: string) => Secret
}

/** Built aside under another name, so that a template that exists is a whole one. */
async function ensureTemplate({ admin, template, migrations, url }: TemplateJob): Promise<void> {
  await admin.session(async (client) => {
    await client.query(`select pg_advisory_lock(hashtext('stead template'))`)
    if (!(await databaseExists(client, template))) {
      const draft = `${template}_draft`
      await dropDatabase(admin, draft)
      await createDatabaseFrom(admin, { name: draft, template: 'template0' })
      const database = openDatabase(url(draft), { max: 1 })
      await migrate(database, migrations).finally(() => database.close())
      await markAsTemplate(admin, draft, template)
    }
    await client.query(`select pg_advisory_unlock(hashtext('stead template'))`)
  })
}

/** The same server, another database, and another login where given. */
export function databaseUrl(
  url: Secret,
  database: string,
  login?: { role: string; password: Secret },
): Secret {
  const parsed = URL.parse(url.reveal())
  if (!parsed) throw internal('bad_database_url', 'Cannot read the URL of a database cluster')
  parsed.pathname = `/${encodeURIComponent(database)}`
  if (login) {
    parsed.username = login.role
    parsed.password = login.password.reveal()
  }
  return new Secret(parsed.href)
}
