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
  const body = withoutBody ? null : bytesOf(c, answer, result)
  if (result.large) {
    if (body === null) void result.large.bytes.cancel()
    else headers['Content-Length'] = String(result.large.length)
  }
  const response = respond(body, status, headers)
  if (result.headers !== undefined) setHeaders(response.headers, result.headers)
  return response
}

function bytesOf(c: Http, { body }: Answer, { large, compiled }: DataResult) {
  if (large) return passing(c, large.bytes)
  return body !== null && compiled.media?.binary ? Buffer.from(body, 'hex') : body
}

function statusIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const status = Number(text)
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw internal('response_status', 'response.status guc must be a valid status code')
}

/** They replace ours; of one name there may be several. */
function setHeaders(headers: Headers, text: string): void {
  const pairs = headerList(text).flatMap((entry) => Object.entries(entry))
  for (const [name] of pairs) {
    if (name.toLowerCase() !== 'set-cookie') headers.delete(name)
  }
  for (const [name, value] of pairs) headers.append(name, value)
}

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

const isHeader = (entry: unknown): boolean => {
  if (typeof entry !== 'object' || entry === null) return false
  const [pair, ...others] = Object.entries(entry)
  return pair !== undefined && others.length === 0 && isHeaderPair(pair)
}

/** Whether HTTP can carry it. */
export const isHeaderPair = ([name, value]: [string, unknown]): boolean =>
  HEADER_NAME.test(name) && typeof value === 'string' && !/[\r\n\0]/.test(value)

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
