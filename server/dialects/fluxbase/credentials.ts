/** Which credential a Fluxbase request shows: several places are looked at, the first that holds one wins. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { getCookie } from 'hono/cookie'
import { forbidden, unauthenticated } from '#core/errors'
import type { Http } from '#http/env'
import { bearerOf, headerOf } from '#http/request'

export const ACCESS_COOKIE = 'fluxbase_access_token'
export const REFRESH_COOKIE = 'fluxbase_refresh_token'
export const CSRF_COOKIE = 'csrf_token'

export type Carrier = 'service_key' | 'bearer' | 'client_key' | 'cookie'

export type Shown = { secret: string; carrier: Carrier }

const isJwt = (text: string): boolean => text.startsWith('eyJ')

const SERVICE_KEY = /^(?:sk|pk|fb)_/

/** A bearer value is told by its looks: a key of either kind may stand there too. */
function bearer(secret: string): Shown {
  if (secret.startsWith('fbk_')) return { secret, carrier: 'client_key' }
  return { secret, carrier: SERVICE_KEY.test(secret) ? 'service_key' : 'bearer' }
}

/** Where a credential may stand, in the order of precedence. */
const PLACES: readonly ((c: Http) => Shown | undefined)[] = [
  (c) => shown(headerOf(c, 'x-service-key') ?? serviceKeyOf(c), 'service_key'),
  (c) => told(bearerOf(headerOf(c, 'authorization'))),
  (c) => {
    const token = c.req.query('token')
    return token !== undefined && isJwt(token) ? shown(token, 'bearer') : undefined
  },
  (c) => {
    const key = headerOf(c, 'clientkey')
    return key !== undefined && isJwt(key) ? shown(key, 'bearer') : undefined
  },
  (c) => shown(headerOf(c, 'x-client-key') ?? clientKeyOf(c), 'client_key'),
  (c) => {
    const onAuth = c.req.path.startsWith('/api/v1/auth/')
    return onAuth ? shown(getCookie(c, ACCESS_COOKIE), 'cookie') : undefined
  },
  (c) => told(headerOf(c, 'apikey')),
]

/** The credential that counts: further places are not looked at. */
export function shownCredential(c: Http): Shown | undefined {
  for (const place of PLACES) {
    const found = place(c)
    if (found) return found
  }
  return undefined
}

/** Every credential on the request, in the order of precedence. */
export const shownCredentials = (c: Http): Shown[] => PLACES.flatMap((place) => place(c) ?? [])

const shown = (secret: string | undefined, carrier: Carrier): Shown | undefined =>
  secret ? { secret, carrier } : undefined

const told = (secret: string | undefined): Shown | undefined =>
  secret ? bearer(secret) : undefined

const clientKeyOf = (c: Http): string | undefined =>
  headerOf(c, 'clientkey') ?? c.req.query('clientkey')

function serviceKeyOf(c: Http): string | undefined {
  const authorization = headerOf(c, 'authorization')
  return authorization && /^servicekey /i.test(authorization)
    ? authorization.slice('servicekey '.length).trim()
    : undefined
}

const REFUSAL: Record<Carrier, string> = {
  service_key: 'Invalid service key',
  client_key: 'Invalid client key',
  bearer: 'Invalid or expired Bearer token',
  cookie: 'Invalid or expired Bearer token',
}

export const refusedCredential = ({ carrier }: Shown, cause?: unknown) =>
  unauthenticated('invalid_token', REFUSAL[carrier], { cause })

/**
 * Writes that a cookie vouches for must repeat the value of another cookie, which foreign pages cannot read.
 * @throws `forbidden` csrf
 */
export function requireCsrfToken(c: Http): void {
  if (/^(GET|HEAD|OPTIONS)$/.test(c.req.method)) return
  const header = headerOf(c, 'x-csrf-token')
  const cookie = getCookie(c, CSRF_COOKIE)
  if (!header) throw csrf('CSRF token required')
  if (!cookie) throw csrf('CSRF token expired')
  if (!sameText(header, cookie)) throw csrf('CSRF token validation failed')
}

const csrf = (text: string) =>
  forbidden('csrf', text, {
    hint: 'Get a token with GET /api/v1/auth/csrf and send it as X-CSRF-Token.',
  })

/** In a time that does not depend on where the texts differ. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
