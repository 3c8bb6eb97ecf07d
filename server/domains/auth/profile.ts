/** What people tell about themselves: checked before it is kept. */
import { invalid } from '#core/errors'
import { badEmail } from './store.ts'

/** Bytes of JSON: it travels in every access token, and headers end at 16 KiB. */
const MAX_METADATA_BYTES = 8 * 1024

const MAX_NAME = 200

/** `local@domain.tld`, without spaces and control characters. */
const EMAIL = /^[^\s@\p{Cc}]{1,64}@[^\s@\p{Cc}.]+(?:\.[^\s@\p{Cc}.]+)+$/u

/** Trimmed and in lower case: the form that is compared and kept. Nothing when it is no address. */
export function emailIn(text: string): string | undefined {
  const email = text.trim().normalize('NFC').toLowerCase()
  return email.length <= 254 && EMAIL.test(email) && email.isWellFormed() ? email : undefined
}

/** @throws `invalid` invalid_email */
export function normalEmail(text: string): string {
  const email = emailIn(text)
  if (email === undefined) throw badEmail()
  return email
}

export type Profile = {
  displayName: string | null
  userMetadata: Record<string, unknown>
}

/** @throws `invalid` invalid_profile */
export function requireGoodProfile({ displayName, userMetadata }: Partial<Profile>): void {
  if (displayName && (displayName.length > MAX_NAME || !isStorable(displayName))) {
    throw invalid('invalid_profile', `A display name has at most ${MAX_NAME} characters`)
  }
  const json = JSON.stringify(userMetadata ?? {})
  if (Buffer.byteLength(json) > MAX_METADATA_BYTES) {
    throw invalid(
      'invalid_profile',
      `User metadata has at most ${MAX_METADATA_BYTES} bytes of JSON`,
    )
  }
  if (!isStorableJson(json)) {
    throw invalid('invalid_profile', 'User metadata must not hold NUL or half characters')
  }
}

/** PostgreSQL keeps neither NUL nor half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** The same for text within JSON, where both stand as escapes. */
const isStorableJson = (json: string): boolean =>
  !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/.test(json)
