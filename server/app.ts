/** Makes every long-lived thing of an instance, by hand, once, and takes it down again. */
import { fileURLToPath } from 'node:url'
import { Credentials, registerAccount } from '#domains/accounts'
import {
  type App,
  Apps,
  databaseUrl,
  ensureDefaultApp,
  openRegions,
  renewLogins,
  resumeUnfinished,
} from '#domains/apps'
import { Identifier, SignInHooks } from '#domains/auth'
import { CatalogCache } from '#domains/data'
import { Functions } from '#domains/functions'
import type { Clock } from '#core/clock'
import { internal } from '#core/errors'
import { createKeyring, type Keyring } from '#core/keyring'
import type { Log } from '#core/log'
import type { Secret } from '#core/secret'
import { type Database, openDatabase } from '#db/database'
import { migrate, readMigrations } from '#db/migrator'
import { type Listener, listen } from '#db/notifications'
import { ident } from '#db/sql'
import { sqlstateOf } from '#db/sqlstate'
import { RateLimiter } from '#http/rate-limit'
import { createIsolatePool } from '#isolates'
import type { Services } from '#services'
import type { Config } from './config.ts'
import type { Metrics } from './process/metrics.ts'
import { renewSealed } from './renew-sealed.ts'
import { Neighbours, SHORTAGE } from './neighbours.ts'
import { buildRouter, type Router } from './router.ts'
import { SchemaWatch } from './schema-watch.ts'

export type InstanceOptions = {
  config: Config
  /** Any database of the cluster that holds the control database. */
  cluster: Secret
  /** The control database; default `stead`. */
  controlDatabase?: string
  /** Current secret first. */
  secrets: readonly { id: string; secret: Secret }[]
  publicUrl: string
  /** Folder for the processes of functions: sockets, and modules that they imported. */
  scratchDir: string
  metrics?: Metrics
  log: Log
  clock: Clock
}

/** What a newcomer needs to begin; shown by the start and by `stead status`. */
export type FirstSteps = {
  platformKey: string
  app: App
  anonKey: string
  serviceKey: string
  databaseUrl: Secret
}

export type Instance = {
  services: Services
  router: Router
  firstSteps: FirstSteps
  close(): Promise<void>
}

const folder = (name: string): string =>
  fileURLToPath(new URL(`../migrations/${name}`, import.meta.url))

/** The account that owns what the first start makes. */
const OPERATOR = { email: 'operator@localhost', name: 'Operator', workspace: 'default' }

export async function createInstance(options: InstanceOptions): Promise<Instance> {
  const control = await openControl(options)
  const services = await openServices(options, control)
  const listener = forgetWhatOthersChange(services, control.url)
  await listener.ready
  if (options.secrets.length > 1) await renewLogins(services.apps)
  const firstSteps = await prepare(services)
  await revokeKeysOfPreviousSecrets(services, options.secrets.slice(1))
  const renewal = options.secrets.length > 1 ? renewSealed(services.apps, options.log) : undefined
  return {
    services,
    router: buildRouter(services, options.metrics),
    firstSteps,
    async close() {
      await renewal?.stop()
      await listener.close()
      await services.functions.close()
      await services.schemaWatch.close()
      await services.catalogs.close()
      await services.credentials.close()
      await services.apps.close()
      await services.apps.needs.regions.close()
      await Promise.all([control.platform.close(), control.locks.close()])
    },
  }
}

type Control = { url: Secret; platform: Database; locks: Database }

/** The control database, made and migrated when it is not there. */
async function openControl({
  cluster,
  controlDatabase = 'stead',
}: InstanceOptions): Promise<Control> {
  await ensureDatabase(cluster, controlDatabase)
  const url = databaseUrl(cluster, controlDatabase)
  const platform = openDatabase(url, { max: 10, applicationName: 'stead-control' })
  const locks = openDatabase(url, { max: 8, applicationName: 'stead-locks' })
  await migrate(platform, await readMigrations(folder('platform')))
  return { url, platform, locks }
}

async function openServices(
  { config, cluster, secrets, publicUrl, scratchDir, clock, log }: InstanceOptions,
  { platform, locks }: Control,
): Promise<Services> {
  const keyring = createKeyring(secrets)
  const credentials = new Credentials({ platform, clock, log })
  const regions = await openRegions(config.regions, cluster, {
    migrations: await readMigrations(folder('app')),
    spares: config.spareDatabases,
    connections: config.clusterConnections,
  })
  const { baseDomain, databaseConnections: connections } = config
  const opened = { platform, keyring, credentials, publicUrl }
  const apps = new Apps({ ...opened, locks, regions, connections, baseDomain })
  const schemaWatch: SchemaWatch = new SchemaWatch({ apps, catalogs: () => catalogs, log })
  const catalogs = new CatalogCache({ onFirstUse: (appId) => schemaWatch.watch(appId) })
  const standby = config.functionStandby
  const pool = createIsolatePool({
    scratchDir,
    standby,
    idleMs: FUNCTION_IDLE_MS,
    maxConcurrent: FUNCTION_PLACES,
    log,
  })
  return {
    ...opened,
    config,
    apps,
    functions: new Functions({ ...opened, apps, pool, log }),
    identifier: new Identifier(apps, clock),
    signInHooks: new SignInHooks(),
    catalogs,
    schemaWatch,
    limiter: new RateLimiter(clock),
    trustedProxies: new Set(config.trustedProxies),
    clock,
    log,
  }
}

