/** Every secret a caller shows: minted once, kept as a hash, found in constant time, revoked at once. */
import { createHash } from 'node:crypto'
import { notFound } from '#core/errors'
import type { Clock } from '#core/clock'
import { isUuid, randomHex, uuid } from '#core/ids'
import type { Log } from '#core/log'
import type { Database } from '#db/database'
import {
  type Credential,
  type CredentialKind,
  insertCredential,
  revokeKeyOf,
  selectByHash,
  selectKeysOf,
  updateLastUsed,
} from './credentials.sql.ts'

export type { Credential, CredentialKind } from './credentials.sql.ts'

/** How many found credentials are kept in memory; an unknown secret is never kept. */
const CACHE_SIZE = 10_000

/** Last uses are written together this often. */
const FLUSH_MS = 30_000

const PREFIX_LENGTH = 12

export type Minting = {
  kind: CredentialKind
  name: string
  scopes: readonly string[]
  /** The text to use; default: a new platform key. */
  secret?: string
  id?: string
  accountId?: string
  workspaceId?: string
  appId?: string
  /** Of a client key: the app's user it acts as. */
  userId?: string
  requestsPerMinute?: number
  description?: string
  allowedNamespaces?: readonly string[]
  expiresAt?: Date
}

export type Minted = { secret: string; credential: Credential }

type Needs = { platform: Database; clock: Clock; log: Log }

/** A platform key: `bb_sk_` and 40 hex digits, 160 random bits. */
export const newPlatformKey = (): string => `bb_sk_${randomHex(20)}`

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

export class Credentials {
  readonly #platform: Database
  readonly #clock: Clock
  readonly #bySecret = new Map<string, Credential>()
  readonly #uses = new Map<string, Date>()
  readonly #timer: NodeJS.Timeout
  /** Counts what was forgotten, so that a look-up that began before it is not remembered after it. */
  #epoch = 0
  readonly #forgetHooks: ((id: string | undefined) => void)[] = []

  constructor({ platform, clock, log }: Needs) {
    this.#platform = platform
    this.#clock = clock
    this.#timer = setInterval(() => {
      this.flush().catch((error: unknown) => log.warn({ err: error }, 'cannot record last uses'))
    }, FLUSH_MS).unref()
  }

  /** The plain text is given here and never again. */
  async mint({ secret = newPlatformKey(), ...what }: Minting): Promise<Minted> {
    const row = {
      id: what.id ?? uuid(),
      kind: what.kind,
      prefix: secret.slice(0, PREFIX_LENGTH),
      hash: hashOf(secret),
      name: what.name,
      accountId: what.accountId ?? null,
      workspaceId: what.workspaceId ?? null,
      appId: what.appId ?? null,
      userId: what.userId ?? null,
      requestsPerMinute: what.requestsPerMinute ?? null,
      description: what.description ?? null,
      allowedNamespaces: what.allowedNamespaces ? [...what.allowedNamespaces] : null,
      scopes: [...what.scopes],
      expiresAt: what.expiresAt ?? null,
    }
    const inserted = await insertCredential(this.#platform.query, row)
    const credential = inserted ?? (await selectByHash(this.#platform.query, row.hash))
    if (!credential) throw notFound('key_not_found', 'The credential was deleted meanwhile')
    return { secret, credential }
  }

  /** A live credential, or undefined when unknown, revoked or expired. */
  async find(secret: string): Promise<Credential | undefined> {
    const epoch = this.#epoch
    const known = this.#bySecret.get(secret)
    const credential = known ?? (await selectByHash(this.#platform.query, hashOf(secret)))
    const now = this.#clock()
    if (!credential || !isLive(credential, now)) return undefined
    if (!known && epoch === this.#epoch) this.#remember(secret, credential)
    this.#uses.set(credential.id, now)
    return credential
  }

  /** Whether this was once good and somebody took it back. */
  async wasRevoked(secret: string): Promise<boolean> {
    const credential = await selectByHash(this.#platform.query, hashOf(secret))
    return credential !== undefined && credential.revokedAt !== null
  }

  /** The account's platform keys, newest first, without revoked ones. */
  listKeys(accountId: string): Promise<Credential[]> {
    return selectKeysOf(this.#platform.query, accountId)
  }

  /** @throws `not_found` key_not_found: unknown, not the account's, or revoked already */
  async revokeKey(accountId: string, id: string): Promise<void> {
    const revoked = isUuid(id) && (await revokeKeyOf(this.#platform.query, accountId, id))
    this.forget(id)
    if (!revoked) throw notFound('key_not_found', 'API key not found')
  }

  /** Look this credential up again, because it changed. Without an id: all of them. */
  forget(id?: string): void {
    this.#epoch += 1
    for (const [secret, credential] of this.#bySecret) {
      if (id === undefined || credential.id === id) this.#bySecret.delete(secret)
    }
    for (const hook of this.#forgetHooks) hook(id)
  }

  /** Caches of what follows from a credential are told by the same call. */
  onForget(hook: (id: string | undefined) => void): void {
    this.#forgetHooks.push(hook)
  }

  /** Writes the last uses that are still in memory. */
  async flush(): Promise<void> {
    if (this.#uses.size === 0) return
    const pending = [...this.#uses]
    this.#uses.clear()
    await updateLastUsed(this.#platform.query, pending)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }

  #remember(secret: string, credential: Credential): void {
    if (this.#bySecret.size >= CACHE_SIZE) {
      this.#bySecret.delete(this.#bySecret.keys().next().value ?? '')
    }
    this.#bySecret.set(secret, credential)
  }
}

const isLive = ({ revokedAt, expiresAt }: Credential, now: Date): boolean =>
  revokedAt === null && (expiresAt === null || expiresAt > now)
