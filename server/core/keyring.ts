/**
 * Every key of an instance, derived from its one secret (HKDF-SHA256, RFC 5869), and encryption at
 * rest with them (AES-256-GCM, NIST SP 800-38D). Ciphertexts name their key, so keys can rotate.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { internal } from './errors.ts'
import type { Secret } from './secret.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

export type Keyring = {
  /** 32 bytes for one purpose, such as `url-signing`. The same purpose gives the same bytes. */
  derive(purpose: string): Buffer
  /** HMAC-SHA256 of `text` under the key of `purpose`, hex. */
  sign(purpose: string, text: string): string
  /** `<key id>.<nonce, text and tag as base64url>`; `context` must be given again to decrypt. */
  encrypt(plain: string, context: string): string
  /** @throws `internal` ciphertext_unreadable: wrong secret, wrong context or damaged */
  decrypt(sealed: string, context: string): string
  /** What an earlier secret sealed, under the current one; nothing when it is already. @throws as `decrypt` */
  renew(sealed: string, context: string): string | undefined
}

/**
 * @param secrets the instance's secrets by key id; the first is the current one and encrypts,
 *   the others only decrypt what they once encrypted
 */
export function createKeyring(secrets: readonly { id: string; secret: Secret }[]): Keyring {
  const [current] = secrets
  if (!current) throw internal('no_secret', 'Cannot make keys: there is no instance secret')
  const derive = (purpose: string) => expand(current.secret, purpose)
  const byId = new Map(secrets.map(({ id, secret }) => [id, expand(secret, 'encryption')]))
  const currentKey = derive('encryption')
  const encrypt = (plain: string, context: string) =>
    `${current.id}.${seal(currentKey, plain, context)}`
  const isCurrent = (sealed: string) => sealed.startsWith(`${current.id}.`)
  return {
    derive,
    sign: (purpose, text) => createHmac('sha256', derive(purpose)).update(text).digest('hex'),
    encrypt,
    decrypt: (sealed, context) => open(byId, sealed, context),
    renew: (sealed, context) =>
      isCurrent(sealed) ? undefined : encrypt(open(byId, sealed, context), context),
  }
}

const expand = (secret: Secret, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret.reveal(), 'stead', purpose, 32))

function seal(key: Buffer, plain: string, context: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')
}

function open(keys: ReadonlyMap<string, Buffer>, sealed: string, context: string): string {
  const dot = sealed.indexOf('.')
  const key = keys.get(sealed.slice(0, dot))
  const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url')
  if (!key || bytes.length < NONCE_BYTES + TAG_BYTES) throw unreadable()
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES))
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES))
    const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch (cause) {
    throw unreadable(cause)
  }
}

const unreadable = (cause?: unknown) =>
  internal(
    'ciphertext_unreadable',
    'Cannot decrypt a stored value: it was written with another secret. Start with that one in STEAD_SECRET, as every process on this database has it; to change it, name the earlier one in STEAD_PREVIOUS_SECRETS',
    { cause },
  )
