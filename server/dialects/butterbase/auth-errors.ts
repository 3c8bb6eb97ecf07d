/** How sign-in fails in Butterbase: under /auth a sentence in `error`, elsewhere the envelope. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AppError } from '#core/errors'
import type { Http } from '#http/env'
import type { Services } from '#services'
import { errorRenderer } from './errors.ts'

/** Words of the envelope for the errors of sign-in. */
export const AUTH_ANSWERS = {
  user_token_expired: [401, 'AUTH_END_USER_JWT_EXPIRED'],
  invalid_user_token: [401, 'AUTH_INVALID_END_USER_JWT'],
  revoked_token: [401, 'AUTH_INVALID_END_USER_JWT'],
  bad_cursor: [400, 'VALIDATION_INVALID_TYPE'],
} as const

type Said = readonly [status: ContentfulStatusCode, text: string]

const BAD_BODY: Said = [400, 'Invalid request body']

/** Where Butterbase has its own sentence. */
const SAID: Record<string, Said> = {
  invalid_body: BAD_BODY,
  malformed_json: BAD_BODY,
  malformed_text: BAD_BODY,
  json_too_deep: BAD_BODY,
  invalid_email: BAD_BODY,
  invalid_profile: BAD_BODY,
  weak_password: [400, 'Password does not meet requirements.'],
  email_taken: [409, 'User already exists'],
  invalid_credentials: [401, 'Invalid credentials'],
  // The account exists, which is nobody else's business.
  account_locked: [401, 'Invalid credentials'],
}

export function authErrorRenderer(services: Services) {
  const renderEnvelope = errorRenderer(services, AUTH_ANSWERS)
  return (thrown: Error, c: Http): Response => {
    const error = AppError.from(thrown)
    tellLimit(error, c)
    const envelope = renderEnvelope(error, c)
    if (error.kind === 'rate_limited') return envelope
    const own = SAID[error.code]
    const status = own?.[0] ?? (envelope.status as ContentfulStatusCode)
    return c.json(sentence(error, own?.[1]), status)
  }
}

function sentence({ code, message, details }: AppError, own: string | undefined) {
  if (own === undefined) return { error: message }
  if (code === 'weak_password') return { error: `${own} ${message}`, details }
  return own === BAD_BODY[1] ? { error: own, details: details ?? [message] } : { error: own }
}

function tellLimit({ kind, details }: AppError, c: Http): void {
  if (kind !== 'rate_limited') return
  const { limit, remaining, resetSeconds } = details as Record<string, number>
  c.header('X-RateLimit-Limit', String(limit))
  c.header('X-RateLimit-Remaining', String(remaining))
  c.header('X-RateLimit-Reset', String(resetSeconds))
}
