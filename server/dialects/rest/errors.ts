/** PostgREST's error bodies: `code`, `message`, `details`, `hint`, and the status of each code. */
import { AppError, type ErrorKind } from '#core/errors'
import type { ParseFacts, Relationship, RelationshipFacts, RoutineFacts } from '#domains/data'
import { methodsBut } from '#http/allow'
import type { Http } from '#http/env'
import type { Services } from '#services'
import { headerText } from './answer.ts'
import { databaseAnswer } from './database-errors.ts'
import { isAnonymous } from './guards.ts'

export type ErrorBody = {
  code: string
  message: string
  details: unknown
  hint: string | null
}

export type ErrorAnswer = {
  status: number
  /** Beside the status, instead of HTTP's own words. */
  reason?: string | undefined
  body: ErrorBody
  headers?: Record<string, string>
}

/** Codes of ours that PostgREST has a number for. */
const BY_CODE: Record<string, readonly [status: number, code: string]> = {
  parse_error: [400, 'PGRST100'],
  malformed_text: [400, 'PGRST102'],
  bad_payload: [400, 'PGRST102'],
  range_not_satisfiable: [416, 'PGRST103'],
  put_filters: [405, 'PGRST105'],
  schema_not_exposed: [406, 'PGRST106'],
  media_not_available: [406, 'PGRST107'],
  content_type_not_supported: [400, 'PGRST102'],
  embed_unknown: [400, 'PGRST108'],
  response_headers: [500, 'PGRST111'],
  response_status: [500, 'PGRST112'],
  aggregates_disabled: [400, 'PGRST123'],
  spread_aggregates: [400, 'PGRST127'],
  put_range: [400, 'PGRST114'],
  put_key_mismatch: [400, 'PGRST115'],
  not_single: [406, 'PGRST116'],
  method_not_supported: [405, 'PGRST117'],
  related_order: [400, 'PGRST118'],
  embed_operator: [400, 'PGRST120'],
  invalid_preferences: [400, 'PGRST122'],
  max_affected: [400, 'PGRST124'],
  max_affected_call: [400, 'PGRST128'],
  rpc_method: [405, 'PGRST101'],
  route_not_found: [404, 'PGRST125'],
  database_unavailable: [503, 'PGRST000'],
  database_busy: [504, 'PGRST003'],
  root_disabled: [404, 'PGRST126'],
  relationship_not_found: [400, 'PGRST200'],
  relationship_ambiguous: [300, 'PGRST201'],
  function_not_found: [404, 'PGRST202'],
  function_ambiguous: [300, 'PGRST203'],
  column_not_found: [400, 'PGRST204'],
  read_only_relation: [400, '42809'],
  table_not_found: [404, 'PGRST205'],
  invalid_token: [401, 'PGRST301'],
  invalid_user_token: [401, 'PGRST301'],
  revoked_token: [401, 'PGRST301'],
  user_token_expired: [401, 'PGRST303'],
  invalid_api_key: [401, 'PGRST301'],
  revoked_client_key: [401, 'PGRST301'],
  credential_of_another_app: [401, 'PGRST301'],
  jwt_undecodable: [401, 'PGRST301'],
  jwt_claims: [401, 'PGRST303'],
  auth_required: [401, 'PGRST302'],
  anonymous_disabled: [401, 'PGRST302'],
}

/** PostgREST has no word for these; the code is our own. */
const BY_KIND = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported_media: 415,
  rate_limited: 429,
  timeout: 504,
  bad_gateway: 502,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<ErrorKind, number>

/** @param signedIn a caller with a credential is told 403 where another is told 401 */
export function answerOf(thrown: unknown, signedIn: boolean): ErrorAnswer {
  const error = AppError.from(thrown)
  const fromDatabase = databaseAnswer(error, signedIn)
  if (fromDatabase) return fromDatabase
  const [status, code] = BY_CODE[error.code] ?? [BY_KIND[error.kind], `STEAD_${error.code}`]
  const body = { code, message: error.message, details: null, hint: error.hint ?? null }
  const shaped = { ...body, ...SHAPES[error.code]?.(error) }
  return { status, body: shaped, headers: headersOf(error, { status, message: shaped.message }) }
}

type Told = { status: number; message: string }

function headersOf(error: AppError, { status, message }: Told): Record<string, string> {
  if (error.code === 'range_not_satisfiable') {
    const { total } = error.details as { total?: number }
    return total === undefined ? {} : { 'Content-Range': `*/${total}` }
  }
  if (error.retryAfter !== undefined) return { 'Retry-After': String(error.retryAfter) }
  if (status !== 401) return {}
  if (error.code === 'auth_required' || error.code === 'anonymous_disabled')
    return { 'WWW-Authenticate': 'Bearer' }
  const description = JSON.stringify(message)
  return {
    'WWW-Authenticate': `Bearer error="invalid_token", error_description=${description}`,
  }
}

type Shape = (error: AppError) => Partial<ErrorBody>

