/** Fluxbase's GraphQL, mounted at /api/v1/graphql, over HTTP as the GraphQL over HTTP draft says. */
import { z } from 'zod'
import { type Caller, hasScope, manages, requireScope } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import {
  answerGraphql,
  type Failure,
  type GraphqlAnswer,
  type GraphqlContext,
  type GraphqlRequest,
  graphqlSettingsOf,
  introspect,
} from '#domains/graphql'
import { AppError, invalid, notFound, unsupportedMedia } from '#core/errors'
import { someText } from '#http/about'
import { MEBIBYTE, parseJson, readText } from '#http/body'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import { addHeader, respond } from '#http/respond'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { FLUXBASE } from './about.ts'
import type { Scopes } from './guards.ts'
import { saidOf } from './tables-errors.ts'
import { doneOnce } from './tables-idempotency.ts'
import { HEADERS } from './tables-words.ts'
import { dataContext, requireAdmitted } from './tables-request.ts'

const PATH = '/api/v1/graphql'

const MAX_BODY = 10 * MEBIBYTE

const JSON_TYPE = 'application/json'
const GRAPHQL_TYPE = 'application/graphql-response+json'

const Parameters = z.object({
  query: someText,
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
})

const QUERY_DOCS = {
  query: 'The text; without it the answer is the schema',
  variables: 'A JSON object',
  operationName: 'Which operation of the text is meant',
}

const GraphqlError = z.looseObject({
  message: z.string(),
  locations: z.array(z.object({ line: z.int(), column: z.int() })).optional(),
  path: z.array(z.union([z.string(), z.int()])).optional(),
  extensions: z.record(z.string(), z.unknown()).optional(),
})

const GraphqlResult = z
  .object({
    data: z.record(z.string(), z.unknown()).nullish(),
    errors: z.array(GraphqlError).optional(),
  })
  .meta({ id: 'GraphqlResult', description: 'As GraphQL says; with `data`, what was asked for' })

/** GraphQL's own media type for whoever asks for it; a refusal may come before there is any GraphQL to answer. */
const answers = {
  200: { content: { [JSON_TYPE]: GraphqlResult, [GRAPHQL_TYPE]: GraphqlResult } },
  '4XX': {
    description: 'Refused, or not a good operation',
    content: {
      [JSON_TYPE]: z.union([
        GraphqlResult.extend({ error: z.string().optional().describe('The first error') }),
        FLUXBASE.error.body,
      ]),
      [GRAPHQL_TYPE]: GraphqlResult,
    },
  },
}

export function addGraphql(routes: RouteTable<Scopes>, services: Services): void {
  routes.add(
    {
      method: 'post',
      path: PATH,
      access: 'anyone',
      scope: 'tables',
      summary: 'Run a GraphQL operation',
      docs: {
        content: { [JSON_TYPE]: Parameters },
        headers: { 'Idempotency-Key': HEADERS['Idempotency-Key'] },
        answers,
      },
    },
    ({ c, ctx }) => posted(services, c, ctx),
  )
  routes.add(
    {
      method: 'get',
      path: PATH,
      access: 'anyone',
      scope: 'tables:read',
      summary: 'Run a GraphQL query, or read the schema',
      docs: { query: QUERY_DOCS, answers },
    },
    ({ c, ctx }) => {
      const isAsking = ASKING.some((name) => c.req.query(name) !== undefined)
      return isAsking
        ? answered(services, { c, ctx, read: readQuery })
        : described(services, c, ctx)
    },
  )
}

/** With any of these a GET means an operation, even if its text is missing. */
const ASKING = ['query', 'operationName', 'variables', 'extensions'] as const

type Answering = { c: Http; ctx: AppContext; read: (c: Http) => Promise<GraphqlRequest> }

async function answered(services: Services, { c, ctx, read }: Answering): Promise<Response> {
  const graphql = contextOf(services, c, ctx)
  try {
    const admit = admission(ctx.caller)
    const answer = await answerGraphql(graphql, { ...(await read(c)), admit })
    return render(c, answer, ctx.identity.role === 'anon')
  } catch (error) {
    if (error instanceof AppError && error.code === 'graphql_persisted_query') {
      return notPersisted(c, error)
    }
    if (error instanceof AppError && REQUEST_ERRORS.has(error.code)) return badRequest(c, error)
    throw error
  }
}

