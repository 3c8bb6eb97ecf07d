/** `/bulk`: many rows at once, by row, by id or by filter. */
import { invalid } from '#core/errors'
import {
  arrayLiteral,
  badPayload,
  type Condition,
  type DataResult,
  type ReadQuery,
  type Relation,
  type Rows,
} from '#domains/data'
import { JSON_TYPE } from './errors.ts'
import { readDocument, readRows, rowsAmong, rowsIn, textOf } from './tables-body.ts'
import { keyNames, payloadFor, run, type TableCall, targetOf } from './tables-request.ts'
import { checkShapes } from './tables-shapes.ts'
import {
  changed,
  deleteMany,
  insertBulk,
  MAX_BULK,
  optionsOf,
  tooMany,
  writeHeaders,
} from './tables-write.ts'

type Document = Record<string, unknown>

const documentOf = (value: unknown): Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : {}

/** @throws `invalid` tables_input, missing_field */
export async function postBulk(call: TableCall): Promise<Response> {
  const { body } = call
  if (!body.type.endsWith('json')) return insertBulk(call, await readRows(body))
  const document = await readDocument(body)
  if (Array.isArray(document)) return insertBulk(call, rowsIn(await body.text(), document))
  const { action, targets, records } = documentOf(document)
  if (action === undefined) return insertBulk(call, rowsAmong(records))
  if (action === 'delete') return deleteTargets(call, targets)
  if (action === 'export') return exportTargets(call, targets)
  throw invalid(
    'tables_input',
    `Unknown action: ${textOf(action)}. Supported actions: delete, export`,
  )
}

/** Reading by ids is no write, though it is asked for by POST. */
export const isBulkExport = async ({ body }: TableCall): Promise<boolean> =>
  body.type.endsWith('json') && documentOf(await readDocument(body)).action === 'export'

export async function deleteBulk(call: TableCall): Promise<Response> {
  const document = await readDocument(call.body)
  const { ids, targets } = documentOf(document)
  const listed = ids ?? targets ?? (Array.isArray(document) ? document : undefined)
  if (listed !== undefined) return deleteTargets(call, listed)
  if (!call.params.pairs.some(({ role }) => role === 'filter')) throw noTargets()
  return deleted(call, await deleteMany(call, 'none'))
}

const noTargets = () => invalid('missing_field', 'At least one target ID is required')

function deleted(call: TableCall, result: DataResult): Response {
  const { changed: rows } = result
  return call.c.json(
    { success: true, message: `Deleted ${rows} records`, rows_affected: rows, affected: rows },
    200,
    { ...writeHeaders(call, result), 'Content-Type': JSON_TYPE },
  )
}

async function deleteTargets(call: TableCall, targets: unknown): Promise<Response> {
  const { relation } = call
  const among = oneOf(relation, targets)
  const result = await run(call, {
    what: 'delete bulk',
    once: true,
    build: (query) => ({
      kind: 'delete',
      ...targetOf(relation),
      ...optionsOf(call, narrowed(query, among)),
      output: { format: 'none' },
    }),
  })
  return deleted(call, result)
}

const narrowed = (query: ReadQuery, among: Condition): ReadQuery => ({
  ...query,
  where: [...query.where, among],
})

async function exportTargets(call: TableCall, targets: unknown): Promise<Response> {
  const { relation, c } = call
  const among = oneOf(relation, targets)
  const result = await run(call, {
    what: 'export bulk',
    once: true,
    build: (query) => ({
      kind: 'read',
      ...targetOf(relation),
      query: narrowed(query, among),
      output: { format: 'array' },
    }),
  })
  const body = `{"success":true,"count":${result.rows},"records":${result.body}}`
  return c.body(body, 200, { 'Content-Type': JSON_TYPE })
}

