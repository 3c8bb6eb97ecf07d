/** From the text of a credential to who is asking. The good answer is remembered until something changes. */
import type { JWTPayload } from 'jose'
import { type AccountCaller, type Caller, type Credential, workspacesOf } from '#domains/accounts'
import type { App, Apps } from '#domains/apps'
import type { Clock } from '#core/clock'
import { type AppError, unauthenticated } from '#core/errors'
import { isUuid } from '#core/ids'
import { ANONYMOUS, type Claims, type Identity, identityOf } from '#db/identity'
import { CallerCache } from './caller-cache.ts'
import { notifySessionEnded } from './notify.sql.ts'
import { sessionLives } from './sessions.sql.ts'
import { storeOf } from './store.ts'
import {
  invalidToken,
  invalidUserToken,
  isOfUser,
  readToken,
  revokedToken,
  type Unverified,
  userNotFound,
  verifiedClaims,
} from './tokens.ts'
import { selectUser } from './users.sql.ts'

/** Callers remembered; the oldest go first. */
const CACHE_SIZE = 20_000

/** A remembered caller is looked up again after this long, whatever happens. */
const MAX_AGE_MS = 60_000

/** Requests of a client key that names no limit of its own. */
const CLIENT_KEY_PER_MINUTE = 100

/** Issuers of tokens that others sign with the app's secret. */
const FOREIGN_ISSUERS = new Set(['', 'fluxbase', 'supabase', 'supabase-demo'])

export const invalidApiKey = () =>
  unauthenticated('invalid_api_key', 'The API key is unknown, revoked or expired', {
    hint: 'Where Stead runs, "npx stead status" shows a good one; elsewhere ask the owner for a new one.',
  })

/** To whom the whole key is known it is no news that there was one. */
const revokedClientKey = () =>
  unauthenticated('revoked_client_key', 'The client key has been revoked', {
    hint: 'Make a new key with POST /api/v1/client-keys.',
  })

const looksLikeKey = (secret: string): boolean => /^(?:bb_|sk_|pk_|fb_|fbk_)/.test(secret)

type Found = { caller: Caller; expiresAt: number }

export class Identifier {
  readonly #apps: Apps
  readonly #clock: Clock
  readonly #callers = new CallerCache(CACHE_SIZE)
  #epoch = 0

