/** `/bulk`: many rows at once, by row, by id or by filter. */
import { invalid } from '#core/errors'
import { type Condition, execute, type ReadQuery, type Relation } from '#domains/data'
import { MEBIBYTE, readJson } from '#http/body'
import { deleteRecords, insertBulk } from './tables-write.ts'
import { keyNames, payloadFor, run, type TableCall } from './tables-request.ts'
import { asRows } from './tables-write.ts'

const LIMIT = 10 * MEBIBYTE

type Document = Record<string, unknown>

const readDocument = (call: TableCall): Promise<unknown> => readJson(call.c, { limit: LIMIT })

const documentOf = (value: unknown): Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : {}

/** @throws `invalid` tables_input, missing_field */
export async function postBulk(call: TableCall): Promise<Response> {
  const body = await readDocument(call)
  const { action, targets, records } = documentOf(body)
  if (action === undefined) return insertBulk(call, asRows(records ?? body))
  if (action === 'delete') return deleteTargets(call, targets)
  if (action === 'export') return exportTargets(call, targets)
  throw invalid(
    'tables_input',
    `Unknown action: ${typeof action === 'string' ? action : JSON.stringify(action)}. Supported actions: delete, export`,
  )
}

export async function deleteBulk(call: TableCall): Promise<Response> {
  const body = await readDocument(call)
  const { ids, targets } = documentOf(body)
  const listed = ids ?? targets ?? (Array.isArray(body) ? body : undefined)
  if (listed !== undefined) return deleteTargets(call, listed)
  const filters = call.params.pairs.filter(({ key }) => !key.startsWith('_'))
  if (filters.length === 0) throw noTargets()
  const res = await deleteRecords({ ...call, preferences: { unknown: [], return: 'headers-only' } })
  const { affected } = (await res.json()) as { affected: number }
  return deleted(call, affected)
}

const noTargets = () => invalid('missing_field', 'At least one target ID is required')

const deleted = ({ c }: TableCall, count: number): Response =>
  c.json(
    { success: true, message: `Deleted ${count} records`, rows_affected: count, affected: count },
    200,
    { 'X-Affected-Count': String(count) },
  )

async function deleteTargets(call: TableCall, targets: unknown): Promise<Response> {
  const { relation } = call
  const where = [oneOf(relation, targets)]
  const result = await run(call, {
    what: 'delete bulk',
    once: true,
    build: (query) => ({
      kind: 'delete',
      schema: relation.schema,
      table: relation.name,
      query: { ...query, where },
      output: { format: 'none' },
    }),
  })
  return deleted(call, result.rows)
}

async function exportTargets(call: TableCall, targets: unknown): Promise<Response> {
  const { relation, c } = call
  const where = [oneOf(relation, targets)]
  const result = await run(call, {
    what: 'export bulk',
    once: true,
    build: (query) => ({
      kind: 'read',
      schema: relation.schema,
      table: relation.name,
      query: { ...query, where },
      output: { format: 'array' },
    }),
  })
  const body = `{"success":true,"count":${result.rows},"records":${result.body}}`
  return c.body(body, 200, { 'Content-Type': 'application/json; charset=utf-8' })
}

/** The rows whose key is one of `targets`. @throws `invalid` missing_field, invalid_id */
export function oneOf(relation: Relation, targets: unknown): Condition {
  if (!Array.isArray(targets) || targets.length === 0) throw noTargets()
  const names = keyNames(relation)
  const items = targets.map((target): Condition => {
    const id = typeof target === 'string' ? target : JSON.stringify(target)
    const values = names.length === 1 ? [id] : id.split(',')
    if (names.length === 0 || values.length !== names.length) {
      throw invalid('invalid_id', `Invalid id: ${id}`)
    }
    const items = names.map((name, at) => equal(name, values[at] ?? ''))
    return { kind: 'and', items }
  })
  return { kind: 'or', items }
}

const equal = (name: string, text: string): Condition => ({
  kind: 'compare',
  field: { name, path: [] },
  operator: 'eq',
  value: { text, slot: -1, encoding: 'text' },
})

/** Each row with its whole key and its new values; or one set of values for many ids. */
export async function patchBulk(call: TableCall): Promise<Response> {
  const body = await readDocument(call)
  const { updates, ids, data } = documentOf(body)
  if (ids !== undefined) return patchTargets(call, ids, data)
  const rows = asRows(updates ?? body)
  const keys = keyNames(call.relation)
  if (keys.length === 0 || rows.rows.some((row) => keys.some((name) => !(name in row)))) {
    throw invalid('missing_field', 'Every row needs the whole primary key')
  }
  return updateEach(call, rows)
}

async function patchTargets(call: TableCall, ids: unknown, data: unknown): Promise<Response> {
  const { relation, params } = call
  const [row] = asRows([data]).rows
  const rows = { shape: 'object' as const, rows: [row ?? {}], json: JSON.stringify(row) }
  const where = [oneOf(relation, ids)]
  const result = await run(call, {
    what: 'patch bulk',
    once: true,
    slots: [...params.slots, rows.json],
    build: (query) => ({
      kind: 'update',
      schema: relation.schema,
      table: relation.name,
      payload: payloadFor(rows, params.slots.length),
      query: { ...query, where },
      output: { format: 'array' },
    }),
  })
  return updated(call, result)
}

const updated = ({ c }: TableCall, { body, rows }: { body: string; rows: number }): Response =>
  c.body(body, 200, {
    'Content-Type': 'application/json; charset=utf-8',
    'X-Affected-Count': String(rows),
  })

const EMPTY: ReadQuery = { select: [], where: [], order: [] }

/** One statement joins the table with the rows by key; hidden and absent ones are left out. */
async function updateEach(call: TableCall, rows: ReturnType<typeof asRows>): Promise<Response> {
  const { relation, params } = call
  const result = await execute(call.data, {
    shape: undefined,
    slots: [...params.slots, rows.json],
    schema: relation.schema,
    build: () => ({
      kind: 'update',
      schema: relation.schema,
      table: relation.name,
      payload: payloadFor(rows, params.slots.length),
      matchOn: keyNames(relation),
      query: EMPTY,
      output: { format: 'array' },
    }),
  })
  return updated(call, result)
}
