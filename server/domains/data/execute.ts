/** Runs a data request: one lookup, one round trip, and the answer as PostgreSQL wrote it. */
import { AppError, type ErrorExtras, invalid, notAcceptable } from '#core/errors'
import type { BatchResult, BatchStatement } from '#db/batch'
import type { Database } from '#db/database'
import type { LargeValue } from '#db/large-value'
import type { Identity } from '#db/identity'
import { fromDatabase, sqlFacts, sqlstateOf } from '#db/sqlstate'
import type { Catalog } from './catalog.ts'
import type { CatalogCache } from './catalog-cache.ts'
import { retried } from './collisions.ts'
import { type CompiledRequest, type CompiledStatement, compile, exceedsExact } from './compile.ts'
import { bindAll } from './encode.ts'
import { preambleOf } from './preamble.ts'
import type { DataRequest } from './query.ts'
import {
  CONSTRAINTS_NOW,
  preRequestStatement,
  type RequestFacts,
  timeZoneStatement,
} from './request-settings.sql.ts'
import { GUARD, type ResultColumn } from './result.sql.ts'

/** The steps of a request, in their order. */
export type Step = 'jwt' | 'parse' | 'plan' | 'transaction' | 'response'

/** Told when a step ends. */
export type Timings = { lap(step: Step): void }

export type DataContext = {
  appId: string
  /** Of a login role that may only become the roles of callers. */
  database: Database
  /** Reads the catalog. */
  platform: Database
  identity: Identity
  catalogs: CatalogCache
  /** Schemas searched after the one at hand; absent = public. */
  extraSearchPath?: readonly string[] | undefined
  /** A function called before each statement, quoted. */
  preRequest?: string | undefined
  timings?: Timings | undefined
  /** Made only when something in the database reads it. */
  facts?: (() => RequestFacts) | undefined
  /** Milliseconds per statement; absent = the connection's own limit. */
  timeoutMs?: number | undefined
  /** Whether the caller has gone: nobody would read the answer. */
  isAbandoned?: (() => boolean) | undefined
}

export type Ask = {
  /**
   * Requests with equal shapes differ only in `slots`; undefined = never kept. Names in it end with NUL, which no name
   * holds: `todos&select=id` is a table of its own.
   */
  shape: string | undefined
  /** The request's values. */
  slots: readonly string[]
  schema: string
  /** Makes the request when the shape is new. May be called again with a newer catalog. */
  build(catalog: Catalog): DataRequest
  /** Do everything, answer, and undo it. */
  rehearse?: boolean | undefined
  timeZone?: string | undefined
  /** A large body may come as a stream. */
  stream?: boolean | undefined
}

export type DataResult = {
  /** What `format` asked for, as PostgreSQL wrote it. */
  body: string
  /** The body when it is large; only with `stream`. */
  large: LargeValue | undefined
  /** Rows in the body, or changed. */
  rows: number
  /** Of a write: rows that it changed, whatever the body shows of them. */
  changed: number
  /** Rows in all, when counted. */
  total: number | undefined
  /** The first changed row's key as a JSON object. */
  key: string | undefined
  /** Of an upsert: rows that were new. */
  inserted: number | undefined
  /** `response.headers` and `response.status` as set by the database. */
  headers: string | undefined
  status: string | undefined
  compiled: CompiledRequest
}

/** @throws AppError: of parsing, planning, the database, or `not_acceptable` not_single */
export async function execute(ctx: DataContext, ask: Ask): Promise<DataResult> {
  const at = ctx.catalogs.get(ctx.appId, ctx.platform)
  if (at instanceof Promise) ctx.database.warm()
  const catalog = at instanceof Promise ? await at.catch(rethrow) : at
  try {
    return await runOnce(ctx, ask, catalog)
  } catch (error) {
    return onceMore(ctx, ask, { catalog, error })
  }
}

/** What went wrong may be a collision, or news of the schema: then it is tried against the schema as it is now. */
async function onceMore(
  ctx: DataContext,
  ask: Ask,
  { catalog, error }: { catalog: Catalog; error: unknown },
): Promise<DataResult> {
  try {
    return await retried(error, () => runOnce(ctx, ask, catalog))
  } catch (last) {
    if (!mayBeStale(last)) throw known(last)
    const newer = await ctx.catalogs.newer(ctx.appId, ctx.platform, catalog).catch(rethrow)
    if (!newer) throw known(last)
    const again = () => runOnce(ctx, ask, newer)
    return again()
      .catch((next: unknown) => retried(next, again))
      .catch(rethrow)
  }
}

/** The catalog, surely as new as the last change when `fresh`. */
export async function catalogOf(ctx: DataContext, fresh = false): Promise<Catalog> {
  const catalog = await ctx.catalogs.get(ctx.appId, ctx.platform)
  if (!fresh) return catalog
  return (await ctx.catalogs.newer(ctx.appId, ctx.platform, catalog)) ?? catalog
}

async function runOnce(ctx: DataContext, ask: Ask, catalog: Catalog): Promise<DataResult> {
  ctx.timings?.lap('parse')
  const compiled = compiledFor(ask, catalog)
  ctx.timings?.lap('plan')
  const statements = statementsOf(ctx, ask, { compiled, catalog })
  const main = statements.length - 1 - (compiled.estimate ? 1 : 0) - (ask.rehearse ? 1 : 0)
  const options = {
    rehearse: ask.rehearse === true,
    isAbandoned: ctx.isAbandoned,
    pace: compiled.pace,
    joins: catalog.sharesTransactions,
    stream: ask.stream === true && main === statements.length - 1 && isPlain(compiled),
  }
  const running = ctx.database.batch(statements, options)
  const { timings } = ctx
  const results = await (timings ? running.finally(() => timings.lap('transaction')) : running)
  return toResult(compiled, results[main], results[main + 1])
}