/** A mutation once for each `Idempotency-Key`. Queries are not kept: they are asked for what is there now. */
async function posted(services: Services, c: Http, ctx: AppContext): Promise<Response> {
  if (headerOf(c, 'idempotency-key') === undefined) {
    return answered(services, { c, ctx, read: readPosted })
  }
  const reading = readText(c, MAX_BODY)
  const text = () => reading
  const respond = () => answered(services, { c, ctx, read: () => readPosted(c, text) })
  const mayWrite = mayHoldMutation(await reading.catch(() => ''))
  return mayWrite ? doneOnce({ c, ctx, body: { type: JSON_TYPE, text }, respond }) : respond()
}

/** However JSON spells the word; what cannot be read is refused when it is. */
function mayHoldMutation(body: string): boolean {
  try {
    const { query } = JSON.parse(body) as { query?: unknown }
    return typeof query === 'string' && query.includes('mutation')
  } catch {
    return false
  }
}

const SCOPES = { query: 'tables:read', mutation: 'tables:write' } as const

/**
 * What a client key may do; others are not asked.
 * @throws `forbidden` insufficient_scope at once when it may do neither
 */
function admission(caller: Caller): GraphqlRequest['admit'] {
  if (caller.kind !== 'client_key') return undefined
  if (!hasScope(caller, SCOPES.mutation)) requireScope(caller, SCOPES.query)
  return (kind) => requireScope(caller, SCOPES[kind])
}

const REQUEST_ERRORS = new Set([
  'malformed_json',
  'malformed_text',
  'json_too_deep',
  'graphql_request',
  'graphql_syntax',
  'graphql_limit',
  'graphql_mutation_by_get',
])

async function described(services: Services, c: Http, ctx: AppContext): Promise<Response> {
  const graphql = contextOf(services, c, ctx)
  if (!graphql.settings.introspection) {
    return c.json({ errors: [{ message: 'Introspection is disabled' }] }, 403)
  }
  return sendPieces(c, await introspect(graphql))
}

/** @throws `not_found` graphql_disabled, and as `requireAdmitted` */
function contextOf(services: Services, c: Http, ctx: AppContext): GraphqlContext {
  requireAdmitted(ctx)
  const { app, caller } = ctx
  const settings = graphqlSettingsOf(app)
  if (!settings.enabled) throw notFound('graphql_disabled', 'GraphQL is disabled')
  return { ...dataContext(services, c, ctx), settings, unbounded: manages(caller, app) }
}

/** @throws `unsupported_media`, `invalid` malformed_json or graphql_request */
async function readPosted(c: Http, text = () => readText(c, MAX_BODY)): Promise<GraphqlRequest> {
  const type = headerOf(c, 'content-type') ?? ''
  if (type !== JSON_TYPE && mediaTypeIn(type) !== JSON_TYPE) {
    throw unsupportedMedia('graphql_media', 'Send the operation as application/json')
  }
  return requestIn(parseJson(await text()), false)
}

/** Without its parameters. */
const mediaTypeIn = (header: string): string | undefined =>
  header.split(';', 1)[0]?.trim().toLowerCase()

/** `variables` and `extensions` are JSON texts. */
async function readQuery(c: Http): Promise<GraphqlRequest> {
  const { query, variables, operationName, extensions } = c.req.query()
  const parsed = {
    query,
    operationName,
    variables: variables ? parseJson(variables) : undefined,
    extensions: extensions ? parseJson(extensions) : undefined,
  }
  return requestIn(parsed, true)
}

/** @throws `invalid` graphql_request */
function requestIn(value: unknown, readOnly: boolean): GraphqlRequest {
  if (Array.isArray(value)) throw malformed(NO_BATCHES)
  if (namesPersisted(value)) throw invalid('graphql_persisted_query', NOT_PERSISTED)
  const { query, variables, operationName } = isUsual(value) ? value : checked(value)
  if (query.trim() === '') throw badParameters()
  return { query, variables: variables ?? {}, operationName: operationName ?? undefined, readOnly }
}

const NO_BATCHES =
  'Batched operations are not supported: send each operation in a request of its own'

/** The words by which clients know that they have to send the text from now on. */
const NOT_PERSISTED = 'PersistedQueryNotSupported'

/** Only the hash of a text that we would have to know already. */
function namesPersisted(value: unknown): boolean {
  if (!isObject(value) || (value.query !== undefined && value.query !== null)) return false
  return isObject(value.extensions) && value.extensions.persistedQuery !== undefined
}

