/** Making and removing apps. Both finish after a crash: the row says what is under way. */
import { setTimeout as wait } from 'node:timers/promises'
import { type AccountCaller, audit, requireAccount } from '#domains/accounts'
import { conflict, forbidden, gone, internal, invalid } from '#core/errors'
import { newAppId, randomBase36 } from '#core/ids'
import type { Log } from '#core/log'
import { connectionFailureIn } from '#db/sqlstate'
import type { Apps } from './apps.ts'
import {
  type App,
  deleteAppRow,
  insertApp,
  selectApp,
  selectAppByName,
  selectAppsById,
  selectAppsOf,
  selectDefaultApp,
  selectUnfinishedApps,
  subdomainTaken,
  updateApp,
} from './apps.sql.ts'
import type { Context } from './context.ts'
import { loginPassword } from './databases.ts'
import { newAppKeys, sealKeys } from './keys.ts'

export type AppRequest = {
  name: string
  region?: string | undefined
  subdomain?: string | undefined
  workspaceId?: string | undefined
}

export type Created = { app: App; created: boolean }

/** An answer waits this long for the database and then says `provisioning`. */
const PATIENCE_MS = 5000

/** Names under the base domain that are the platform's own. */
const RESERVED = new Set(
  'www api mcp app apps admin auth console dashboard docs static assets status mail smtp cdn'.split(
    ' ',
  ),
)

/** Every app the caller may address, newest first. */
export async function listApps(ctx: Context): Promise<App[]> {
  const { caller, platform } = ctx
  if (caller.kind === 'app_key') return selectAppsById(platform.query, caller.appIds)
  return selectAppsOf(platform.query, requireAccount(caller).workspaceIds)
}

/**
 * A new app with its own database; the same name in the same region gives the existing one.
 * @throws `invalid` unknown_region, `forbidden` workspace_forbidden, `conflict` subdomain_taken, `gone` app_deleting
 */
export async function createApp(ctx: Context, request: AppRequest): Promise<Created> {
  const caller = requireAccount(ctx.caller)
  const place = { workspaceId: workspaceOf(caller, request), region: regionOf(ctx.apps, request) }
  const existing = await selectAppByName(ctx.platform.query, { ...place, name: request.name })
  if (existing) return found(existing)
  const row = await insertNewApp(ctx.apps, {
    ...request,
    ...place,
    ownerId: caller.accountId,
  })
  if (!row.created) return row
  const app = await provisionWithin(ctx, row.app, PATIENCE_MS)
  await audit(ctx, { ...appEvent(app), eventType: 'app.create', action: 'create' })
  return { app, created: true }
}

function found(app: App): Created {
  if (app.state !== 'deleting') return { app, created: false }
  throw gone('app_deleting', `The app "${app.name}" is being deleted`, {
    hint: 'Its name is free again in a moment: send the request once more.',
    retryAfter: 1,
  })
}

const appEvent = ({ id, name, region }: App) =>
  ({
    appId: id,
    category: 'admin',
    resourceType: 'app',
    resourceId: id,
    data: { name, region },
  }) as const

function workspaceOf(caller: AccountCaller, { workspaceId }: AppRequest): string {
  const wanted = workspaceId ?? caller.workspaceIds[0]
  if (wanted !== undefined && caller.workspaceIds.includes(wanted)) return wanted
  throw forbidden('workspace_forbidden', 'You are not a member of that organization', {
    hint: 'Leave organization_id out, or name an organization that you belong to.',
  })
}

function regionOf(apps: Apps, { region }: AppRequest): string {
  const { names } = apps.needs.regions
  const wanted = region ?? names[0] ?? ''
  if (names.includes(wanted)) return wanted
  throw invalid('unknown_region', `Unknown region "${wanted}"`, {
    details: { allowed: names },
    hint: `Use one of ${names.join(', ')}.`,
  })
}

type NewAppRow = AppRequest & {
  workspaceId: string
  region: string
  ownerId: string
}

/** The row of a new app; of two at once with one name, both get the same row. */
async function insertNewApp(apps: Apps, request: NewAppRow): Promise<Created> {
  const { platform, keyring } = apps.needs
  for (let attempt = 0; attempt < 5; attempt++) {
    const id = newAppId()
    const subdomain = await freeSubdomain(apps, request)
    const keys = sealKeys(keyring, id, newAppKeys())
    const row = { ...request, id, subdomain, dbName: id, isDefault: false, keys }
    const app = await insertApp(platform.query, row)
    if (app) return { app, created: true }
    const existing = await selectAppByName(platform.query, request)
    if (existing) return found(existing)
  }
  throw internal('app_not_made', 'Cannot find a free name for the app')
}

async function freeSubdomain(apps: Apps, { name, subdomain }: AppRequest): Promise<string> {
  const { platform } = apps.needs
  const wanted = subdomain ?? (name.replaceAll('_', '-').replaceAll(/^-+|-+$/g, '') || 'app')
  const free = !RESERVED.has(wanted) && !(await subdomainTaken(platform.query, wanted))
  if (free) return wanted
  if (subdomain === undefined) return `${wanted.slice(0, 56)}-${randomBase36(6)}`
  throw conflict('subdomain_taken', `The subdomain "${subdomain}" is taken`, {
    hint: 'Choose another subdomain, or leave it out to get a free one.',
  })
}

