/** What a database offers: an immutable snapshot of its relations, keys and functions. */
import { LruCache } from '#core/lru-cache'
import type { CompiledRequest } from './compile.ts'

export type Column = {
  name: string
  /** As PostgreSQL writes it, schema-qualified where needed: `character varying(20)`. */
  type: string
  /** The type under any domain, without its length: `varchar`, `int4`, `_text`. */
  baseType: string
  /** The same as PostgreSQL writes it: `character varying`, `integer`, `text[]`. */
  plainType: string
  /** Of an enumeration: its words in order. */
  labels: readonly string[] | null
  /** PostgreSQL's category letter of the base type: N numeric, A array, S string … */
  category: string
  /** Of an array, what its elements are: b base, c composite, d domain, e enumeration, m and r ranges. */
  elementKind?: string
  notNull: boolean
  /** The default's SQL; for an identity column the sequence's next value. */
  defaultSql: string | null
  /** Never written: a generated column, or an identity that is always made. */
  generated: boolean
  identity: boolean
  position: number
  description: string | null
  /** How a domain looks outside, when its casts say so. */
  form?: Representation | undefined
}

/** Functions, quoted, behind the implicit casts of a domain. */
export type Representation = {
  toJson: string | null
  fromJson: string | null
  fromText: string | null
}

export type ForeignKey = {
  name: string
  columns: readonly string[]
  foreignSchema: string
  foreignTable: string
  foreignColumns: readonly string[]
}

/** A view's columns that are a table's columns. */
export type Projection = {
  schema: string
  table: string
  /** Pairs of (table's column, view's column). */
  columns: readonly (readonly [table: string, view: string])[]
}

export type Writes = { insert: boolean; update: boolean; delete: boolean }

export type RelationKind = 'table' | 'view' | 'materialized_view' | 'foreign_table'

export type Relation = {
  schema: string
  name: string
  kind: RelationKind
  /** A table in partitions, whose rows have no system columns to return. */
  partitioned?: boolean | undefined
  /** A part of such a table. */
  partition?: boolean | undefined
  columns: ReadonlyMap<string, Column>
  primaryKey: readonly string[]
  /** Column sets of unique constraints and indexes, the primary key among them. */
  uniques: readonly (readonly string[])[]
  foreignKeys: readonly ForeignKey[]
  /** Functions of its row, which are read like columns. */
  computed: ReadonlyMap<string, Routine>
  /** Of a view: what it shows of tables. */
  projections: readonly Projection[]
  /** What its kind and its rules let anybody do who has the right. */
  writes: Writes
  rowSecurity: boolean
  description: string | null
}

export type RoutineArgument = {
  name: string
  type: string
  required: boolean
  variadic: boolean
}

export type Routine = {
  oid: string
  schema: string
  name: string
  arguments: readonly RoutineArgument[]
  volatility: 'i' | 's' | 'v'
  /** The return type as PostgreSQL writes it. */
  returnType: string
  returnBaseType: string
  setOf: boolean
  /** A row type: of this relation, or of named output columns when `relation` is absent. */
  composite: boolean
  relation: { schema: string; name: string } | null
  /** The only argument is a row of this relation: a computed column, or a computed relationship. */
  rowOf: { schema: string; name: string } | null
  /** Rows that the planner expects. */
  rows: number
  /** Settings of its own that hold for the whole transaction, as they were written. */
  settings: Readonly<Record<string, string>>
  /** Names of output columns (OUT, INOUT, TABLE), empty otherwise. */
  outputs: readonly { name: string; type: string }[]
  /** Its one value is a document of this media type, as the name of its type says. */
  handles?: MediaFacts | null
  description: string | null
}

export type MediaFacts = { mediaType: string; binary: boolean }

/** An aggregate that writes rows as a document of its media type. */
export type Handler = MediaFacts & {
  schema: string
  name: string
  /** It writes one row as a feature of GeoJSON, and is no aggregate. */
  features?: boolean | undefined
  /** Whose rows it takes; null = any. */
  relation: { schema: string; name: string } | null
}

export type CatalogFacts = {
  version: string
  relations: readonly Relation[]
  routines: readonly Routine[]
  handlers: readonly Handler[]
  /** Where PostGIS is: the schema of the function that writes a row as a feature of GeoJSON. */
  geoJsonSchema?: string | null | undefined
  /** What roles of this database have set for themselves; of no role, what holds for all. */
  roleSettings?: readonly (readonly [role: string, name: string, value: string])[] | undefined
  /** Something in the database reads `request.headers` and its like. */
  readsRequest: boolean
  /** Something in the database sets what lasts as long as its transaction, for whatever comes next in it. */
  leavesSettings: boolean
}

/** What a transaction may ask for beyond `read committed`. */
export type Isolation = 'repeatable read' | 'serializable'

