/** The tables of an app as a part of the OpenAPI document. */
import type { Catalog, Relation, RightsOf, TableRights } from '#domains/data'
import type { Draft, Part, Schema } from '#http/openapi/document'
import { Schemas } from '#http/openapi/schema'
import { collection, type Item, subResources } from './openapi-operations.ts'
import {
  componentOf,
  filterOf,
  filtersOf,
  parametersIn,
  type Place,
  plain,
  refTo,
  TAG,
} from './openapi-shared.ts'
import { changesSchema, newRowSchema, rowSchema } from './openapi-types.ts'
import { QueryDocument } from './tables-document.ts'
import { isInternal } from './tables-path.ts'

/** Paths and schemas of every relation in sight, each with the operations that its rights allow; collections go before sub-resources of the same path. */
export function tablesPart(
  catalog: Catalog,
  rightsOf: RightsOf,
): { part: Part; rowOf: (schema: string, name: string) => Schema | undefined } {
  const places = placesIn(catalog, rightsOf)
  const byRelation = new Map(places.map((place) => [place.relation, place]))
  const rowOf = (schema: string, name: string): Schema | undefined => {
    const relation = catalog.relation(schema, name)
    const place = relation && byRelation.get(relation)
    return place && refTo(place, 'row')
  }
  return { part: partOf(catalog, places), rowOf }
}

function partOf(catalog: Catalog, places: readonly Place[]): Part {
  return async (draft) => {
    draft.tag(TAG, 'The tables of the app, as they are now.')
    for (const [name, one] of parametersIn(draft.version)) draft.component('parameters', name, one)
    draft.component('schemas', 'QueryDocument', new Schemas(draft.version).of(QueryDocument))
    for (const place of places) {
      addComponents(draft, catalog, place)
      addItem(draft, place.path, collection(place))
      await draft.pause()
    }
    for (const place of places) {
      for (const [path, item] of subResources(place)) addItem(draft, path, item)
      await draft.pause()
    }
  }
}

function placesIn(catalog: Catalog, rightsOf: RightsOf): Place[] {
  const named = naming()
  return [...catalog.allRelations()].flatMap((relation) => {
    const may = isInternal(relation) ? undefined : rightsOf(relation)
    return may ? [{ ...placeOf(relation, named), may: mayDo(relation, may) }] : []
  })
}

function addComponents(draft: Draft, catalog: Catalog, place: Place): void {
  const { relation, may } = place
  const { version } = draft
  const add = (purpose: Parameters<typeof componentOf>[1], schema: Schema): void =>
    draft.component('schemas', componentOf(place, purpose), schema)
  add('row', rowSchema(relation, version, catalog))
  if (may.insert) add('new', newRowSchema(relation, version))
  if (may.update) add('changes', changesSchema(relation, version))
  for (const [name, column] of filtersOf(place)) {
    draft.component('parameters', name, filterOf(column))
  }
}

function addItem(draft: Draft, path: string, item: Item): void {
  for (const [method, make] of Object.entries(item)) {
    if (make) draft.operation(path, method, make)
  }
}

type Naming = { component: (name: string) => string; suffix: (name: string) => string }

/** Names that would be one without the characters that OpenAPI does not allow are kept apart by a number. */
function naming(): Naming {
  const unique = () => {
    const taken = new Set<string>()
    return (plain: string): string => {
      let chosen = plain
      for (let n = 2; taken.has(chosen); n++) chosen = `${plain}_${n}`
      taken.add(chosen)
      return chosen
    }
  }
  return { component: unique(), suffix: unique() }
}

function placeOf(relation: Relation, { component, suffix }: Naming): Omit<Place, 'may'> {
  const { schema, name } = relation
  // A dot in the first segment would part schema and table.
  const isShort = schema === 'public' && !name.includes('.')
  const path = isShort ? segment(name) : `${segment(schema)}/${segment(name)}`
  return {
    relation,
    path: `/api/v1/tables/${path}`,
    component: component(`${plain(schema)}.${plain(name)}`),
    suffix: suffix(`${schema}_${name}`.replaceAll(/[^A-Za-z0-9_]/g, '_')),
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
