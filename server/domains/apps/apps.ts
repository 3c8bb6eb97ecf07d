/** The apps of the instance: found by any of their names, remembered until somebody changes them. */
import type { Credentials } from '#domains/accounts'
import { notFound, unavailable } from '#core/errors'
import { isAppId } from '#core/ids'
import type { Keyring } from '#core/keyring'
import type { Secret } from '#core/secret'
import type { Budget } from '#db/budget'
import type { Database } from '#db/database'
import { Probe } from '#db/probe'
import {
  type App,
  type AppPatch,
  isOriginOfAnyApp,
  lockApp,
  selectApp,
  selectAppByAnyName,
  selectDefaultApp,
  updateApp,
} from './apps.sql.ts'
import { addressUrl } from './cluster.ts'
import { type AppDatabases, openAppDatabases } from './databases.ts'
import { type AppKeys, apiKeyOf, type ApiKeyRole, newRsaKey, sealKeys, unsealKeys } from './keys.ts'
import type { Regions } from './regions.ts'

export type AppsNeeds = {
  platform: Database
  /** The control database again, for locks that are held while `platform` is used. */
  locks: Database
  keyring: Keyring
  credentials: Credentials
  regions: Regions
  /** Connections at most per app for data requests. */
  connections: number
  /** `https://api.example.com`, without a slash at the end. */
  publicUrl: string
  /** Every app's host is `<subdomain>.<baseDomain>`. */
  baseDomain: string
}

/** How an app is named when the request names none. */
const DEFAULT = '(default)'

export class Apps {
  readonly needs: AppsNeeds
  readonly #byName = new Map<string, App>()
  readonly #databases = new Map<string, AppDatabases>()
  readonly #keys = new Map<string, AppKeys>()
  /** Origins that some app is known to allow. */
  readonly #origins = new Set<string>()
  readonly #control: Probe
  readonly #forgetHooks: ((appId: string | undefined) => void)[] = []
  #epoch = 0

  constructor(needs: AppsNeeds) {
    this.needs = needs
    this.#control = new Probe(needs.platform)
  }

  /** By app id. */
  async find(id: string): Promise<App | undefined> {
    if (!isAppId(id)) return undefined
    return this.#byName.get(id) ?? this.#load(id, selectApp(this.needs.platform.query, id))
  }

  /** By app id, by the UUID that tenants have, or by subdomain. */
  async findByAnyName(name: string): Promise<App | undefined> {
    const known = this.#byName.get(name)
    return known ?? this.#load(name, selectAppByAnyName(this.needs.platform.query, name))
  }

  /** The app that a request means when it names none. */
  async default(): Promise<App> {
    const query = () => selectDefaultApp(this.needs.platform.query)
    const app = this.#byName.get(DEFAULT) ?? (await this.#load(DEFAULT, query()))
    if (!app) throw notFound('app_not_found', 'There is no default app')
    return app
  }

