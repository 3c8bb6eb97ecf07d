/** Pages of Fluxbase's tables: defaults, caps, and what Content-Range says. */
import { AppError } from '#core/errors'
import type { Literal } from '#domains/data'
import { badQuery, reservedValue, type TableParams } from './tables-params.ts'

/** Rows per page at most, and rows that can be reached at all. */
export const MAX_PAGE_SIZE = 1_000
export const MAX_TOTAL = 10_000

export type Page = {
  limit: number
  offset: number
  /** Asked for by the `Range` header: what is only a part says so by its status. */
  byRange?: boolean
}

type Bounds = {
  params: TableParams
  /** The `Range` header. */
  range: string | undefined
  /** The caller may go past the total cap. */
  unbounded: boolean
}

/** @throws `invalid` tables_query */
export function pageOf({ params, range, unbounded }: Bounds): Page {
  const limit = numberOf(params, 'limit')
  const offset = numberOf(params, 'offset')
  const ranged = limit === undefined && offset === undefined ? rangeIn(range) : undefined
  if (ranged) return { ...capped(ranged, unbounded), byRange: true }
  return capped({ limit: limit ?? MAX_PAGE_SIZE, offset: offset ?? 0 }, unbounded)
}

/** `0-4` or `5-`, in items; other units are not ours. */
function rangeIn(header: string | undefined): Page | undefined {
  const [, first, last] = /^(?:items=)?(\d{1,15})-(\d{1,15})?$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined) return undefined
  const offset = Number(first)
  if (last !== undefined && Number(last) < offset) {
    throw notSatisfiable('The lower boundary must be lower than or equal to the upper boundary.')
  }
  return { offset, limit: last === undefined ? MAX_PAGE_SIZE : Number(last) - offset + 1 }
}

/** An error of its own status: no kind of ours stands for it. */
const notSatisfiable = (detail: string) =>
  new AppError(
    { kind: 'invalid', code: 'range_not_satisfiable', message: 'Requested range not satisfiable' },
    { details: detail },
  )

/** 206 for a part that was asked for as a range. @throws `invalid` range_not_satisfiable past the total */
export function statusOf({ byRange, offset }: Page, rows: number, total: number | undefined) {
  if (!byRange || total === undefined) return 200
  if (offset > 0 && offset >= total) {
    const there = total === 1 ? 'there is only 1 row' : `there are only ${total} rows`
    throw notSatisfiable(`An offset of ${offset} was requested, but ${there}.`)
  }
  return rows < total ? 206 : 200
}

export function capped({ limit, offset }: Page, unbounded: boolean): Page {
  const paged = Math.min(limit, MAX_PAGE_SIZE)
  return { limit: unbounded ? paged : Math.max(0, Math.min(paged, MAX_TOTAL - offset)), offset }
}

/** A whole number that a reserved word gives. @throws `invalid` tables_query */
export function numberOf(params: TableParams, key: string): number | undefined {
  const text = reservedValue(params, key)
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
