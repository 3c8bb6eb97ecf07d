/** Chooses the relationship that an embed means, by table, foreign key, column and hint. */
import { type AppError, invalid } from '#core/errors'
import type { Catalog, Relation } from './catalog.ts'
import { Likeness } from './likeness.ts'
import type { EmbedItem } from './query.ts'
import { type Relationship, relationshipsOf } from './relationships.ts'

export type RelationshipFacts = {
  from: string
  to: string
  schema: string
  hint?: string | undefined
  /** The closest name that would have worked, and which of the two it would stand for. */
  near?: { name: string; insteadOf: string } | undefined
  candidates?: readonly Relationship[]
}

/** @throws `invalid` relationship_not_found, relationship_ambiguous; details are RelationshipFacts */
export function findRelationship(catalog: Catalog, from: Relation, item: EmbedItem): Relationship {
  const everywhere = relationshipsOf(catalog, from)
  const all = everywhere.filter((one) => staysIn(one, from.schema))
  const found = matching(all, item)
  const elsewhere = found.length === 0 && item.anySchema ? matching(everywhere, item) : found
  const candidates = overridden(elsewhere)
  const [first, second] = candidates
  if (!first) throw notFound(catalog, from, item)
  if (!second) return first
  const self = selfReference(candidates)
  if (self) return self
  throw ambiguous(from, item, candidates)
}

/** Both the rows and what leads to them are in the schema at hand. */
const staysIn = ({ to, junction, routine }: Relationship, schema: string): boolean =>
  to.schema === schema &&
  (junction?.relation.schema ?? schema) === schema &&
  (routine?.schema ?? schema) === schema

/** A function of the row stands in the place of the keys that lead to the same name. */
function overridden(candidates: readonly Relationship[]): readonly Relationship[] {
  const routines = candidates.filter(({ routine }) => routine)
  return routines.length > 0 ? routines : candidates
}

function matching(all: readonly Relationship[], item: EmbedItem): Relationship[] {
  const found = all.filter((one) => matches(one, item.relation, item.hint))
  if (found.length > 0 || !item.stems || item.hint !== undefined) return found
  return all.filter(
    (one) =>
      !one.parent && one.to.projections.length === 0 && stemOf(soleColumn(one)) === item.relation,
  )
}

const stemOf = (column: string | undefined): string | undefined => column?.replace(/(_id|Id)$/, '')

/** One foreign key of a table to itself seen from both ends: the table's name means its children. */
function selfReference(candidates: readonly Relationship[]): Relationship | undefined {
  const [first, second] = candidates
  if (candidates.length !== 2 || first?.constraint !== second?.constraint) return undefined
  if (first?.from !== first?.to || first?.junction || second?.junction) return undefined
  return candidates.find(({ parent }) => parent)
}

function matches(one: Relationship, target: string, hint: string | undefined): boolean {
  if (one.routine) return target === one.routine.name
  if (hint === undefined) return matchesTarget(one, target)
  if (target !== one.to.name) return false
  if (one.junction) return one.junction.relation.name === hint || isConstraint(one, hint)
  if (isConstraint(one, hint)) return true
  const own = soleColumn(one)
  return hint === own || hint === otherColumn(one)
}

function matchesTarget(one: Relationship, target: string): boolean {
  if (one.from === one.to && !one.junction) {
    return one.parent ? target === one.to.name : namesKey(one, target)
  }
  if (target === one.to.name) return true
  // A foreign key and its column name the table itself, not the views that show it.
  if (one.junction || one.to.projections.length > 0) return false
  return target === one.constraint || namesKey(one, target)
}

const namesKey = (one: Relationship, target: string): boolean =>
  !one.parent && target === soleColumn(one)

const isConstraint = (one: Relationship, name: string): boolean =>
  !one.junction && one.constraint === name

const soleColumn = ({ columns }: Relationship): string | undefined =>
  columns.length === 1 ? columns[0]?.[0] : undefined

const otherColumn = ({ columns }: Relationship): string | undefined =>
  columns.length === 1 ? columns[0]?.[1] : undefined

function notFound(catalog: Catalog, from: Relation, item: EmbedItem): AppError {
  const facts: RelationshipFacts = {
    from: from.name,
    to: item.relation,
    schema: from.schema,
    hint: item.hint,
    near: nearTo(catalog, from, item.relation),
  }
  return invalid(
    'relationship_not_found',
    `Could not find a relationship between '${facts.from}' and '${facts.to}' in the schema cache`,
    { details: facts },
  )
}

/** Another name for what was to be embedded; where nothing can be, for what it was to be embedded in. */
function nearTo(catalog: Catalog, from: Relation, to: string): RelationshipFacts['near'] {
  const { schema } = from
  if (isRelated(catalog, from)) {
    const all = relationshipsOf(catalog, from).filter((one) => staysIn(one, schema))
    const likeness = new Likeness(all.map((one) => one.to.name))
    const name = likeness.has(to) ? undefined : likeness.nearest(to)
    return name === undefined ? undefined : { name, insteadOf: to }
  }
  const parents = catalog.derived(`parents in ${schema}`, () => {
    const all = catalog.relationsOf(schema).filter((one) => isRelated(catalog, one))
    return new Likeness(all.map(({ name }) => name))
  })
  const name = parents.nearest(from.name)
  return name === undefined ? undefined : { name, insteadOf: from.name }
}

/** With something of its own schema, whatever leads there. */
const isRelated = (catalog: Catalog, from: Relation): boolean =>
  relationshipsOf(catalog, from).some(({ to }) => to.schema === from.schema)

/** In which order the ways are told: to many, to one, through others. */
const rankOf = ({ junction, cardinality }: Relationship): number =>
  junction ? 2 : cardinality === 'one-to-many' ? 0 : 1

function ambiguous(from: Relation, item: EmbedItem, candidates: readonly Relationship[]): AppError {
  const facts: RelationshipFacts = {
    from: from.name,
    to: item.relation,
    schema: from.schema,
    hint: item.hint,
    candidates: candidates.toSorted((a, b) => rankOf(a) - rankOf(b)),
  }
  return invalid(
    'relationship_ambiguous',
    `Could not embed because more than one relationship was found for '${facts.from}' and '${facts.to}'`,
    { details: facts, hint: 'Name the foreign key or its column after the relation: rel!hint(…).' },
  )
}
