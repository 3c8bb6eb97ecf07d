/** Reads whose rows are too many to be one text: they pass through as PostgreSQL makes them. */
import { fromDatabase } from '#db/sqlstate'
import type { Catalog } from './catalog.ts'
import { findRelation } from './compile.ts'
import { catalogOf, type DataContext, mayBeStale } from './execute.ts'
import { planRead, plannerOf } from './plan-read.ts'
import { preambleOf } from './preamble.ts'
import type { ReadQuery, Target } from './query.ts'
import { type LineFormat, linesOf } from './stream.sql.ts'

export type RowsAsked = Target & {
  format: LineFormat
  slots: readonly string[]
  build(catalog: Catalog): ReadQuery
}

export type RowStream = {
  /** Of CSV: the line of names. */
  header: string
  /** The rows, JSON or lines of CSV, with `BETWEEN` between them; undefined when there are none. */
  bytes: ReadableStream<Uint8Array> | undefined
}

/** What stands between two rows. */
export const BETWEEN: Record<LineFormat, string> = { csv: '\n', json: ',\n' }

/** The statement runs for as long as somebody takes its rows. */
const TIMEOUT_MS = 600_000

/** Holds a connection until the rows are read or cancelled. @throws as `execute` does */
export async function openRows(ctx: DataContext, asked: RowsAsked): Promise<RowStream> {
  const catalog = await catalogOf(ctx, true)
  try {
    return await opened(ctx, asked, catalog)
  } catch (error) {
    const newer = mayBeStale(error)
      ? await ctx.catalogs.newer(ctx.appId, ctx.platform, catalog)
      : undefined
    if (!newer) throw fromDatabase(error)
    return opened(ctx, asked, newer).catch((again: unknown) => {
      throw fromDatabase(again)
    })
  }
}

async function opened(ctx: DataContext, asked: RowsAsked, catalog: Catalog): Promise<RowStream> {
  const plan = planRead(plannerOf(catalog), findRelation(catalog, asked), asked.build(catalog))
  const { statement, header } = linesOf(plan, asked.format, asked.slots)
  const { schema, format } = asked
  const before = preambleOf(ctx, catalog, { readOnly: true, schema, timeoutMs: TIMEOUT_MS })
  const results = await ctx.database.batch([...before, statement], {
    between: BETWEEN[format],
    isAbandoned: ctx.isAbandoned,
  })
  return { header, bytes: results.at(-1)?.large?.bytes }
}
