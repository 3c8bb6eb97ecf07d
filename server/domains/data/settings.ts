/** How an app's PostgREST behaves: what it exposes, whom it takes a stranger for, how much it gives. */
import { audit } from '#domains/accounts'
import { type App, type AppContext, type Apps, rolesOf } from '#domains/apps'
import { invalid } from '#core/errors'
import type { Keyring } from '#core/keyring'
import { Secret } from '#core/secret'
import { ANONYMOUS, type Identity, identityOf } from '#db/identity'
import { quoteIdent } from '#db/sql'
import { DEFAULT_ROLE_PATH, type RoleClaim, roleClaim } from './role-claim.ts'
import { grantRole, hasPlainFunction, selectAbsentSchemas, selectRole } from './settings.sql.ts'

export const OPENAPI_MODES = ['follow-privileges', 'ignore-privileges', 'disabled'] as const

export type OpenApiMode = (typeof OPENAPI_MODES)[number]

/** As an owner sets it; what is absent stays. */
export type DataApiPatch = {
  /** Schemas that a request may name; the first is meant when it names none. */
  dbSchemas?: readonly string[] | undefined
  /** The role of who shows no token; null = nobody may ask without one. */
  dbAnonRole?: string | null | undefined
  /** A function without arguments, called before each statement: `name` or `schema.name`. */
  dbPreRequest?: string | null | undefined
  /** Schemas searched after the one at hand. */
  dbExtraSearchPath?: readonly string[] | undefined
  /** Rows that one answer holds at most, on each of its levels. */
  dbMaxRows?: number | null | undefined
  dbAggregatesEnabled?: boolean | undefined
  dbPlanEnabled?: boolean | undefined
  openapiMode?: OpenApiMode | undefined
  /** The document of the root says that a token may be sent. */
  openapiSecurityActive?: boolean | undefined
  /** A function without arguments that answers the root: a name in the first of the schemas. */
  dbRootSpec?: string | null | undefined
  /** Each answer tells how long its steps took. */
  serverTimingEnabled?: boolean | undefined
  /** One more HS256 key that tokens may be signed with, of at least 32 characters. */
  jwtSecret?: string | null | undefined
  /** Tokens for others are refused; null = tokens for anybody will do. */
  jwtAud?: string | null | undefined
  /** Where a token has its role: `.role`, `.app.roles[0]`. */
  jwtRoleClaimKey?: string | undefined
}

type Stored = Omit<DataApiPatch, 'jwtSecret'> & { sealedJwtSecret?: string | null }

/** The settings in force. Made once per app as loaded, so that it can be compared and kept by. */
export type DataApi = {
  schemas: readonly string[]
  anonRole: string | null
  anonymous: Identity | undefined
  /** Quoted, ready for SQL. */
  preRequest: string | undefined
  preRequestName: string | null
  extraSearchPath: readonly string[]
  maxRows: number | undefined
  aggregates: boolean
  plan: boolean
  openapiMode: OpenApiMode
  securityActive: boolean
  rootSpec: string | undefined
  serverTiming: boolean
  hasJwtSecret: boolean
  audience: string | undefined
  roleClaimKey: string
  roleIn: RoleClaim
  /** Equal for equal settings: part of the shape of every request. */
  key: string
}

const known = new WeakMap<App, DataApi>()

export function dataApiOf(app: App): DataApi {
  let settings = known.get(app)
  if (!settings) {
    settings = settingsOf(storedOf(app))
    known.set(app, settings)
  }
  return settings
}

const storedOf = ({ settings }: App): Stored => (settings.dataApi ?? {}) as Stored

