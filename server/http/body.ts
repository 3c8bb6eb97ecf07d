/** Reading bodies: bounded, and refused in words that any dialect can render. */
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { AppError, invalid, tooLarge } from '#core/errors'
import type { Http } from './env.ts'
import { headerOf } from './request.ts'

export const MEBIBYTE = 1024 * 1024

const MAX_DEPTH = 64

/**
 * The whole body as bytes.
 * @throws `too_large` body_too_large as soon as more than `limit` bytes have come, `invalid` body_cut_off
 */
export async function readBytes(c: Http, limit: number): Promise<Uint8Array> {
  const declared = Number(headerOf(c, 'content-length') ?? 0)
  if (declared > limit) throw bodyTooLarge(limit)
  const { incoming } = c.env
  // Without a body there is nothing to wait for: no event will come.
  if (incoming.readableEnded) return new Uint8Array()
  // Nor from a caller who left while it was found out who asks: whoever listens now would wait for ever.
  if (incoming.destroyed) throw bodyCutOff()
  // Straight from the socket: a web stream around it costs more than the rest of a small request.
  if (!incoming.readableDidRead) return collect(incoming, limit)
  const { body } = c.req.raw
  if (!body) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of untilCut(body)) {
    size += chunk.byteLength
    if (size > limit) throw bodyTooLarge(limit)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size)
}

function collect(incoming: IncomingMessage, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.byteLength
      // What follows is read and dropped, so that the answer can be heard.
      if (size > limit) reject(bodyTooLarge(limit))
      else chunks.push(chunk)
    })
    incoming.on('end', () => {
      const [only] = chunks
      resolve(chunks.length === 1 && only ? only : Buffer.concat(chunks, size > limit ? 0 : size))
    })
    // What Node says of it, ECONNRESET, would be taken for a database that cannot be reached.
    incoming.on('error', (cause) => reject(bodyCutOff(cause)))
    incoming.on('close', () => {
      // Making an error costs its stack trace, which every body that came whole would pay too.
      if (!incoming.readableEnded) reject(bodyCutOff())
    })
  })
}

async function* untilCut(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    throw bodyCutOff(cause)
  }
}

/** The client has left: nobody hears it. */
const bodyCutOff = (cause?: unknown) =>
  invalid('body_cut_off', 'The body ended too early', { cause })

const bodyTooLarge = (limit: number) =>
  tooLarge('body_too_large', `The body is larger than ${limit} bytes`, {
    details: { max_bytes: limit },
    hint: 'Send less at once.',
  })

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** The body as text. @throws `too_large` body_too_large, `invalid` malformed_text when it is not UTF-8 */
export async function readText(c: Http, limit: number): Promise<string> {
  const bytes = await readBytes(c, limit)
  try {
    return UTF8.decode(bytes)
  } catch {
    throw invalid('malformed_text', 'The body is not valid UTF-8', {
      hint: 'Encode the body as UTF-8.',
    })
  }
}

export type JsonRules = {
  /** Bytes at most; default 1 MiB. */
  limit?: number
  /** Refuse a JSON content type without a body; a missing body is otherwise `{}`. */
  strictEmpty?: boolean
}

/**
 * The body as JSON; no body is `{}`.
 * @throws `invalid` malformed_json, json_too_deep or empty_json; `too_large` body_too_large
 */
export async function readJson(
  c: Http,
  { limit = MEBIBYTE, strictEmpty }: JsonRules = {},
): Promise<unknown> {
  const text = await readText(c, limit)
  if (text.trim() === '') {
    if (strictEmpty && headerOf(c, 'content-type')?.includes('application/json')) {
      throw invalid('empty_json', 'The body is empty but its content type is JSON', {
        hint: 'Send a JSON body, or leave the Content-Type header out.',
      })
    }
    return {}
  }
  return parseJson(text)
}

