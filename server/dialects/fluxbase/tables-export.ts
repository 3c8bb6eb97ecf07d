/** `/export`: rows as a file of CSV or JSON, written while they are read. */
import { invalid } from '#core/errors'
import { passing } from '#http/passing'
import { respond } from '#http/respond'
import { openRows, type ReadQuery, type RowStream } from '#domains/data'
import { oneOf } from './tables-bulk.ts'
import { parseExactly } from './tables-body.ts'
import { say } from './tables-errors.ts'
import { MAX_TOTAL, numberOf } from './tables-page.ts'
import { reservedValue } from './tables-params.ts'
import { buildTableQuery } from './tables-query.ts'
import type { TableCall } from './tables-request.ts'

/** @throws `invalid` tables_input */
export async function exportRecords(call: TableCall): Promise<Response> {
  const { c, relation, params, data } = call
  const { schema, name: table } = relation
  const format = reservedValue(params, 'format') ?? 'csv'
  if (format !== 'csv' && format !== 'json') {
    throw invalid('tables_input', "Invalid export format. Must be 'csv' or 'json'")
  }
  const items = itemsOf(reservedValue(params, 'items'))
  if (items?.length === 0) return noRecords(call)
  const rows = await openRows(data, {
    schema,
    table,
    format,
    slots: params.slots,
    build: (catalog) => {
      const present = catalog.relation(schema, table) ?? relation
      const query = buildTableQuery({ catalog, relation: present }, params)
      const where = items ? [...query.where, oneOf(present, items)] : query.where
      return { ...query, where, ...pageIn(call) }
    },
  })
  if (items && !rows.bytes) return noRecords(call)
  if (c.req.method !== 'HEAD') {
    return respond(passing(c, written(rows, format)), 200, headersOf(table, format))
  }
  void rows.bytes?.cancel()
  return respond(null, 200, headersOf(table, format))
}

const noRecords = ({ c }: TableCall): Response =>
  say(c, { status: 404, code: 'NOT_FOUND', error: 'No records found' })

/** As far as pages may reach, and no shorter for being one page. */
function pageIn({ params, admin }: TableCall): Pick<ReadQuery, 'limit' | 'offset'> {
  const offset = numberOf(params, 'offset')
  const asked = numberOf(params, 'limit')
  const reach = Math.max(0, MAX_TOTAL - (offset ?? 0))
  const limit = admin ? asked : Math.min(asked ?? reach, reach)
  return { limit: literal(limit), offset: literal(offset) }
}

const literal = (value: number | undefined) =>
  value === undefined ? undefined : ({ text: String(value), slot: -1, encoding: 'text' } as const)

function itemsOf(text: string | undefined): unknown[] | undefined {
  if (text === undefined) return undefined
  try {
    const items = parseExactly(text)
    if (Array.isArray(items)) return items
  } catch {
    // Told below, like JSON that is no array.
  }
  throw invalid('tables_input', 'Invalid items format: expected a JSON array')
}

const TYPES = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json; charset=utf-8',
} as const

type Format = keyof typeof TYPES

const headersOf = (table: string, format: Format): Record<string, string> => ({
  'Content-Type': TYPES[format],
  'Content-Disposition': `attachment; filename=export_${table.replaceAll(/[^\w.-]/g, '_')}.${format}`,
})

function written({ header, bytes }: RowStream, format: Format): ReadableStream<Uint8Array> {
  const [before, after] = format === 'csv' ? [`${header}\n`, bytes ? '\n' : ''] : ['[', ']']
  return ReadableStream.from(framed(before, bytes, after))
}

const encoder = new TextEncoder()

async function* framed(
  before: string,
  bytes: RowStream['bytes'],
  after: string,
): AsyncGenerator<Uint8Array> {
  yield encoder.encode(before)
  try {
    if (bytes) yield* bytes
  } catch {
    // The status has gone out: all that is left is to end badly, and to say nothing of the data while doing so.
    throw new Error('The export broke off')
  }
  if (after !== '') yield encoder.encode(after)
}
