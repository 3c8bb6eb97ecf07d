/** The keys of an app: what signs its users' tokens, and the two API keys it is used with. */
import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { exportPKCS8, SignJWT } from 'jose'
import { randomToken, uuid } from '#core/ids'
import type { Keyring } from '#core/keyring'

/** Stored sealed. `rsa` is a PKCS #8 PEM, made when a token is first signed with it. */
export type AppKeys = {
  /** HS256 secret of the app's tokens, 43 characters. */
  secret: string
  anonKeyId: string
  serviceKeyId: string
  rsa?: { kid: string; pem: string }
}

export type ApiKeyRole = 'anon' | 'service_role'

export const newAppKeys = (): AppKeys => ({
  secret: randomToken(32),
  anonKeyId: uuid(),
  serviceKeyId: uuid(),
})

const context = (appId: string): string => `${appId}/keys`

export const sealKeys = (keyring: Keyring, appId: string, keys: AppKeys): string =>
  keyring.encrypt(JSON.stringify(keys), context(appId))

export const unsealKeys = (keyring: Keyring, appId: string, sealed: string): AppKeys =>
  JSON.parse(keyring.decrypt(sealed, context(appId))) as AppKeys

/** The keys sealed under the current secret; nothing when they are already. */
export const resealKeys = (keyring: Keyring, appId: string, sealed: string): string | undefined =>
  keyring.renew(sealed, context(appId))

type KeyOf = { appId: string; keys: AppKeys; createdAt: Date; role: ApiKeyRole }

/** Always the same text for the same app, so it need not be kept to be shown again. */
export function apiKeyOf({ appId, keys, createdAt, role }: KeyOf): Promise<string> {
  return new SignJWT({ role, app_id: appId })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('stead')
    .setJti(role === 'anon' ? keys.anonKeyId : keys.serviceKeyId)
    .setIssuedAt(Math.floor(createdAt.getTime() / 1000))
    .sign(new TextEncoder().encode(keys.secret))
}

const makePair = promisify(generateKeyPair)

/** RSA-2048; takes some 100 ms off the event loop. */
export async function newRsaKey(): Promise<{ kid: string; pem: string }> {
  const { privateKey } = await makePair('rsa', { modulusLength: 2048 })
  return { kid: uuid(), pem: await exportPKCS8(privateKey) }
}