  /** Whether some app lets pages of this origin read its answers. */
  async allowsOrigin(origin: string): Promise<boolean> {
    if (this.#origins.has(origin)) return true
    const epoch = this.#epoch
    const allowed = await isOriginOfAnyApp(this.needs.platform.query, origin)
    if (allowed && epoch === this.#epoch) this.#origins.add(origin)
    return allowed
  }

  /** What `find` or another look-up gave, remembered unless something changed meanwhile. */
  async #load(name: string, loading: Promise<App | undefined>): Promise<App | undefined> {
    const epoch = this.#epoch
    const found = await loading
    const app = found && (await this.#upToDate(found))
    if (app && epoch === this.#epoch) this.#byName.set(name, app)
    return app
  }

  /** An app that an older program made gets the migrations it lacks before its first request. */
  async #upToDate(app: App): Promise<App> {
    const cluster = this.needs.regions.cluster(app.region)
    if (!cluster || app.state !== 'ready' || app.schemaVersion >= cluster.schemaVersion) return app
    await cluster.migrateAppDatabase(app.dbName)
    const { schemaVersion } = cluster
    return (await updateApp(this.needs.platform.query, app.id, { schemaVersion })) ?? app
  }

  /** @throws `not_found` app_not_found when it was deleted meanwhile */
  async update(id: string, patch: AppPatch): Promise<App> {
    const app = await updateApp(this.needs.platform.query, id, patch)
    this.forget(id)
    if (!app) throw notFound('app_not_found', 'App not found')
    return app
  }

  /** Read, change and write while nobody else can. */
  async change(id: string, patchOf: (app: App) => AppPatch | Promise<AppPatch>): Promise<App> {
    const changed = await this.needs.platform.transaction(async (tx) => {
      const app = await lockApp(tx, id)
      return app && updateApp(tx, id, await patchOf(app))
    })
    this.forget(id)
    if (!changed) throw notFound('app_not_found', 'App not found')
    return changed
  }

  /** Something about this app changed here or in another process; without an id: about any. */
  forget(id?: string): void {
    this.#epoch += 1
    this.#origins.clear()
    for (const [name, app] of this.#byName) {
      if (id === undefined || app.id === id) this.#byName.delete(name)
    }
    if (id === undefined) this.#keys.clear()
    else this.#keys.delete(id)
    for (const hook of this.#forgetHooks) hook(id)
  }

  /** Other caches that hang on an app are told by the same call. */
  onForget(hook: (appId: string | undefined) => void): void {
    this.#forgetHooks.push(hook)
  }

  /** The pools of the app's database. @throws `unavailable` when its region is not configured here */
  databasesOf(app: App): AppDatabases {
    const opened = this.#databases.get(app.id)
    if (opened) return opened
    const cluster = this.needs.regions.cluster(app.region)
    if (!cluster) {
      throw unavailable('region_unknown', `The region ${app.region} is not configured on this node`)
    }
    const { keyring, connections } = this.needs
    const databases = openAppDatabases({ cluster, keyring, name: app.dbName, connections })
    this.#databases.set(app.id, databases)
    return databases
  }

  keysOf(app: App): AppKeys {
    const known = this.#keys.get(app.id)
    if (known) return known
    const keys = unsealKeys(this.needs.keyring, app.id, app.keys)
    this.#keys.set(app.id, keys)
    return keys
  }

  apiKey(app: App, role: ApiKeyRole): Promise<string> {
    return apiKeyOf({ appId: app.id, keys: this.keysOf(app), createdAt: app.createdAt, role })
  }

  /** The app's RSA key for tokens that others verify by its published half; made on first use. */
  async rsaKeyOf(app: App): Promise<{ kid: string; pem: string }> {
    const existing = this.keysOf(app).rsa
    if (existing) return existing
    const made = await newRsaKey()
    const changed = await this.change(app.id, (fresh) => {
      const keys = unsealKeys(this.needs.keyring, app.id, fresh.keys)
      return { keys: sealKeys(this.needs.keyring, app.id, { ...keys, rsa: keys.rsa ?? made }) }
    })
    return this.keysOf(changed).rsa ?? made
  }

  /** The app's own address. */
  urlOf(app: App): string {
    const { protocol, port } = new URL(this.needs.publicUrl)
    return `${protocol}//${app.subdomain}.${this.needs.baseDomain}${port ? `:${port}` : ''}`
  }

  apiUrlOf(app: App): string {
    return `${this.needs.publicUrl}/v1/${app.id}`
  }

  /** Whether the control database answers: without it nobody is served. Known within two seconds. */
  controlAnswers(): Promise<boolean> {
    return this.#control.answers()
  }

  /** Whether the cluster of each region answers, in the configured order. Known within two seconds. */
  regionsAnswer(): Promise<{ name: string; answers: boolean }[]> {
    const { regions } = this.needs
    const ask = async (name: string) => {
      const answers = (await regions.cluster(name)?.answers()) ?? false
      return { name, answers }
    }
    return Promise.all(regions.names.map(ask))
  }

  /** Connections to the databases of its cluster. @throws like `databasesOf` */
  budgetOf({ region }: App): Budget {
    const cluster = this.needs.regions.cluster(region)
    if (cluster) return cluster.budget
    throw unavailable('region_unknown', `The region ${region} is not configured on this node`)
  }

  /** For people and tools that connect to PostgreSQL themselves. */
  databaseUrlOf(app: App): Secret {
    return addressUrl(this.databasesOf(app).platformUrl)
  }

  /** Closes the pools of one app. */
  async closeDatabases(id: string): Promise<void> {
    const databases = this.#databases.get(id)
    this.#databases.delete(id)
    await databases?.close()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#databases.keys()].map((id) => this.closeDatabases(id)))
  }
}
