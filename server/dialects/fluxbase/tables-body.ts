/** Bodies of requests to tables: read once, numbers kept to the last digit. */
import { unsupportedMedia } from '#core/errors'
import { badPayload, readPairs, type Rows, rowsOf, rowsOfCsv } from '#domains/data'
import { MEBIBYTE, parseJson, readText } from '#http/body'
import { headerOf } from '#http/request'
import type { Http } from '#http/env'

export type Body = {
  /** Without parameters, in lower case; JSON when the request names none. */
  type: string
  /** The whole text, however often it is asked for. */
  text(): Promise<string>
}

/** Bytes at most: rows in bulk may be many. */
const BULK_LIMIT = 10 * MEBIBYTE

export function bodyOf(c: Http, isBulk: boolean): Body {
  const header = headerOf(c, 'content-type') ?? ''
  const type = header.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  let text: Promise<string> | undefined
  return {
    type: type === '' ? 'application/json' : type,
    text: () => (text ??= readText(c, isBulk ? BULK_LIMIT : MEBIBYTE)),
  }
}

const isJson = (type: string): boolean => /^application\/(.+\+)?json$/.test(type)

/** @throws `unsupported_media`, `invalid` bad_payload, malformed_json or json_too_deep */
export async function readRows(body: Body): Promise<Rows> {
  const text = await body.text()
  if (isJson(body.type)) return rowsIn(text, parseJson(text))
  if (body.type === 'text/csv') return rowsOfCsv(text)
  if (body.type === 'application/x-www-form-urlencoded') return rowsOf([formOf(text)], 'object')
  throw unsupportedMedia('unsupported_content_type', `Content-Type not supported: ${body.type}`)
}

const formOf = (text: string): Record<string, string> =>
  Object.fromEntries(readPairs(text).map(({ key, value }) => [key, value]))

/** @param json the text of `value` */
export function rowsIn(json: string, value: unknown): Rows {
  if (isRow(value)) return { shape: 'object', rows: [value], json }
  if (!Array.isArray(value) || !value.every(isRow)) {
    throw badPayload('Send an object, or an array of objects')
  }
  return { shape: 'array', rows: value, json }
}

const isRow = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A JSON document; no body is `{}`. @throws `invalid` malformed_json, json_too_deep */
export async function readDocument(body: Body): Promise<unknown> {
  const text = await body.text()
  return text.trim() === '' ? {} : parseExactly(text)
}

type WithSource = (key: string, value: unknown, context: { source?: string }) => unknown

const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown }

/** Numbers that a double cannot hold stay as they were written when the value becomes text again. */
const kept: WithSource = (_, value, { source }) =>
  typeof value === 'number' && source !== undefined && source.length > 15 ? rawJSON(source) : value

/** @throws `invalid` malformed_json, json_too_deep */
export function parseExactly(text: string): unknown {
  const value = parseJson(text)
  return /[0-9.]{16}/.test(text)
    ? JSON.parse(text, kept as (key: string, value: unknown) => unknown)
    : value
}

/** Text as it is, anything else as JSON. */
export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null')

/** An array of rows that is part of a document. @throws `invalid` bad_payload */
export function rowsAmong(value: unknown): Rows {
  const rows = rowsIn(JSON.stringify(value) ?? '', value)
  if (rows.shape === 'array') return rows
  throw badPayload('Send an array of objects')
}
