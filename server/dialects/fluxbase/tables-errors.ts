/** What Fluxbase's tables say when something is wrong: by SQLSTATE, with PostgreSQL's own words beside. */
import { AppError } from '#core/errors'
import {
  type ParseFacts,
  type Relation,
  type RelationshipFacts,
  type SqlFacts,
  sqlFacts,
} from '#domains/data'
import { MEBIBYTE } from '#http/body'
import type { Http } from '#http/env'
import { JSON_TYPE } from './errors.ts'

type Said = {
  status: number
  code: string
  error: string
  retryAfter?: number
  /** Of a 405: what may be done instead; nothing without it. */
  allow?: string
} & Record<string, unknown>

const STATES: Record<string, readonly [status: number, code: string, error: string]> = {
  '23505': [409, 'DUPLICATE_KEY', 'Record with this value already exists'],
  '23503': [
    409,
    'FOREIGN_KEY_VIOLATION',
    'Cannot complete operation due to foreign key constraint',
  ],
  '23P01': [409, 'CONFLICT', 'Conflicting record exists'],
  '23502': [400, 'NOT_NULL_VIOLATION', 'Missing required field'],
  '23514': [400, 'CHECK_VIOLATION', 'Data violates table constraints'],
  '42P06': [409, 'ALREADY_EXISTS', 'Already exists'],
  '42P07': [409, 'ALREADY_EXISTS', 'Already exists'],
  '42710': [409, 'ALREADY_EXISTS', 'Already exists'],
  '42601': [400, 'INVALID_INPUT', 'Invalid query'],
  '42804': [400, 'INVALID_INPUT', 'Invalid query'],
  '42883': [400, 'INVALID_INPUT', 'Invalid query'],
  '42P10': [400, 'INVALID_INPUT', 'Invalid query'],
  '428C9': [400, 'INVALID_INPUT', 'Invalid query'],
  '25006': [405, 'OPERATION_FAILED', 'Read-only'],
  '40001': [409, 'CONFLICT', 'Concurrent update, retry'],
  '40P01': [409, 'CONFLICT', 'Concurrent update, retry'],
  '55006': [409, 'CONFLICT', 'Concurrent update, retry'],
  '55P03': [409, 'CONFLICT', 'Concurrent update, retry'],
  '57014': [500, 'QUERY_TIMEOUT', 'Query timed out'],
}

const CLASSES: Record<string, readonly [status: number, code: string, error: string]> = {
  '08': [503, 'DATABASE_ERROR', 'Database unavailable'],
  '0A': [400, 'INVALID_INPUT', 'Invalid query'],
  '21': [400, 'INVALID_INPUT', 'Invalid query'],
  '22': [400, 'INVALID_INPUT', 'Invalid data type provided'],
  '42': [400, 'INVALID_INPUT', 'Invalid query'],
  '53': [503, 'DATABASE_ERROR', 'Database unavailable'],
  '54': [413, 'INVALID_INPUT', 'Query too complex'],
  '55': [400, 'INVALID_INPUT', 'Invalid query'],
  '57': [503, 'DATABASE_ERROR', 'Database unavailable'],
}

const VERBS: Record<string, string> = {
  GET: 'fetch',
  HEAD: 'fetch',
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
}

/** What was asked when the error came. */
export type Asked = {
  method: string
  anonymous: boolean
  /** Where it is known. */
  relation?: Relation | undefined
}

/** As `answerTo`, where no table was named. */
export const saidOf = (thrown: unknown, method: string, anonymous: boolean): Said | undefined =>
  answerTo(thrown, { method, anonymous })

/** Of a data error, its answer; undefined when the dialect's common words will do. */
export function answerTo(thrown: unknown, asked: Asked): Said | undefined {
  if (!(thrown instanceof AppError)) return undefined
  const said = wordedAnswer(thrown, asked)
  const { retryAfter } = thrown
  return said && retryAfter !== undefined ? { ...said, retryAfter } : said
}

