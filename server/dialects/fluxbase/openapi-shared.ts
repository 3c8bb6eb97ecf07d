/** What the operations of all tables have in common: parameters, and how one is put together. */
import type { Relation, TableRights } from '#domains/data'
import type { Given } from '#http/about'
import type { Operation, Schema, Version } from '#http/openapi/document'
import { accessOf, errorAnswers, parameter, TENANT } from '#http/openapi/operation'
import { Schemas } from '#http/openapi/schema'
import { FLUXBASE } from './about.ts'
import { HEADERS, type QueryWord, WORDS } from './tables-words.ts'

export const TAG = 'Tables'

const FILTERS: Schema = {
  name: 'filters',
  in: 'query',
  description:
    'Further filters: of embedded tables, `table.column=operator.value`; of fields in JSON, `column->field=operator.value`; and in the spelling `column.operator=value`',
  style: 'form',
  explode: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
}

type Word = QueryWord | 'filters' | Exclude<keyof typeof HEADERS, 'Range'>

const componentName = (word: string): string => `Table.${word}`

/** By their names among the components. */
export function parametersIn(version: Version): [name: string, parameter: Schema][] {
  const schemas = new Schemas(version)
  const { Range: _, ...headers } = HEADERS
  const told = (where: string, all: Readonly<Record<string, Given>>) =>
    Object.entries(all).map(([word, given]): [string, Schema] => [
      componentName(word),
      { name: word, in: where, ...parameter(given, schemas) },
    ])
  return [...told('query', WORDS), [componentName('filters'), FILTERS], ...told('header', headers)]
}

/** A filter by one column. */
export const filterOf = (column: string): Schema => ({
  name: column,
  in: 'query',
  description: '`operator.value`, such as `eq.1`, `gt.1`, `in.(1,2)`, `is.null`',
  schema: { type: 'string' },
})

/** Columns of these names are filtered in the spelling `column.operator=value`. */
const TAKEN: ReadonlySet<string> = new Set([...Object.keys(WORDS), 'filters'])

/** Names of the filters by each column among the parameters, and the columns. */
export function filtersOf({
  relation,
  component,
}: Pick<Place, 'relation' | 'component'>): [name: string, column: string][] {
  const columns = [...relation.columns.keys()].filter((name) => !TAKEN.has(name))
  // A number keeps names apart that differ in forbidden characters only.
  return columns.map((name, at) => {
    const last = plain(name) === name ? name : `${plain(name)}.${at}`
    return [`${component}.where.${last}`, name]
  })
}

/** A name among the components; a dot only parts names from each other. */
export const plain = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, '_')

/** References to the parameters. */
export const use = (...words: Word[]): Schema[] =>
  words.map((word) => ({ $ref: `#/components/parameters/${componentName(word)}` }))

/** One relation of the app among the paths. */
export type Place = {
  relation: Relation
  path: string
  /** Name among the schemas. */
  component: string
  /** The end of operation ids. */
  suffix: string
  /** What the document offers. */
  may: TableRights
}

type Purpose = 'new' | 'row' | 'changes'

/** The schemas of a place by what they are for. */
export const refTo = (place: Place, purpose: Purpose): Schema => ({
  $ref: `#/components/schemas/${componentOf(place, purpose)}`,
})

/** The plain name is that of a new row; where none can be made, of the rows that there are. */
export function componentOf({ component, may }: Place, purpose: Purpose): string {
  if (purpose === 'changes') return `${component}.Changes`
  return purpose === 'row' && may.insert ? `${component}.Row` : component
}

export type Doing = {
  id: string
  summary: string
  parameters?: readonly Schema[]
  body?: Schema
  good: Schema
}

export function operation({ relation, suffix }: Place, { id, ...doing }: Doing): Operation {
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

export const json = (schema: Schema): Schema => ({ 'application/json': { schema } })

export const answer = (status: number, schema: Schema): Schema => ({
  [status]: { description: 'Done', content: json(schema) },
})
