/** Butterbase's calls of functions: from outside, and their owner's test. */
import {
  type FunctionAnswer,
  type FunctionFailure,
  type FunctionRequest,
  type FunctionsContext,
  invokeFunction,
  type Spelling,
} from '#domains/functions'
import { type AppContext, requireNotPaused } from '#domains/apps'
import type { StatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { AppError, timedOut } from '#core/errors'
import { parseJson, readText } from '#http/body'
import { headerOf } from '#http/request'
import type { Http } from '#http/env'
import { passing } from '#http/passing'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { boundedBody, MAX_FUNCTION_BODY } from './bounded-body.ts'
import { answerTo, envelopeOf } from './errors.ts'
import { FUNCTION_ANSWERS, functionUrl, withFunctions } from './functions.ts'
import type { Scopes } from './guards.ts'

/** What a function answers is its own affair, with any status. */
const OWN = {
  description: 'What the function answers; a refusal has the usual body',
  content: {
    '*/*': z.unknown().describe('Whatever the function answers'),
    'application/json': z.unknown().describe('Whatever the function answers, or why not'),
  },
}

const OWN_ANSWERS = { '2XX': OWN, '3XX': OWN, '4XX': OWN, '5XX': OWN }

export function addFn(routes: RouteTable<Scopes>, services: Services): void {
  const scoped = withFunctions(services)
  routes.add(
    {
      method: 'all',
      path: '/v1/{app_id}/fn/{function_name}',
      access: 'function',
      summary: 'Call a function',
      docs: {
        description:
          'Method, headers, query and body reach the function as they are; so does its answer.',
        content: { '*/*': z.unknown() },
        answers: OWN_ANSWERS,
      },
      limit: MAX_FUNCTION_BODY,
    },
    async ({ c, ctx }) => {
      const bounded = await boundedBody(c)
      const { body, signal } = bounded
      const name = c.req.param('function_name') ?? ''
      const request = { ...requestOf(c, ctx), name, trigger: 'http', body, signal } as const
      const answer = answered(services, c, { ctx: scoped(ctx), request })
      const { refused } = bounded
      const first = refused ? Promise.race([answer, refused]) : answer
      return first.finally(() => bounded.answered())
    },
  )
  routes.add(
    {
      method: 'post',
      path: '/v1/{app_id}/functions/{name}/invoke',
      access: 'owner',
      summary: 'Try a function',
      docs: {
        description: 'The body reaches the function as JSON. Its answer comes back.',
        content: { 'application/json': z.unknown() },
        answers: OWN_ANSWERS,
      },
      limit: MAX_FUNCTION_BODY,
    },
    async ({ c, ctx }) => {
      requireNotPaused(ctx.app)
      const json = await readText(c, MAX_FUNCTION_BODY)
      if (json !== '') parseJson(json)
      const request = {
        ...requestOf(c, ctx),
        name: c.req.param('name') ?? '',
        trigger: 'invoke',
        headers: withJsonType(c),
        body: Buffer.from(json || '{}'),
        search: '',
        signal: c.req.raw.signal,
      } as const
      return answered(services, c, { ctx: scoped(ctx), request, onlyType: true })
    },
  )
}

const requestOf = (c: Http, ctx: { caller: FunctionsContext['caller'] }) => ({
  origin: { kind: 'outside', caller: ctx.caller } as const,
  asUser: headerOf(c, 'x-butterbase-as-user') || undefined,
  method: c.req.method,
  headers: c.req.raw.headers,
  search: new URL(c.req.url).search,
  path: c.req.path,
  depth: 0,
})

/** The body is JSON whatever its sender called it. */
function withJsonType(c: Http): Headers {
  const headers = new Headers(c.req.raw.headers)
  headers.set('content-type', 'application/json')
  return headers
}

type Calling = {
  ctx: FunctionsContext
  request: FunctionRequest
  /** Of the headers only the type of the content is passed on. */
  onlyType?: boolean
}

async function answered(
  services: Services,
  c: Http,
  { ctx, request, onlyType }: Calling,
): Promise<Response> {
  const spelling = spellingOf(services, ctx)
  try {
    const answer = await invokeFunction(ctx, request, spelling)
    if (answer.ok) return rendered(c, answer, onlyType)
    const { status, body } = describe(services, answer)
    return c.json(body, status as 500)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'concurrency_limit') throw error
    const { body } = describe(services, error)
    return c.json(body, 429, { 'Retry-After': String(error.retryAfter ?? 1) })
  }
}

/** How this dialect names functions, and tells one that another failed. */
export const spellingOf = (services: Services, ctx: AppContext): Spelling => ({
  urlOf: (name) => functionUrl(ctx, name),
  replyTo: (failure) => toReply(describe(services, failure)),
})

type Described = { status: number; body: object }

/** Why there is no answer, as Butterbase says it. */
function describe(services: Services, failure: AppError | FunctionFailure): Described {
  if (failure instanceof AppError) {
    if (failure.code === 'concurrency_limit') {
      const { active, max } = failure.details as { active: number; max: number }
      const body = { error: failure.message, activeWorkers: active, maxWorkers: max }
      return { status: 429, body }
    }
    const [status, code] = answerTo(failure, FUNCTION_ANSWERS)
    return { status, body: envelopeOf(services, failure, code) }
  }
  if (failure.reason === 'timeout') return describe(services, timeoutOf(failure))
  const { message, stack, isTrusted } = failure
  return { status: 500, body: { error: message, ...(isTrusted && stack ? { stack } : {}) } }
}

const timeoutOf = ({ message, durationMs }: FunctionFailure): AppError =>
  timedOut('function_timeout', message, {
    details: { duration_ms: durationMs },
    hint: 'Make the function faster, or deploy it with a larger timeoutMs.',
  })

const toReply = ({ status, body }: Described) => ({
  status,
  headers: [['content-type', 'application/json']] as [string, string][],
  body: Buffer.from(JSON.stringify(body)),
})

/** Hop-by-hop headers are ours to say, and so is the length. */
const NOT_PASSED_ON = new Set(
  'connection keep-alive proxy-authenticate proxy-connection te trailer transfer-encoding upgrade content-length'.split(
    ' ',
  ),
)

const BODILESS = new Set([204, 205, 304])

function rendered(c: Http, answer: FunctionAnswer, onlyType = false): Response {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of answer.headers) {
    const lower = name.toLowerCase()
    if (NOT_PASSED_ON.has(lower) || (onlyType && lower !== 'content-type')) continue
    ;(headers[lower] ??= []).push(value)
  }
  if (headers['content-type']?.[0]?.startsWith('text/event-stream')) {
    headers['cache-control'] = ['no-cache, no-transform']
    headers['x-accel-buffering'] = ['no']
  }
  const { body } = answer
  if (c.req.method === 'HEAD' || answer.body === null || BODILESS.has(answer.status)) {
    if (body instanceof ReadableStream) void body.cancel()
    return c.body(null, answer.status as StatusCode, headers)
  }
  const bytes = body instanceof ReadableStream ? passing(c, body) : body
  return c.body(bytes as ReadableStream, answer.status as 200, headers)
}
