/** What PostgreSQL's SQLSTATEs mean to us: the only place that reads them. */
import pg from 'pg'
import { AppError, type ErrorKind } from '#core/errors'

/** The facts of a database error that a dialect may show; `message` is PostgreSQL's own text. */
export type SqlFacts = {
  sqlstate: string
  message: string
  detail: string | null
  hint: string | null
  schema: string | null
  table: string | null
  column: string | null
  constraint: string | null
}

type Meaning = readonly [kind: ErrorKind, code: string]

/** Exact states. The words are PostgreSQL's condition names. */
const STATES: Record<string, Meaning> = {
  '22P02': ['invalid', 'invalid_text_representation'],
  '22023': ['invalid', 'invalid_parameter_value'],
  '22001': ['invalid', 'string_data_right_truncation'],
  '22003': ['invalid', 'numeric_value_out_of_range'],
  '22008': ['invalid', 'datetime_field_overflow'],
  '23502': ['invalid', 'not_null_violation'],
  '23503': ['conflict', 'foreign_key_violation'],
  '23505': ['conflict', 'unique_violation'],
  '23514': ['invalid', 'check_violation'],
  '23P01': ['conflict', 'exclusion_violation'],
  '25006': ['method_not_allowed', 'read_only_sql_transaction'],
  '28000': ['unavailable', 'invalid_authorization_specification'],
  '28P01': ['unavailable', 'invalid_password'],
  '3D000': ['not_found', 'invalid_catalog_name'],
  '3F000': ['not_found', 'invalid_schema_name'],
  '40001': ['conflict', 'serialization_failure'],
  '40P01': ['conflict', 'deadlock_detected'],
  '42501': ['forbidden', 'insufficient_privilege'],
  '42P01': ['not_found', 'undefined_table'],
  '42883': ['not_found', 'undefined_function'],
  '42703': ['invalid', 'undefined_column'],
  '42P07': ['conflict', 'duplicate_table'],
  '42701': ['conflict', 'duplicate_column'],
  '42710': ['conflict', 'duplicate_object'],
  '42P10': ['invalid', 'invalid_column_reference'],
  '55P03': ['unavailable', 'lock_not_available'],
  '57014': ['timeout', 'query_canceled'],
  P0001: ['invalid', 'raise_exception'],
}

/** By class, for what is not listed above. */
const CLASSES: Record<string, Meaning> = {
  '08': ['unavailable', 'connection_exception'],
  '0A': ['invalid', 'feature_not_supported'],
  '21': ['invalid', 'cardinality_violation'],
  '22': ['invalid', 'data_exception'],
  '23': ['conflict', 'integrity_constraint_violation'],
  '2F': ['invalid', 'sql_routine_exception'],
  '38': ['invalid', 'external_routine_exception'],
  '42': ['invalid', 'syntax_error_or_access_rule_violation'],
  '44': ['invalid', 'with_check_option_violation'],
  '53': ['unavailable', 'insufficient_resources'],
  '54': ['too_large', 'program_limit_exceeded'],
  '55': ['conflict', 'object_not_in_prerequisite_state'],
  '57': ['unavailable', 'operator_intervention'],
  // What the app's own functions and triggers raise.
  P0: ['invalid', 'raise_exception'],
}

/** Faults of the database or its machine. */
const FAULTS = new Set(['58', 'F0', 'XX'])

const FAULT: Meaning = ['internal', 'database_error']

/** PostGIS says of nearly everything that it cannot take what PostgreSQL says of its own faults. */
const BAD_SHAPE: Meaning = ['invalid', 'data_exception']

/** PostGIS by the names of its sources, as its words are many. */
const isOfShape = ({ code, file = '' }: pg.DatabaseError): boolean =>
  code === 'XX000' && /^(lwgeom|geography|gserialized|geobuf|mvt|flatgeobuf|rtpg)/.test(file)

/** Whatever else a statement ends with, somebody's own code raised. */
const RAISED: Meaning = ['invalid', 'raise_exception']

/** SQLSTATE of a database error, else undefined. */
export const sqlstateOf = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** The server, the database or the role has no connection left. */
export const isExhausted = (error: unknown): boolean => sqlstateOf(error) === '53300'

