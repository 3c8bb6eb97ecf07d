/** The operations of one table, each made only if the document has room for it. */
import type { Relation } from '#domains/data'
import type { Operation, Schema } from '#http/openapi/document'
import { pathParameter } from '#http/openapi/operation'
import { answer, filtersOf, json, operation, type Place, refTo, use } from './openapi-shared.ts'
import { keyNames } from './tables-request.ts'
import { PAGE_HEADERS, PAGE_WORDS } from './tables-words.ts'

/** Method → operation; what may not be done is absent. */
export type Item = Readonly<Record<string, (() => Operation) | undefined>>

const row = (place: Place): Schema => refTo(place, 'row')
const rows = (place: Place): Schema => ({ type: 'array', items: row(place) })
const newRows = (place: Place): Schema => ({ type: 'array', items: refTo(place, 'new') })
const changes = (place: Place): Schema => refTo(place, 'changes')

const filtered = (place: Place): Schema[] => [
  ...filtersOf(place).map(([name]) => ({ $ref: `#/components/parameters/${name}` })),
  ...use('or', 'and', 'filters'),
]

const CHANGE = ['select', 'limit', 'Prefer', 'Idempotency-Key'] as const
const INSERT = ['select', 'on_conflict', 'columns', 'Prefer', 'Idempotency-Key'] as const

const HEADERS: Schema = Object.fromEntries(
  Object.entries(PAGE_HEADERS).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]),
)

/** A page of rows; in part, where `Range` or a count says that there are more. */
const page = (place: Place): Schema => {
  const content = json(rows(place))
  return {
    200: { description: 'Done', headers: HEADERS, content },
    206: { description: 'A part of the rows', headers: HEADERS, content },
  }
}

export const collection = (place: Place, { may } = place): Item => ({
  get: may.select ? () => list(place) : undefined,
  post: may.insert ? () => create(place) : undefined,
  patch: may.update ? () => batchUpdate(place) : undefined,
  delete: may.delete ? () => batchDelete(place) : undefined,
})

const list = (place: Place): Operation =>
  operation(place, {
    id: 'list',
    summary: 'Read rows of',
    parameters: [...filtered(place), ...use(...PAGE_WORDS, 'Prefer')],
    good: page(place),
  })

const create = (place: Place): Operation =>
  operation(place, {
    id: 'create',
    summary: 'Insert rows into',
    parameters: use(...INSERT),
    body: { oneOf: [refTo(place, 'new'), newRows(place)] },
    good: {
      ...answer(200, { ...rows(place), maxItems: 0, description: 'The row was there already' }),
      ...answer(201, { oneOf: [row(place), rows(place)] }),
    },
  })

const batchUpdate = (place: Place): Operation =>
  operation(place, {
    id: 'batch_update',
    summary: 'Change the rows that the filters find in',
    parameters: [...filtered(place), ...use(...CHANGE)],
    body: changes(place),
    good: answer(200, rows(place)),
  })

const affected: Schema = { type: 'integer', minimum: 0 }

const batchDelete = (place: Place): Operation =>
  operation(place, {
    id: 'batch_delete',
    summary: 'Delete the rows that the filters find in',
    parameters: [...filtered(place), ...use(...CHANGE)],
    good: answer(200, {
      type: 'object',
      properties: { affected, records: rows(place) },
      required: ['affected', 'records'],
    }),
  })

/** Paths behind that of the collection. */
export function subResources(place: Place): [path: string, item: Item][] {
  const { path, relation, may } = place
  const all: [string, Item][] = [
    [`${path}/query`, { post: may.select ? () => query(place) : undefined }],
    [`${path}/export`, { get: may.select ? () => exported(place) : undefined }],
    [`${path}/bulk`, bulk(place)],
  ]
  if (keyNames(relation).length > 0) all.push([`${path}/{id}`, record(place)])
  return all
}

const query = (place: Place): Operation => ({
  ...operation(place, {
    id: 'query',
    summary: 'Read, with the query in the body, rows of',
    parameters: use('Prefer'),
    good: page(place),
  }),
  // Without one all rows are meant.
  requestBody: { content: json({ $ref: '#/components/schemas/QueryDocument' }) },
})