function wordedAnswer(thrown: AppError, asked: Asked): Said | undefined {
  const facts = sqlFacts(thrown)
  if (facts)
    return { ...stateOf(facts, thrown, asked), sqlstate: facts.sqlstate, ...wordsOf(facts) }
  const reason = reasonOf(thrown)
  if (reason !== undefined) return badInput(`Invalid query parameters: ${reason}`)
  return OWN[thrown.code]?.(thrown)
}

/** Of an error that the query itself is the cause of: why. */
export function reasonOf({ code, message, details }: AppError): string | undefined {
  if (code !== 'parse_error') return OF_QUERY.has(code) ? message : undefined
  const { what, column, found, expected } = details as ParseFacts
  return `${what}, column ${column}: unexpected ${found}, expected ${expected}`
}

const OF_QUERY = new Set([
  'tables_query',
  'embed_unknown',
  'embed_operator',
  'related_order',
  'no_vector_column',
  'no_spatial_column',
])

/** PostgreSQL's words, where they speak of the caller's data and not of ours. */
function wordsOf({ sqlstate, message, detail, hint }: SqlFacts): Record<string, unknown> {
  if (!/^(0A|21|22|23|42|54|55|P0|PT)/.test(sqlstate)) return {}
  return {
    message,
    ...(detail === null ? {} : { details: detail }),
    ...(hint === null ? {} : { hint }),
  }
}

function stateOf(facts: SqlFacts, { kind }: AppError, asked: Asked): Said {
  const { sqlstate, message } = facts
  if (sqlstate === '42703') return badInput(`Unknown column: ${columnIn(message, asked)}`)
  if (sqlstate === '42P01')
    return { status: 404, code: 'NOT_FOUND', error: absentIn(message, asked) }
  if (sqlstate === '42501') return refused(message, asked.anonymous)
  if (/^PT[2-5]\d\d$/.test(sqlstate)) {
    return { status: Number(sqlstate.slice(2)), code: 'DATABASE_ERROR', error: message }
  }
  // PostGIS has no other state for a shape that it cannot take.
  if (sqlstate === 'XX000' && kind === 'invalid') return badInput('Invalid data type provided')
  const known = STATES[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)]
  if (known) return { status: known[0], code: known[1], error: known[2] }
  // What no part of PostgreSQL says of itself, the app's own code raised.
  if (kind === 'invalid') return { status: 400, code: 'DATABASE_ERROR', error: message }
  const verb = VERBS[asked.method] ?? 'fetch'
  return { status: 500, code: 'DATABASE_ERROR', error: `Failed to ${verb} record(s)` }
}

/** `relation "shop.todos" does not exist` → Table 'shop.todos' not found */
function absentIn(message: string, { relation }: Asked): string {
  const named = /relation "([^"]+)"/.exec(message)?.[1] ?? relation?.name ?? ''
  return `Table '${named.includes('.') ? named : `${relation?.schema ?? 'public'}.${named}`}' not found`
}

/** `column todos.x does not exist` → x; names hold whatever they like, quoted or not */
function columnIn(message: string, { relation }: Asked): string {
  const [, quoted, bare = ''] = /column (?:"([^"]+)"|(.+?)) (?:of|does)\b/s.exec(message) ?? []
  if (quoted !== undefined) return quoted
  const own = `${relation?.name}.`
  return bare.startsWith(own) ? bare.slice(own.length) : bare.slice(bare.indexOf('.') + 1)
}

const unavailable = (): Said => ({
  status: 503,
  code: 'DATABASE_ERROR',
  error: 'Database unavailable',
})

const badInput = (error: string): Said => ({ status: 400, code: 'INVALID_INPUT', error })

function refused(message: string, anonymous: boolean): Said {
  if (anonymous) {
    return { status: 401, code: 'AUTHENTICATION_REQUIRED', error: 'Authentication required' }
  }
  const byPolicy = message.includes('row-level security')
  const code = byPolicy ? 'RLS_POLICY_VIOLATION' : 'INSUFFICIENT_PERMISSIONS'
  return { status: 403, code, error: 'Insufficient permissions' }
}

/** No row was changed where policies decide: whether one exists is not told. */
export const hiddenOrAbsent = (anonymous: boolean): Said =>
  anonymous
    ? { status: 401, code: 'AUTHENTICATION_REQUIRED', error: 'Authentication required' }
    : {
        status: 403,
        code: 'RLS_POLICY_VIOLATION',
        error: 'Insufficient permissions',
        message: 'Row-level security policy blocks this operation',
        hint: 'Verify your authentication and table access policies',
      }