/** @throws `invalid` malformed_json or json_too_deep */
export function parseJson(text: string): unknown {
  if (mayBeDeep(text) && depthOf(text) > MAX_DEPTH) {
    throw invalid('json_too_deep', `The JSON is nested deeper than ${MAX_DEPTH} levels`)
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid('malformed_json', 'The body is not valid JSON', {
      cause,
      hint: 'Send one JSON value.',
    })
  }
}

/** Without as many brackets there is no such depth; most texts have few, and to look for them is quick. */
function mayBeDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false
  let left = MAX_DEPTH
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (--left < 0) return true
    }
  }
  return false
}

/** Deepest nesting of brackets outside strings. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quoted) {
      if (code === 92) at++
      else if (code === 34) quoted = false
    } else if (code === 34) quoted = true
    else if (code === 123 || code === 91) deepest = Math.max(deepest, ++depth)
    else if (code === 125 || code === 93) depth--
  }
  return deepest
}

export type Issue = { path: string; message: string }

/** @throws `invalid` invalid_body when a text or a name in it holds NUL, which PostgreSQL cannot keep */
export function refuseNulIn(value: unknown, path = ''): void {
  if (typeof value === 'string' && value.includes('\0')) throw holdsNul(path)
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    if (name.includes('\0')) throw holdsNul(path)
    refuseNulIn(inner, path === '' ? name : `${path}.${name}`)
  }
}

function holdsNul(path: string): AppError {
  const message = 'holds the character NUL, which cannot be kept'
  const text = path === '' ? `The body ${message}` : `${path}: ${message}`
  return invalid('invalid_body', text, { details: [{ path, message }] })
}

type ZodIssue = z.core.$ZodIssue

/** What is wrong with a name is said by the name's own rule; of alternatives, the one that was tried speaks. */
function issueOf(issue: ZodIssue, value: unknown): Issue {
  const [inner] = issue.code === 'invalid_key' ? issue.issues : triedOf(issue)
  if (!inner) return { path: issue.path.join('.'), message: wordsOf(issue, value) }
  const path = issue.code === 'invalid_key' ? issue.path : [...issue.path, ...inner.path]
  return issueOf({ ...inner, path } as ZodIssue, value)
}

/** A field that is not there is said to be missing: `undefined` is nothing that a caller sends. */
const wordsOf = (issue: ZodIssue, value: unknown): string =>
  issue.code === 'invalid_type' && isMissing(value, issue.path)
    ? `missing, expected ${issue.expected}`
    : issue.message

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let at = value
  for (const name of path) at = (at as Record<PropertyKey, unknown> | undefined)?.[name]
  return path.length > 0 && at === undefined
}

/** The issues of the first alternative that the value has at least the type of. */
function triedOf(issue: ZodIssue): readonly ZodIssue[] {
  if (issue.code !== 'invalid_union') return []
  const isOtherType = ({ code, path }: ZodIssue) => code === 'invalid_type' && path.length === 0
  return issue.errors.find((issues) => !issues.some(isOtherType)) ?? []
}

/** The cause of an `invalid_body`, where the first fault is that something is not there. */
export class MissingField extends Error {
  /** Its name, within others with dots between. */
  readonly path: string

  constructor(path: string) {
    super(`${path} is required`)
    this.path = path
  }
}

function missingIn(value: unknown, [first]: readonly ZodIssue[]): MissingField | undefined {
  if (first?.code !== 'invalid_type' || !isMissing(value, first.path)) return undefined
  return new MissingField(first.path.join('.'))
}

/** @throws `invalid` invalid_body whose details are the list of issues, and whose cause may be a `MissingField` */
export function validated<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map((issue) => issueOf(issue, value))
  const text = issues
    .map(({ path, message }) => (path ? `${path}: ${message}` : message))
    .join('; ')
  const cause = missingIn(value, result.error.issues)
  const error = { kind: 'invalid', code: 'invalid_body', message: text } as const
  throw new AppError(error, { details: issues, ...(cause ? { cause } : {}) })
}