function settingsOf(stored: Stored): DataApi {
  const anonRole = stored.dbAnonRole === undefined ? 'anon' : stored.dbAnonRole
  const preRequest = stored.dbPreRequest ?? null
  const roleClaimKey = stored.jwtRoleClaimKey ?? DEFAULT_ROLE_PATH
  const settings = {
    schemas: stored.dbSchemas ?? ['public'],
    anonRole,
    preRequest: preRequest === null ? undefined : quotedName(preRequest),
    preRequestName: preRequest,
    extraSearchPath: stored.dbExtraSearchPath ?? ['public'],
    maxRows: stored.dbMaxRows ?? undefined,
    aggregates: stored.dbAggregatesEnabled ?? false,
    plan: stored.dbPlanEnabled ?? false,
    openapiMode: stored.openapiMode ?? 'follow-privileges',
    securityActive: stored.openapiSecurityActive ?? false,
    rootSpec: stored.dbRootSpec ?? undefined,
    serverTiming: stored.serverTimingEnabled ?? false,
    hasJwtSecret: Boolean(stored.sealedJwtSecret),
    audience: stored.jwtAud ?? undefined,
    roleClaimKey,
    roleIn: roleClaim(roleClaimKey),
  }
  const { preRequest: call, maxRows, aggregates, extraSearchPath } = settings
  const key = JSON.stringify([call, maxRows, aggregates, extraSearchPath])
  return { ...settings, anonymous: anonymousAs(anonRole), key }
}

function anonymousAs(role: string | null): Identity | undefined {
  if (role === null) return undefined
  return role === 'anon' ? ANONYMOUS : identityOf(role, { role })
}

const NAME = /^(?:"((?:[^"]|"")+)"|([^".]+))(?:\.(?:"((?:[^"]|"")+)"|([^".]+)))?$/

const quotedName = (text: string): string => partsOf(text).map(quoteIdent).join('.')

/** The parts of `schema.name`, each bare or in quotes. @throws `invalid` pre_request_name */
function partsOf(text: string): string[] {
  const [, quoted, bare, quotedSecond, bareSecond] = NAME.exec(text) ?? []
  const parts = [
    quoted?.replaceAll('""', '"') ?? bare,
    quotedSecond?.replaceAll('""', '"') ?? bareSecond,
  ].filter((part) => part !== undefined)
  if (parts.length > 0) return parts
  throw invalid('pre_request_name', `Cannot read "${text}" as the name of a function`, {
    hint: 'Write name or schema.name.',
  })
}

/** The key beside the app's own that tokens may be signed with. */
export function dataApiSecret(keyring: Keyring, app: App): Secret | undefined {
  const { sealedJwtSecret } = storedOf(app)
  return sealedJwtSecret
    ? new Secret(keyring.decrypt(sealedJwtSecret, sealedFor(app.id)))
    : undefined
}

const sealedFor = (appId: string): string => `${appId}/data-api-jwt`

/** After the instance secret has changed. @returns how many values were sealed again under the current one */
export async function renewSealedDataApi(apps: Apps, app: App): Promise<number> {
  if (renewedSecret(apps, app) === undefined) return 0
  await apps.change(app.id, (fresh) => {
    const renewed = renewedSecret(apps, fresh)
    if (renewed === undefined) return {}
    const dataApi = { ...storedOf(fresh), sealedJwtSecret: renewed }
    return { settings: { ...fresh.settings, dataApi } }
  })
  return 1
}

function renewedSecret({ needs: { keyring } }: Apps, app: App): string | undefined {
  const { sealedJwtSecret } = storedOf(app)
  return sealedJwtSecret ? keyring.renew(sealedJwtSecret, sealedFor(app.id)) : undefined
}

/** Schemas that hold the server's own state. */
const CLOSED = /^(pg_.*|information_schema|stead)$/

/**
 * Changes what is given and keeps the rest. The role of strangers is granted to the data API's login.
 * @throws `invalid` schema_closed, schema_missing, function_missing, role_not_found, role_too_powerful,
 *   pre_request_name or role_claim_path
 */