/** A function that nobody has called for so long gives its process back. */
const FUNCTION_IDLE_MS = 300_000

/** Invocations at once of all apps: one app alone cannot have them all. */
const FUNCTION_PLACES = 200

/** Caches drop what another process changed, and everything when messages may have been missed. */
function forgetWhatOthersChange(services: Services, url: Secret): Listener {
  const { apps, credentials, functions, identifier, log } = services
  const neighbours = new Neighbours(apps.needs.regions)
  const onMessage: Record<string, (payload: string) => void> = {
    stead_apps: (id) => apps.forget(id),
    stead_credentials: (id) => credentials.forget(id),
    stead_functions: (appId) => functions.forget(appId),
    stead_sessions: (ended) => identifier.onEnded(ended),
    [SHORTAGE]: (message) => neighbours.heard(message),
  }
  const listener = listen({
    url,
    channels: Object.keys(onMessage),
    onMessage: (channel, payload) => onMessage[channel]?.(payload),
    onGap: () => {
      credentials.forget()
      apps.forget()
    },
    log,
  })
  neighbours.tellOver(listener)
  return listener
}

async function ensureDatabase(cluster: Secret, name: string): Promise<void> {
  const admin = openDatabase(cluster, { max: 1 })
  try {
    const [found] = await admin.query`select from pg_database where datname = ${name}`
    if (found) return
    await admin.query`create database ${ident(name)} template template0`
    await admin.query`revoke all on database ${ident(name)} from public`
  } catch (error) {
    // Another process that starts at the same moment may have made it.
    if (!['42P04', '23505'].includes(sqlstateOf(error) ?? '')) throw error
  } finally {
    await admin.close()
  }
}

/** What a first start makes and later ones find: the operator, the platform key, the default app. */
async function prepare({
  platform,
  keyring,
  credentials,
  apps,
  log,
}: Services): Promise<FirstSteps> {
  const { account, workspace } = await registerAccount(platform, OPERATOR)
  const platformKey = await ensurePlatformKey(keyring, credentials, account.id)
  await resumeUnfinished(apps, log)
  const owner = { accountId: account.id, workspaceId: workspace.id }
  const app = await ensureDefaultApp(apps, owner, log)
  if (app.state !== 'ready') {
    throw internal('default_app_failed', `Cannot start: the default app is ${app.state}`, {
      hint: 'Look for the reason in the log above.',
    })
  }
  return {
    platformKey,
    app,
    anonKey: await apps.apiKey(app, 'anon'),
    serviceKey: await apps.apiKey(app, 'service_role'),
    databaseUrl: apps.databaseUrlOf(app),
  }
}

/** How many times the operator's key may be revoked and replaced. */
const MAX_GENERATIONS = 10_000

const operatorKey = (keyring: Keyring, generation: number): string =>
  `bb_sk_${keyring.sign('platform-key', String(generation)).slice(0, 40)}`

/** Of a secret that is being replaced; further than anybody has ever gone. */
const PAST_GENERATIONS = 50

/** Who had an earlier secret could derive the operator's key of its time. */
async function revokeKeysOfPreviousSecrets(
  { credentials }: Services,
  previous: InstanceOptions['secrets'],
): Promise<void> {
  for (const secret of previous) {
    const keyring = createKeyring([secret])
    for (let generation = 0; generation < PAST_GENERATIONS; generation++) {
      const found = await credentials.find(operatorKey(keyring, generation))
      if (found?.accountId) await credentials.revokeKey(found.accountId, found.id)
    }
  }
}

/** Derived from the instance secret, so that it can be shown again; revoked, the next one takes its place. */
async function ensurePlatformKey(
  keyring: Keyring,
  credentials: Credentials,
  accountId: string,
): Promise<string> {
  for (let generation = 0; generation < MAX_GENERATIONS; generation++) {
    const secret = operatorKey(keyring, generation)
    const { credential } = await credentials.mint({
      kind: 'platform_key',
      name: 'operator',
      scopes: ['*'],
      secret,
      accountId,
    })
    if (credential.revokedAt === null) return secret
  }
  throw internal('no_platform_key', 'Cannot make a platform key')
}
