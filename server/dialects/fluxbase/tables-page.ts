/** Pages of Fluxbase's tables: defaults, caps, and what Content-Range says. */
import type { Literal } from '#domains/data'
import { badQuery, type TableParams } from './tables-params.ts'

/** Rows per page at most, and rows that can be reached at all. */
export const MAX_PAGE_SIZE = 1_000
export const MAX_TOTAL = 10_000

export type Page = { limit: number; offset: number }

/** @param unbounded the caller may go past the total cap @throws `invalid` tables_query */
export function pageOf(params: TableParams, unbounded: boolean): Page {
  const limit = numberOf(params, 'limit') ?? MAX_PAGE_SIZE
  const offset = numberOf(params, 'offset') ?? 0
  return capped({ limit, offset }, unbounded)
}

export function capped({ limit, offset }: Page, unbounded: boolean): Page {
  const paged = Math.min(limit, MAX_PAGE_SIZE)
  return { limit: unbounded ? paged : Math.max(0, Math.min(paged, MAX_TOTAL - offset)), offset }
}

export function numberOf(params: TableParams, key: string): number | undefined {
  const text = params.pairs.findLast((pair) => pair.key === key)?.value
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw badQuery(`${key} must be a whole number that is not negative`)
}

/** Limit and offset stand in the two slots after the others. */
export function pageLiterals(slots: readonly string[]): { limit: Literal; offset: Literal } {
  const literal = (slot: number): Literal => ({ text: '', slot, encoding: 'text' })
  return { limit: literal(slots.length), offset: literal(slots.length + 1) }
}

export const pageSlots = (slots: readonly string[], { limit, offset }: Page): string[] => [
  ...slots,
  String(limit),
  String(offset),
]

export function contentRange(offset: number, rows: number, total: number | undefined): string {
  const range = rows > 0 ? `${offset}-${offset + rows - 1}` : '*'
  return `${range}/${total ?? '*'}`
}