/** One row, whose body needs nothing done to it. */
const isPlain = ({ explained, media }: CompiledRequest): boolean =>
  explained === undefined && media?.binary !== true

function compiledFor(ask: Ask, catalog: Catalog): CompiledRequest {
  const { shape } = ask
  if (shape === undefined) return compile(catalog, ask.build(catalog))
  const kept = catalog.compiled.get(shape)
  if (kept) return kept
  const compiled = compile(catalog, ask.build(catalog))
  catalog.compiled.set(shape, compiled)
  return compiled
}

function statementsOf(
  ctx: DataContext,
  ask: Ask,
  { compiled, catalog }: { compiled: CompiledRequest; catalog: Catalog },
): BatchStatement[] {
  const { readOnly, called } = compiled
  const { schema } = ask
  const statements = preambleOf(ctx, catalog, { readOnly, schema, called })
  if (ask.timeZone !== undefined) statements.push(timeZoneStatement(ask.timeZone))
  if (ctx.preRequest !== undefined) statements.push(preRequestStatement(ctx.preRequest))
  statements.push(bound(compiled.statement, ask.slots))
  if (compiled.estimate) statements.push(bound(compiled.estimate, ask.slots))
  if (ask.rehearse) statements.push(CONSTRAINTS_NOW)
  return statements
}

const bound = ({ name, text, binds }: CompiledStatement, slots: readonly string[]) => ({
  name,
  text,
  values: bindAll(binds, slots),
})

function toResult(
  compiled: CompiledRequest,
  main: BatchResult | undefined,
  estimate: BatchResult | undefined,
): DataResult {
  if (compiled.explained !== undefined) return explained(compiled, main)
  const row = main?.rows[0] ?? []
  const { columns } = compiled
  const at = (column: ResultColumn): string | undefined => {
    const place = columns.indexOf(column)
    return place < 0 ? undefined : (row[place] ?? undefined)
  }
  const rows = Number(at('rows') ?? 0)
  if (compiled.exactlyOne && rows !== 1) {
    void main?.large?.bytes.cancel()
    throw notSingle(rows)
  }
  const inserted = at('inserted')
  const changed = at('changed')
  return {
    body: at('body') ?? '',
    large: main?.large,
    rows,
    changed: changed === undefined ? rows : Number(changed),
    total: totalOf(compiled, at('total'), estimate),
    key: at('key'),
    inserted: inserted === undefined ? undefined : Number(inserted),
    headers: at('headers'),
    status: at('status'),
    compiled,
  }
}

/** The lines of the planner's account. */
function explained(compiled: CompiledRequest, main: BatchResult | undefined): DataResult {
  const body = (main?.rows ?? []).map(([line]) => `${line ?? ''}\n`).join('')
  const unknown = { total: undefined, key: undefined, inserted: undefined }
  return {
    body,
    large: undefined,
    rows: 0,
    changed: 0,
    ...unknown,
    headers: undefined,
    status: undefined,
    compiled,
  }
}

function totalOf(
  compiled: CompiledRequest,
  counted: string | undefined,
  estimate: BatchResult | undefined,
): number | undefined {
  const { count } = compiled
  if (count === undefined) return undefined
  const exact = counted === undefined ? undefined : Number(counted)
  if (count === 'exact') return exact
  if (exact !== undefined && !exceedsExact(compiled, exact)) return exact
  return Math.max(plannedRows(estimate), exact ?? 0)
}

function plannedRows(estimate: BatchResult | undefined): number {
  const text = estimate?.rows.map(([line]) => line).join('') ?? '[]'
  const [top] = JSON.parse(text) as { Plan?: { 'Plan Rows'?: number } }[]
  return top?.Plan?.['Plan Rows'] ?? 0
}

export const notSingle = (rows: number) =>
  notAcceptable('not_single', 'Cannot coerce the result to a single JSON object', {
    details: { rows },
    hint: 'Narrow the filters until exactly one row is left, or ask for an array.',
  })

/** States that a schema change since the snapshot would explain: a column of another type takes other values. */
const STALE_STATES = /^(22...|42P01|42703|42883|42704|42P10|42804|0A000)$/

/** Before saying that something is absent, make sure that the catalog at hand is the present one. */
export function mayBeStale(error: unknown): boolean {
  if (error instanceof AppError) return error.code !== 'parse_error' && error.code !== 'not_single'
  return STALE_STATES.test(sqlstateOf(error) ?? '') && !isGuard(error)
}

/** A promise about the number of rows was broken, which is no matter of the schema. */
const isGuard = (error: unknown): boolean => error instanceof Error && error.message.includes(GUARD)

function rethrow(error: unknown): never {
  throw known(error)
}

/** Database errors in our words; a broken promise about the number of rows in its own. */
function known(error: unknown): unknown {
  const mapped = fromDatabase(error)
  if (!(mapped instanceof AppError)) return mapped
  const facts = sqlFacts(mapped)
  const at = facts?.sqlstate === '22P02' ? facts.message.indexOf(GUARD) : -1
  if (!facts || at < 0) return mapped
  const [kind, rows] = facts.message
    .slice(at + GUARD.length + 1)
    .replaceAll('"', '')
    .split(' ')
  const extras: ErrorExtras = { details: { rows: Number(rows) }, cause: error }
  if (kind === 'single') return notSingle(Number(rows))
  return invalid('max_affected', 'Query result exceeds max-affected preference constraint', extras)
}
