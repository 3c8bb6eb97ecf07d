/** Who may call `/rest/v1`, and which app they mean. */
import { authRequired, type Caller, identityIn } from '#domains/accounts'
import {
  type App,
  addressedApp,
  requireNotPaused,
  requireUsable,
  requireWritable,
} from '#domains/apps'
import {
  appIdOfDataToken,
  type DataClaims,
  emptyToken,
  invalidToken,
  isDataToken,
  readDataToken,
} from '#domains/auth'
import {
  type DataApi,
  dataApiOf,
  dataApiSecret,
  type DataContext,
  identityOf,
  type Identity,
} from '#domains/data'
import { notFound, unauthenticated } from '#core/errors'
import { LruCache } from '#core/lru-cache'
import type { Http } from '#http/env'
import { bearerOf, hasLeft, headerOf, requestFacts, subdomainOf } from '#http/request'
import type { Guard } from '#http/routes'
import { requestContext, type Services } from '#services'
import { keyInQuery } from './query-key.ts'
import { startWatch } from './server-timing.ts'

/** What a REST request is given: the way to the data, and how the app speaks PostgREST. */
export type RestContext = DataContext & { dataApi: DataApi }

export type Scopes = {
  /** Whoever may address the app: nobody in particular, its users, its keys, its owner. */
  visitor: RestContext
}

/** Requests of nobody in particular: PostgREST tells them 401 where others get 403. */
const anonymous = new WeakSet<Http>()

export const isAnonymous = (c: Http): boolean => anonymous.has(c)

export function guards(services: Services): { visitor: Guard<RestContext> } {
  return {
    visitor: async (c) => {
      const started = performance.now()
      const tenant = tenantOf(services, c)
      const named = tenant === undefined ? undefined : await appOfTenant(services, tenant)
      const secret = secretOf(c)
      if (secret !== undefined && isForeign(secret)) {
        const guest = await guestOf(services, secret, named)
        return () => timed(c, started, enterAsGuest(services, c, guest))
      }
      const caller: Caller = secret
        ? await services.identifier.identify(secret, named ?? (await services.apps.default()))
        : { kind: 'anonymous' }
      if (caller.kind === 'anonymous') anonymous.add(c)
      return async () => timed(c, started, await enter(services, { c, caller, named }))
    },
  }
}

/** Where the app wants it, each step is timed from here on. */
function timed(c: Http, started: number, ctx: RestContext): RestContext {
  if (ctx.dataApi.serverTiming) ctx.timings = startWatch(c, started)
  return ctx
}

/** @throws `unauthenticated` when a token is announced and none is sent */
function secretOf(c: Http): string | undefined {
  const header = headerOf(c, 'authorization')
  const bearer = bearerOf(header)
  if (bearer) return bearer
  if (bearer === '' || (header !== undefined && /^bearer\s*$/i.test(header))) throw emptyToken()
  return headerOf(c, 'apikey') ?? keyInQuery(c)
}

/** Tokens remembered, and their characters together. */
const MAX_KNOWN = 10_000
const MAX_CHARS = 3_000_000

const foreign = new LruCache<boolean>(MAX_KNOWN, MAX_CHARS)

/** Three parts, and not what any token of ours begins with. */
const SHAPE_OF_TOKEN = /^(?!ey)[^.]+\.[^.]+\.[^.]*$/

/** Taking a token apart costs more than remembering what it was. */
function isForeign(secret: string): boolean {
  let answer = foreign.get(secret)
  if (answer === undefined) {
    answer = isDataToken(secret) || SHAPE_OF_TOKEN.test(secret)
    foreign.set(secret, answer)
  }
  return answer
}

type Entering = { c: Http; caller: Caller; named: App | undefined }

async function enter(services: Services, { c, caller, named }: Entering): Promise<RestContext> {
  const app = named ?? (await appOfCaller(services, caller))
  const owned = identityIn(caller, app)
  if (caller.kind === 'account') await addressedApp(requestContext(services, c, caller), app.id)
  const stranger = caller.kind === 'anonymous'
  const identity = stranger ? dataApiOf(app).anonymous : owned
  return contextOf(services, c, { app, identity, stranger })
}

