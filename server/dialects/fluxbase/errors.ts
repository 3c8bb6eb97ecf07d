/** Fluxbase's error body: `error` is always there and always a sentence, `code` says it to programs. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AppError, type ErrorKind } from '#core/errors'
import { type Issue, MissingField } from '#http/body'
import type { Http } from '#http/env'
import type { Services } from '#services'

/** Status, code, and the sentence where Fluxbase has its own. */
export type Answer = readonly [status: ContentfulStatusCode, code: string, text?: string]

/** By kind: every kind has an answer, or this does not compile. */
const BY_KIND = {
  invalid: [400, 'INVALID_INPUT'],
  unauthenticated: [401, 'INVALID_TOKEN'],
  forbidden: [403, 'INSUFFICIENT_PERMISSIONS', 'Insufficient permissions'],
  not_found: [404, 'NOT_FOUND'],
  method_not_allowed: [405, 'METHOD_NOT_ALLOWED'],
  not_acceptable: [406, 'NOT_ACCEPTABLE'],
  conflict: [409, 'CONFLICT'],
  gone: [410, 'GONE'],
  too_large: [413, 'PAYLOAD_TOO_LARGE', 'Payload Too Large'],
  unsupported_media: [415, 'UNSUPPORTED_MEDIA_TYPE'],
  rate_limited: [429, 'RATE_LIMIT_EXCEEDED', 'Rate limit exceeded'],
  timeout: [504, 'TIMEOUT'],
  bad_gateway: [502, 'OPERATION_FAILED'],
  unavailable: [503, 'SERVICE_UNAVAILABLE'],
  internal: [500, 'INTERNAL_ERROR', 'Internal server error'],
} as const satisfies Record<ErrorKind, Answer>

const BAD_JSON = [400, 'INVALID_REQUEST_BODY', 'Invalid request body'] as const

/** Where Fluxbase has its own word, status or sentence for one of our codes. */
const BY_CODE: Record<string, Answer> = {
  auth_required: [401, 'MISSING_AUTHENTICATION'],
  revoked_client_key: [401, 'INVALID_TOKEN', 'Client key has been revoked'],
  admin_required: [403, 'ADMIN_REQUIRED'],
  user_client_keys_disabled: [403, 'FEATURE_DISABLED'],
  invalid_id: [400, 'INVALID_ID'],
  revoked_token: [401, 'REVOKED_TOKEN', 'Token has been revoked'],
  credential_of_another_app: [403, 'ACCESS_DENIED', 'access denied to this tenant'],
  csrf: [403, 'ACCESS_DENIED'],
  account_locked: [403, 'ACCOUNT_LOCKED'],
  app_not_found: [404, 'NOT_FOUND', 'tenant not found'],
  app_deleting: [404, 'NOT_FOUND', 'tenant not found'],
  route_not_found: [404, 'NOT_FOUND', 'Not Found'],
  invalid_body: [400, 'INVALID_INPUT'],
  malformed_json: BAD_JSON,
  malformed_text: BAD_JSON,
  empty_json: BAD_JSON,
  json_too_deep: [400, 'JSON_TOO_DEEP'],
  branching_disabled: [503, 'BRANCHING_DISABLED', 'branching_disabled'],
  app_provisioning: [503, 'TENANT_NOT_READY'],
  app_paused: [503, 'APP_PAUSED'],
  app_migrating: [503, 'APP_MIGRATING'],
  missing_field: [400, 'MISSING_REQUIRED_FIELD'],
  invalid_credentials: [401, 'INVALID_CREDENTIALS'],
  weak_password: [400, 'VALIDATION_FAILED'],
  invalid_email: [400, 'VALIDATION_FAILED'],
  invalid_profile: [400, 'VALIDATION_FAILED'],
  email_taken: [409, 'ALREADY_EXISTS'],
  invalid_refresh_token: [401, 'INVALID_TOKEN'],
  invalid_nonce: [400, 'INVALID_TOKEN'],
}

/** Of every answer in JSON. */
export const JSON_TYPE = 'application/json; charset=utf-8'

/** Tables of parts of the dialect are merged in where they are mounted. */
export function errorRenderer(services: Services, own: Record<string, Answer> = {}) {
  const answers = { ...BY_CODE, ...own }
  return (thrown: Error, c: Http): Response => {
    const error = AppError.from(thrown)
    const answer: Answer =
      missing(error) ?? noObject(error) ?? answers[error.code] ?? BY_KIND[error.kind]
    const [status, code, text = error.message] = answer
    if (error.kind === 'internal') {
      services.log.error({ err: error.cause ?? error, requestId: c.env.requestId }, error.message)
    }
    if (error.retryAfter !== undefined) c.header('Retry-After', String(error.retryAfter))
    const body = { error: text, code, ...facts(error, c), request_id: c.env.requestId }
    return c.json(body, status, { 'Content-Type': JSON_TYPE })
  }
}

/** `newName` → NewName is required */
function missing({ cause }: AppError): Answer | undefined {
  if (!(cause instanceof MissingField)) return undefined
  const { path } = cause
  const field = path.charAt(0).toUpperCase() + path.slice(1)
  return [400, 'MISSING_REQUIRED_FIELD', `${field} is required`]
}

/** JSON, but of another kind than the route takes. */
function noObject({ code, details }: AppError): Answer | undefined {
  const isWhole = code === 'invalid_body' && (details as Issue[] | undefined)?.[0]?.path === ''
  return isWhole ? BAD_JSON : undefined
}

/** Where `error` is a word of Fluxbase's, the sentence stands beside it. */
const WORDED = new Set(['body_too_large', 'branching_disabled'])

const LOOK_UP = 'Paths and methods are listed at /docs/api.'

/** What stands beside the sentence: for some errors as fields of their own. */
function facts(error: AppError, c: Http): Record<string, unknown> {
  const { code, kind, hint, details, message, retryAfter } = error
  if (kind === 'rate_limited') return { message, retry_after: retryAfter }
  if (code === 'route_not_found') return { path: c.req.path, hint: LOOK_UP }
  if (code === 'csrf') return { message: hint }
  if (code === 'insufficient_scope') return details as Record<string, unknown>
  return {
    ...(WORDED.has(code) ? { message } : {}),
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details: detailsOf(error, c) }),
  }
}

function detailsOf({ code, details }: AppError, c: Http): unknown {
  if (code !== 'body_too_large') return details
  const kind = /^\/api\/v1\/(auth|admin|graphql)\b/.exec(c.req.path)?.[1] ?? 'default'
  return { ...(details as Record<string, unknown>), endpoint_type: kind }
}
