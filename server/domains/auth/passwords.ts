/** Passwords: what an acceptable one is, and how it is kept. */
import { hash, verify } from '@node-rs/argon2'
import { invalid } from '#core/errors'

/**
 * Argon2id with 19 MiB and two passes, one lane: what OWASP gives as the least. Measured on two shared
 * cores: 26 ms each, on a thread of the pool, so the event loop goes on.
 */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Of no account, at the same cost: checked when there is no hash, so that the answer takes as long. */
const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$Ke0ai0Z4X4JHzj0CnvKx5g$RwHkGEZ8gRiWMwC4Lq6AMcVtL1D+aJs3V4tDEZ3io3I'

const MAX_BYTES = 72

export type PasswordRules = {
  /** Characters at least. */
  minLength: number
  uppercase: boolean
  lowercase: boolean
  number: boolean
  special: boolean
}

/** Length is all that counts. */
export const PLAIN_RULES: PasswordRules = {
  minLength: 8,
  uppercase: false,
  lowercase: false,
  number: false,
  special: false,
}

/** One of every kind of character. */
export const MIXED_RULES: PasswordRules = {
  minLength: 8,
  uppercase: true,
  lowercase: true,
  number: true,
  special: true,
}

/** @throws `invalid` weak_password whose details are the list of rules it breaks, as sentences */
export function requireGoodPassword(password: string, rules: PasswordRules): void {
  const broken = brokenRules(password, rules)
  if (broken.length > 0) throw invalid('weak_password', broken.join('. '), { details: broken })
}

function brokenRules(password: string, rules: PasswordRules): string[] {
  const { minLength } = rules
  const checks: (readonly [ok: boolean, text: string])[] = [
    [Array.from(password).length >= minLength, `Password must be at least ${minLength} characters`],
    [isShort(password), `Password must be at most ${MAX_BYTES} bytes`],
    [!rules.uppercase || /\p{Lu}/u.test(password), 'Password must contain an upper-case letter'],
    [!rules.lowercase || /\p{Ll}/u.test(password), 'Password must contain a lower-case letter'],
    [!rules.number || /\p{Nd}/u.test(password), 'Password must contain a number'],
    [
      !rules.special || /[^\p{L}\p{Nd}]/u.test(password),
      'Password must contain a special character',
    ],
  ]
  return checks.filter(([ok]) => !ok).map(([, text]) => text)
}

/** Bytes, not characters; longer ones are refused rather than cut. */
const isShort = (password: string): boolean => Buffer.byteLength(password) <= MAX_BYTES

export const hashPassword = (password: string): Promise<string> => hash(password, COST)

/** Takes as long when there is no hash, or when the password is too long to be anybody's. */
export async function isPassword(
  password: string,
  known: string | null | undefined,
): Promise<boolean> {
  const matches = await verify(known ?? NOBODYS_HASH, isShort(password) ? password : '')
  return matches && typeof known === 'string' && isShort(password)
}