/** Where the words or the details are PostgREST's own. */
const SHAPES: Record<string, Shape> = {
  parse_error: ({ details }) => {
    const { what, text, column, found, expected } = details as ParseFacts
    return {
      message: `"failed to parse ${what} (${text})" (line 1, column ${column})`,
      details: `unexpected ${found} expecting ${expected}`,
      hint: null,
    }
  },
  bad_payload: () => ({ hint: null }),
  // Clients that ask again know it by these words.
  database_busy: () => ({ message: 'Timed out acquiring connection from connection pool.' }),
  // Clients that refresh a session know it by these words.
  user_token_expired: () => ({ message: 'JWT expired' }),
  jwt_undecodable: ({ details }) => ({ details: (details as { detail: string | null }).detail }),
  range_not_satisfiable: ({ details }) => ({
    details: (details as { detail: string }).detail,
  }),
  not_single: ({ details }) => ({
    details: `The result contains ${(details as { rows: number }).rows} rows`,
    hint: null,
  }),
  max_affected: ({ details }) => ({
    details: `The query affects ${(details as { rows: number }).rows} rows`,
  }),
  invalid_preferences: ({ details }) => ({
    details: `Invalid preferences: ${(details as { names: string[] }).names.join(', ')}`,
  }),
  spread_aggregates: ({ details }) => ({ details: (details as { detail: string }).detail }),
  related_order: ({ details }) => {
    const { from, to } = details as { from: string; to: string }
    return {
      details: `'${from}' and '${to}' do not form a many-to-one or one-to-one relationship`,
      hint: null,
    }
  },
  embed_operator: () => ({
    details: 'Only is null or not is null filters are allowed on embedded resources',
    hint: null,
  }),
  table_not_found: ({ details }) => {
    const { schema, near } = details as { schema: string; near?: string }
    return { hint: near ? `Perhaps you meant the table '${schema}.${near}'` : null }
  },
  read_only_relation: ({ details }) => ({
    message: `cannot change materialized view "${(details as { table: string }).table}"`,
  }),
  relationship_not_found: ({ details }) => relationshipMissing(details as RelationshipFacts),
  relationship_ambiguous: ({ details }) => relationshipAmbiguous(details as RelationshipFacts),
  function_not_found: ({ details }) => functionMissing(details as RoutineFacts),
}

function relationshipMissing({ from, to, schema, hint, near }: RelationshipFacts) {
  const using = hint === undefined ? '' : ` using the hint '${hint}'`
  return {
    details: `Searched for a foreign key relationship between '${from}' and '${to}'${using} in the schema '${schema}', but no matches were found.`,
    hint: near ? `Perhaps you meant '${near.name}' instead of '${near.insteadOf}'.` : null,
  }
}

function relationshipAmbiguous({ from, to, candidates = [] }: RelationshipFacts) {
  const names = candidates.map((one) => `'${to}!${hintOf(one)}'`).join(', ')
  return {
    details: candidates.map((one) => ({
      cardinality: one.cardinality,
      embedding: `${from} with ${one.to.name}`,
      relationship: describe(one),
    })),
    hint: `Try changing '${to}' to one of the following: ${names}. Find the desired relationship in the 'details' key.`,
  }
}

const hintOf = ({ junction, constraint }: Relationship): string =>
  junction ? junction.relation.name : constraint

function describe(one: Relationship): string {
  const columns = (names: readonly string[]): string => names.join(', ')
  const { junction } = one
  if (junction) {
    const from = columns(junction.fromColumns.map(([own]) => own))
    const to = columns(junction.toColumns.map(([own]) => own))
    return `${junction.relation.name} using ${one.constraint}(${from}) and ${junction.constraint}(${to})`
  }
  const own = columns(one.columns.map(([name]) => name))
  const other = columns(one.columns.map(([, name]) => name))
  return `${one.constraint} using ${one.from.name}(${own}) and ${one.to.name}(${other})`
}

function functionMissing({ schema, name, arguments: given, near, takes }: RoutineFacts) {
  const plural = given.length > 1 ? 's' : ''
  const parameters =
    given.length > 0 ? `with parameter${plural} ${given.join(', ')}` : 'without parameters'
  const whole = `with a single unnamed ${takes === 'json' ? 'json/jsonb' : takes} parameter`
  const searched =
    takes === undefined ? parameters : takes === 'json' ? `${parameters} or ${whole}` : whole
  return {
    details: `Searched for the function ${schema}.${name} ${searched}, but no matches were found in the schema cache.`,
    hint: near ? `Perhaps you meant to call the function ${schema}.${near}` : null,
  }
}

const OF_TABLES = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const OF_FUNCTIONS = ['OPTIONS', 'GET', 'HEAD', 'POST']
const OF_ROOT = ['OPTIONS', 'GET', 'HEAD']

/** PostgREST itself says it for OPTIONS only; HTTP wants it beside every 405. */
function allowed({ req: { method, path } }: Http): string {
  const name = path.replace(/^\/rest\/v1\/?/, '')
  const methods = name === '' ? OF_ROOT : name.startsWith('rpc/') ? OF_FUNCTIONS : OF_TABLES
  return methodsBut(method, methods).join()
}

/** The renderer behind the mount: no request leaves without PostgREST's four words. */
export function errorRenderer(services: Services) {
  return (thrown: Error, c: Http): Response => {
    const { status, reason, body, headers = {} } = answerOf(thrown, !isAnonymous(c))
    if (reason) c.env.outgoing.statusMessage = reason.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)
    const error = AppError.from(thrown)
    if (error.kind === 'internal' && !c.env.outgoing.destroyed) {
      services.log.error({ err: error.cause ?? error, requestId: c.env.requestId }, error.message)
    }
    const named = {
      'Content-Type': 'application/json; charset=utf-8',
      'Proxy-Status': `PostgREST; error=${body.code.replaceAll(/[^\x21-\x7e]/g, '?')}`,
      ...(status === 405 ? { Allow: allowed(c) } : {}),
      ...Object.fromEntries(Object.entries(headers).map(([n, text]) => [n, headerText(text)])),
    }
    // As bytes: Node writes a text in one go with the head, whose text is bytes already.
    return c.body(Buffer.from(JSON.stringify(body)), status as 400, named)
  }
}
