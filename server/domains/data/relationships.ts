/** Which relations a row can be followed to: by foreign key, either way, and through junctions. */
import type { Catalog, ForeignKey, Relation } from './catalog.ts'

/** Pairs of (own column, other column). */
export type ColumnPairs = readonly (readonly [own: string, other: string])[]

export type Relationship = {
  /** As seen from `from`. */
  cardinality: 'many-to-one' | 'one-to-one' | 'one-to-many' | 'many-to-many'
  from: Relation
  to: Relation
  /** The foreign key's name; of a junction the two, first the one that points at `from`. */
  constraint: string
  columns: ColumnPairs
  /** The foreign key is on the other side (one-to-one seen from its parent). */
  parent: boolean
  junction?:
    | { relation: Relation; constraint: string; fromColumns: ColumnPairs; toColumns: ColumnPairs }
    | undefined
}

export const isToOne = ({ cardinality }: Relationship): boolean =>
  cardinality === 'many-to-one' || cardinality === 'one-to-one'

/** All relationships of a relation; derived once per snapshot. */
export function relationshipsOf(catalog: Catalog, from: Relation): readonly Relationship[] {
  const all = catalog.derived('relationships', () => deriveAll(catalog))
  return all.get(from) ?? []
}

type ByRelation = Map<Relation, Relationship[]>

function deriveAll(catalog: Catalog): ByRelation {
  const found: ByRelation = new Map()
  const add = (relationship: Relationship): void => {
    const list = found.get(relationship.from)
    if (list) list.push(relationship)
    else found.set(relationship.from, [relationship])
  }
  for (const relation of catalog.allRelations()) {
    const outgoing = relation.foreignKeys.flatMap((key) => {
      const to = catalog.relation(key.foreignSchema, key.foreignTable)
      return to ? [direct(relation, to, key)] : []
    })
    for (const relationship of outgoing) {
      add(relationship)
      add(reversed(relationship))
    }
    for (const relationship of throughJunction(relation, outgoing)) add(relationship)
  }
  return found
}

function direct(from: Relation, to: Relation, key: ForeignKey): Relationship {
  const unique = from.uniques.some((names) => sameSet(names, key.columns))
  return {
    cardinality: unique ? 'one-to-one' : 'many-to-one',
    from,
    to,
    constraint: key.name,
    columns: key.columns.map((own, at) => [own, key.foreignColumns[at] ?? ''] as const),
    parent: false,
  }
}

function reversed({ cardinality, from, to, constraint, columns }: Relationship): Relationship {
  return {
    cardinality: cardinality === 'one-to-one' ? 'one-to-one' : 'one-to-many',
    from: to,
    to: from,
    constraint,
    columns: swapped(columns),
    parent: true,
  }
}

const swapped = (columns: ColumnPairs): ColumnPairs =>
  columns.map(([own, other]) => [other, own] as const)

/** A table whose key holds two foreign keys joins what they point at. */
function* throughJunction(
  junction: Relation,
  outgoing: readonly Relationship[],
): Iterable<Relationship> {
  const inKey = outgoing.filter(({ columns }) =>
    columns.every(([own]) => junction.primaryKey.includes(own)),
  )
  for (const first of inKey) {
    for (const second of inKey) {
      if (first === second) continue
      yield {
        cardinality: 'many-to-many',
        from: first.to,
        to: second.to,
        constraint: first.constraint,
        columns: [],
        parent: false,
        junction: {
          relation: junction,
          constraint: second.constraint,
          fromColumns: first.columns,
          toColumns: second.columns,
        },
      }
    }
  }
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name))