  constructor(apps: Apps, clock: Clock) {
    this.#apps = apps
    this.#clock = clock
    apps.onForget((appId) => this.forget(appId))
    apps.needs.credentials.onForget((id) => this.#forgetCredential(id))
  }

  /**
   * Who shows this credential.
   * @param app the app that the request addresses, whose secret verifies a token that names no app
   * @throws `unauthenticated` invalid_api_key, invalid_token, invalid_user_token, user_token_expired
   *   or revoked_token
   */
  async identify(secret: string, app?: App): Promise<Caller> {
    const addressed = app?.id ?? ''
    const known = this.#callers.get(addressed, secret)
    const now = this.#clock().getTime()
    if (known && known.until > now) return known.caller
    const epoch = this.#epoch
    const { caller, expiresAt } = await this.#find(secret, app)
    const until = Math.min(now + MAX_AGE_MS, expiresAt)
    if (epoch === this.#epoch) {
      this.#callers.set(addressed, secret, { caller, until, appId: appOf(caller) })
    }
    return caller
  }

  /** Something about this app, or about any credential, changed. */
  forget(appId?: string): void {
    this.#epoch += 1
    this.#callers.forget(({ appId: of }) => {
      return appId === undefined || of === undefined || of === appId
    })
  }

  /** Users may change keys as often as they like: only who showed this one is looked up again. */
  #forgetCredential(id: string | undefined): void {
    this.#epoch += 1
    this.#callers.forget(({ caller }) => {
      const isOther = 'credentialId' in caller && caller.credentialId !== id
      return id === undefined || !(isOther || caller.kind === 'user')
    })
  }

  /**
   * A session, or every session of a user, has ended: its tokens are refused from now on, here and in
   * every other process. Call it after the sessions are gone.
   */
  async ended(appId: string, sessionOrUserId: string): Promise<void> {
    this.#forgetEnded(appId, sessionOrUserId)
    await notifySessionEnded(this.#apps.needs.platform.query, `${appId} ${sessionOrUserId}`)
  }

  /** What another process told with `ended`. */
  onEnded(payload: string): void {
    const [appId = '', id = ''] = payload.split(' ')
    this.#forgetEnded(appId, id)
  }

  #forgetEnded(appId: string, id: string): void {
    this.#epoch += 1
    this.#callers.forget(({ caller }) => {
      if (caller.kind !== 'user' && caller.kind !== 'client_key') return false
      if (caller.appId !== appId) return false
      const session = caller.kind === 'user' ? caller.sessionId : undefined
      return session === id || caller.userId === id
    })
  }

  async #find(secret: string, app: App | undefined): Promise<Found> {
    if (secret.startsWith('eyJ')) return this.#fromToken(readToken(secret), app)
    const credential = await this.#apps.needs.credentials.find(secret)
    if (!credential) throw await this.#refusalOf(secret)
    const expiresAt = credential.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY
    return { caller: await this.#fromKey(credential), expiresAt }
  }

  async #refusalOf(secret: string): Promise<AppError> {
    if (!looksLikeKey(secret)) return invalidToken()
    const isClientKey = secret.startsWith('fbk_')
    const revoked = isClientKey && (await this.#apps.needs.credentials.wasRevoked(secret))
    return revoked ? revokedClientKey() : invalidApiKey()
  }

  async #fromKey(credential: Credential): Promise<Caller> {
    const { id, scopes, accountId } = credential
    if (credential.kind === 'client_key') return this.#fromClientKey(credential)
    const appIds = scopes.filter((scope) => scope.startsWith('app:')).map((scope) => scope.slice(4))
    if (!scopes.includes('*')) {
      return {
        kind: 'app_key',
        appIds,
        credentialId: id,
        scopes,
        accountId: accountId ?? undefined,
      }
    }
    if (accountId === null) throw invalidApiKey()
    return { ...(await this.#account(accountId)), credentialId: id, via: 'key', scopes }
  }

  /** Acts as the user it was made for, as long as there is that user. */
  async #fromClientKey(credential: Credential): Promise<Caller> {
    const { id: credentialId, appId, userId, scopes, requestsPerMinute } = credential
    const app = appId === null ? undefined : await this.#apps.find(appId)
    if (!app) throw invalidApiKey()
    return {
      kind: 'client_key',
      appId: app.id,
      credentialId,
      userId: userId ?? undefined,
      scopes,
      requestsPerMinute: requestsPerMinute ?? CLIENT_KEY_PER_MINUTE,
      identity: userId === null ? ANONYMOUS : await this.#identityOfUser(app, userId),
    }
  }

  async #identityOfUser(app: App, userId: string): Promise<Identity> {
    const { query } = storeOf({ databases: this.#apps.databasesOf(app) })
    const user = await selectUser(query, userId)
    if (!user) throw invalidApiKey()
    const { email, role, userMetadata, appMetadata } = user
    const metadata = { user_metadata: userMetadata, app_metadata: appMetadata }
    return identityOf('authenticated', { sub: user.id, email, role, ...metadata })
  }

  async #account(
    accountId: string,
  ): Promise<Pick<AccountCaller, 'kind' | 'accountId' | 'workspaceIds'>> {
    const workspaces = await workspacesOf(this.#apps.needs.platform, accountId)
    return { kind: 'account', accountId, workspaceIds: workspaces.map(({ id }) => id) }
  }

  async #fromToken(unverified: Unverified, hint: App | undefined): Promise<Found> {
    const { appId, payload: claimed } = unverified
    const app = appId === undefined ? hint : await this.#apps.find(appId)
    if (!app) throw isOfUser(claimed) ? invalidUserToken() : invalidToken()
    const now = this.#clock()
    const payload = await verifiedClaims(this.#apps, app, { ...unverified, now })
    const expiresAt = payload.exp === undefined ? Number.POSITIVE_INFINITY : payload.exp * 1000
    return { caller: await this.#fromClaims(unverified.token, app, payload), expiresAt }
  }

  async #fromClaims(token: string, app: App, payload: JWTPayload): Promise<Caller> {
    if (payload.iss === 'stead') return this.#fromAppKey(token, app, payload)
    if ((payload.token_type ?? 'access') !== 'access') throw invalidUserToken()
    if (payload.session_id === undefined) return fromForeignClaims(app, payload)
    return this.#fromSession(app, payload)
  }

  /** The app's own anon and service key. */
  async #fromAppKey(token: string, app: App, { role }: JWTPayload): Promise<Caller> {
    const credential = await this.#apps.needs.credentials.find(token)
    if (!credential) throw invalidApiKey()
    if (role === 'anon') return { kind: 'anonymous', appId: app.id }
    const { id: credentialId, scopes } = credential
    return { kind: 'app_key', appIds: [app.id], credentialId, scopes, accountId: undefined }
  }

  async #fromSession(app: App, payload: JWTPayload): Promise<Caller> {
    const { sub, session_id: id } = payload
    if (typeof sub !== 'string' || typeof id !== 'string' || !isUuid(sub) || !isUuid(id)) {
      throw invalidUserToken()
    }
    const { query } = storeOf({ databases: this.#apps.databasesOf(app) })
    const session = { id, userId: sub, now: this.#clock() }
    if (await sessionLives(query, session)) return userOf(app, payload)
    throw revokedToken((await selectUser(query, sub)) ? undefined : userNotFound())
  }
}

/** A token that somebody else signed with the app's secret. Only three words become a database role. */
function fromForeignClaims(app: App, payload: JWTPayload): Caller {
  if (!FOREIGN_ISSUERS.has(payload.iss ?? '')) throw invalidUserToken()
  switch (payload.role) {
    case 'anon':
      return { kind: 'anonymous', appId: app.id }
    case 'authenticated':
      return userOf(app, payload)
    case 'service_role':
      return {
        kind: 'app_key',
        appIds: [app.id],
        credentialId: payload.jti ?? 'signed with the secret of the app',
        scopes: ['service_role'],
        accountId: undefined,
      }
    default:
      throw isOfUser(payload) ? invalidUserToken() : invalidToken()
  }
}

/** A signed-in user is `authenticated` to the database, whatever the application calls them. */
function userOf(app: App, payload: JWTPayload): Caller {
  const { sub = '', email = '', role = 'authenticated', session_id: sessionId } = payload
  if (!isText(sub) || !isText(email) || !isText(role)) throw invalidUserToken()
  const claims: Claims = { ...payload, role }
  return {
    kind: 'user',
    appId: app.id,
    userId: sub,
    sessionId: typeof sessionId === 'string' ? sessionId : undefined,
    claims,
    identity: identityOf('authenticated', claims),
  }
}

/** Text that PostgreSQL can hold. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && !value.includes('\0')

function appOf(caller: Caller): string | undefined {
  if (caller.kind !== 'app_key' && caller.kind !== 'account') return caller.appId
  return caller.kind === 'app_key' && caller.appIds.length === 1 ? caller.appIds[0] : undefined
}
