/** The rows of a write: what a body of JSON, CSV or a form holds, as the one JSON text that is bound. */
import { invalid } from '#core/errors'
import type { Payload } from './query.ts'

export type Row = Record<string, unknown>

export type Rows = {
  /** One object in, one object meant. */
  shape: 'object' | 'array'
  rows: readonly Row[]
  /** JSON text of what came in. */
  json: string
}

export const badPayload = (message: string, cause?: unknown) =>
  invalid('bad_payload', message, { cause, hint: 'Send a JSON object, or an array of objects.' })

/** @throws `invalid` bad_payload when it is no object and no array of objects */
export function rowsOfJson(text: string): Rows {
  const value = parse(text)
  if (Array.isArray(value)) {
    if (!value.every(isRow)) throw badPayload('All object keys must match')
    return { shape: 'array', rows: value, json: text }
  }
  if (!isRow(value)) throw badPayload('Empty or invalid json')
  return { shape: 'object', rows: [value], json: text }
}

/** PostgreSQL's json refuses U+0000 wherever it is; say so before it does. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw badPayload('Empty or invalid json', cause)
  }
}

const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function rowsOf(rows: readonly Row[], shape: Rows['shape'] = 'array'): Rows {
  return { shape, rows, json: JSON.stringify(shape === 'object' ? (rows[0] ?? {}) : rows) }
}

/** The keys of all rows in order of appearance, and whether some row lacks some of them. */
export function columnsOf({ rows }: Rows): { columns: string[]; ragged: boolean } {
  const [first] = rows
  if (!first) return { columns: [], ragged: false }
  const columns = Object.keys(first)
  if (rows.length === 1) return { columns, ragged: false }
  const known = new Set(columns)
  let ragged = false
  for (const row of rows) {
    const keys = Object.keys(row)
    for (const key of keys) {
      if (known.has(key)) continue
      known.add(key)
      columns.push(key)
      ragged = true
    }
    if (keys.length < columns.length) ragged = true
  }
  return { columns, ragged }
}

/** @param slot where the JSON text stands among the request's values */
export function payloadOf(
  { shape, json }: Rows,
  { columns, ragged }: { columns: readonly string[]; ragged: boolean },
  slot: number,
): Payload {
  const literal = { text: slot < 0 ? json : '', slot, encoding: 'json' as const }
  return { json: literal, shape, columns, ragged }
}

/**
 * CSV with a header line; the bare word NULL is null.
 * @throws `invalid` bad_payload when a line has another number of fields
 */
export function rowsOfCsv(text: string): Rows {
  const [header, ...lines] = readCsv(text)
  if (!header) return rowsOf([])
  const rows = lines.map((cells) => {
    if (cells.length !== header.length) {
      throw badPayload('All lines must have same number of fields')
    }
    return Object.fromEntries(header.map((name, place) => [name.text, cellValue(cells[place])]))
  })
  return rowsOf(rows)
}

type Cell = { text: string; quoted: boolean }

const cellValue = (cell: Cell | undefined): string | null =>
  cell === undefined || (!cell.quoted && cell.text === 'NULL') ? null : cell.text

const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y

function readCsv(text: string): Cell[][] {
  const lines: Cell[][] = []
  let line: Cell[] = []
  CELL.lastIndex = 0
  while (CELL.lastIndex < text.length) {
    const match = CELL.exec(text)
    if (!match) throw badPayload(`The CSV has a stray quote in line ${lines.length + 1}`)
    const [, quoted, bare = '', end] = match
    const cell = { text: quoted?.replaceAll('""', '"') ?? bare, quoted: quoted !== undefined }
    line.push(cell)
    if (end === ',') {
      if (CELL.lastIndex >= text.length) line.push({ text: '', quoted: false })
      continue
    }
    lines.push(line)
    line = []
  }
  if (line.length > 0) lines.push(line)
  return lines
}
