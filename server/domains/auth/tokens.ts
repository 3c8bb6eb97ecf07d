/** Access tokens: two families, made for and read from the same sessions. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { App, Apps } from '#domains/apps'
import { durationMs } from '#core/clock'
import { type AppError, notFound, unauthenticated } from '#core/errors'
import { uuid } from '#core/ids'
import type { User } from './users.sql.ts'

/** Signed with the app's secret, or with its RSA key, whose public half is published. */
export type TokenFamily = 'secret' | 'published_key'

/** Issuer of tokens that the app's secret signs. */
const SECRET_ISSUER = 'fluxbase'

const PUBLISHED_ISSUER = 'butterbase:app:'

const FALLBACK_TTL_MS = 15 * 60_000

/** No token lives longer, whatever the app has set: browsers keep no cookie longer either. */
export const MAX_TTL_MS = 400 * 86_400_000

/** How long an access token of the app lives, in milliseconds. */
export const accessTtlMs = ({ jwtConfig }: App): number =>
  Math.min(durationMs(jwtConfig.accessTokenTtl) ?? FALLBACK_TTL_MS, MAX_TTL_MS)

export type Minting = {
  apps: Apps
  app: App
  user: User
  sessionId: string
  family: TokenFamily
  now: Date
}

/** An access token of the session. */
export async function mintAccessToken({ apps, app, family, ...of }: Minting): Promise<string> {
  const issuedAt = Math.floor(of.now.getTime() / 1000)
  const expiresAt = issuedAt + Math.floor(accessTtlMs(app) / 1000)
  const common = { app_id: app.id, session_id: of.sessionId, email: of.user.email }
  if (family === 'published_key') {
    const { kid, pem } = await apps.rsaKeyOf(app)
    return new SignJWT({ ...common, email_verified: of.user.emailVerified })
      .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
      .setIssuer(PUBLISHED_ISSUER + app.id)
      .setSubject(of.user.id)
      .setJti(uuid())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(privateKey(pem))
  }
  return new SignJWT({ ...common, ...profileClaims(of.user) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(SECRET_ISSUER)
    .setAudience([SECRET_ISSUER])
    .setSubject(of.user.id)
    .setJti(uuid())
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(secretKey(apps, app))
}

const profileClaims = (user: User) => ({
  user_id: user.id,
  ...(user.displayName === null ? {} : { name: user.displayName }),
  role: user.role,
  token_type: 'access',
  is_anonymous: false,
  user_metadata: user.userMetadata,
  app_metadata: user.appMetadata,
})

/** What others verify this app's tokens with, as a JSON Web Key Set. */
export async function publishedKeys(apps: Apps, app: App): Promise<{ keys: JsonWebKey[] }> {
  const { kid, pem } = await apps.rsaKeyOf(app)
  const { kty, n, e } = publicKey(pem).export({ format: 'jwk' })
  return { keys: [{ kty, n, e, kid, alg: 'RS256', use: 'sig' }] }
}

type JsonWebKey = Record<'kty' | 'n' | 'e' | 'kid' | 'alg' | 'use', string | undefined>

/** A token that was taken apart and not yet believed. */
export type Unverified = { token: string; payload: JWTPayload; appId: string | undefined }

/** @throws `unauthenticated` invalid_token when it is no token at all */
export function readToken(token: string): Unverified {
  try {
    const payload = decodeJwt(token)
    return { token, payload, appId: appIdIn(payload) }
  } catch (error) {
    throw invalidToken(error)
  }
}

/**
 * The claims, once signature and times are found good. The issuer decides the key and the algorithm;
 * what the header says must agree with it.
 * @throws `unauthenticated` user_token_expired, invalid_user_token or invalid_token
 */
export async function verifiedClaims(
  apps: Apps,
  app: App,
  { token, payload, now }: Unverified & { now: Date },
): Promise<JWTPayload> {
  try {
    if (isOfPublishedKey(payload)) {
      const { kid, pem } = await apps.rsaKeyOf(app)
      if (decodeProtectedHeader(token).kid !== kid) throw invalidUserToken()
      const issuer = PUBLISHED_ISSUER + app.id
      const rules = { currentDate: now, issuer, algorithms: ['RS256'] }
      return (await jwtVerify(token, publicKey(pem), rules)).payload
    }
    const rules = { currentDate: now, algorithms: ['HS256'] }
    return (await jwtVerify(token, secretKey(apps, app), rules)).payload
  } catch (error) {
    throw refusalOf(payload, error)
  }
}

function refusalOf(payload: JWTPayload, error: unknown): AppError {
  if (!isOfUser(payload)) return invalidToken(error)
  if (error instanceof errors.JWTExpired) {
    return unauthenticated('user_token_expired', 'The access token has expired', {
      cause: error,
      hint: 'Refresh the session with its refresh token.',
    })
  }
  return invalidUserToken(error)
}

const isOfPublishedKey = ({ iss }: JWTPayload): boolean =>
  iss?.startsWith(PUBLISHED_ISSUER) === true

export const isOfUser = (payload: JWTPayload): boolean =>
  isOfPublishedKey(payload) || payload.session_id !== undefined || payload.sub !== undefined

/** Our tokens carry their app in the issuer or in a claim. */
function appIdIn({ app_id: appId, iss }: JWTPayload): string | undefined {
  if (iss?.startsWith(PUBLISHED_ISSUER)) return iss.slice(PUBLISHED_ISSUER.length)
  return typeof appId === 'string' ? appId : undefined
}

export const invalidToken = (cause?: unknown) =>
  unauthenticated('invalid_token', 'Invalid or expired Bearer token', {
    cause,
    hint: 'Sign in again or refresh the session; a key must be whole, and one of this app.',
  })

export const invalidUserToken = (cause?: unknown) =>
  unauthenticated('invalid_user_token', 'The access token is not valid for this app', {
    cause,
    hint: 'Sign in to this app again.',
  })

/** @param cause `user_not_found` when the session ended because its user was deleted */
export const revokedToken = (cause?: unknown) =>
  unauthenticated('revoked_token', 'Token has been revoked', { cause, hint: 'Sign in again.' })

export const userNotFound = () => notFound('user_not_found', 'User not found')

/** Of a token that outlived its user. */
export const userGone = () => unauthenticated('invalid_token', 'The user does not exist any more')

const secretKey = (apps: Apps, app: App): Uint8Array =>
  new TextEncoder().encode(apps.keysOf(app).secret)

/** Reading a PEM takes longer than signing with it. */
const KEY_CACHE_SIZE = 1000
const privateKeys = new Map<string, KeyObject>()

function privateKey(pem: string): KeyObject {
  const known = privateKeys.get(pem)
  if (known) return known
  const key = createPrivateKey(pem)
  if (privateKeys.size >= KEY_CACHE_SIZE) privateKeys.clear()
  privateKeys.set(pem, key)
  return key
}

const publicKey = (pem: string): KeyObject => createPublicKey(privateKey(pem))
