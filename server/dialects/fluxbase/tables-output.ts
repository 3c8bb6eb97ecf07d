/** The shape of values outside: vectors as arrays of numbers, shapes as GeoJSON, long texts cut where that is asked. */
import {
  type Column,
  type FieldItem,
  findRelationship,
  type Relation,
  type SelectItem,
} from '#domains/data'
import type { At } from './tables-query.ts'

export type Shaping = {
  /** Characters of a text at most. */
  truncate?: number | undefined
}

/** The same items in the shape that they have outside; the very same where nothing needs one. */
export function shaped(
  at: At,
  select: readonly SelectItem[],
  shaping: Shaping,
): readonly SelectItem[] {
  const items = select.length > 0 ? select : [ALL]
  return items.flatMap((item) => {
    if (item.kind === 'embed') return embedded(at, item, shaping)
    if (item.kind === 'all') return everything(at.relation, shaping)
    return shapedField(at.relation, item, shaping)
  })
}

const ALL: SelectItem = { kind: 'all' }

type Embed = Extract<SelectItem, { kind: 'embed' }>

/** An embed without columns is only joined. */
function embedded({ catalog, relation }: At, item: Embed, shaping: Shaping): SelectItem {
  if (item.query.select.length === 0) return item
  const to = findRelationship(catalog, relation, item).to
  const select = shaped({ catalog, relation: to }, item.query.select, shaping)
  return { ...item, query: { ...item.query, select } }
}

function everything(relation: Relation, shaping: Shaping): readonly SelectItem[] {
  const columns = [...relation.columns.values()]
  const plain = shaping.truncate === undefined && !columns.some((column) => formOf(column))
  if (plain) return [ALL]
  return columns.map(({ name }) =>
    shapedField(relation, { kind: 'field', field: { name, path: [] } }, shaping),
  )
}

function shapedField(relation: Relation, item: FieldItem, { truncate }: Shaping): FieldItem {
  if (!item.field || item.aggregate) return item
  const column = item.field.path.length === 0 ? relation.columns.get(item.field.name) : undefined
  const form = item.cast === undefined && column ? formOf(column) : undefined
  if (form) return { ...item, ...form }
  return truncate !== undefined && isText(item, column) ? { ...item, truncate } : item
}

const TEXTS = new Set(['text', 'varchar', 'bpchar', 'citext'])

const isText = ({ field, cast }: FieldItem, column: Column | undefined): boolean =>
  cast === undefined
    ? field?.path.at(-1)?.asText === true || TEXTS.has(column?.baseType ?? '')
    : /^(text|varchar|character varying)$/i.test(cast)

/** How a column of an extension's type is written as JSON. */
function formOf({ type, form }: Column): Pick<FieldItem, 'cast' | 'form'> | undefined {
  if (form) return undefined
  const [, schema = '', name] =
    /^(.+\.)?(vector|halfvec|geometry|geography)(?:\(.*\))?$/.exec(type) ?? []
  if (name === undefined) return undefined
  return name.startsWith('geo')
    ? { form: `${schema}st_asgeojson`, cast: 'json' }
    : { cast: 'real[]' }
}
