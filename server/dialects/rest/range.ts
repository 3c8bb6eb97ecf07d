/** Which rows: `limit` and `offset`, the `Range` header, and what `Content-Range` says of the answer. */
import { invalid } from '#core/errors'

export type Page = {
  offset: number
  /** Undefined = all that follow. */
  limit: number | undefined
}

export const ALL: Page = { offset: 0, limit: undefined }

const rangeError = (detail: string, total?: number) =>
  invalid('range_not_satisfiable', 'Requested range not satisfiable', {
    details: { detail, total },
  })

/** `Range: 0-9` or `10-`; anything else asks for everything. @throws `invalid` range_not_satisfiable */
export function readRange(header: string | undefined): Page {
  const [, first, last] = /^(?:items=)?(\d{1,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined) return ALL
  const offset = Number(first)
  if (last === undefined || last === '') return { offset, limit: undefined }
  if (Number(last) < offset) {
    throw rangeError(
      'The lower boundary must be lower than or equal to the upper boundary in the Range header.',
    )
  }
  return { offset, limit: Number(last) - offset + 1 }
}

/** A number of rows as text. @throws `invalid` range_not_satisfiable when it is negative */
export function readCount(text: string): number | undefined {
  if (/^-\d+$/.test(text)) throw rangeError('Limit should be greater than or equal to zero.')
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Rows to leave out; fewer than none is none. */
export const readOffset = (text: string): number | undefined =>
  /^-\d+$/.test(text) ? 0 : readCount(text)

/** The rows that both ask for. */
export function intersect(a: Page, b: Page): Page {
  const offset = Math.max(a.offset, b.offset)
  const ends = [a, b].flatMap(({ offset: from, limit }) =>
    limit === undefined ? [] : [from + limit],
  )
  if (ends.length === 0) return { offset, limit: undefined }
  return { offset, limit: Math.max(0, Math.min(...ends) - offset) }
}

/** `0-9/100`, `0-9/*`, or a star where there are no rows. */
export function contentRange(offset: number, rows: number, total: number | undefined): string {
  const range = rows > 0 && total !== 0 ? `${offset}-${offset + rows - 1}` : '*'
  return `${range}/${total ?? '*'}`
}

/** 206 when the total is known and the answer is not all of it. */
export function rangeStatus(offset: number, rows: number, total: number | undefined): 200 | 206 {
  if (total === undefined) return 200
  if (offset > total) {
    const detail = `An offset of ${offset} was requested, but there are only ${total} rows.`
    throw rangeError(detail, total)
  }
  return rows < total ? 206 : 200
}
