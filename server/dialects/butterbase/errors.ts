/** Butterbase's error envelope: code, message, remediation, and a page that explains the code. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AppError, type ErrorKind } from '#core/errors'
import type { Http } from '#http/env'
import type { Services } from '#services'

type Answer = readonly [status: ContentfulStatusCode, code: string]

/** By kind: every kind has an answer, or this does not compile. */
const BY_KIND = {
  invalid: [400, 'VALIDATION_INVALID_INPUT'],
  unauthenticated: [401, 'AUTH_REQUIRED'],
  forbidden: [403, 'AUTH_INSUFFICIENT_PERMISSIONS'],
  not_found: [404, 'RESOURCE_NOT_FOUND'],
  method_not_allowed: [405, 'REQUEST_ERROR'],
  not_acceptable: [406, 'REQUEST_ERROR'],
  conflict: [409, 'RESOURCE_ALREADY_EXISTS'],
  gone: [410, 'APP_DELETING'],
  too_large: [413, 'REQUEST_ERROR'],
  unsupported_media: [415, 'REQUEST_ERROR'],
  rate_limited: [429, 'QUOTA_RATE_LIMIT'],
  timeout: [504, 'REQUEST_TIMEOUT'],
  bad_gateway: [502, 'EXTERNAL_NETWORK_ERROR'],
  unavailable: [503, 'SERVICE_UNAVAILABLE'],
  internal: [500, 'INTERNAL_ERROR'],
} as const satisfies Record<ErrorKind, Answer>

/** Where Butterbase has its own word, or its own status, for one of our codes. */
const BY_CODE: Record<string, Answer> = {
  auth_required: [401, 'AUTH_REQUIRED'],
  invalid_api_key: [401, 'AUTH_INVALID_API_KEY'],
  revoked_client_key: [401, 'AUTH_INVALID_API_KEY'],
  invalid_token: [401, 'AUTH_INVALID_TOKEN'],
  workspace_forbidden: [403, 'AUTH_ORG_FORBIDDEN'],
  invalid_body: [400, 'VALIDATION_INVALID_SCHEMA'],
  malformed_json: [400, 'REQUEST_ERROR'],
  malformed_text: [400, 'REQUEST_ERROR'],
  empty_json: [400, 'REQUEST_ERROR'],
  json_too_deep: [400, 'REQUEST_ERROR'],
  unknown_region: [400, 'VALIDATION_INVALID_SCHEMA'],
  app_provisioning: [409, 'APP_PROVISIONING'],
  app_paused: [503, 'APP_PAUSED'],
  app_migrating: [503, 'app_migrating'],
  circular_references: [400, 'VALIDATION_INVALID_SCHEMA'],
  vector_missing: [400, 'VALIDATION_INVALID_SCHEMA'],
  schema_destructive_change: [409, 'SCHEMA_DESTRUCTIVE_CHANGE'],
  schema_migration_failed: [400, 'SCHEMA_MIGRATION_FAILED'],
  not_null_over_rows: [400, 'SCHEMA_MIGRATION_FAILED'],
  reserved_table: [400, 'VALIDATION_RESERVED_TABLE'],
  no_such_table: [400, 'VALIDATION_TABLE_NOT_FOUND'],
  no_such_column: [400, 'VALIDATION_COLUMN_NOT_FOUND'],
  wrong_column_type: [400, 'VALIDATION_INVALID_TYPE'],
  table_of_another_role: [409, 'STATE_PREREQUISITE_MISSING'],
  unsafe_expression: [400, 'RLS_UNSAFE_EXPRESSION'],
  invalid_expression: [400, 'RLS_INVALID_EXPRESSION'],
  expression_types: [400, 'RLS_TYPE_MISMATCH'],
  invalid_scope: [400, 'VALIDATION_INVALID_SCOPE'],
  invalid_key_scope: [400, 'INVALID_KEY_SCOPE'],
  target_app_required: [400, 'TARGET_APP_REQUIRED'],
  target_app_not_allowed: [400, 'TARGET_APP_NOT_ALLOWED'],
  reserved_scope: [400, 'RESERVED_SCOPE'],
  unknown_scope: [400, 'UNKNOWN_SCOPE'],
  database_unavailable: [503, 'EXTERNAL_DB_ERROR'],
  database_busy: [503, 'EXTERNAL_DB_ERROR'],
}