/** Gives the app as it is once its database exists, or as it is when patience ends. */
async function provisionWithin(ctx: Context, app: App, patienceMs: number): Promise<App> {
  const stop = new AbortController()
  const provisioning = provision(ctx.apps, app, ctx.log)
  const given = await Promise.race([
    provisioning,
    wait(patienceMs, app, { signal: stop.signal, ref: false }),
  ])
  stop.abort()
  provisioning.catch(() => {})
  return given
}

/** Makes the app's database, over what a crash left of it. Never throws: the row tells. */
async function provision(apps: Apps, app: App, log: Log): Promise<App> {
  try {
    return await exclusively(apps, app.id, () => makeDatabase(apps, app))
  } catch (error) {
    const { region } = app
    log.error({ err: error, appId: app.id, region }, 'cannot make the database of an app')
    const stateError = connectionFailureIn(error)
      ? `The database of the region ${region} cannot be reached`
      : 'The database could not be created'
    const failed = await updateApp(apps.needs.platform.query, app.id, {
      state: 'failed',
      stateError,
    })
    apps.forget(app.id)
    return failed ?? app
  }
}

async function makeDatabase(apps: Apps, app: App): Promise<App> {
  const { platform, keyring, regions } = apps.needs
  const fresh = await selectApp(platform.query, app.id)
  if (fresh?.state !== 'provisioning') return fresh ?? app
  const cluster = regions.cluster(app.region)
  if (!cluster) throw internal('region_unknown', `The region ${app.region} is not configured`)
  await cluster.createAppDatabase(app.dbName, (role) => loginPassword(keyring, role))
  await registerApiKeys(apps, app)
  const { schemaVersion } = cluster
  const made = { state: 'ready', stateError: null, schemaVersion } as const
  const ready = await updateApp(platform.query, app.id, made)
  apps.forget(app.id)
  return ready ?? app
}

/** One process at a time makes or removes an app; a crash lets go. */
function exclusively<T>(apps: Apps, id: string, work: () => Promise<T>): Promise<T> {
  return apps.needs.locks.session(async (client) => {
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [id])
    try {
      return await work()
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [id])
    }
  })
}

/** The app's two API keys among the credentials, so that they can be revoked like any other. */
async function registerApiKeys(apps: Apps, app: App): Promise<void> {
  const { credentials } = apps.needs
  const { anonKeyId, serviceKeyId } = apps.keysOf(app)
  for (const [role, id] of [
    ['anon', anonKeyId],
    ['service_role', serviceKeyId],
  ] as const) {
    const secret = await apps.apiKey(app, role)
    await credentials.mint({
      kind: 'app_key',
      name: role,
      scopes: [role],
      secret,
      id,
      appId: app.id,
    })
  }
}

/** Irreversible: the database goes, then the row and everything that hangs on it. */
export async function deleteApp(ctx: Context, app: App): Promise<void> {
  await ctx.apps.update(app.id, { state: 'deleting' })
  await remove(ctx.apps, app)
  await audit(ctx, { ...appEvent(app), eventType: 'app.delete', action: 'delete' })
}

function remove(apps: Apps, app: App): Promise<void> {
  return exclusively(apps, app.id, () => removeDatabase(apps, app))
}

/** What runs there may end by itself for so long, in ms; then it ends with the database. */
const FAREWELL_MS = 2_000

const closePatiently = (apps: Apps, { id }: App): Promise<void> =>
  Promise.race([apps.closeDatabases(id), wait(FAREWELL_MS, undefined, { ref: false })])

async function removeDatabase(apps: Apps, app: App): Promise<void> {
  await closePatiently(apps, app)
  await apps.needs.regions.cluster(app.region)?.dropAppDatabase(app.dbName)
  await deleteAppRow(apps.needs.platform.query, app.id)
  apps.forget(app.id)
  // Requests under way may have opened them again.
  await closePatiently(apps, app)
  apps.needs.credentials.forget()
}

/** Finishes what a crash interrupted; what another process is at waits for it and then finds it done. */
export async function resumeUnfinished(apps: Apps, log: Log): Promise<void> {
  for (const app of await selectUnfinishedApps(apps.needs.platform.query)) {
    log.info({ appId: app.id, state: app.state }, 'finishing what was interrupted')
    if (app.state === 'deleting') await remove(apps, app)
    else await provision(apps, app, log)
  }
}

/** The app that requests mean when they name none, made at the first start. */
export async function ensureDefaultApp(
  apps: Apps,
  owner: { accountId: string; workspaceId: string },
  log: Log,
): Promise<App> {
  const find = () => selectDefaultApp(apps.needs.platform.query)
  const app = (await find()) ?? (await insertDefaultApp(apps, owner)) ?? (await find())
  if (!app) throw internal('app_not_made', 'Cannot make the default app')
  return app.state === 'provisioning' ? provision(apps, app, log) : app
}

/** Nothing when another process that starts at the same moment makes it. */
async function insertDefaultApp(
  apps: Apps,
  { accountId, workspaceId }: { accountId: string; workspaceId: string },
): Promise<App | undefined> {
  const id = newAppId()
  return insertApp(apps.needs.platform.query, {
    id,
    name: 'default',
    subdomain: 'default',
    workspaceId,
    ownerId: accountId,
    region: apps.needs.regions.names[0] ?? '',
    dbName: id,
    isDefault: true,
    keys: sealKeys(apps.needs.keyring, id, newAppKeys()),
  })
}
