/** Random names. Everything here is drawn from the system's secure generator. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto'

const BASE36 = '0123456789abcdefghijklmnopqrstuvwxyz'

/** Lower-case UUID v4. */
export const uuid = (): string => randomUUID()

/** `length` characters of 0-9 and a-z. */
export function randomBase36(length: number): string {
  return Array.from({ length }, () => BASE36.charAt(randomInt(36))).join('')
}

/** `bytes` random bytes as lower-case hex, two characters each. */
export const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex')

/** `bytes` random bytes as base64url without padding. */
export const randomToken = (bytes: number): string => randomBytes(bytes).toString('base64url')

/** A new app id: `app_` and 12 characters of 0-9, a-z. */
export const newAppId = (): string => `app_${randomBase36(12)}`

const APP_ID = /^app_[0-9a-z]{12}$/

export const isAppId = (text: string): boolean => APP_ID.test(text)

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const isUuid = (text: string): boolean => UUID.test(text)
