/** The parameters that the paths of a document share. */
import type { Column, Relation } from '#domains/data'

export type Json = Record<string, unknown>

/** Fields of an object that is too long to be made at once. */
export type Fields = ReadonlyMap<string, () => Json>

export const ref = (name: string): Json => refTo('parameters', name)

/** A name is one step of a JSON pointer, which stands in a URI. */
export function refTo(place: 'definitions' | 'parameters', name: string): Json {
  const step = name.replaceAll('~', '~0').replaceAll('/', '~1')
  return { $ref: `#/${place}/${encodeURI(step).replaceAll('#', '%23')}` }
}

/** Of every read, after its filters. */
export const TABLE_PARAMETERS = [
  'select',
  'order',
  'range',
  'rangeUnit',
  'offset',
  'limit',
  'preferCount',
] as const

type Texts = { name: string; place?: 'query' | 'header'; description?: string | null }

const parameter = ({ name, place = 'query', description }: Texts): Json => ({
  name,
  ...(description === null ? {} : { description }),
  required: false,
  in: place,
  type: 'string',
})

const PAGING = 'Limiting and Pagination'

function prefer(...words: string[]): Json {
  const shared = parameter({ name: 'Prefer', place: 'header', description: 'Preference' })
  return words.length > 0 ? { ...shared, enum: words } : shared
}

const RETURN = ['return=representation', 'return=minimal', 'return=none']
const RESOLUTION = ['resolution=ignore-duplicates', 'resolution=merge-duplicates']

const SHARED = Object.entries<Json>({
  preferParams: prefer(),
  preferReturn: prefer(...RETURN),
  preferCount: prefer('count=none'),
  preferPost: prefer(...RETURN, ...RESOLUTION),
  select: parameter({ name: 'select', description: 'Filtering Columns' }),
  on_conflict: parameter({ name: 'on_conflict', description: 'On Conflict' }),
  order: parameter({ name: 'order', description: 'Ordering' }),
  range: parameter({ name: 'Range', place: 'header', description: PAGING }),
  rangeUnit: {
    ...parameter({ name: 'Range-Unit', place: 'header', description: PAGING }),
    default: 'items',
  },
  offset: parameter({ name: 'offset', description: PAGING }),
  limit: parameter({ name: 'limit', description: PAGING }),
}).map(([name, one]): [string, () => Json] => [name, () => one])

export const parameterDefinitions = (relations: readonly Relation[]): Fields =>
  new Map([...SHARED, ...relations.flatMap(definitionsOf)])

const definitionsOf = ({ name, columns }: Relation): [string, () => Json][] => [
  [`body.${name}`, () => bodyOf(name)],
  ...[...columns.values()].map((column): [string, () => Json] => [
    `rowFilter.${name}.${column.name}`,
    () => filterOf(column),
  ]),
]

const bodyOf = (name: string): Json => ({
  name,
  description: name,
  required: false,
  in: 'body',
  schema: refTo('definitions', name),
})

const filterOf = ({ name, description }: Column): Json => parameter({ name, description })