const exported = (place: Place): Operation =>
  operation(place, {
    id: 'export',
    summary: 'Export rows of',
    parameters: [
      ...filtered(place),
      ...use('format', 'items', 'select', 'order', 'limit', 'offset'),
    ],
    good: {
      200: {
        description: 'Done',
        content: { 'text/csv': { schema: { type: 'string' } }, ...json(rows(place)) },
      },
    },
  })

const IDS: Schema = {
  type: 'array',
  items: {},
  description: 'Values of the primary key; of one with several columns, lists of them',
}

type Properties = Readonly<Record<string, Schema>>

const object = (properties: Properties, required = Object.keys(properties)): Schema => ({
  type: 'object',
  properties,
  required,
})

const bulk = (place: Place, { may } = place): Item => ({
  post: may.insert ? () => bulkCreate(place) : undefined,
  patch: may.update ? () => bulkUpdate(place) : undefined,
  delete: may.delete ? () => bulkDelete(place) : undefined,
})

const DELETED = object({
  success: { type: 'boolean' },
  message: { type: 'string' },
  rows_affected: affected,
  affected,
})

const bulkCreate = (place: Place): Operation =>
  operation(place, {
    id: 'bulk_create',
    summary: 'Insert many rows into',
    parameters: use(...INSERT),
    body: {
      anyOf: [
        newRows(place),
        object({ records: newRows(place) }),
        object({ action: { type: 'string', enum: ['delete', 'export'] }, targets: IDS }),
      ],
    },
    good: {
      200: {
        description: 'Deleted or exported, as `action` says',
        content: json({ anyOf: [DELETED, exportedBulk(place)] }),
      },
      ...answer(201, rows(place)),
    },
  })

const exportedBulk = (place: Place): Schema =>
  object({ success: { type: 'boolean' }, count: affected, records: rows(place) })

function bulkUpdate(place: Place): Operation {
  const each = {
    type: 'array',
    items: changes(place),
    description: 'Rows with their whole key and their new values',
  }
  const body = {
    anyOf: [each, object({ updates: each }), object({ ids: IDS, data: changes(place) })],
  }
  return operation(place, {
    id: 'bulk_update',
    summary: 'Change many rows, each in its own way, in',
    parameters: use('select', 'Prefer', 'Idempotency-Key'),
    body,
    good: answer(200, rows(place)),
  })
}

const bulkDelete = (place: Place): Operation => ({
  ...operation(place, {
    id: 'bulk_delete',
    summary: 'Delete many rows of',
    parameters: [...filtered(place), ...use('Prefer', 'Idempotency-Key')],
    good: answer(200, DELETED),
  }),
  // Not needed where the query string has filters.
  requestBody: { content: json({ anyOf: [IDS, object({ ids: IDS }), object({ targets: IDS })] }) },
})

function record(place: Place): Item {
  const { may } = place
  const id = keyParameter(place.relation)
  const change = (what: string) => () =>
    operation(place, {
      id: what,
      summary: 'Change one row of',
      parameters: [id, ...use('select', 'Prefer', 'Idempotency-Key')],
      body: changes(place),
      good: answer(200, row(place)),
    })
  return {
    get: may.select ? () => read(place, id) : undefined,
    put: may.update ? change('replace') : undefined,
    patch: may.update ? change('update') : undefined,
    delete: may.delete ? () => remove(place, id) : undefined,
  }
}

/** Which columns make the id. */
function keyParameter(relation: Relation): Schema {
  const names = keyNames(relation).map((name) => `\`${name}\``)
  const description =
    names.length === 1
      ? `The value of ${names[0]}`
      : `The values of ${names.join(', ')}, with commas between them`
  return { ...pathParameter('id'), description }
}

const read = (place: Place, id: Schema): Operation =>
  operation(place, {
    id: 'get',
    summary: 'Read one row of',
    parameters: [id, ...use('select', 'truncate')],
    good: answer(200, row(place)),
  })

const remove = (place: Place, id: Schema): Operation =>
  operation(place, {
    id: 'delete',
    summary: 'Delete one row of',
    parameters: [id, ...use('Idempotency-Key')],
    good: { 204: { description: 'Done' } },
  })
