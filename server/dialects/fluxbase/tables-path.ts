/** Which table, record or sub-resource a path under /tables means. */
import { notFound } from '#core/errors'
import { LruCache } from '#core/lru-cache'
import { type Catalog, catalogOf, type DataContext, decode, type Relation } from '#domains/data'

export type SubResource = 'query' | 'bulk' | 'export'

export type Place = {
  relation: Relation
  /** A record's id, as it stands in the path. */
  id?: string
  sub?: SubResource
}

const SUBS: Record<SubResource, readonly string[]> = {
  query: ['POST'],
  bulk: ['POST', 'PATCH', 'DELETE'],
  export: ['GET', 'HEAD'],
}

const isSub = (word: string, method: string): word is SubResource =>
  Object.hasOwn(SUBS, word) && SUBS[word as SubResource].includes(method)

export const tableNotFound = (schema: string, table: string) =>
  notFound('tables_not_found', `Table '${schema}.${table}' not found`)

/** Tables that the server keeps in the app's own schema: they are told to nobody. */
export const isInternal = ({ schema, name }: Relation): boolean =>
  schema === 'public' && name.startsWith('_')

/** The segments after `/tables/`, split before they are decoded. */
export function segmentsOf(url: string): readonly string[] {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.indexOf('?', start)
  const path = end < 0 ? url.slice(start) : url.slice(start, end)
  const known = kept.get(path)
  if (known) return known
  const segments = segmentsIn(path)
  if (path.length <= LONGEST_KEPT) kept.set(path, segments)
  return segments
}

/** Most paths are asked for again and again. */
const kept = new LruCache<readonly string[]>(1_000)
const LONGEST_KEPT = 200

function segmentsIn(path: string): string[] {
  const rest = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : ''
  const segments = rest.endsWith('/') ? rest.slice(0, -1) : rest
  return segments.split('/').map(decodeSegment)
}

const PREFIX = '/api/v1/tables/'

/** In a path a plus is a plus. */
const decodeSegment = (segment: string): string =>
  decode(segment.includes('+') ? segment.replaceAll('+', '%2B') : segment)

/** @throws `not_found` tables_not_found, after looking at the database once more */
export async function findPlace(
  ctx: DataContext,
  segments: readonly string[],
  method: string,
): Promise<Place> {
  const catalog = ctx.catalogs.get(ctx.appId, ctx.platform)
  const known = catalog instanceof Promise ? await catalog : catalog
  const place = resolve(known, segments, method)
  if (place) return place
  const again = resolve(await catalogOf(ctx, true), segments, method)
  if (again) return again
  const [first = '', second] = segments
  throw second === undefined || segments.length > 3
    ? tableNotFound(...namesOf(first))
    : tableNotFound(first, second)
}

function namesOf(text: string): [schema: string, table: string] {
  const dot = text.indexOf('.')
  return dot < 0 ? ['public', text] : [text.slice(0, dot), text.slice(dot + 1)]
}

function resolve(catalog: Catalog, segments: readonly string[], method: string): Place | undefined {
  const [a = '', b, c] = segments
  const single = catalog.relation(...namesOf(a))
  if (b === undefined) return single && { relation: single }
  const pair = catalog.relation(a, b)
  if (c !== undefined) {
    if (!pair || segments.length > 3) return undefined
    return isSub(c, method) ? { relation: pair, sub: c } : { relation: pair, id: c }
  }
  if (pair) return { relation: pair }
  if (!single) return undefined
  return isSub(b, method) ? { relation: single, sub: b } : { relation: single, id: b }
}
