/** Running a function: who may, as whom, with what in its hands; and what is written down of it. */
import { auditActor } from '#domains/accounts'
import { appDeleting } from '#domains/apps'
import { AppError, badGateway, methodNotAllowed } from '#core/errors'
import { uuid } from '#core/ids'
import type {
  Answered,
  CallReply,
  Failed,
  FunctionCall,
  InvocationRequest,
  Outcome,
  Report,
} from '#isolates'
import { admit, type Origin, type RunsAs } from './callers.ts'
import type { FunctionsContext } from './context.ts'
import type { Deployed } from './deployed.ts'
import { auditOf, functionNotFound } from './deployments.ts'
import { runtimeUnreachable } from './runtime-unreachable.ts'
import { hostCallsFor } from './host-calls.ts'
import { contextOf, forwardedHeaders, platformHeaders } from './invocation-context.ts'
import type { JournalEntry } from './journal.ts'

export type FunctionRequest = {
  name: string
  /** `invoke` is its owner's test, `auth_hook` our own call; neither needs an http trigger. */
  trigger: 'http' | 'invoke' | 'auth_hook'
  origin: Origin
  asUser: string | undefined
  method: string
  headers: Iterable<readonly [name: string, value: string]>
  body: InvocationRequest['body']
  /** `?…` or nothing. */
  search: string
  /** For the log: never with a query, which may hold secrets. */
  path: string
  signal?: AbortSignal | undefined
  depth: number
}

/** How a dialect spells what only it can spell. */
export type Spelling = {
  /** The public address of a function. */
  urlOf(name: string): string
  /** What a function gets that called another in vain. */
  replyTo(failure: AppError | FunctionFailure): CallReply
}

export type FunctionFailure = Omit<Failed, 'ok' | 'done'> & {
  ok: false
  timeoutMs: number
  durationMs: number
  /** The stack may be shown to whoever called. */
  isTrusted: boolean
}

export type FunctionAnswer = Pick<Answered, 'ok' | 'status' | 'headers' | 'body'>

/**
 * @returns the function's answer as soon as it begins, or why there is none
 * @throws what `admit` throws; `not_found` function_not_found; `rate_limited` concurrency_limit;
 *   `bad_gateway` runtime_unreachable; `gone` app_deleting when the app is deleted while its function runs; `method_not_allowed` function_method
 */
export async function invokeFunction(
  ctx: FunctionsContext,
  request: FunctionRequest,
  spelling: Spelling,
): Promise<FunctionAnswer | FunctionFailure> {
  const fn = await ctx.functions.deployed.find(ctx.app, request.name)
  if (!fn) throw functionNotFound()
  assertMethod(request.method)
  const { origin, asUser, trigger } = request
  const byTrigger = trigger === 'http'
  const runsAs = admit({ app: ctx.app, fn, origin, asUser, byTrigger })
  const began = performance.now()
  const run: Run = { ctx, fn, runsAs, request, spelling, id: uuid(), startedAt: ctx.clock(), began }
  const outcome = await start(run)
  ctx.functions.journal.add(entryOf(run, outcome))
  if (outcome.ok) return outcome
  if (outcome.reason === 'start') throw runtimeUnreachable()
  if (outcome.reason === 'ended') throw appDeleting()
  const { reason, message, stack } = outcome
  const durationMs = Math.round(performance.now() - began)
  const { isTrusted } = runsAs
  return { ok: false, reason, message, stack, timeoutMs: fn.timeoutMs, durationMs, isTrusted }
}

/** Methods of which the web's `Request` wants to know nothing. */
const NO_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK'])

function assertMethod(method: string): void {
  if (!NO_METHODS.has(method.toUpperCase())) return
  throw methodNotAllowed('function_method', `A function cannot be called with ${method}`)
}

type Run = {
  ctx: FunctionsContext
  fn: Deployed
  runsAs: RunsAs
  request: FunctionRequest
  spelling: Spelling
  id: string
  startedAt: Date
  /** On the monotonic clock. */
  began: number
}

/** After the response a stream and `ctx.waitUntil` have this long at least. */
const AFTERLIFE_MS = 30_000

