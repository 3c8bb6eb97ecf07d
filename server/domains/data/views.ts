/** What views show of tables, also through other views, and the key that their rows so have. */
import type { Projection, Relation } from './catalog.ts'

type ByName = ReadonlyMap<string, Relation>

const nameOf = (schema: string, name: string): string => `${schema}\0${name}`

/** The relations again: each view with its columns' places in tables, and with a key. */
export function withViews(relations: readonly Relation[]): Relation[] {
  const byName = new Map(relations.map((one) => [nameOf(one.schema, one.name), one]))
  return relations.map((relation) => {
    if (relation.projections.length === 0) return relation
    const projections = resolved(byName, relation, [])
    return { ...relation, projections, primaryKey: keyOf(byName, projections) }
  })
}

/** A view over views shows what those show. A view that leads to itself shows nothing. */
function resolved(byName: ByName, view: Relation, path: readonly Relation[]): Projection[] {
  if (path.includes(view)) return []
  return view.projections.flatMap((projection) => {
    const base = byName.get(nameOf(projection.schema, projection.table))
    if (!base || base.projections.length === 0) return [projection]
    return resolved(byName, base, [...path, view]).map((inner) => through(inner, projection))
  })
}

function through(inner: Projection, outer: Projection): Projection {
  const columns = inner.columns.flatMap(([table, shown]) =>
    outer.columns.filter(([own]) => own === shown).map(([, view]) => [table, view] as const),
  )
  return { ...inner, columns }
}

/** The keys of all tables whose key is shown as a whole. */
function keyOf(byName: ByName, projections: readonly Projection[]): string[] {
  const key = projections.flatMap(({ schema, table, columns }) => {
    const names = byName.get(nameOf(schema, table))?.primaryKey ?? []
    const shown = names.map((name) => columns.find(([own]) => own === name)?.[1])
    return shown.every((name) => name !== undefined) ? shown : []
  })
  return [...new Set(key)]
}
