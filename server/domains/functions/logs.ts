/** Reading what functions did. */
import { setTimeout as wait } from 'node:timers/promises'
import type { FunctionsContext } from './context.ts'
import { functionNotFound } from './deployments.ts'
import { selectFunction } from './functions.sql.ts'
import {
  type LogEntry,
  selectInvocations,
  selectInvocationsAfter,
  selectLastSeq,
} from './journal.sql.ts'

export type LogQuery = {
  limit: number
  /** Exclusive. */
  since: Date | undefined
  onlyErrors: boolean
  /** Also of a function that was deleted. */
  includeDeleted: boolean
}

/** Newest first. @throws `not_found` function_not_found */
export async function readLogs(
  ctx: FunctionsContext,
  name: string,
  query: LogQuery,
): Promise<{ logs: LogEntry[]; hasMore: boolean }> {
  const functionId = await idOf(ctx, name, query.includeDeleted)
  await ctx.functions.journal.flush(ctx.app.id)
  const { limit, since, onlyErrors } = query
  const filter = { functionId, limit, since, onlyErrors }
  const { entries, isCut } = await ctx.asPlatform((tx) => selectInvocations(tx, filter))
  return { logs: entries, hasMore: isCut || entries.length >= limit }
}

async function idOf(ctx: FunctionsContext, name: string, evenDeleted: boolean): Promise<string> {
  const row = await ctx.asPlatform((tx) => selectFunction(tx, name))
  if (!row || (row.deletedAt !== null && !evenDeleted)) throw functionNotFound()
  return row.id
}

/** How often new entries are looked for. */
const LOOK_MS = 1000
const MAX_BACKLOG = 1000

export type Follow = Pick<LogQuery, 'since' | 'onlyErrors'> & { signal: AbortSignal }

/**
 * Entries as they are written, oldest first, from `since` or from now; an empty list when nothing was new.
 * @throws `not_found` function_not_found, before the first list
 */
export async function followLogs(
  ctx: FunctionsContext,
  name: string,
  { since, onlyErrors, signal }: Follow,
): Promise<AsyncGenerator<LogEntry[]>> {
  const functionId = await idOf(ctx, name, false)
  const seq = await ctx.asPlatform((tx) => selectLastSeq(tx, functionId))
  const filter = { functionId, since, onlyErrors, limit: MAX_BACKLOG }
  const backlog = since && (await ctx.asPlatform((tx) => selectInvocations(tx, filter)))
  const first = (backlog?.entries ?? []).filter((entry) => entry.seq <= seq).toReversed()
  return follow(ctx, { functionId, onlyErrors, signal, seq, first })
}

type Following = {
  functionId: string
  onlyErrors: boolean
  signal: AbortSignal
  seq: number
  first: LogEntry[]
}

async function* follow(ctx: FunctionsContext, following: Following): AsyncGenerator<LogEntry[]> {
  const { functionId, onlyErrors, signal, first } = following
  let { seq } = following
  if (first.length > 0) yield first
  while (!signal.aborted) {
    const after = { functionId, seq, onlyErrors }
    const entries = await ctx.asPlatform((tx) => selectInvocationsAfter(tx, after))
    seq = entries.at(-1)?.seq ?? seq
    yield entries
    if (entries.length === 0) await wait(LOOK_MS, undefined, { signal, ref: false }).catch(() => {})
  }
}
