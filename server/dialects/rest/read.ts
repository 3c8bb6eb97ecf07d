/** `GET` and `HEAD` of a table or view. */
import { type DataApi, type DataRequest, execute, isShapely, type Literal } from '#domains/data'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import type { RestContext } from './guards.ts'
import { baseHeaders, send } from './answer.ts'
import { buildQuery, lastValueOf, type Params } from './params.ts'
import {
  ALL,
  contentRange,
  intersect,
  type Page,
  rangeStatus,
  readCount,
  readOffset,
  readRange,
} from './range.ts'
import { type RestRequest, readRequest, targetOf } from './request.ts'

const APPLICABLE = ['count', 'tx', 'handling', 'timezone'] as const

export async function readTable(c: Http, ctx: RestContext, table: string): Promise<Response> {
  const request = readRequest(c, ctx.dataApi)
  const header = c.req.method === 'GET' ? readRange(headerOf(c, 'range')) : ALL
  const page = limitedPage(pageOf(request.params, header), ctx.dataApi)
  const paged = header !== ALL || ctx.dataApi.maxRows !== undefined
  const slots =
    paged && !isFixed(page) ? withPage(request.params.slots, page) : request.params.slots
  const { shape } = request.params
  const result = await execute(ctx, {
    ...request,
    shape:
      shape === undefined
        ? undefined
        : `${request.shapeHead} ${table}\0${pageKey(paged, page)}${shape}`,
    slots,
    stream: true,
    build: () => buildRead(request, table, { paged, page }),
  })
  const { offset } = page
  const status = rangeStatus(offset, result.rows, result.total)
  const range = contentRange(offset, result.rows, result.total)
  const answering = { ...request, applicable: APPLICABLE }
  const headers = baseHeaders(range, answering)
  headers['Content-Location'] = canonicalLocation(table, request.params)
  return send(c, result, { status, body: result.body, headers })
}

/** The address of what was read: its parameters in order of their names. */
function canonicalLocation(table: string, params: Params): string {
  params.canonical ??= canonicalQuery(params)
  return `/${encodeURIComponent(table)}${params.canonical}`
}

function canonicalQuery({ all, bare }: Params): string {
  if (all.length === 0 && bare.length === 0) return ''
  const pairs = all.map(({ key, value }) => [key, encoded(value)] as const)
  for (const key of bare) pairs.push([key, ''])
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `?${sorted.map(([key, value]) => `${encoded(key)}=${value}`).join('&')}`
}

const PLAIN = /^[\w.~-]*$/

const RESERVED = /[!'()*]/g

/** All but letters, digits and `-_.~`. */
const encoded = (text: string): string =>
  PLAIN.test(text)
    ? text
    : encodeURIComponent(text).replaceAll(
        RESERVED,
        (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
      )

function pageKey(paged: boolean, page: Page): string {
  if (!paged) return ''
  if (isFixed(page)) return `@${page.limit}`
  return page.limit === undefined ? '@' : '@l'
}

/** Rows from the first on, and few of them: part of the shape. */
const isFixed = ({ offset, limit }: Page): boolean => offset === 0 && isShapely(limit)

/** The rows that the parameters and the `Range` header leave together. */
export function pageOf(params: Params, header: Page): Page {
  const limit = lastValueOf(params, 'limit')
  const offset = lastValueOf(params, 'offset')
  if (limit === undefined && offset === undefined) return header
  const own = {
    offset: (offset === undefined ? undefined : readOffset(offset)) ?? 0,
    limit: limit === undefined ? undefined : readCount(limit),
  }
  return header === ALL ? own : intersect(own, header)
}

/** No more rows than the app gives at once. */
export function limitedPage({ offset, limit }: Page, { maxRows }: DataApi): Page {
  return { offset, limit: maxRows === undefined ? limit : Math.min(limit ?? maxRows, maxRows) }
}

/** With a `Range` header the page has the last two slots. */
const withPage = (slots: readonly string[], { offset, limit }: Page): string[] => [
  ...slots,
  String(offset),
  ...(limit === undefined ? [] : [String(limit)]),
]

export function buildRead(
  request: RestRequest,
  table: string,
  { paged, page }: { paged: boolean; page: Page },
): DataRequest {
  const { params, media, preferences } = request
  const query = buildQuery(params, { paged, dataApi: request.dataApi })
  const at = params.slots.length
  if (paged && isFixed(page)) query.atMost = page.limit
  else if (paged) {
    query.offset = literal(page.offset, at)
    if (page.limit !== undefined) query.limit = literal(page.limit, at + 1)
  }
  const output = {
    format: media.format,
    accepts: media.accepts,
    explain: media.explain,
    stripNulls: media.stripNulls,
    count: preferences.count,
    exactUpTo: request.dataApi.maxRows,
    responseSettings: request.dataApi.preRequest !== undefined,
  }
  return { kind: 'read', ...targetOf(request, table), query, output }
}

export const literal = (value: number, slot: number): Literal => ({
  text: String(value),
  slot,
  encoding: 'text',
})