/** The rows whose key is one of `targets`. @throws `invalid` missing_field, invalid_id, tables_input */
export function oneOf(relation: Relation, targets: unknown): Condition {
  if (!Array.isArray(targets) || targets.length === 0) throw noTargets()
  if (targets.length > MAX_BULK) throw tooMany(targets.length, MAX_BULK)
  const names = keyNames(relation)
  const [only] = names
  if (only !== undefined && names.length === 1) {
    const text = arrayLiteral(targets.map(textOf))
    const values = { text, slot: -1, encoding: 'text' } as const
    return { kind: 'in', field: { name: only, path: [] }, values }
  }
  const items = targets.map((target): Condition => {
    const values = keyValues(target)
    if (names.length === 0 || values.length !== names.length) {
      throw invalid('invalid_id', `Invalid id: ${textOf(target)}`)
    }
    return { kind: 'and', items: names.map((name, at) => equal(name, values[at] ?? '')) }
  })
  return { kind: 'or', items }
}

/** A key of several columns: its values in order, as a list or joined by commas. */
const keyValues = (target: unknown): string[] =>
  Array.isArray(target) ? target.map(textOf) : textOf(target).split(',')

const equal = (name: string, text: string): Condition => ({
  kind: 'compare',
  field: { name, path: [] },
  operator: 'eq',
  value: { text, slot: -1, encoding: 'text' },
})

/** Each row with its whole key and its new values; or one set of values for many ids. */
export async function patchBulk(call: TableCall): Promise<Response> {
  const document = await readDocument(call.body)
  const { updates, ids, data } = documentOf(document)
  if (ids !== undefined) return patchTargets(call, ids, data)
  const rows = Array.isArray(document)
    ? rowsIn(await call.body.text(), document)
    : rowsAmong(updates)
  return updateEach(call, rows)
}

async function patchTargets(call: TableCall, ids: unknown, data: unknown): Promise<Response> {
  const { relation } = call
  const rows = rowsIn(JSON.stringify(data) ?? '', data)
  if (rows.shape !== 'object') throw badPayload('Send the new values as an object in data')
  const columns = settable(relation, rows)
  const among = oneOf(relation, ids)
  return updated(call, { rows, columns, where: (query) => narrowed(query, among) })
}

/** One statement joins the table with the rows by key; hidden and absent ones are left out. */
function updateEach(call: TableCall, rows: Rows): Promise<Response> {
  const { relation } = call
  const keys = keyNames(relation)
  if (rows.rows.length > MAX_BULK) throw tooMany(rows.rows.length, MAX_BULK)
  if (
    keys.length === 0 ||
    rows.rows.some((row) => keys.some((name) => !Object.hasOwn(row, name)))
  ) {
    throw invalid('missing_field', 'Every row needs the whole primary key')
  }
  const columns = [...keys, ...settable(relation, rows)]
  return updated(call, { rows, columns, matchOn: keys, where: (query) => query })
}

/** Columns that change: any but those of the key. @throws `invalid` tables_input */
function settable(relation: Relation, rows: Rows): string[] {
  const keys = keyNames(relation)
  const names = new Set(rows.rows.flatMap((row) => Object.keys(row)))
  const columns = [...names].filter((name) => !keys.includes(name))
  if (columns.length === 0 && rows.rows.length > 0) {
    throw invalid('tables_input', 'No fields to update')
  }
  return columns
}

type Updating = {
  rows: Rows
  columns: readonly string[]
  matchOn?: readonly string[]
  where: (query: ReadQuery) => ReadQuery
}

async function updated(call: TableCall, updating: Updating): Promise<Response> {
  const { relation, params } = call
  const { rows, columns, matchOn, where } = updating
  checkShapes(relation, rows)
  const result = await run(call, {
    what: 'patch bulk',
    once: true,
    slots: [...params.slots, rows.json],
    build: (query) => ({
      kind: 'update',
      ...targetOf(relation),
      payload: payloadFor(rows, params.slots.length, columns),
      matchOn,
      ...optionsOf(call, where(query)),
    }),
  })
  return changed(call, result, () => result.body)
}