/** What to do next, where the error itself does not say. */
const REMEDIATION: Record<ErrorKind, string> = {
  invalid: 'Correct the request as the message says and send it again.',
  unauthenticated: 'Send "Authorization: Bearer <key>" with a valid platform key.',
  forbidden: 'Use a credential that may do this.',
  not_found: 'Check the id in the path, and that your credential may see it.',
  method_not_allowed: 'Use a method that the path offers.',
  not_acceptable: 'Ask for application/json.',
  conflict: 'Look at the present state, then repeat the request if it still makes sense.',
  gone: 'Nothing: it is on its way out.',
  too_large: 'Send less at once.',
  unsupported_media: 'Send application/json.',
  rate_limited: 'Wait for as long as Retry-After says.',
  timeout: 'Make the request smaller, or try again.',
  bad_gateway: 'Try again in a moment.',
  unavailable: 'Try again in a moment.',
  internal: 'Try again; if it stays, tell the operator the request id.',
}

const SCHEMA_ROUTE = /^\/v1\/[^/]+\/(schema|migrations)(\/|$)/

const APP_NOT_FOUND: Answer = [404, 'APP_NOT_FOUND']

/** The schema routes have a word of their own for an app that is not there. */
const schemaAnswer = (error: AppError, c: Http): Answer | undefined =>
  error.code === 'app_not_found' && SCHEMA_ROUTE.test(c.req.path) ? APP_NOT_FOUND : undefined

/** What may be done where something else is refused with 405, as HTTP asks. */
const ALLOWED: Readonly<Record<string, string>> = {
  read_only_relation: 'GET',
  function_method: 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS',
}

/** Tables of parts of the dialect are merged in where they are mounted. */
export function errorRenderer(services: Services, own: Record<string, Answer> = {}) {
  const answers = { ...BY_CODE, ...own }
  return (thrown: Error, c: Http): Response => {
    const error = AppError.from(thrown)
    const [status, code] = schemaAnswer(error, c) ?? answers[error.code] ?? BY_KIND[error.kind]
    if (status >= 500 && error.kind === 'internal') {
      services.log.error({ err: error.cause ?? error, requestId: c.env.requestId }, error.message)
    }
    if (error.retryAfter !== undefined) c.header('Retry-After', String(error.retryAfter))
    const allowed = ALLOWED[error.code]
    if (allowed !== undefined) c.header('Allow', allowed)
    return c.json(envelopeOf(services, error, code), status)
  }
}

/** The body of an error. */
export const envelopeOf = ({ publicUrl }: Services, error: AppError, code: string) => ({
  error: {
    code,
    message: error.message,
    remediation: error.hint ?? REMEDIATION[error.kind],
    documentation_url: `${publicUrl}/docs/errors#${code.toLowerCase().replaceAll('_', '-')}`,
    ...(error.details === undefined ? {} : { details: error.details }),
  },
})

/** Status and code of an error wherever it is met, by the table of one part of the dialect. */
export const answerTo = (error: AppError, own: Record<string, Answer>): Answer =>
  own[error.code] ?? BY_CODE[error.code] ?? BY_KIND[error.kind]

/** Every code that an envelope can carry, with the tables of the dialect's parts; sorted. */
export function codesWith(own: Record<string, Answer>): string[] {
  const answers = [...Object.values({ ...BY_KIND, ...BY_CODE, ...own }), APP_NOT_FOUND]
  return [...new Set(answers.map(([, code]) => code))].toSorted()
}
