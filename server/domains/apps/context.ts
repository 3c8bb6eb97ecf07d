/** What a domain function is given: who asks, of which app, and the way to the databases. */
import type { Audited, Caller, Credentials } from '#domains/accounts'
import type { Clock } from '#core/clock'
import type { Keyring } from '#core/keyring'
import type { Log } from '#core/log'
import type { Database, Tx } from '#db/database'
import { asIdentity, type Identity } from '#db/identity'
import type { App } from './apps.sql.ts'
import type { Apps } from './apps.ts'
import type { AppDatabases } from './databases.ts'

/** A request, before it names an app. */
export type Context = Audited & {
  /** The control database. */
  platform: Database
  apps: Apps
  credentials: Credentials
  keyring: Keyring
  caller: Caller
  clock: Clock
  log: Log
}

/** A request to one app. */
export type AppContext = Context & {
  app: App
  databases: AppDatabases
  /** Under which the caller's statements run. */
  identity: Identity
  /** A transaction of the app's database as the caller. */
  asCaller<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** A transaction of the app's database as Stead itself. Never for a statement that a caller wrote. */
  asPlatform<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

export function appContext(ctx: Context, app: App, identity: Identity): AppContext {
  const databases = ctx.apps.databasesOf(app)
  return {
    ...ctx,
    app,
    databases,
    identity,
    asCaller: (work) => asIdentity(databases.api, identity, work),
    asPlatform: (work) => databases.platform.transaction(work),
  }
}