/** What no statement is to blame for as an AppError: no connection, no room; every other error is given back. */
export function fromConnection(error: unknown): unknown {
  if (isConnectionFailure(error)) return fromDatabase(error)
  if (!sqlstateOf(error)?.startsWith('53')) return error
  const { kind, code, message, hint } = fromDatabase(error) as AppError
  return new AppError({ kind, code, message }, { hint, cause: error })
}

const DISK_FULL = '53100'

/** Whether that is what ended a statement; what the app's own code raises under that state is not. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.code === DISK_FULL && !isRaised(error)
  return error instanceof AppError && isDiskFull(error.cause)
}

const isRaised = ({ file }: pg.DatabaseError): boolean => file === 'pl_exec.c'

/** PostgreSQL names a file of its own there, which tells a caller nothing. */
const NO_ROOM = {
  message: 'The database has no room left on its disk',
  hint: 'Nothing was changed. Make room on the disk of the data folder, then try again.',
}

/** The connection that failed, where that is what an error comes from. */
export function connectionFailureIn(error: unknown): Error | undefined {
  if (isConnectionFailure(error)) return error as Error
  const isOurs = error instanceof AppError && /^database_(unavailable|busy)$/.test(error.code)
  return isOurs ? connectionFailureIn(error.cause) : undefined
}

/** A database error as an AppError whose `details` are SqlFacts; other errors are given back. */
export function fromDatabase(error: unknown): unknown {
  if (isConnectionFailure(error)) {
    return new AppError(isLate(error) ? BUSY : AWAY, {
      cause: error,
      retryAfter: 1,
      hint: 'Try again in a moment.',
    })
  }
  if (!(error instanceof pg.DatabaseError)) return error
  const [kind, code] = isOfShape(error) ? BAD_SHAPE : meaningOf(error.code ?? '')
  const { message, hint } = error.code === DISK_FULL ? NO_ROOM : error
  return new AppError(
    { kind, code, message },
    { details: factsOf(error), cause: error, ...(hint ? { hint } : {}) },
  )
}

/** The facts inside an error that `fromDatabase` made. */
export function sqlFacts(error: AppError): SqlFacts | undefined {
  const facts = error.details as SqlFacts | undefined
  return facts && typeof facts === 'object' && 'sqlstate' in facts ? facts : undefined
}

function meaningOf(state: string): Meaning {
  const kin = state.slice(0, 2)
  return STATES[state] ?? CLASSES[kin] ?? (FAULTS.has(kin) || state === '' ? FAULT : RAISED)
}

function factsOf(error: pg.DatabaseError): SqlFacts {
  return {
    sqlstate: error.code ?? 'XX000',
    message: error.message,
    detail: error.detail ?? null,
    hint: error.hint ?? null,
    schema: error.schema ?? null,
    table: error.table ?? null,
    column: error.column ?? null,
    constraint: error.constraint ?? null,
  }
}

// biome-ignore format: one line for each place where it ends
const SOCKET_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOENT', 'ETIMEDOUT',
  'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN',
  'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA',
  'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID',
])
const SOCKET_TEXTS =
  /connection terminated|timeout expired|timeout exceeded when trying to connect|not queryable|after calling end on the pool|SSL connection/i

/** All connections were at work, or the server took one and said nothing. */
export const isLate = (error: unknown): boolean =>
  (error as Error).message === 'timeout exceeded when trying to connect'

const BUSY = {
  kind: 'unavailable',
  code: 'database_busy',
  message: 'No connection to the database became free in time',
} as const

const AWAY = {
  kind: 'unavailable',
  code: 'database_unavailable',
  message: 'The database cannot be reached',
} as const

/** PostgreSQL starts, stops, or the database is gone: told while connecting, or when it ends the connection. */
const LOST_STATES = /^(57P0[1-4]|3D000|08...)$/

const isLostBy = ({ severity, code = '' }: pg.DatabaseError): boolean =>
  severity === 'FATAL' && LOST_STATES.test(code)

function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof pg.DatabaseError) return isLostBy(error)
  const { code } = error as NodeJS.ErrnoException
  return (code !== undefined && SOCKET_CODES.has(code)) || SOCKET_TEXTS.test(error.message)
}
