import type { Tx } from '#db/database'
import { sql } from '#db/sql'

/** One invocation. Times in ms, memory in MB; `console` is a list of { level, message, timestamp }. */
export type InvocationRow = {
  id: string
  functionId: string
  startedAt: Date
  trigger:
    | 'http'
    | 'cron'
    | 's3_upload'
    | 'webhook'
    | 'websocket'
    | 'invoke'
    | 'agent'
    | 'auth_hook'
  status: 'completed' | 'rejected' | 'skipped_duplicate'
  method: string
  path: string
  statusCode: number
  durationMs: number
  memoryMb: number
  error: string | null
  stack: string | null
  reason: string | null
  start: string
  console: { level: string; message: string; timestamp: number }[]
  /** Characters of console, error and stack. */
  chars: number
  sourceEventId: string | null
}

/**
 * Writes the entries and counts them on their functions; those of a function that is gone are dropped.
 * @param rows a JSON list of InvocationRow
 */
export async function insertInvocations(tx: Tx, rows: string): Promise<void> {
  await tx`
    with given as (
      select g.* from jsonb_to_recordset(${rows}::jsonb) as g (
        "id" uuid, "functionId" uuid, "startedAt" timestamptz, "trigger" text, "status" text, "method" text,
        "path" text, "statusCode" integer, "durationMs" float8, "memoryMb" float8, "error" text,
        "stack" text, "reason" text, "start" text, "console" jsonb, "chars" integer,
        "sourceEventId" text)
      join functions.functions f on f.id = g."functionId"
    ), written as (
      insert into functions.invocations (id, function_id, started_at, trigger, status, method, path,
        status_code, duration_ms, memory_mb, error, stack, reason, start, console,
        chars, source_event_id)
      select * from given on conflict (id) do nothing
      returning function_id, started_at, status_code, duration_ms, error
    ), sums as (
      select function_id, count(*) as calls, count(error) as errors, sum(duration_ms) as duration_ms,
        max(started_at) as last_at, (array_agg(status_code order by started_at desc))[1] as last_status
      from written group by function_id
    )
    update functions.functions f set invocation_count = f.invocation_count + s.calls,
      error_count = f.error_count + s.errors, total_duration_ms = f.total_duration_ms + s.duration_ms,
      last_status = case when f.last_invoked_at > s.last_at then f.last_status else s.last_status end,
      last_invoked_at = greatest(f.last_invoked_at, s.last_at)
    from sums s where f.id = s.function_id`
}

export async function deleteInvocationsBefore(tx: Tx, before: Date): Promise<void> {
  await tx`delete from functions.invocations where started_at < ${before}`
}

export type LogEntry = Omit<InvocationRow, 'functionId' | 'chars'> & { seq: number }

const ENTRY = sql`id, started_at, trigger, status, method, path, status_code, duration_ms, memory_mb, error, stack,
  reason, start, console, source_event_id, seq::float8 as seq`

/** Characters of console, error and stack in one list; a list has at least one entry all the same. */
const MAX_LIST_CHARS = 16_000_000

export type LogFilter = {
  functionId: string
  limit: number
  /** Exclusive. */
  since: Date | undefined
  onlyErrors: boolean
}

/** Newest first; with `isCut` when there are more within the limit than one list may hold. */
export async function selectInvocations(
  tx: Tx,
  { functionId, limit, since = new Date(0), onlyErrors }: LogFilter,
): Promise<{ entries: LogEntry[]; isCut: boolean }> {
  const rows = await tx<LogEntry & { place: number; total: number }>`
    with sized as (
      select i.id, row_number() over newest::int as place, count(*) over ()::int as total,
        sum(i.chars) over newest as chars
      from (
        select id, started_at, seq, chars from functions.invocations
        where function_id = ${functionId} and started_at > ${since}
          and (not ${onlyErrors}::boolean or error is not null)
        order by started_at desc, seq desc limit ${limit}
      ) i
      window newest as (order by i.started_at desc, i.seq desc)
    )
    select ${ENTRY}, s.place, s.total from sized s join functions.invocations using (id)
    where s.chars <= ${MAX_LIST_CHARS} or s.place = 1
    order by s.place`
  const total = rows[0]?.total ?? 0
  return { entries: rows, isCut: rows.length < total }
}

/** In the order in which they were written, as many as one list may hold. */
export function selectInvocationsAfter(
  tx: Tx,
  { functionId, seq, onlyErrors }: { functionId: string; seq: number; onlyErrors: boolean },
): Promise<LogEntry[]> {
  return tx<LogEntry>`
    select ${ENTRY} from functions.invocations
    where function_id = ${functionId} and seq > ${seq} and (not ${onlyErrors}::boolean or error is not null)
    order by seq limit 16`
}

export async function selectLastSeq(tx: Tx, functionId: string): Promise<number> {
  const [row] = await tx<{ seq: number }>`
    select coalesce(max(seq), 0)::float8 as seq from functions.invocations where function_id = ${functionId}`
  return row?.seq ?? 0
}
