/** `/export`: rows as a file of CSV or JSON. */
import { invalid } from '#core/errors'
import { say } from './tables-errors.ts'
import { oneOf } from './tables-bulk.ts'
import { MAX_TOTAL, numberOf, pageLiterals, pageSlots } from './tables-page.ts'
import { run, type TableCall } from './tables-request.ts'

/** Rows that those without a cap get at most. */
const UNBOUNDED = 1_000_000

/** @throws `invalid` tables_input */
export async function exportRecords(given: TableCall): Promise<Response> {
  const { c, relation } = given
  const format = c.req.query('format') ?? 'csv'
  if (format !== 'csv' && format !== 'json') {
    throw invalid('tables_input', "Invalid export format. Must be 'csv' or 'json'")
  }
  const items = itemsOf(c.req.query('items'))
  const pairs = given.params.pairs.filter(({ key }) => key !== 'format' && key !== 'items')
  const call = { ...given, params: { pairs, shape: undefined, slots: given.params.slots } }
  const max = call.admin ? UNBOUNDED : MAX_TOTAL
  const page = {
    limit: Math.min(numberOf(call.params, 'limit') ?? max, max),
    offset: numberOf(call.params, 'offset') ?? 0,
  }
  const result = await run(call, {
    what: 'export',
    slots: pageSlots(call.params.slots, page),
    build: (query) => ({
      kind: 'read',
      schema: relation.schema,
      table: relation.name,
      query: {
        ...query,
        where: items ? [...query.where, oneOf(relation, items)] : query.where,
        ...pageLiterals(call.params.slots),
      },
      output: { format: format === 'csv' ? 'csv_json' : 'array' },
    }),
  })
  if (items && result.rows === 0) {
    return say(c, { status: 404, code: 'NOT_FOUND', error: 'No records found' })
  }
  return c.body(result.body, 200, {
    'Content-Type':
      format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Disposition': `attachment; filename=export_${relation.name.replaceAll(/[^\w.-]/g, '_')}.${format}`,
  })
}

function itemsOf(text: string | undefined): unknown[] | undefined {
  if (text === undefined) return undefined
  try {
    const items: unknown = JSON.parse(text)
    if (Array.isArray(items)) return items
  } catch {
    // Told below, like JSON that is no array.
  }
  throw invalid('tables_input', `Invalid items format: expected a JSON array`)
}