/** Who shows a token that somebody else signed: a role of the database, or a stranger with claims. */
type Guest = { app: App; identity: Identity | undefined; stranger: boolean; until: number }

const guests = new WeakMap<App, LruCache<Guest>>()

async function guestOf(services: Services, token: string, named: App | undefined): Promise<Guest> {
  const { apps, keyring, clock } = services
  const id = appIdOfDataToken(token)
  const app = (id === undefined ? named : await apps.find(id)) ?? (await apps.default())
  if (named && app.id !== named.id) throw invalidToken()
  const known = guests.get(app)?.get(token)
  const now = clock()
  if (known && known.until > now.getTime()) return known
  const extra = dataApiSecret(keyring, app)
  const secrets = [apps.keysOf(app).secret, ...(extra ? [extra.reveal()] : [])]
  const { audience } = dataApiOf(app)
  return remembered(token, guestWith(app, await readDataToken(token, { secrets, audience, now })))
}

function guestWith(app: App, claims: DataClaims): Guest {
  const { anonRole, roleIn } = dataApiOf(app)
  const role = roleIn(claims) ?? anonRole
  if (role?.includes('\0')) throw invalidToken()
  const until = typeof claims.exp === 'number' ? claims.exp * 1000 : Number.POSITIVE_INFINITY
  const identity = role === null ? undefined : identityOf(role, { ...claims, role })
  return { app, identity, stranger: role === anonRole, until }
}

/** Forgotten with the app as it is now: a change of its settings makes a new one. */
function remembered(token: string, guest: Guest): Guest {
  const known = guests.get(guest.app) ?? new LruCache(MAX_KNOWN, MAX_CHARS)
  guests.set(guest.app, known)
  known.set(token, guest)
  return guest
}

function enterAsGuest(services: Services, c: Http, guest: Guest): RestContext {
  if (guest.stranger) anonymous.add(c)
  return contextOf(services, c, guest)
}

/** A statement that takes longer is ended. */
const TIMEOUT_MS = 30_000

/** The database is told what comes after it. */
const PATH = '/rest/v1'

type Entered = { app: App; identity: Identity | undefined; stranger: boolean }

function contextOf(services: Services, c: Http, { app, identity, stranger }: Entered): RestContext {
  requireUsable(app)
  requireNotPaused(app)
  if (!/^(GET|HEAD|OPTIONS)$/.test(c.req.method)) requireWritable(app)
  if (app.accessMode === 'authenticated' && stranger) throw authRequired()
  if (!identity) throw unauthenticated('anonymous_disabled', 'Anonymous access is disabled')
  const databases = services.apps.databasesOf(app)
  const dataApi = dataApiOf(app)
  return {
    appId: app.id,
    database: databases.api,
    platform: databases.platform,
    identity,
    catalogs: services.catalogs,
    timeoutMs: TIMEOUT_MS,
    isAbandoned: () => hasLeft(c),
    facts: () => requestFacts(c, PATH),
    extraSearchPath: dataApi.extraSearchPath,
    preRequest: dataApi.preRequest,
    dataApi,
  }
}

/** The word before the base domain of the host, else what the tenant header says. */
function tenantOf({ config }: Services, c: Http): string | undefined {
  const tenant = subdomainOf(c, config.baseDomain) ?? headerOf(c, 'x-fb-tenant')
  return tenant === '' ? undefined : tenant
}

async function appOfTenant({ apps }: Services, tenant: string): Promise<App> {
  const app = await apps.findByAnyName(tenant)
  if (app) return app
  throw notFound('app_not_found', 'App not found', {
    hint: 'Check the host, or the app in the X-FB-Tenant header.',
  })
}

async function appOfCaller({ apps }: Services, caller: Caller): Promise<App> {
  const id = appIdOf(caller)
  return (id === undefined ? undefined : await apps.find(id)) ?? apps.default()
}

function appIdOf(caller: Caller): string | undefined {
  if (caller.kind === 'user' || caller.kind === 'anonymous') return caller.appId
  return caller.kind === 'app_key' && caller.appIds.length === 1 ? caller.appIds[0] : undefined
}