/** A text and perhaps variables: what nearly all send, told without zod. */
function isUsual(value: unknown): value is z.output<typeof Parameters> {
  if (!isObject(value)) return false
  const { query, variables, operationName, extensions } = value
  if (typeof query !== 'string' || extensions !== undefined) return false
  if (operationName !== undefined && typeof operationName !== 'string') return false
  return variables === undefined || isObject(variables)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws `invalid` graphql_request */
function checked(value: unknown): z.output<typeof Parameters> {
  const parsed = Parameters.safeParse(value)
  if (parsed.success) return parsed.data
  throw badParameters(parsed.error)
}

function badParameters(error?: z.ZodError): AppError {
  const name = String(error?.issues[0]?.path[0] ?? 'query')
  return malformed(MISSHAPEN[name] ?? 'Query string is required')
}

const MISSHAPEN: Record<string, string> = {
  variables: 'variables must be a JSON object',
  extensions: 'extensions must be a JSON object',
  operationName: 'operationName must be a string',
}

const malformed = (message: string) => invalid('graphql_request', message)

/** Clients that know GraphQL's own type name it; for others it is JSON. */
const isGraphqlType = (c: Http): boolean => {
  const accept = headerOf(c, 'accept') ?? ''
  const at = accept.indexOf(GRAPHQL_TYPE)
  const json = accept.indexOf(JSON_TYPE)
  return at >= 0 && (json < 0 || at < json)
}

const send = (c: Http, body: string, status: 200 | 400 | 405): Response =>
  respond(body, status, headersOf(c))

/** The answer's own `Vary` goes before the one that cross-origin requests get. */
const headersOf = (c: Http) => ({
  'Content-Type': `${isGraphqlType(c) ? GRAPHQL_TYPE : JSON_TYPE}; charset=utf-8`,
  Vary: headerOf(c, 'origin') === undefined ? 'Accept' : 'Accept, Origin',
})

/** Of more pieces the answer is a stream. */
const FEW = 10

/** As fast as the other side takes them. */
function sendPieces(c: Http, data: readonly Uint8Array[]): Response {
  const all = [Buffer.from('{"data":'), ...data, Buffer.from('}')]
  if (all.length <= FEW) return respond(Buffer.concat(all), 200, headersOf(c))
  const pieces = all.values()
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = pieces.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
  return respond(body, 200, headersOf(c))
}

function render(c: Http, answer: GraphqlAnswer, anonymous: boolean): Response {
  if (answer.kind === 'done') {
    const { data } = answer
    return typeof data === 'string' ? send(c, `{"data":${data}}`, 200) : sendPieces(c, data)
  }
  if (answer.kind === 'refused') {
    return send(c, JSON.stringify({ errors: answer.errors }), isGraphqlType(c) ? 400 : 200)
  }
  const shown = answer.failures.map((failure) => shownOf(failure, c.req.method, anonymous))
  return send(c, `{"data":${answer.data},"errors":${JSON.stringify(shown)}}`, 200)
}

function shownOf({ verb, path, error }: Failure, method: string, anonymous: boolean) {
  const said = saidOf(error, method, anonymous)
  return {
    message: `${verb} failed: ${textOf(said) ?? error.message}`,
    ...(path === undefined ? {} : { path: [path] }),
    extensions: { code: said?.code ?? 'DATABASE_ERROR', sqlstate: said?.sqlstate },
  }
}

/** The database's own words where they may be shown. */
function textOf(said: ReturnType<typeof saidOf>): string | undefined {
  return typeof said?.message === 'string' ? said.message : said?.error
}

/** `error` is what the published client shows; GraphQL's own media type has no room for it. */
function badRequest(c: Http, { code, message, details }: AppError): Response {
  const text = SAID[code] ?? message
  const locations = (details as { locations?: unknown } | undefined)?.locations
  const reason = (details as { reason?: unknown } | undefined)?.reason
  const shown = {
    message: text,
    ...(locations === undefined ? {} : { locations }),
    ...(reason === undefined ? {} : { extensions: { reason } }),
  }
  const body = isGraphqlType(c) ? { errors: [shown] } : { errors: [shown], error: text }
  const isByGet = code === 'graphql_mutation_by_get'
  if (isByGet) addHeader(c, 'Allow', 'POST')
  return send(c, JSON.stringify(body), isByGet ? 405 : 400)
}

/** No failure, but the first half of an exchange: the client sends the text next. */
function notPersisted(c: Http, { message }: AppError): Response {
  const shown = { message, extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }
  return send(c, JSON.stringify({ errors: [shown] }), isGraphqlType(c) ? 400 : 200)
}

const BAD_JSON = 'Invalid JSON in request body'

const SAID: Record<string, string> = {
  malformed_json: BAD_JSON,
  malformed_text: BAD_JSON,
  json_too_deep: BAD_JSON,
}
