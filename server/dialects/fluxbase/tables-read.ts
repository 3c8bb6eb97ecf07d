/** Reading rows: lists, and single records. */
import { type Count, type DataResult, isShapely } from '#domains/data'
import { appliedPreferences } from '#http/prefer'
import { headerOf } from '#http/request'
import { respond } from '#http/respond'
import { JSON_TYPE } from './errors.ts'
import { nextCursor, resumed } from './tables-cursor.ts'
import { recordNotFound, say } from './tables-errors.ts'
import {
  contentRange,
  type Page,
  pageLiterals,
  pageOf,
  pageSlots,
  statusOf,
} from './tables-page.ts'
import { badQuery, reservedValue, type TableParams } from './tables-params.ts'
import { keyConditions, onlyRow, run, type TableCall, targetOf } from './tables-request.ts'

export async function listRecords(call: TableCall): Promise<Response> {
  const { params, relation, c } = call
  const page = pageOf({ params, range: headerOf(c, 'range'), unbounded: call.admin })
  const paged = page.offset > 0 || !isShapely(page.limit)
  const count = countOf(call)
  const result = await run(call, {
    what: `list ${count ?? ''} ${paged ? 'paged' : page.limit}`,
    slots: paged ? pageSlots(params.slots, page) : params.slots,
    build: (query) => ({
      kind: 'read',
      ...targetOf(relation),
      query: paged ? { ...query, ...pageLiterals(params.slots) } : { ...query, atMost: page.limit },
      output: { format: 'array', count },
    }),
  })
  return listed(call, result, { page, count, ...orderAndSelect(params) })
}

export const orderAndSelect = (params: TableParams): Omit<Listing, 'page' | 'count'> => ({
  order: reservedValue(params, 'order'),
  select: reservedValue(params, 'select') ?? '',
  isCut: reservedValue(params, 'truncate') !== undefined,
})

export const COUNTS = ['exact', 'planned', 'estimated'] as const

/** The query string's word goes before the header's. */
function countOf({ params, preferences }: TableCall): Count | undefined {
  const text = reservedValue(params, 'count')
  return text === undefined ? preferences.count : countIn(text)
}

/** @throws `invalid` tables_query */
export function countIn(word: unknown): Count | undefined {
  if (word === 'none') return undefined
  const known = COUNTS.find((one) => one === word)
  if (known) return known
  throw badQuery('count must be exact, planned, estimated or none')
}

export type Listing = {
  page: Page
  count: Count | undefined
  /** As in the query string. */
  order: string | undefined
  select: string
  isCut: boolean
}

/** @throws `invalid` range_not_satisfiable */
export function listed(call: TableCall, result: DataResult, listing: Listing): Response {
  const { c } = call
  const { page, count } = listing
  const { rows, total, body } = result
  const headers: Record<string, string> = {
    'Content-Type': JSON_TYPE,
    'Content-Range': contentRange(page.offset, rows, total),
    ...appliedTo(call, count),
  }
  const isFull = rows > 0 && rows === page.limit
  const order = listing.order ?? cursorOrder(call)
  const cursor = isFull ? nextCursor({ ...listing, order }, body) : undefined
  if (cursor !== undefined) headers['X-Next-Cursor'] = cursor
  const status = statusOf(page, rows, total)
  return respond(c.req.method === 'HEAD' ? null : body, status, headers)
}

/** A page behind a cursor is in the cursor's order. */
function cursorOrder({ params }: TableCall): string | undefined {
  const behind = resumed(params)?.order
  return behind && `"${behind.field.name}".${behind.direction ?? 'asc'}`
}

function appliedTo({ preferences }: TableCall, count: Count | undefined): Record<string, string> {
  const counted = count !== undefined && count === preferences.count
  const meant = [...(counted ? (['count'] as const) : []), 'handling', 'timezone'] as const
  const applied = appliedPreferences(preferences, meant)
  return applied === undefined ? {} : { 'Preference-Applied': applied }
}

export async function getRecord(call: TableCall): Promise<Response> {
  const { relation, place, c } = call
  const conditions = keyConditions(relation, place.id ?? '')
  const result = await run(call, {
    what: 'get',
    once: true,
    build: (query) => ({
      kind: 'read',
      ...targetOf(relation),
      query: { ...query, where: [...query.where, ...conditions] },
      output: { format: 'array' },
    }),
  })
  if (result.rows === 0) return say(c, recordNotFound)
  return c.body(onlyRow(result.body), 200, { 'Content-Type': JSON_TYPE })
}
