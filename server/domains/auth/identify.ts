/** From the text of a credential to who is asking. The good answer is remembered until something changes. */
import { type AccountCaller, type Caller, type Credential, workspacesOf } from '#domains/accounts'
import { decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import type { App, Apps } from '#domains/apps'
import { unauthenticated } from '#core/errors'

/** Callers remembered; the oldest go first. */
const CACHE_SIZE = 20_000

/** A remembered caller is looked up again after this long, whatever happens. */
const MAX_AGE_MS = 60_000

export const invalidApiKey = () =>
  unauthenticated('invalid_api_key', 'The API key is unknown, revoked or expired', {
    hint: 'Make a new key with POST /api-keys, or ask the owner for one.',
  })

export const invalidToken = (cause?: unknown) =>
  unauthenticated('invalid_token', 'Invalid or expired Bearer token', {
    cause,
    hint: 'Sign in again, or refresh the session.',
  })

type Remembered = { caller: Caller; until: number; appId: string | undefined }

export class Identifier {
  readonly #apps: Apps
  readonly #callers = new Map<string, Remembered>()
  #epoch = 0

  constructor(apps: Apps) {
    this.#apps = apps
    apps.onForget((appId) => this.forget(appId))
    apps.needs.credentials.onForget(() => this.forget())
  }

  /**
   * Who shows this credential.
   * @param app the app that the request addresses, whose secret verifies a token that names no app
   * @throws `unauthenticated` invalid_api_key or invalid_token
   */
  async identify(secret: string, app?: App): Promise<Caller> {
    const key = app ? `${app.id} ${secret}` : secret
    const known = this.#callers.get(key)
    if (known && known.until > Date.now()) return known.caller
    const epoch = this.#epoch
    const { caller, expiresAt } = await this.#find(secret, app)
    const until = Math.min(Date.now() + MAX_AGE_MS, expiresAt)
    if (epoch === this.#epoch) this.#remember(key, { caller, until, appId: appOf(caller) })
    return caller
  }

  /** Something about this app, or about any credential, changed. */
  forget(appId?: string): void {
    this.#epoch += 1
    if (appId === undefined) return this.#callers.clear()
    for (const [key, { appId: of }] of this.#callers) {
      if (of === undefined || of === appId) this.#callers.delete(key)
    }
  }

  #remember(key: string, entry: Remembered): void {
    if (this.#callers.size >= CACHE_SIZE) {
      this.#callers.delete(this.#callers.keys().next().value ?? '')
    }
    this.#callers.set(key, entry)
  }

  async #find(
    secret: string,
    app: App | undefined,
  ): Promise<{ caller: Caller; expiresAt: number }> {
    if (secret.startsWith('eyJ')) return this.#fromToken(secret, app)
    const credential = await this.#apps.needs.credentials.find(secret)
    if (!credential) throw invalidApiKey()
    const expiresAt = credential.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY
    return { caller: await this.#fromKey(credential), expiresAt }
  }

  async #fromKey(credential: Credential): Promise<Caller> {
    const { id, scopes, accountId } = credential
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

  async #account(
    accountId: string,
  ): Promise<Pick<AccountCaller, 'kind' | 'accountId' | 'workspaceIds'>> {
    const workspaces = await workspacesOf(this.#apps.needs.platform, accountId)
    return { kind: 'account', accountId, workspaceIds: workspaces.map(({ id }) => id) }
  }

  async #fromToken(
    token: string,
    hint: App | undefined,
  ): Promise<{ caller: Caller; expiresAt: number }> {
    const named = appIdIn(decoded(token))
    const app = named === undefined ? hint : await this.#apps.find(named)
    if (!app) throw invalidToken()
    const secret = new TextEncoder().encode(this.#apps.keysOf(app).secret)
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'] }).catch(
      (error: unknown) => {
        throw invalidToken(error)
      },
    )
    const expiresAt = payload.exp === undefined ? Number.POSITIVE_INFINITY : payload.exp * 1000
    return { caller: await this.#fromClaims(token, app, payload), expiresAt }
  }

  async #fromClaims(token: string, app: App, payload: JWTPayload): Promise<Caller> {
    if (payload.iss === 'stead') {
      const credential = await this.#apps.needs.credentials.find(token)
      if (!credential) throw invalidApiKey()
      if (payload.role === 'anon') return { kind: 'anonymous', appId: app.id }
      return {
        kind: 'app_key',
        appIds: [app.id],
        credentialId: credential.id,
        scopes: credential.scopes,
        accountId: undefined,
      }
    }
    throw invalidToken()
  }
}

function decoded(token: string): JWTPayload {
  try {
    return decodeJwt(token)
  } catch (error) {
    throw invalidToken(error)
  }
}

/** Our tokens carry their app in a claim or in the issuer. */
function appIdIn({ app_id: appId, iss }: JWTPayload): string | undefined {
  if (typeof appId === 'string') return appId
  return iss?.startsWith('butterbase:app:') ? iss.slice('butterbase:app:'.length) : undefined
}

function appOf(caller: Caller): string | undefined {
  if (caller.kind === 'user' || caller.kind === 'anonymous') return caller.appId
  return caller.kind === 'app_key' && caller.appIds.length === 1 ? caller.appIds[0] : undefined
}
