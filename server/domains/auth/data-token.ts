/** Tokens that somebody else signed for an app's data API, by PostgREST's rules: any role, any claims. */
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import { unauthenticated } from '#core/errors'

export type DataClaims = { [claim: string]: unknown }

/** Clocks differ by this much, in seconds. */
const LEEWAY = 30

/** Whether a text is a token that this server did not make: neither a key of an app nor of a session. */
export function isDataToken(text: string): boolean {
  if (!text.startsWith('ey')) return false
  try {
    const { iss, session_id: sessionId } = decodeJwt(text)
    return iss !== 'stead' && iss?.startsWith('butterbase:app:') !== true && sessionId === undefined
  } catch {
    return true
  }
}

const undecodable = (message: string, detail?: string) =>
  unauthenticated('jwt_undecodable', message, { details: { detail: detail ?? null } })

const refused = (message: string) => unauthenticated('jwt_claims', message)

export const emptyToken = () => undecodable('Empty JWT is sent in Authorization header')

/** The app that the token names, before it is believed. */
export function appIdOfDataToken(token: string): string | undefined {
  try {
    const { app_id: appId } = decodeJwt(token)
    return typeof appId === 'string' ? appId : undefined
  } catch {
    return undefined
  }
}

export type TokenRules = {
  secrets: readonly string[]
  /** Whom a token that says whom it is for must be for; undefined = anybody. */
  audience: string | undefined
  now: Date
}

/**
 * The claims of a token that one of the secrets signed with HS256.
 * @throws `unauthenticated` jwt_undecodable or jwt_claims
 */
export async function readDataToken(
  token: string,
  { secrets, audience, now }: TokenRules,
): Promise<DataClaims> {
  const parts = token.split('.').length
  if (parts !== 3) throw undecodable(`Expected 3 parts in JWT; got ${parts}`)
  const algorithm = algorithmOf(token)
  if (algorithm !== 'HS256') {
    const detail = "JWT is unsecured but expected 'alg' was not 'none'"
    const unsecured = algorithm === 'none' ? detail : undefined
    throw undecodable('Wrong or unsupported encoding algorithm', unsecured)
  }
  for (const secret of secrets) {
    const claims = await claimsSignedWith(token, secret)
    if (!claims) continue
    checkTimes(claims, now.getTime() / 1000)
    checkAudience(claims, audience)
    return claims
  }
  const detail = 'None of the keys was able to decode the JWT'
  throw undecodable('No suitable key or wrong key type', detail)
}

function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg
  } catch {
    throw undecodable('JWT cryptographic operation failed')
  }
}

async function claimsSignedWith(token: string, secret: string): Promise<DataClaims | undefined> {
  const key = new TextEncoder().encode(secret)
  const verified = await compactVerify(token, key, { algorithms: ['HS256'] }).catch(() => undefined)
  return verified && claimsIn(verified.payload)
}

function claimsIn(payload: Uint8Array): DataClaims {
  try {
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) {
      return claims as DataClaims
    }
  } catch {
    // Told below: a payload that is no JSON holds no claims.
  }
  throw refused('Parsing claims failed')
}

function checkTimes(claims: DataClaims, now: number): void {
  if (timeIn(claims, 'exp', now) < now - LEEWAY) throw refused('JWT expired')
  if (timeIn(claims, 'nbf', now) > now + LEEWAY) throw refused('JWT not yet valid')
  if (timeIn(claims, 'iat', now) > now + LEEWAY) throw refused('JWT issued at future')
}

/** A claim in seconds, or what stands for its absence. */
function timeIn(claims: DataClaims, name: 'exp' | 'nbf' | 'iat', absent: number): number {
  const value = claims[name] ?? absent
  if (typeof value === 'number') return value
  throw refused(`The JWT '${name}' claim must be a number`)
}

/** A token that does not say whom it is for is for anybody. */
function checkAudience({ aud }: DataClaims, audience: string | undefined): void {
  const all: unknown = aud ?? []
  const listed = typeof all === 'string' ? [all] : all
  if (!Array.isArray(listed) || !listed.every((one) => typeof one === 'string')) {
    throw refused("The JWT 'aud' claim must be a string or an array of strings")
  }
  if (audience !== undefined && listed.length > 0 && !listed.includes(audience)) {
    throw refused('JWT not in audience')
  }
}
