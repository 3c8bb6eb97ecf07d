/** How PostgREST answers what PostgreSQL refuses: status by SQLSTATE, the database's own words. */
import type { AppError, ErrorKind } from '#core/errors'
import { sqlFacts, type SqlFacts } from '#domains/data'
import { isHeaderPair } from './answer.ts'
import type { ErrorAnswer } from './errors.ts'

const STATES: Record<string, number> = {
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '53400': 500,
  P0001: 400,
  '42P01': 404,
  '42P17': 500,
  '57P01': 503,
  '42883': 404,
}

const CLASSES: Record<string, number> = {
  '08': 503,
  '09': 500,
  '0L': 403,
  '0P': 403,
  '25': 500,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '53': 503,
  '54': 500,
  '55': 500,
  '57': 500,
  '58': 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
}

/** Undefined when the error is not from the database. */
export function databaseAnswer(error: AppError, signedIn: boolean): ErrorAnswer | undefined {
  const facts = sqlFacts(error)
  if (!facts) return undefined
  const { sqlstate: code, message, detail, hint } = facts
  if (code === 'PGRST') return raisedAnswer(facts)
  const status = statusOf({ facts, kind: error.kind, signedIn })
  return {
    status,
    reason: code.startsWith('PT') ? message : undefined,
    body: { code, message, details: detail, hint },
    headers: status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {},
  }
}

type Judged = { facts: SqlFacts; kind: ErrorKind; signedIn: boolean }

function statusOf({ facts: { sqlstate, message }, kind, signedIn }: Judged): number {
  if (sqlstate === '42501') return signedIn ? 403 : 401
  if (sqlstate === '21000') return message.endsWith('requires a WHERE clause') ? 400 : 500
  if (sqlstate === '22023' && /^role ".*" does not exist$/.test(message)) return 401
  if (sqlstate === '42883' && message.startsWith('function xmlagg(')) return 406
  if (sqlstate.startsWith('PT')) return validStatus(Number(sqlstate.slice(2)))
  // What PostGIS says of a shape that it cannot take: the caller's, not ours.
  if (sqlstate === 'XX000' && kind === 'invalid') return 400
  return STATES[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)] ?? 400
}

const validStatus = (status: number): number => (status >= 200 && status <= 599 ? status : 500)

const MESSAGE_HINT =
  "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
const DETAIL_HINT =
  "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."

/** `raise sqlstate 'PGRST'` with the answer's parts as JSON in message and detail. */
function raisedAnswer({ message, detail }: SqlFacts): ErrorAnswer {
  const body = raisedBody(message)
  if (!body) return unreadable(`Invalid JSON value for MESSAGE: '${message}'`, MESSAGE_HINT)
  if (detail === null) return unreadable('DETAIL is missing in the RAISE statement', DETAIL_HINT)
  const answer = objectIn(detail)
  const headers = headersIn(answer?.headers)
  const status = answer?.status
  if (!isStatus(status) || !headers || !isText(answer?.status_text)) {
    return unreadable(`Invalid JSON value for DETAIL: '${detail}'`, DETAIL_HINT)
  }
  return { status, reason: textOr(answer?.status_text) ?? undefined, body, headers }
}

function raisedBody(json: string): ErrorAnswer['body'] | undefined {
  const { code, message, details, hint } = objectIn(json) ?? {}
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  if (!isText(details) || !isText(hint)) return undefined
  return { code, message, details: textOr(details), hint: textOr(hint) }
}

const isStatus = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599

/** A text, or nothing. */
const isText = (value: unknown): boolean =>
  value === undefined || value === null || typeof value === 'string'

const unreadable = (details: string, hint: string): ErrorAnswer => ({
  status: 500,
  body: {
    code: 'PGRST121',
    message: 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error',
    details,
    hint,
  },
})

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

const textOr = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** Names and texts of headers; undefined when they are something else. */
function headersIn(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.entries(value).every(isHeaderPair) ? (value as Record<string, string>) : undefined
}