/** What a role has set for itself: PostgreSQL applies it to logins only, so each transaction is told. */
export type RoleSettings = {
  /** Its `statement_timeout`, in milliseconds. */
  timeoutMs: number | undefined
  isolation: Isolation | undefined
  /** All others. */
  others: (readonly [name: string, value: string])[]
}

/** Compiled requests kept per snapshot: a new snapshot starts with none, so none is ever stale. */
const MAX_COMPILED = 2_000

/** Characters of their shapes together: a request may be many times as long as most, and its statement with it. */
const MAX_SHAPES = 1_000_000

const GEO_JSON = {
  name: 'st_asgeojson',
  mediaType: 'application/geo+json',
  binary: false,
  relation: null,
  features: true,
}

/** In place of a role: what a connection begins with, whoever it is for. */
const ANYBODY = ''

let made = 0

export class Catalog {
  /** Tells it from every other snapshot that this process has made. */
  readonly id: number
  readonly version: string
  readonly readsRequest: boolean
  /** Reads of one caller may go on in one transaction: neither sees anything of the other, and each sees what was written last. */
  readonly sharesTransactions: boolean
  readonly handlers: readonly Handler[]
  /** Writes rows as GeoJSON, where PostGIS is. */
  readonly geoJson: Handler | undefined
  readonly roleSettings: ReadonlyMap<string, RoleSettings>
  readonly compiled = new LruCache<CompiledRequest>(MAX_COMPILED, MAX_SHAPES)
  /** Schema → name → relation. */
  readonly #relations = new Map<string, Map<string, Relation>>()
  readonly #routines = new Map<string, Map<string, Routine[]>>()
  readonly #memo = new Map<string, unknown>()

  constructor(facts: CatalogFacts) {
    const { version, relations, routines, handlers, geoJsonSchema, readsRequest } = facts
    this.roleSettings = settingsByRole(facts.roleSettings ?? [])
    this.handlers = handlers
    if (geoJsonSchema) this.geoJson = { ...GEO_JSON, schema: geoJsonSchema }
    this.id = made += 1
    this.version = version
    this.readsRequest = readsRequest
    this.sharesTransactions =
      !facts.leavesSettings && this.roleSettings.get(ANYBODY)?.isolation === undefined
    for (const relation of relations) {
      getOrAdd(this.#relations, relation.schema, () => new Map()).set(relation.name, relation)
    }
    for (const routine of routines) {
      const names = getOrAdd(this.#routines, routine.schema, () => new Map<string, Routine[]>())
      getOrAdd(names, routine.name, () => []).push(routine)
    }
  }

  get schemas(): string[] {
    return [...this.#relations.keys()]
  }

  relation(schema: string, name: string): Relation | undefined {
    return this.#relations.get(schema)?.get(name)
  }

  relationsOf(schema: string): Relation[] {
    return [...(this.#relations.get(schema)?.values() ?? [])]
  }

  *allRoutines(): Iterable<Routine> {
    for (const names of this.#routines.values()) for (const list of names.values()) yield* list
  }

  *allRelations(): Iterable<Relation> {
    for (const names of this.#relations.values()) yield* names.values()
  }

  routines(schema: string, name: string): readonly Routine[] {
    return this.#routines.get(schema)?.get(name) ?? []
  }

  routineNames(schema: string): string[] {
    return [...(this.#routines.get(schema)?.keys() ?? [])]
  }

  /** A value derived from this snapshot, made once. */
  derived<T>(key: string, make: () => T): T {
    return getOrAdd(this.#memo, key, make) as T
  }
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

function settingsByRole(
  rows: readonly (readonly [role: string, name: string, value: string])[],
): Map<string, RoleSettings> {
  const found = new Map<string, RoleSettings>()
  for (const [role, name, value] of rows) {
    const settings = found.get(role) ?? { timeoutMs: undefined, isolation: undefined, others: [] }
    if (name === 'statement_timeout') settings.timeoutMs = millisecondsIn(value)
    else if (name === 'default_transaction_isolation') settings.isolation = isolationIn(value)
    else settings.others.push([name, value])
    found.set(role, settings)
  }
  return found
}

/** A value of `default_transaction_isolation`; nothing when it is what every transaction has. */
export function isolationIn(text: string): Isolation | undefined {
  const level = text.toLowerCase()
  return level === 'repeatable read' || level === 'serializable' ? level : undefined
}

const UNITS: Record<string, number> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A time as PostgreSQL's settings are written: `250`, `2s`, `1.5min`; none when there is no limit. */
export function millisecondsIn(text: string): number | undefined {
  const [, digits, unit = 'ms'] = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(text) ?? []
  const time = Math.round(Number(digits) * (UNITS[unit] ?? 1))
  return time > 0 ? time : undefined
}
