/** Which relations a row can be followed to: by foreign key, either way, and through junctions. */
import type { Catalog, ForeignKey, Projection, Relation } from './catalog.ts'

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
  /** The rows come from a function of the row. */
  routine?: { schema: string; name: string } | undefined
  junction?:
    | { relation: Relation; constraint: string; fromColumns: ColumnPairs; toColumns: ColumnPairs }
    | undefined
}

export const isToOne = ({ cardinality }: Relationship): boolean =>
  cardinality === 'many-to-one' || cardinality === 'one-to-one'

/** All relationships of a relation; derived once per snapshot. */
export const relationshipsOf = (catalog: Catalog, from: Relation): readonly Relationship[] =>
  deriveRelationships(catalog).get(from) ?? []

/** In advance, so that no request has to. */
export const deriveRelationships = (catalog: Catalog): ByRelation =>
  catalog.derived('relationships', () => deriveAll(catalog))

type ByRelation = Map<Relation, Relationship[]>

function deriveAll(catalog: Catalog): ByRelation {
  const found: ByRelation = new Map()
  const add = (relationship: Relationship): void => {
    const list = found.get(relationship.from)
    if (list) list.push(relationship)
    else found.set(relationship.from, [relationship])
  }
  for (const relation of catalog.allRelations()) {
    for (const key of relation.foreignKeys) {
      const to = catalog.relation(key.foreignSchema, key.foreignTable)
      if (!to) continue
      const relationship = direct(relation, to, key)
      for (const one of [relationship, ...throughViews(catalog, relationship)]) {
        add(one)
        add(reversed(one))
      }
    }
  }
  const indirect: Relationship[] = []
  for (const [relation, known] of found) {
    const outgoing = known.filter(({ parent }) => !parent)
    indirect.push(...throughJunction(relation, outgoing))
  }
  for (const relationship of indirect) add(relationship)
  for (const relationship of computed(catalog)) add(relationship)
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
      if (first.constraint === second.constraint) continue
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

/** `columns`: a table's column → the names under which the view shows it. */
type View = { view: Relation; columns: ReadonlyMap<string, readonly string[]> }

/** The views that show columns of a table, with those columns' names in the view. */
function viewsOf(catalog: Catalog, table: Relation): readonly View[] {
  const all = catalog.derived('views', () => {
    const found = new Map<Relation | undefined, View[]>()
    for (const view of catalog.allRelations()) {
      for (const { schema, table: name, columns } of view.projections) {
        const base = catalog.relation(schema, name)
        found.set(base, [...(found.get(base) ?? []), { view, columns: namesIn(columns) }])
      }
    }
    return found
  })
  return all.get(table) ?? []
}

function namesIn(columns: Projection['columns']): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const [own, shown] of columns) names.set(own, [...(names.get(own) ?? []), shown])
  return names
}

/** A foreign key holds for views too, when they show its columns on their side. */
function* throughViews(catalog: Catalog, one: Relationship): Iterable<Relationship> {
  const plain = (view: Relation): View => ({
    view,
    columns: new Map([...view.columns.keys()].map((name) => [name, [name]])),
  })
  const [froms, tos] = [viewsOf(catalog, one.from), viewsOf(catalog, one.to)]
  if (froms.length + tos.length === 0) return
  for (const from of [plain(one.from), ...froms]) {
    for (const to of [plain(one.to), ...tos]) {
      if (from.view === one.from && to.view === one.to) continue
      for (const columns of pairings(one.columns, from, to)) {
        yield { ...one, from: from.view, to: to.view, columns }
      }
    }
  }
}

/** Each way in which two views show the columns of a key. */
function pairings(columns: ColumnPairs, from: View, to: View): ColumnPairs[] {
  let found: [string, string][][] = [[]]
  for (const [own, other] of columns) {
    const pairs = (from.columns.get(own) ?? []).flatMap((left) =>
      (to.columns.get(other) ?? []).map((right): [string, string] => [left, right]),
    )
    found = found.flatMap((begun) => pairs.map((pair) => [...begun, pair]))
  }
  return found
}

/** A function of a row that gives rows of a table is a relationship under its own name. */
function* computed(catalog: Catalog): Iterable<Relationship> {
  for (const { schema, name, rowOf, relation, setOf, rows } of catalog.allRoutines()) {
    const from = rowOf && catalog.relation(rowOf.schema, rowOf.name)
    const to = relation && catalog.relation(relation.schema, relation.name)
    if (!from || !to) continue
    yield {
      cardinality: setOf && rows !== 1 ? 'one-to-many' : 'many-to-one',
      from,
      to,
      constraint: name,
      columns: [],
      parent: false,
      routine: { schema, name },
    }
  }
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name))
