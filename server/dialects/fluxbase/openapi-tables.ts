/** The tables of an app as parts of the OpenAPI document. */
import type { Catalog, Relation, RightsOf, TableRights } from '#domains/data'
import { type Operation, type Parts, put, type Schema, type Version } from '#http/openapi/document'
import { accessOf, errorAnswers, pathParameter, TENANT } from '#http/openapi/operation'
import { FLUXBASE } from './about.ts'
import { rowSchema } from './openapi-types.ts'
import { PARAMETERS, queryDocument, use } from './openapi-shared.ts'
import { isInternal } from './tables-path.ts'
import { keyNames } from './tables-request.ts'

const TAG = 'Tables'

/** Paths and schemas of every relation in sight, each with the operations that its rights allow; collections go before sub-resources of the same path. */
export function tableParts(catalog: Catalog, rightsOf: RightsOf, version: Version): Parts {
  const named = naming()
  const parts: Parts = {
    tags: [{ name: TAG, description: 'The tables of the app, as they are now.' }],
    paths: {},
    components: {
      schemas: { QueryDocument: queryDocument(version) },
      responses: {},
      parameters: PARAMETERS,
    },
  }
  const places = [...catalog.allRelations()].flatMap((relation) => {
    const may = isInternal(relation) ? undefined : rightsOf(relation)
    return may ? [{ ...placeOf(relation, named), may: mayDo(relation, may) }] : []
  })
  for (const place of places) {
    put(parts.components.schemas, place.component, rowSchema(place.relation, version))
    addItem(parts, place.path, collection(place))
  }
  for (const place of places) {
    for (const [path, item] of subResources(place)) addItem(parts, path, item)
  }
  return parts
}

function addItem({ paths }: Parts, path: string, item: Record<string, Operation>): void {
  const present = Object.hasOwn(paths, path) ? paths[path] : undefined
  put(paths, path, { ...item, ...present })
}

type Place = {
  relation: Relation
  may: TableRights
  path: string
  /** Name among the schemas. */
  component: string
  /** The end of operation ids. */
  suffix: string
}

type Naming = { component: (name: string) => string; suffix: (name: string) => string }

/** Names with characters that OpenAPI does not allow lose them; a number keeps them apart. */
function naming(): Naming {
  const unique = (forbidden: RegExp) => {
    const taken = new Set<string>(['QueryDocument'])
    return (name: string): string => {
      const plain = name.replaceAll(forbidden, '_')
      let chosen = plain
      for (let n = 2; taken.has(chosen); n++) chosen = `${plain}_${n}`
      taken.add(chosen)
      return chosen
    }
  }
  return { component: unique(/[^A-Za-z0-9._-]/g), suffix: unique(/[^A-Za-z0-9_]/g) }
}

function placeOf(relation: Relation, { component, suffix }: Naming): Omit<Place, 'may'> {
  const { schema, name } = relation
  // A dot in the first segment would part schema and table.
  const isShort = schema === 'public' && !name.includes('.')
  const path = isShort ? segment(name) : `${segment(schema)}/${segment(name)}`
  return {
    relation,
    path: `/api/v1/tables/${path}`,
    component: component(`${schema}.${name}`),
    suffix: suffix(`${schema}_${name}`),
  }
}

