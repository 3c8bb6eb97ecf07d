/** The rows in a request's body, by its content type. */
import { invalid } from '#core/errors'
import {
  badPayload,
  columnsOf,
  readPairs,
  type Rows,
  rowsOf,
  rowsOfCsv,
  rowsOfJson,
  Scanner,
} from '#domains/data'
import { MEBIBYTE, readBytes, readText } from '#http/body'
import { headerOf } from '#http/request'
import type { Http } from '#http/env'

/** Bytes of body at most. */
const LIMIT = 64 * MEBIBYTE

export const contentTypeOf = (c: Http): string =>
  (headerOf(c, 'content-type') ?? 'application/json').split(';', 1)[0]?.trim().toLowerCase() ?? ''

export const readRaw = async (c: Http): Promise<Buffer> => Buffer.from(await readBytes(c, LIMIT))

export const readBody = (c: Http): Promise<string> => readText(c, LIMIT)

/** @throws `invalid` content_type_not_supported or bad_payload */
export async function readRows(c: Http): Promise<Rows> {
  const type = contentTypeOf(c)
  const text = await readBody(c)
  if (type === 'application/json' || type.endsWith('+json')) {
    return rowsIn(text)
  }
  if (type === 'text/csv') return rowsOfCsv(text)
  if (type === 'application/x-www-form-urlencoded') return rowsOf([formOf(text)], 'object')
  throw notSupported(type)
}

/** Rows whose columns are named elsewhere: JSON goes to the database as it came, which reads it once. */
export async function readUnnamedRows(c: Http): Promise<Rows> {
  const type = contentTypeOf(c)
  if (type !== 'application/json' && !type.endsWith('+json')) return readRows(c)
  const json = await readBody(c)
  return { shape: /^\s*\[/.test(json) ? 'array' : 'object', rows: [], json }
}

/** JSON that is neither an object nor an array holds no rows. @throws `invalid` bad_payload */
export function rowsIn(json: string): Rows {
  if (!/^\s*["\dtfn-]/.test(json)) return rowsOfJson(json)
  try {
    JSON.parse(json)
  } catch (cause) {
    throw badPayload('Empty or invalid json', cause)
  }
  return rowsOf([])
}

export const notSupported = (type: string) =>
  invalid('content_type_not_supported', `Content-Type not acceptable: ${type}`)

export const formOf = (text: string): Record<string, string> =>
  Object.fromEntries(readPairs(text).map(({ key, value }) => [key, value]))

/** Without `columns`, every row names the same ones. @throws `invalid` bad_payload */
export function uniformColumns(rows: Rows): string[] {
  const { columns, ragged } = columnsOf(rows)
  if (ragged) throw badPayload('All object keys must match')
  return columns
}

/** The names in `columns=a,"b c"`. @throws `invalid` parse_error */
export function readNames(what: string, text: string): string[] {
  const scanner = new Scanner(`${what} parameter`, text)
  const names: string[] = []
  do {
    scanner.blanks()
    names.push(scanner.name('field name (* or [a..z0..9_$])'))
    scanner.blanks()
  } while (scanner.takes(','))
  scanner.end()
  return names
}
