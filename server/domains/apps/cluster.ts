/** The PostgreSQL clusters of the regions: their databases and roles. */
import { createHash } from 'node:crypto'
import { internal } from '#core/errors'
import { randomToken } from '#core/ids'
import { Secret } from '#core/secret'
import { Budget } from '#db/budget'
import { type Database, openDatabase, TRUSTED_PATH } from '#db/database'
import { type Migration, migrate } from '#db/migrator'
import { Probe } from '#db/probe'
import {
  createAppRoles,
  createClusterRoles,
  createDatabaseFrom,
  databaseExists,
  dropAppRoles,
  dropDatabase,
  grantAppDatabase,
  hasRemains,
  markAsTemplate,
  renewLogins,
  selectConnectionLimit,
} from './cluster.sql.ts'
import { Spares } from './spares.ts'

/** The database that new app databases are copied from. Other migrations get another one. */
function templateName(migrations: readonly Migration[]): string {
  const all = migrations.map(({ checksum }) => checksum).join()
  const hash = createHash('sha256').update(all).digest('hex').slice(0, 8)
  return `stead_template_${migrations.length}_${hash}`
}

export type Cluster = {
  /** How many migrations a new app database has. */
  readonly schemaVersion: number
  /** Connections of all app databases together. */
  readonly budget: Budget
  /** Brings the database of an older app up to date. */
  migrateAppDatabase(name: string): Promise<void>
  /** Makes an app's database with its three login roles, over what a crash left of them. */
  createAppDatabase(name: string, password: (role: string) => Secret): Promise<void>
  dropAppDatabase(name: string): Promise<void>
  /** Gives the login roles of an app's database these passwords, what they may do, and no settings. */
  renewLogins(name: string, password: (role: string) => Secret): Promise<void>
  /** Connection string of a database of this cluster, as the cluster's owner or as `login`. */
  urlOf: (database: string, login?: { role: string; password: Secret }) => Secret
  /** Whether it can be reached now; known within two seconds. */
  answers(): Promise<boolean>
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

export type ClusterOptions = {
  migrations: readonly Migration[]
  /** App databases to keep ready; default none. */
  spares?: number
  /** Connections at most to all app databases together; default a share of what the cluster allows. */
  connections?: number
}

/** A load balancer that asks every half a minute finds the connection of the last time. */
const WATCH_IDLE_MS = 60_000

/** The rest is for the control database, for what works on the cluster itself, and for people. */
const SHARE = 0.7

/**
 * Prepares a cluster: roles and the template database.
 * @param url any database of the cluster, as a role that may create databases and roles
 */
export async function openCluster(
  url: Secret,
  { migrations, spares: wanted = 0, connections = 0 }: ClusterOptions,
): Promise<Cluster> {
  const admin = openDatabase(url, { max: 4, applicationName: 'stead-admin' })
  // Of its own, as the others may be busy for seconds.
  const watch = openDatabase(url, {
    max: 1,
    acquireMs: 2_000,
    idleMs: WATCH_IDLE_MS,
    applicationName: 'stead-health',
  })
  const probe = new Probe(watch)
  const urlOf: Cluster['urlOf'] = (database, login) => databaseUrl(url, database, login)
  await createClusterRoles(admin)
  const template = templateName(migrations)
  await ensureTemplate({ admin, template, migrations, url: urlOf })
  const copy = (name: string, password: (role: string) => Secret) =>
    copyTemplate({ admin, template, urlOf, name, password })
  const unguessable = () => new Secret(randomToken(32))
  const make = (name: string) => copy(name, unguessable)
  const spares = new Spares({ admin, template, wanted, rolesOf, make })
  spares.refill()
  const limit = connections || Math.floor((await selectConnectionLimit(admin.query)) * SHARE)
  return {
    urlOf,
    schemaVersion: migrations.length,
    budget: new Budget(limit),
    async migrateAppDatabase(name) {
      const database = openDatabase(urlOf(name), { max: 1, searchPath: TRUSTED_PATH })
      await migrate(database, migrations).finally(() => database.close())
    },
    async createAppDatabase(name, password) {
      if (await hasRemains(admin.query, name, rolesOf(name))) await remove(admin, name)
      const isSpare = wanted > 0 && (await spares.take(name, password))
      if (!isSpare) await copy(name, password)
      spares.refill()
    },
    dropAppDatabase: (name) => remove(admin, name),
    renewLogins: (name, password) => renewLogins(admin, { name, roles: rolesOf(name), password }),
    answers: () => probe.answers(),
    async close() {
      await spares.close()
      await Promise.all([admin.close(), watch.close()])
    },
  }
}

type Copying = {
  admin: Database
  template: string
  urlOf: Cluster['urlOf']
  name: string
  password: (role: string) => Secret
}

async function copyTemplate({ admin, template, urlOf, name, password }: Copying): Promise<void> {
  const roles = rolesOf(name)
  await createAppRoles(admin, roles, password)
  await createDatabaseFrom(admin, { name, template, owner: roles.owner })
  const database = openDatabase(urlOf(name), { max: 1, searchPath: TRUSTED_PATH })
  await grantAppDatabase(database, name, roles).finally(() => database.close())
}

async function remove(admin: Database, name: string): Promise<void> {
  await dropDatabase(admin, name)
  await dropAppRoles(admin, rolesOf(name))
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
      const database = openDatabase(url(draft), { max: 1, searchPath: TRUSTED_PATH })
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

/** For people and programs elsewhere: without the socket through which this process connects. */
export function addressUrl(url: Secret): Secret {
  const parsed = new URL(url.reveal())
  if (parsed.hostname !== '') parsed.searchParams.delete('host')
  return new Secret(parsed.href)
}