/** As it is, but for what has a meaning in a URL or in a path of the document. */
const segment = (name: string): string =>
  name.replaceAll(/[^\p{L}\p{N}._~!$&'()*,;=:@-]/gu, encodeURIComponent)

/** The dialect writes no views. */
const mayDo = ({ kind }: Relation, may: TableRights): TableRights =>
  kind === 'table' || kind === 'foreign_table'
    ? may
    : { ...may, insert: false, update: false, delete: false }

/** Operations that are allowed; what stands beside `undefined` is not. */
const allowed = (given: Record<string, Operation | undefined>): Record<string, Operation> =>
  Object.fromEntries(Object.entries(given).flatMap(([method, one]) => (one ? [[method, one]] : [])))

type Doing = {
  id: string
  summary: string
  parameters?: readonly Schema[]
  body?: Schema
  good: Schema
}

function operation({ relation, suffix }: Place, { id, ...doing }: Doing): Operation {
  const { schema, name } = relation
  const { summary, parameters = [], body, good } = doing
  return {
    operationId: `${id}_${suffix}`,
    tags: [TAG],
    summary: `${summary} ${schema === 'public' ? name : `${schema}.${name}`}`,
    ...accessOf('credential', FLUXBASE.access.credential),
    parameters: [...parameters, TENANT],
    ...(body ? { requestBody: { required: true, content: json(body) } } : {}),
    responses: { ...good, ...errorAnswers(FLUXBASE) },
  }
}

const json = (schema: Schema): Schema => ({ 'application/json': { schema } })

const answer = (status: number, schema: Schema): Schema => ({
  [status]: { description: 'Done', content: json(schema) },
})

const rowOf = ({ component }: Place): Schema => ({ $ref: `#/components/schemas/${component}` })

const rowsOf = (place: Place): Schema => ({ type: 'array', items: rowOf(place) })

/** Any columns of the row: what is required of a new one is not of a change. */
const changes = (place: Place): Schema => ({
  type: 'object',
  minProperties: 1,
  additionalProperties: {},
  description: `Columns of ${place.relation.name} and their new values`,
})

const READ = [
  'select',
  'filters',
  'order',
  'limit',
  'offset',
  'count',
  'group_by',
  'truncate',
  'cursor',
  'prefer',
] as const
const CHANGE = ['filters', 'select', 'limit', 'prefer', 'idempotency'] as const

function collection(place: Place): Record<string, Operation> {
  const { may } = place
  const oneOrMore = { oneOf: [rowOf(place), rowsOf(place)] }
  const get = (): Operation =>
    operation(place, {
      id: 'list',
      summary: 'Read rows of',
      parameters: use(...READ),
      good: answer(200, rowsOf(place)),
    })
  const post = (): Operation =>
    operation(place, {
      id: 'create',
      summary: 'Insert rows into',
      parameters: use('select', 'on_conflict', 'columns', 'prefer', 'idempotency'),
      body: oneOrMore,
      good: answer(201, oneOrMore),
    })
  return allowed({
    get: may.select ? get() : undefined,
    post: may.insert ? post() : undefined,
    patch: may.update ? batchUpdate(place) : undefined,
    delete: may.delete ? batchDelete(place) : undefined,
  })
}

const batchUpdate = (place: Place): Operation =>
  operation(place, {
    id: 'batch_update',
    summary: 'Change the rows that the filters find in',
    parameters: use(...CHANGE),
    body: changes(place),
    good: answer(200, rowsOf(place)),
  })

const batchDelete = (place: Place): Operation =>
  operation(place, {
    id: 'batch_delete',
    summary: 'Delete the rows that the filters find in',
    parameters: use(...CHANGE),
    good: answer(200, {
      type: 'object',
      properties: { affected: { type: 'integer' }, records: rowsOf(place) },
    }),
  })

function subResources(place: Place): [path: string, item: Record<string, Operation>][] {
  const { path, relation, may } = place
  const all: [string, Record<string, Operation>][] = [
    [`${path}/query`, allowed({ post: may.select ? query(place) : undefined })],
    [`${path}/export`, allowed({ get: may.select ? exported(place) : undefined })],
    [`${path}/bulk`, bulk(place)],
  ]
  if (keyNames(relation).length > 0) all.push([`${path}/{id}`, record(place)])
  return all.filter(([, item]) => Object.keys(item).length > 0)
}

const query = (place: Place): Operation =>
  operation(place, {
    id: 'query',
    summary: 'Read, with the query in the body, rows of',
    parameters: use('prefer'),
    body: { $ref: '#/components/schemas/QueryDocument' },
    good: answer(200, rowsOf(place)),
  })

const exported = (place: Place): Operation =>
  operation(place, {
    id: 'export',
    summary: 'Export rows of',
    parameters: use('format', 'items', 'select', 'filters', 'order', 'limit', 'offset'),
    good: {
      200: {
        description: 'Done',
        content: { 'text/csv': { schema: { type: 'string' } }, ...json(rowsOf(place)) },
      },
    },
  })

const IDS: Schema = { type: 'array', items: {} }

const listOr = (list: Schema, properties: Schema): Schema => ({
  oneOf: [list, { type: 'object', properties }],
})

function bulk(place: Place): Record<string, Operation> {
  const { may } = place
  return allowed({
    post: may.insert ? bulkCreate(place) : undefined,
    patch: may.update ? bulkUpdate(place) : undefined,
    delete: may.delete ? bulkDelete(place) : undefined,
  })
}

const bulkCreate = (place: Place): Operation =>
  operation(place, {
    id: 'bulk_create',
    summary: 'Insert many rows into',
    parameters: use('select', 'on_conflict', 'columns', 'prefer', 'idempotency'),
    body: listOr(rowsOf(place), {
      records: rowsOf(place),
      action: { type: 'string', enum: ['delete', 'export'] },
      targets: IDS,
    }),
    good: answer(201, rowsOf(place)),
  })

function bulkUpdate(place: Place): Operation {
  const list = { type: 'array', items: changes(place) }
  return operation(place, {
    id: 'bulk_update',
    summary: 'Change many rows, each in its own way, in',
    parameters: use('select', 'prefer', 'idempotency'),
    body: listOr(list, { updates: list, ids: IDS, data: changes(place) }),
    good: answer(200, rowsOf(place)),
  })
}

const bulkDelete = (place: Place): Operation => ({
  ...operation(place, {
    id: 'bulk_delete',
    summary: 'Delete many rows of',
    parameters: use('filters', 'prefer', 'idempotency'),
    good: answer(200, {
      type: 'object',
      properties: { success: { type: 'boolean' }, affected: { type: 'integer' } },
    }),
  }),
  // Not needed where the query string has filters.
  requestBody: { content: json(listOr(IDS, { ids: IDS, targets: IDS })) },
})

function record(place: Place): Record<string, Operation> {
  const { may } = place
  const id = pathParameter('id')
  const change = (what: string): Operation | undefined =>
    may.update
      ? operation(place, {
          id: what,
          summary: 'Change one row of',
          parameters: [id, ...use('select', 'prefer', 'idempotency')],
          body: changes(place),
          good: answer(200, rowOf(place)),
        })
      : undefined
  const get = (): Operation =>
    operation(place, {
      id: 'get',
      summary: 'Read one row of',
      parameters: [id, ...use('select', 'truncate')],
      good: answer(200, rowOf(place)),
    })
  const remove = (): Operation =>
    operation(place, {
      id: 'delete',
      summary: 'Delete one row of',
      parameters: [id, ...use('idempotency')],
      good: { 204: { description: 'Done' } },
    })
  return allowed({
    get: may.select ? get() : undefined,
    put: change('replace'),
    patch: change('update'),
    delete: may.delete ? remove() : undefined,
  })
}
