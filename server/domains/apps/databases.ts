/** The pools of an app's database, one per login role, opened when first used. */
import type { Keyring } from '#core/keyring'
import { Secret } from '#core/secret'
import { type Database, openDatabase, TRUSTED_PATH } from '#db/database'
import type { Mend } from '#db/login'
import { type Cluster, rolesOf } from './cluster.ts'

export type AppDatabases = {
  /** May become anon, authenticated or service_role: the data API. */
  readonly api: Database
  /** May become anon or authenticated only: statements that the app's own code wrote. */
  readonly user: Database
  /** `api` and `user` again, on connections of their own, for statements that functions wrote. */
  readonly functions: { readonly api: Database; readonly user: Database }
  /** The owner of the app's tables: DDL. */
  readonly owner: Database
  /** The same login on connections of their own, for a look at the schema while a change is under way. */
  readonly inspector: Database
  /** Stead itself, for its own tables. Never for a statement that a caller wrote. */
  readonly platform: Database
  /** Where the app's database is, for a listener of its notifications. */
  readonly platformUrl: Secret
  close(): Promise<void>
}

/** The password of an app's login role: derived, so it is stored nowhere. */
export const loginPassword = (keyring: Keyring, role: string): Secret =>
  new Secret(keyring.sign('database-login', role))

/** Sessions and transactions are rare beside batches. */
const SESSIONS = 4

/** What is needed now and then gives its connections back after so long: requests for data may want the place. */
const SELDOM_IDLE_MS = 3_000

/**
 * For less than others wait for a connection: otherwise requests for one locked table take them all, and who wants
 * another table is refused.
 */
const LOCK_MS = 8_000

/** How long a function waits for a connection. */
const FUNCTION_ACQUIRE_MS = 5000

type Pool = {
  max: number
  sessions?: number
  acquireMs?: number
  lockMs?: number
  idleMs?: number
  searchPath?: string
  mend?: undefined
}

type Place = { cluster: Cluster; keyring: Keyring; name: string; connections: number }

export function openAppDatabases({ cluster, keyring, name, connections }: Place): AppDatabases {
  const opened = new Map<string, Database>()
  const mend = once(() => cluster.renewLogins(name, (role) => loginPassword(keyring, role)))
  const lazily = (key: string, url: () => Secret, pool: Pool): Database => {
    const existing = opened.get(key)
    if (existing) return existing
    const sessions = Math.min(pool.max, SESSIONS)
    const applicationName = `stead-${key}`
    const { budget } = cluster
    const database = openDatabase(url(), { sessions, applicationName, budget, mend, ...pool })
    opened.set(key, database)
    return database
  }
  const roles = rolesOf(name)
  const as = (role: string) => () =>
    cluster.urlOf(name, { role, password: loginPassword(keyring, role) })
  const platformUrl = cluster.urlOf(name)
  const pool = { max: connections }
  const seldom = { max: 2, idleMs: SELDOM_IDLE_MS }
  // Each statement of a function has a session to itself.
  const functionPool = { ...pool, sessions: connections, acquireMs: FUNCTION_ACQUIRE_MS }
  const functions = {
    get api() {
      return lazily('functions-api', as(roles.api), functionPool)
    },
    get user() {
      return lazily('functions-user', as(roles.user), functionPool)
    },
  }
  return {
    get api() {
      return lazily('api', as(roles.api), { ...pool, lockMs: LOCK_MS })
    },
    get user() {
      return lazily('user', as(roles.user), pool)
    },
    get owner() {
      return lazily('owner', as(roles.owner), seldom)
    },
    get inspector() {
      return lazily('inspector', as(roles.owner), seldom)
    },
    get platform() {
      return lazily('platform', () => platformUrl, {
        max: 4,
        idleMs: SELDOM_IDLE_MS,
        searchPath: TRUSTED_PATH,
        mend: undefined,
      })
    },
    functions,
    platformUrl,
    async close() {
      await Promise.all([...opened.values()].map((database) => database.close()))
    },
  }
}

/** However many connections failed before it was done, once is enough for all of them. */
function once(work: () => Promise<void>): Mend {
  let doneAt = Number.NEGATIVE_INFINITY
  let underWay: Promise<void> | undefined
  const finish = (): void => {
    doneAt = performance.now()
    underWay = undefined
  }
  return async (triedAt) => {
    if (doneAt < triedAt) await (underWay ??= work().finally(finish))
  }
}
