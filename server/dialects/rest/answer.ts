/** Results as HTTP answers: PostgREST's headers and statuses around a body that PostgreSQL wrote. */
import { internal } from '#core/errors'
import type { DataResult } from '#domains/data'
import type { Http } from '#http/env'
import { passing } from '#http/passing'
import { handledType, type Media } from './media.ts'
import { respond } from '#http/respond'
import { appliedPreferences, type Preferences } from '#http/prefer'

export type Answer = {
  status: number
  body: string | null
  headers: Record<string, string>
}

export type Answering = {
  media: Media
  preferences: Preferences
  /** The schema, when more than one could have been meant. */
  profile?: string | undefined
  /** Preferences that mean something for this request. */
  applicable: readonly (keyof Preferences)[]
}

/** Sends an answer; what the database set as headers and status goes over ours. */
export function send(c: Http, result: DataResult, answer: Answer): Response {
  const { explained } = result.compiled
  if (explained !== undefined) return c.body(result.body, 200, { 'Content-Type': explained })
  const status = statusIn(result.status) ?? answer.status
  const withoutBody = status === 204 || status === 304 || c.req.method === 'HEAD'
  const headers = { ...answer.headers }
  const { media } = result.compiled
  if (media && headers['Content-Type']) headers['Content-Type'] = handledType(media.type)
  if (withoutBody && status === 204) {
    delete headers['Content-Type']
    delete headers['Content-Profile']
  }
  if (!withoutBody && answer.body === null) headers['Content-Length'] = '0'
  const own = result.headers === undefined ? undefined : headerPairs(result.headers)
  const isWide = isBeyondAscii(headers['Content-Profile'], own)
  const body = withoutBody ? null : bytesOf(c, result, { body: answer.body, isWide })
  if (result.large) {
    if (body === null) void result.large.bytes.cancel()
    else headers['Content-Length'] = String(result.large.length)
  }
  const response = respond(body, status, headers)
  if (own) setHeaders(response.headers, own)
  return response
}

type Sent = { body: string | null; isWide: boolean }

/** @param isWide the head is not ASCII: Node writes a text in one go with it, and would encode it once more */
function bytesOf(c: Http, { large, compiled }: DataResult, { body, isWide }: Sent) {
  if (large) return passing(c, large.bytes)
  if (body === null) return null
  if (compiled.media?.binary) return Buffer.from(body, 'hex')
  return isWide ? Buffer.from(body) : body
}

function statusIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const status = Number(text)
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw internal('response_status', 'response.status guc must be a valid status code')
}

type Pairs = readonly (readonly [name: string, text: string])[]

const isBeyondAscii = (profile: string | undefined, own: Pairs | undefined): boolean =>
  (profile !== undefined && !isAscii(profile)) || own?.some(([, text]) => !isAscii(text)) === true

/** They replace ours; of one name there may be several. */
function setHeaders(headers: Headers, pairs: Pairs): void {
  for (const [name] of pairs) {
    if (name.toLowerCase() !== 'set-cookie') headers.delete(name)
  }
  for (const [name, value] of pairs) headers.append(name, headerText(value))
}

const headerPairs = (text: string): Pairs =>
  headerList(text).flatMap((entry) => Object.entries(entry))

function headerList(text: string): Record<string, string>[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list) && list.every(isHeader)) return list as Record<string, string>[]
  } catch {
    // Told below, like any other malformed list.
  }
  throw internal(
    'response_headers',
    'response.headers guc must be a JSON array composed of objects with a single key and a string value',
  )
}

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Anything but signs that only control. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/

const isHeader = (entry: unknown): boolean => {
  if (typeof entry !== 'object' || entry === null) return false
  const [pair, ...others] = Object.entries(entry)
  return pair !== undefined && others.length === 0 && isHeaderPair(pair)
}

/** Whether HTTP can carry it. */
export const isHeaderPair = ([name, value]: [string, unknown]): boolean =>
  HEADER_NAME.test(name) && typeof value === 'string' && HEADER_VALUE.test(value)

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text)

/** A header's text is bytes: what is beyond ASCII travels as UTF-8. */
export const headerText = (text: string): string => Buffer.from(text).toString('latin1')

/** Headers common to all answers with rows. */
export function baseHeaders(range: string, answering: Answering): Record<string, string> {
  const { media, preferences, applicable, profile } = answering
  const headers: Record<string, string> = {
    'Content-Type': media.contentType,
    'Content-Range': range,
    Vary: 'Accept, Prefer, Range',
  }
  if (profile !== undefined) headers['Content-Profile'] = profile
  const applied = appliedPreferences(preferences, applicable)
  if (applied !== undefined) headers['Preference-Applied'] = applied
  return headers
}
