/** A whole Stead over real PostgreSQL, listening on a free port, for one test or one test file. */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import pino from 'pino'
import { inject } from 'vitest'
import { registerAccount } from '#domains/accounts'
import type { Clock } from '#core/clock'
import { Secret } from '#core/secret'
import { createInstance, type Instance } from '../../server/app.ts'
import { type Config, readConfig } from '../../server/config.ts'
import { listen } from '../../server/process/http-server.ts'
import { type Client, clientFor } from './client.ts'

export type TestAppOptions = {
  /** Settings as the environment would give them. */
  env?: Record<string, string>
  clock?: Clock
  /** Another one than all tests share. */
  cluster?: Secret
}

export type TestApp = AsyncDisposable & {
  url: string
  instance: Instance
  config: Config
  /** The default app. */
  appId: string
  platformKey: string
  anonKey: string
  serviceKey: string
  /** A client that shows nothing. */
  nobody: Client
  /** The operator, by platform key. */
  owner: Client
  /** A client that shows this bearer token. */
  as(token: string): Client
  /** A second account with its own workspace and platform key. */
  stranger(): Promise<Client & { key: string }>
  /** A new app of the operator; its keys included. */
  createApp(name?: string): Promise<{ id: string; anonKey: string; serviceKey: string }>
  /** Runs SQL in an app's database as its superuser; default: the default app. */
  sql(text: string, values?: unknown[], appId?: string): Promise<Record<string, unknown>[]>
}

/** Errors of a start that are kept. */
const MAX_TOLD = 20

/** Requests that a test has left running are cut then. */
const DRAIN_MS = 10_000

/** Starts an instance with its own control database. Use with `await using`. */
export async function startApp(options: TestAppOptions = {}): Promise<TestApp> {
  const cluster = options.cluster ?? new Secret(inject('clusterUrl'))
  const config = readConfig({
    env: { STEAD_LOG_LEVEL: 'silent', STEAD_FUNCTION_STANDBY: '0', ...options.env },
  })
  const { log, told } = quietLog()
  // The port must be known before the instance is made, because the instance knows its own URL.
  const server = await listen('127.0.0.1', 0)
  const url = server.localUrl
  const controlDatabase = `test_${randomBytes(6).toString('hex')}`
  const secrets = [{ id: 'k1', secret: new Secret(randomBytes(32).toString('hex')) }]
  const clock = options.clock ?? (() => new Date())
  const instance = await createInstance({
    config,
    cluster,
    controlDatabase,
    secrets,
    publicUrl: config.publicUrl ?? url,
    scratchDir: join(tmpdir(), 'stead-tests-functions'),
    log,
    clock,
  }).catch((cause: unknown) => {
    server.cut()
    throw new Error(`This Stead did not start: ${[String(cause), ...told()].join('\n')}`, { cause })
  })
  server.open(instance.router.fetch)
  const { platformKey, anonKey, serviceKey, app } = instance.firstSteps
  const as = (token?: string) => clientFor(url, token)
  return {
    url,
    instance,
    config,
    appId: app.id,
    platformKey,
    anonKey,
    serviceKey,
    nobody: as(),
    owner: as(platformKey),
    as,
    stranger: () => stranger(instance, as),
    createApp: (name) => createApp(instance, as(platformKey), name),
    sql: (text, values, appId = app.id) => sql(instance, { text, values, appId }),
    async [Symbol.asyncDispose]() {
      await server.drain(DRAIN_MS)
      const databases = await instance.services.platform.query<{
        dbName: string
      }>`select db_name from apps`
      await instance.close()
      await dropDatabases(cluster, [controlDatabase, ...databases.map(({ dbName }) => dbName)])
    },
  }
}

/** Nobody reads it, except that a start which fails has its reason there. */
function quietLog(): { log: pino.Logger; told: () => string[] } {
  const level = process.env.STEAD_TEST_LOG
  if (level !== undefined) return { log: pino({ level }), told: () => [] }
  const lines: string[] = []
  const keep = (line: string): void => {
    if (lines.length < MAX_TOLD) lines.push(line)
  }
  return { log: pino({ level: 'error' }, { write: keep }), told: () => lines }
}

let strangers = 0

async function stranger(
  { services }: Instance,
  as: (token: string) => Client,
): Promise<Client & { key: string }> {
  strangers += 1
  const email = `stranger${strangers}@example.com`
  const { account } = await registerAccount(services.platform, {
    email,
    name: 'Stranger',
    workspace: `stranger-${strangers}-${randomBytes(3).toString('hex')}`,
  })
  const { secret } = await services.credentials.mint({
    kind: 'platform_key',
    name: 'test',
    scopes: ['*'],
    accountId: account.id,
  })
  return Object.assign(as(secret), { key: secret })
}

let made = 0

async function createApp({ services }: Instance, owner: Client, name?: string) {
  made += 1
  const res = await owner.post('/init', { name: name ?? `app-${made}` })
  if (!res.ok) throw new Error(`POST /init answered ${res.status}: ${await res.text()}`)
  const { app_id: id } = (await res.json()) as { app_id: string }
  const app = await services.apps.find(id)
  if (!app) throw new Error(`the app ${id} is not there`)
  return {
    id,
    anonKey: await services.apps.apiKey(app, 'anon'),
    serviceKey: await services.apps.apiKey(app, 'service_role'),
  }
}

type Statement = { text: string; values: unknown[] | undefined; appId: string }

async function sql({ services }: Instance, { text, values, appId }: Statement) {
  const app = await services.apps.find(appId)
  if (!app) throw new Error(`the app ${appId} is not there`)
  // As somebody does who works in the database by hand, at the address that `stead status` shows.
  const client = new pg.Client({ connectionString: services.apps.databaseUrlOf(app).reveal() })
  await client.connect()
  try {
    const result = await client.query<Record<string, unknown>>(text, values)
    return result.rows ?? []
  } finally {
    await client.end()
  }
}

async function dropDatabases(cluster: Secret, names: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: cluster.reveal() })
  await client.connect()
  for (const name of names) {
    await client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`)
    for (const suffix of ['api', 'user', 'owner']) {
      await client.query(`drop role if exists ${pg.escapeIdentifier(`${name}_${suffix}`)}`)
    }
  }
  await client.end()
}
