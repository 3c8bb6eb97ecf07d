/** Reads whose rows are too many to be one text: they are handed over in portions, as fast as they are taken. */
import type { Client } from '#db/database'
import { fromDatabase } from '#db/sqlstate'
import type { Catalog } from './catalog.ts'
import { findRelation } from './compile.ts'
import { catalogOf, type DataContext } from './execute.ts'
import { planRead, plannerOf } from './plan-read.ts'
import type { ReadQuery, Target } from './query.ts'
import { sessionStatement } from './session.sql.ts'
import {
  closeCursor,
  fetchRows,
  type LineFormat,
  type Lines,
  linesOf,
  openCursor,
} from './stream.sql.ts'

export type RowsAsked = Target & {
  format: LineFormat
  slots: readonly string[]
  build(catalog: Catalog): ReadQuery
}

export type RowStream = {
  /** Of CSV: the line of names. */
  header: string
  /** The next rows, each as JSON or as a line of CSV; none when that was all. */
  next(): Promise<string[]>
  /** Gives the connection back. Needed unless `next` gave nothing, or failed. */
  close(): void
}

const PORTION = 1_000

/** Holds a connection and one snapshot of the data until it ends. @throws as `execute` does */
export async function openRows(ctx: DataContext, asked: RowsAsked): Promise<RowStream> {
  const catalog = await catalogOf(ctx, true)
  const plan = planRead(plannerOf(catalog), findRelation(catalog, asked), asked.build(catalog))
  const lines = linesOf(plan, asked.format, asked.slots)
  const cursor = new Cursor()
  await cursor.open(ctx, { lines, schema: asked.schema })
  return { header: lines.header, next: () => cursor.next(), close: () => cursor.close() }
}

type Opening = { lines: Lines; schema: string }

/** A session that stays while somebody reads. */
class Cursor {
  #client: Client | undefined
  #end: () => void = () => {}

  open(ctx: DataContext, { lines, schema }: Opening): Promise<void> {
    const { identity, timeoutMs = 0, extraSearchPath } = ctx
    const session = sessionStatement(identity, {
      readOnly: true,
      timeoutMs,
      schema,
      extraSearchPath,
    })
    return new Promise((resolve, reject) => {
      const ended = new Promise<void>((end) => {
        this.#end = end
      })
      ctx.database
        .session(async (client) => {
          await openCursor(client, session, lines)
          this.#client = client
          resolve()
          await ended
          this.#client = undefined
          await closeCursor(client)
        })
        .catch((error: unknown) => reject(fromDatabase(error)))
    })
  }

  async next(): Promise<string[]> {
    if (!this.#client) return []
    try {
      const rows = await fetchRows(this.#client, PORTION)
      if (rows.length === 0) this.close()
      return rows
    } catch (error) {
      this.close()
      throw fromDatabase(error)
    }
  }

  close(): void {
    this.#end()
  }
}
