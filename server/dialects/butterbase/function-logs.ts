/** Butterbase's logs of a function: pages of it, and a stream. */
import { z } from 'zod'
import { followLogs, type FunctionsContext, type LogEntry, readLogs } from '#domains/functions'
import type { AppContext } from '#domains/apps'
import { invalid } from '#core/errors'
import type { Http } from '#http/env'
import { passing } from '#http/passing'
import { headerOf } from '#http/request'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'
import { Time } from './shapes.ts'

const LOGS = '/v1/{app_id}/functions/{name}/logs'
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000
const KEEP_ALIVE_MS = 15_000

const FILTERS = {
  since: 'Only what came after this ISO 8601 time',
  level: z.enum(['error']).describe('Only what failed'),
}

const Entry = z
  .object({
    timestamp: Time.describe('When the call began'),
    method: z.string(),
    path: z.string(),
    statusCode: z.int(),
    duration: z.number().describe('Milliseconds'),
    memoryUsed: z.number().describe('Megabytes'),
    error: z.string().nullable(),
    stack: z.string().nullable(),
    consoleLogs: z.array(
      z.object({ level: z.string(), message: z.string(), timestamp: z.number() }),
    ),
    id: z.string(),
    trigger: z.string().describe('What called it: `http`, `invoke`, `cron` …'),
    status: z.enum(['completed', 'rejected', 'skipped_duplicate']),
    sourceEventId: z.string().nullable(),
    reason: z.string().nullable().describe('Why it was stopped or rejected'),
  })
  .meta({ id: 'ButterbaseLogEntry' })

type Scoped = (ctx: AppContext) => FunctionsContext

export function addFunctionLogs(routes: RouteTable<Scopes>, scoped: Scoped): void {
  routes.add(
    {
      method: 'get',
      path: LOGS,
      access: 'owner',
      summary: 'Read what a function did',
      answer: z.object({ logs: z.array(Entry), hasMore: z.boolean() }),
      docs: {
        query: {
          ...FILTERS,
          limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe('Entries at most'),
          include_deleted: z.boolean().describe('Also of functions of that name that were deleted'),
        },
      },
    },
    async ({ c, ctx }) => {
      const query = {
        limit: limitOf(c.req.query('limit')),
        since: dateOf('since', c.req.query('since')),
        onlyErrors: c.req.query('level') === 'error',
        includeDeleted: c.req.query('include_deleted') === 'true',
      }
      const { logs, hasMore } = await readLogs(scoped(ctx), c.req.param('name') ?? '', query)
      return c.json({ logs: logs.map(toWire), hasMore })
    },
  )
  routes.add(
    {
      method: 'get',
      path: `${LOGS}/stream`,
      access: 'owner',
      summary: 'Follow what a function does, as server-sent events',
      docs: {
        query: FILTERS,
        headers: { 'Last-Event-ID': 'Goes on after this event' },
        type: 'text/event-stream',
      },
    },
    async ({ c, ctx }) => {
      const lastId = headerOf(c, 'last-event-id')
      const signal = c.req.raw.signal
      const onlyErrors = c.req.query('level') === 'error'
      const since = dateOf('since', lastId ?? c.req.query('since'))
      const name = c.req.param('name') ?? ''
      const lists = await followLogs(scoped(ctx), name, { since, onlyErrors, signal })
      return eventStream(c, lists)
    },
  )
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LIMIT) return limit
  throw invalid('invalid_query', `limit: use a whole number from 1 to ${MAX_LIMIT}`)
}

const ISO_DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/

function dateOf(name: string, text: string | undefined): Date | undefined {
  if (text === undefined || text === '') return undefined
  const date = new Date(ISO_DATE.test(text) ? text : Number.NaN)
  if (!Number.isNaN(date.getTime())) return date
  throw invalid('invalid_query', `${name}: use an ISO 8601 time such as 2026-01-31T09:00:00.000Z`)
}

function toWire(entry: LogEntry): z.input<typeof Entry> {
  return {
    timestamp: entry.startedAt.toISOString(),
    method: entry.method,
    path: entry.path,
    statusCode: entry.statusCode,
    duration: entry.durationMs,
    memoryUsed: entry.memoryMb,
    error: entry.error,
    stack: entry.stack,
    consoleLogs: entry.console,
    id: entry.id,
    trigger: entry.trigger,
    status: entry.status,
    sourceEventId: entry.sourceEventId,
    reason: entry.reason,
  }
}

function eventStream(c: Http, lists: AsyncGenerator<LogEntry[]>): Response {
  const encoder = new TextEncoder()
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(': connected\n\n')),
    async pull(controller) {
      const text = await nextFrames(lists)
      if (text === undefined) controller.close()
      else controller.enqueue(encoder.encode(text))
    },
    cancel: () => void lists.return(undefined),
  })
  return c.body(passing(c, stream), 200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  })
}

/** Waits for something to say, at most until the connection needs a sign of life. */
async function nextFrames(lists: AsyncGenerator<LogEntry[]>): Promise<string | undefined> {
  const deadline = performance.now() + KEEP_ALIVE_MS
  while (performance.now() < deadline) {
    const { value, done } = await lists.next()
    if (done) return undefined
    if (value.length > 0) return value.map(frameOf).join('')
  }
  return ': keepalive\n\n'
}

const frameOf = (entry: LogEntry): string => {
  const wire = toWire(entry)
  return `id: ${wire.timestamp}\nevent: log\ndata: ${JSON.stringify(wire)}\n\n`
}
