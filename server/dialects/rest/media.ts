/** What the caller wants back: the `Accept` header, and which of our media types answers it. */
import { notAcceptable } from '#core/errors'
import type { Format } from '#domains/data'

export type Media = {
  format: Exclude<Format, 'none'>
  stripNulls: boolean
  contentType: string
}

const JSON_TYPE = 'application/json; charset=utf-8'
const OBJECT_TYPE = 'application/vnd.pgrst.object+json'
const ARRAY_TYPE = 'application/vnd.pgrst.array+json'

const ARRAY: Media = { format: 'array', stripNulls: false, contentType: JSON_TYPE }

const KNOWN: Record<string, Media> = {
  '*/*': ARRAY,
  'application/*': ARRAY,
  'application/json': ARRAY,
  'text/csv': { format: 'csv', stripNulls: false, contentType: 'text/csv; charset=utf-8' },
  [OBJECT_TYPE]: objectMedia(false),
  'application/vnd.pgrst.object': objectMedia(false),
  [ARRAY_TYPE]: ARRAY,
  'application/vnd.pgrst.array': ARRAY,
}

function objectMedia(stripNulls: boolean): Media {
  const nulls = stripNulls ? ';nulls=stripped' : ''
  return { format: 'object', stripNulls, contentType: `${OBJECT_TYPE}${nulls}; charset=utf-8` }
}

const STRIPPED_ARRAY: Media = {
  format: 'array',
  stripNulls: true,
  contentType: `${ARRAY_TYPE};nulls=stripped; charset=utf-8`,
}

const memo = new Map<string, Media>()
const MAX_MEMO = 500

/** @throws `not_acceptable` media_not_available */
export function negotiate(accept: string | undefined): Media {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return ARRAY
  let media = memo.get(accept)
  if (!media) {
    media = choose(accept)
    if (memo.size >= MAX_MEMO) memo.clear()
    memo.set(accept, media)
  }
  return media
}

function choose(accept: string): Media {
  const wanted = accept
    .split(',')
    .map(readRange)
    .toSorted((a, b) => b.weight - a.weight)
  for (const { type, stripNulls } of wanted) {
    const media = KNOWN[type]
    if (!media) continue
    if (!stripNulls || media.format === 'csv') return media
    return media.format === 'object' ? objectMedia(true) : STRIPPED_ARRAY
  }
  const names = wanted.map(({ type }) => type).join(', ')
  throw notAcceptable('media_not_available', `None of these media types are available: ${names}`)
}

function readRange(text: string): { type: string; stripNulls: boolean; weight: number } {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
  const weight = parameters.find((part) => part.startsWith('q='))?.slice(2)
  return {
    type: type.toLowerCase(),
    stripNulls: parameters.includes('nulls=stripped'),
    weight: weight === undefined ? 1 : Number(weight) || 0,
  }
}
