/** A part of a list, as `limit` and `offset` ask for it. */
import { z } from 'zod'
import type { Http } from '#http/env'

const MAX_LIMIT = 1000

/** How the documentation says it. */
export const PAGE_QUERY = {
  limit: z.int().min(1).max(MAX_LIMIT).describe('At most so many; all without it'),
  offset: z.int().min(0).describe('Skip so many first; only with `limit`'),
}

/** Without a limit all of it. Numbers out of range are brought into it; what is no number counts as absent. */
export function pageOf<T>(c: Http, items: readonly T[]): readonly T[] {
  const limit = numberIn(c.req.query('limit'), 1)
  if (limit === undefined) return items
  const offset = numberIn(c.req.query('offset'), 0) ?? 0
  return items.slice(offset, offset + Math.min(limit, MAX_LIMIT))
}

const numberIn = (text: string | undefined, min: number): number | undefined =>
  text !== undefined && /^-?\d{1,15}$/.test(text) ? Math.max(min, Number(text)) : undefined
