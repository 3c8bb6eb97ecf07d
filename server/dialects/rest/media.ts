/** What the caller wants back: the `Accept` header, and which of our media types answers it. */
import { LruCache } from '#core/lru-cache'
import { type Accept, type Explain, EXPLAIN_OPTIONS, type Format } from '#domains/data'

export type Media = {
  /** Everything that an answer's making depends on. */
  key: string
  format: Exclude<Format, 'none'>
  stripNulls: boolean
  contentType: string
  accepts: readonly Accept[]
  /** What the planner would say of it is wanted instead. */
  explain?: Explain | undefined
}

type Known = Omit<Media, 'key' | 'accepts'>

type Wanted = { type: string; stripNulls: boolean; weight: number; parameters: readonly string[] }

const JSON_TYPE = 'application/json; charset=utf-8'
const OBJECT_TYPE = 'application/vnd.pgrst.object+json'
const ARRAY_TYPE = 'application/vnd.pgrst.array+json'

const ARRAY: Known = { format: 'array', stripNulls: false, contentType: JSON_TYPE }

/** A map: an object would know `constructor` too. */
const KNOWN: ReadonlyMap<string, Known> = new Map([
  ['*/*', ARRAY],
  ['application/json', ARRAY],
  ['text/csv', { format: 'csv', stripNulls: false, contentType: 'text/csv; charset=utf-8' }],
  [OBJECT_TYPE, objectMedia(false)],
  ['application/vnd.pgrst.object', objectMedia(false)],
  [ARRAY_TYPE, ARRAY],
  ['application/vnd.pgrst.array', ARRAY],
])

function objectMedia(stripNulls: boolean): Known {
  const nulls = stripNulls ? ';nulls=stripped' : ''
  return { format: 'object', stripNulls, contentType: `${OBJECT_TYPE}${nulls}; charset=utf-8` }
}

const STRIPPED_ARRAY: Known = {
  format: 'array',
  stripNulls: true,
  contentType: `${ARRAY_TYPE};nulls=stripped; charset=utf-8`,
}

/** Headers repeat from request to request. What is made of one takes many times its memory. */
const memo = new LruCache<Media>(500, 50_000)

/** What the caller takes. Whether any of it can be had, only the database's own handlers tell. */
export function negotiate(given?: string): Media {
  const accept = given?.trim() || '*/*'
  let media = memo.get(accept)
  if (!media) {
    media = choose(accept)
    memo.set(accept, media)
  }
  return media
}

function choose(accept: string): Media {
  const wanted = accept
    .split(',')
    .map(readRange)
    .toSorted((a, b) => b.weight - a.weight)
  const [best] = wanted
  if (best && PLAN.test(best.type)) return planMedia(best)
  const accepts = wanted.map(({ type }) => ({ type, known: KNOWN.has(type) }))
  const first = wanted.find(({ type }) => KNOWN.has(type))
  const known = first ? knownMedia(first) : ARRAY
  const types = accepts.map(({ type }) => type).join()
  return { ...known, accepts, key: `${types}${known.stripNulls ? '-' : ''}` }
}

const PLAN = /^application\/vnd\.pgrst\.plan(\+text|\+json)?$/

const WHOLE_NAMES: ReadonlyMap<string, string> = new Map([
  ['application/vnd.pgrst.object', OBJECT_TYPE],
  ['application/vnd.pgrst.array', 'application/json'],
  [ARRAY_TYPE, 'application/json'],
])

/** How the answer of another media type would be made. */
function planMedia({ type, parameters }: Wanted): Media {
  const valueOf = (name: string): string | undefined =>
    parameters
      .find((parameter) => parameter.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll('"', '')
  const inner = negotiate(valueOf('for') ?? 'application/json')
  const asked = valueOf('options')?.split('|') ?? []
  const options = EXPLAIN_OPTIONS.filter((option) => asked.includes(option))
  const format = type.endsWith('+json') ? 'json' : 'text'
  const shown = options.length > 0 ? `; options=${options.join('|')}` : ''
  const whole = inner.accepts[0]?.type ?? ''
  const kind = `application/vnd.pgrst.plan+${format}; for="${WHOLE_NAMES.get(whole) ?? whole}"${shown}`
  const explain = { format, options, mediaType: `${kind}; charset=utf-8` } as const
  return { ...inner, explain, key: `${kind} ${inner.key}` }
}

function knownMedia({ type, stripNulls }: Wanted): Known {
  const media = KNOWN.get(type) ?? ARRAY
  if (!stripNulls || media.format === 'csv') return media
  return media.format === 'object' ? objectMedia(true) : STRIPPED_ARRAY
}

const WITH_CHARSET = new Set([
  'text/plain',
  'text/xml',
  'text/csv',
  'application/json',
  'application/geo+json',
  'application/openapi+json',
  'application/x-www-form-urlencoded',
])

/** What a handler of the database made. */
export function handledType(type: string): string {
  if (type === '*/*') return 'application/octet-stream'
  return WITH_CHARSET.has(type) ? `${type}; charset=utf-8` : type
}

function readRange(text: string): Wanted {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
  const weight = parameters.find((part) => part.startsWith('q='))?.slice(2)
  return {
    type: type.toLowerCase(),
    stripNulls: parameters.includes('nulls=stripped'),
    weight: weight === undefined ? 1 : Number(weight) || 0,
    parameters,
  }
}