export async function changeDataApi(ctx: AppContext, patch: DataApiPatch): Promise<App> {
  const { jwtSecret, ...plain } = patch
  const closed = patch.dbSchemas?.find((schema) => CLOSED.test(schema))
  if (closed !== undefined) {
    throw invalid('schema_closed', `Cannot expose the schema "${closed}": it is the server's own`)
  }
  await checkNamed(ctx, patch)
  if (patch.jwtRoleClaimKey !== undefined) roleClaim(patch.jwtRoleClaimKey)
  if (patch.dbAnonRole) await grantToApi(ctx, patch.dbAnonRole)
  const secret = jwtSecret && ctx.keyring.encrypt(jwtSecret, sealedFor(ctx.app.id))
  const sealed = jwtSecret === undefined ? {} : { sealedJwtSecret: secret ?? null }
  const app = await ctx.apps.change(ctx.app.id, (fresh) => ({
    settings: { ...fresh.settings, dataApi: { ...storedOf(fresh), ...given(plain), ...sealed } },
  }))
  await audit(ctx, {
    category: 'admin',
    eventType: 'app.config.data_api',
    action: 'update',
    resourceType: 'app',
    resourceId: app.id,
    appId: app.id,
    data: { ...plain, jwtSecretChanged: jwtSecret !== undefined },
  })
  return app
}

/**
 * What the app could not do without must be there: with one of these missing every request would be refused, in words
 * that do not say why. Schemas that are only searched may come later.
 */
async function checkNamed(ctx: AppContext, patch: DataApiPatch): Promise<void> {
  const next = settingsOf({ ...storedOf(ctx.app), ...given(patch) })
  const needed = functionsOf(next, patch)
  if (patch.dbSchemas === undefined && needed.length === 0) return
  await ctx.asPlatform(async (tx) => {
    const [absent] = await selectAbsentSchemas(tx, patch.dbSchemas ?? [])
    if (absent !== undefined) {
      throw invalid('schema_missing', `Cannot expose the schema "${absent}": it is not there`, {
        hint: 'Create it first, then expose it.',
      })
    }
    for (const { setting, ...wanted } of needed) {
      if (await hasPlainFunction(tx, wanted)) continue
      const places = wanted.schemas.map((name) => `"${name}"`).join(', ')
      const message = `Cannot set ${setting}: no function "${wanted.name}" without arguments is in ${places}`
      throw invalid('function_missing', message, {
        hint: 'Create it first, or name its schema too. null calls none.',
      })
    }
  })
}

type Needed = { setting: string; name: string; schemas: readonly string[] }

/** Functions that are called as a change leaves the settings: each with the schemas of which one must have it. */
function functionsOf(next: DataApi, patch: DataApiPatch): Needed[] {
  const { schemas, extraSearchPath, preRequestName, rootSpec } = next
  const moves = patch.dbSchemas !== undefined || patch.dbExtraSearchPath !== undefined
  const needed: Needed[] = []
  if (preRequestName !== null && (moves || patch.dbPreRequest !== undefined)) {
    const setting = 'db_pre_request'
    const [first = '', second] = partsOf(preRequestName)
    if (second !== undefined) needed.push({ setting, name: second, schemas: [first] })
    // Whichever schema a request names is searched first.
    else
      for (const schema of schemas)
        needed.push({ setting, name: first, schemas: [...new Set([schema, ...extraSearchPath])] })
  }
  const [first = 'public'] = schemas
  if (rootSpec !== undefined && (patch.dbSchemas !== undefined || patch.dbRootSpec !== undefined))
    needed.push({ setting: 'db_root_spec', name: rootSpec, schemas: [first] })
  return needed
}

/** A role may be one's own only if all it can do is what was granted to it. */
async function grantToApi(ctx: AppContext, role: string): Promise<void> {
  await ctx.asPlatform(async (tx) => {
    const found = await selectRole(tx, role)
    if (!found) {
      throw invalid('role_not_found', `There is no role "${role}" in the database`, {
        hint: 'Create it first: create role name nologin.',
      })
    }
    if (found.power !== null) {
      throw invalid('role_too_powerful', `Strangers cannot be given the role "${role}"`, {
        details: { role, because: found.power },
        hint: 'Name a role without login, without attributes and without membership in such roles.',
      })
    }
    await grantRole(tx, role, rolesOf(ctx.app.dbName).api)
  })
}

const given = (patch: object): object =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