export const recordNotFound: Said = { status: 404, code: 'NOT_FOUND', error: 'Record not found' }

type BodyFacts = { max_bytes: number }

/** Only rows in bulk may be larger. */
const endpointOf = ({ max_bytes: max }: BodyFacts): string => (max > MEBIBYTE ? 'bulk' : 'default')

/** Codes of the data domain in Fluxbase's words. */
const OWN: Record<string, (error: AppError) => Said> = {
  tables_not_found: ({ message }) => ({ status: 404, code: 'NOT_FOUND', error: message }),
  tables_input: ({ message }) => badInput(message),
  missing_field: ({ message }) => ({ ...badInput(message), code: 'MISSING_REQUIRED_FIELD' }),
  invalid_id: ({ message }) => ({ status: 400, code: 'INVALID_ID', error: message }),
  bad_payload: ({ message }) => ({
    status: 400,
    code: 'INVALID_REQUEST_BODY',
    error: 'Invalid request body',
    message,
  }),
  tables_document: ({ message, details }) => ({ ...badInput(message), details }),
  range_not_satisfiable: ({ message, details }) => ({
    status: 416,
    code: 'PGRST103',
    error: message,
    details,
  }),
  no_text: ({ message }) => badInput(message),
  idempotency_key: ({ message }) => badInput(message),
  idempotency_key_mismatch: ({ message, hint }) => ({
    status: 422,
    code: 'IDEMPOTENCY_KEY_MISMATCH',
    error: message,
    hint,
  }),
  idempotency_body_mismatch: ({ message, hint }) => ({
    status: 422,
    code: 'IDEMPOTENCY_REQUEST_BODY_MISMATCH',
    error: message,
    hint,
  }),
  idempotency_in_progress: ({ message, hint }) => ({
    status: 409,
    code: 'IDEMPOTENCY_REQUEST_IN_PROGRESS',
    error: message,
    hint,
  }),
  database_unavailable: unavailable,
  database_busy: unavailable,
  body_too_large: ({ message, hint, details }) => ({
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    error: 'Payload Too Large',
    message,
    hint,
    details: { ...(details as BodyFacts), endpoint_type: endpointOf(details as BodyFacts) },
  }),
  table_not_found: ({ details }) => {
    const { schema, table } = details as { schema: string; table: string }
    return { status: 404, code: 'NOT_FOUND', error: `Table '${schema}.${table}' not found` }
  },
  column_not_found: ({ details }) =>
    badInput(`Unknown column: ${(details as { column: string }).column}`),
  read_only_relation: ({ details }) => {
    const { schema, table } = details as { schema: string; table: string }
    const error = `Table '${schema}.${table}' is read-only (view or materialized view)`
    return { status: 405, code: 'METHOD_NOT_ALLOWED', error }
  },
  method_not_allowed: ({ message }) => ({
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    error: message,
  }),
  relationship_not_found: ({ message }) => ({ status: 400, code: 'PGRST200', error: message }),
  relationship_ambiguous: ({ message, details, hint }) => ({
    status: 400,
    code: 'PGRST201',
    error: message,
    hint,
    details: ((details as RelationshipFacts).candidates ?? []).map((one) => ({
      cardinality: one.cardinality,
      relationship: one.constraint,
      target: one.to.name,
    })),
  }),
  invalid_preferences: ({ message, details }) => ({
    status: 400,
    code: 'PGRST122',
    error: message,
    details,
  }),
  max_affected: ({ message, details }) => ({
    status: 400,
    code: 'PGRST124',
    error: message,
    details,
  }),
  not_single: ({ message }) => ({ status: 406, code: 'PGRST116', error: message }),
}

export const say = (c: Http, { status, error, retryAfter, allow, ...more }: Said): Response => {
  if (status === 405) c.header('Allow', allow ?? '')
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  const body = { error, ...more, request_id: c.env.requestId }
  return c.json(body, status as 400, { 'Content-Type': JSON_TYPE })
}