async function start(run: Run): Promise<Outcome> {
  const { ctx, fn, runsAs, request, spelling, id } = run
  const { functions, app } = ctx
  let deadline = run.began + fn.timeoutMs
  const host = hostCallsFor({
    databases: ctx.databases,
    identity: runsAs.identity,
    timeLeft: () => deadline - performance.now(),
    invoke: (call) => invokeInner(run, call),
  })
  const facts = { id: ctx.requestId, ip: ctx.ip, functionName: fn.name }
  const subject = { app, fn, runsAs, request: facts }
  const context = await contextOf(ctx.apps, functions.publicUrl, subject)
  const { method, body, search, signal, depth, trigger } = request
  const headers = forwardedHeaders(request.headers, platformHeaders(app, trigger, runsAs))
  const url = `${spelling.urlOf(fn.name)}${search}`
  const place = functions.enter(app.id)
  try {
    const outcome = await functions.pool.invoke(fn.source, {
      id,
      request: { method, url, headers, body },
      context,
      timeoutMs: fn.timeoutMs,
      onBegin: () => (deadline = performance.now() + fn.timeoutMs),
      depth,
      signal,
      host,
    })
    deadline = performance.now() + Math.max(AFTERLIFE_MS, fn.timeoutMs)
    void outcome.done.then(place.leave)
    return outcome
  } catch (error) {
    place.leave()
    if (error instanceof AppError) throw error
    throw runtimeUnreachable(error)
  }
}

/** Bytes that one function may get from another. */
const MAX_REPLY_BYTES = 10 * 1024 * 1024

/** `ctx.invoke`: same app, same user, one deeper. */
async function invokeInner({ ctx, runsAs, spelling }: Run, call: FunctionCall): Promise<CallReply> {
  const asUser = call.headers.find(([name]) => name === 'x-butterbase-as-user')?.[1]
  const { pathname: path } = new URL(spelling.urlOf(call.name))
  const { name, method, headers, body, depth } = call
  const origin: Origin = { kind: 'loopback', parent: runsAs }
  const request = { name, method, headers, body, depth, origin, asUser, path, search: '' }
  try {
    const answer = await invokeFunction(ctx, { ...request, trigger: 'http' }, spelling)
    if (!answer.ok) return spelling.replyTo(answer)
    return { status: answer.status, headers: answer.headers, body: await whole(answer.body) }
  } catch (error) {
    if (error instanceof AppError) return spelling.replyTo(error)
    throw error
  }
}

async function whole(body: Answered['body']): Promise<Uint8Array | null> {
  if (body === null || body instanceof Uint8Array) return body
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.byteLength
    if (size > MAX_REPLY_BYTES) {
      throw badGateway(
        'reply_too_large',
        `The function answered more than ${MAX_REPLY_BYTES} bytes`,
      )
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces, size)
}

async function entryOf(run: Run, outcome: Outcome): Promise<JournalEntry> {
  const report = await outcome.done
  const { ctx, fn, startedAt: at } = run
  const row = rowOf(run, outcome, report)
  const event = {
    ...auditOf(ctx.app, fn.id),
    eventType: 'function.invoke',
    action: 'invoke',
    data: { name: fn.name, status: row.statusCode },
    success: row.error === null,
  } as const
  return { app: ctx.app, row, audit: { event, by: auditActor(ctx), at } }
}

const FAILED_STATUS = { timeout: 504, start: 502, ended: 410 } as Partial<Record<string, number>>

function rowOf(
  { fn, request, id, startedAt }: Run,
  outcome: Outcome,
  report: Report,
): JournalEntry['row'] {
  const statusCode = outcome.ok ? outcome.status : (FAILED_STATUS[outcome.reason] ?? 500)
  const handled = statusCode >= 400 ? `HTTP ${statusCode}` : null
  const { error, reason, durationMs, memoryMb } = report
  return {
    id,
    functionId: fn.id,
    startedAt,
    trigger: request.trigger,
    status: 'completed',
    method: request.method,
    path: request.path,
    statusCode,
    durationMs: Math.round(durationMs * 100) / 100,
    memoryMb: Math.round(memoryMb * 10) / 10,
    error: error?.message ?? handled,
    stack: error?.stack ?? null,
    reason: reason ?? null,
    start: report.start,
    console: report.console,
    sourceEventId: null,
  }
}
