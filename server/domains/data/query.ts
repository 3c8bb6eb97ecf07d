/**
 * The syntax tree of a data request: what was asked, in no particular spelling and not yet
 * compared with any catalog. Every spelling (REST, tables, rows, RPC) produces this tree.
 */

import type { Handler } from './catalog.ts'

/** How a literal's text becomes the text that PostgreSQL receives. */
export type Encoding =
  | 'text' // as it is
  | 'pattern' // `*` stands for `%`
  | 'patterns' // the same inside an array literal
  | 'list' // `(a,"b,c")` becomes an array literal
  | 'commas' // `(a,b)` without quoting becomes an array literal
  | 'json' // the request's body

/**
 * A value of the caller. `slot` is its place among the request's values: two requests of one shape
 * differ only in those, so a compiled statement finds the new value there. -1 = part of the shape.
 */
export type Literal = { text: string; slot: number; encoding: Encoding }

/**
 * A number of rows that is better part of the shape than a value: PostgreSQL plans a prepared statement once for all
 * when its limit is a constant, and anew for every request when it is a parameter. Only small ones, of which there
 * are few, and no more than pages have rows.
 */
export const isShapely = (rows: number | undefined): rows is number =>
  rows !== undefined && rows <= 1000

/** `->key`, `->>key` (text); a key of digits indexes an array. */
export type JsonStep = { key: string; index: boolean; asText: boolean }

export type Field = { name: string; path: readonly JsonStep[] }

export const COMPARISONS = {
  eq: '=',
  neq: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: 'like',
  ilike: 'ilike',
  match: '~',
  imatch: '~*',
  isdistinct: 'is distinct from',
  cs: '@>',
  cd: '<@',
  ov: '&&',
  sl: '<<',
  sr: '>>',
  nxr: '&<',
  nxl: '&>',
  adj: '-|-',
} as const

export type Comparison = keyof typeof COMPARISONS

/** The functions that turn words into a text search query. */
export const SEARCHES = {
  fts: 'to_tsquery',
  plfts: 'plainto_tsquery',
  phfts: 'phraseto_tsquery',
  wfts: 'websearch_to_tsquery',
} as const

export type Search = keyof typeof SEARCHES

export const IS_WORDS = ['null', 'not_null', 'true', 'false', 'unknown'] as const

export type IsWord = (typeof IS_WORDS)[number]

export type Quantifier = 'any' | 'all'

export type Condition =
  | {
      kind: 'compare'
      field: Field
      operator: Comparison
      quantifier?: Quantifier | undefined
      value: Literal
      /** Compare the text of a JSON path as a number; what is no number does not match. */
      numeric?: boolean
    }
  | { kind: 'in'; field: Field; values: Literal }
  | { kind: 'is'; field: Field; word: IsWord }
  | {
      kind: 'search'
      field: Field
      operator: Search
      language?: string | undefined
      value: Literal
    }
  /** A vector is there; nearer than `below`, when that is given. */
  | { kind: 'near'; field: Field; distance: Distance; below?: Literal | undefined }
  | Spatial
  | { kind: 'not'; item: Condition }
  | { kind: 'and' | 'or'; items: readonly Condition[] }

/** How two vectors are compared, as pgvector's operators. */
export const VECTOR_OPERATORS = { vec_l2: '<->', vec_cos: '<=>', vec_ip: '<#>' } as const

export type VectorOperator = keyof typeof VECTOR_OPERATORS

/** From a vector in pgvector's text form: `[1,2,3]`. */
export type Distance = { operator: VectorOperator; to: Literal }

/** What PostGIS says of two shapes. */
export const SPATIAL_FUNCTIONS = {
  st_intersects: 'st_intersects',
  st_contains: 'st_contains',
  st_within: 'st_within',
  st_touches: 'st_touches',
  st_crosses: 'st_crosses',
  st_overlaps: 'st_overlaps',
  st_dwithin: 'st_dwithin',
} as const

export type SpatialOperator = keyof typeof SPATIAL_FUNCTIONS

export type Spatial = {
  kind: 'spatial'
  field: Field
  operator: SpatialOperator
  /** GeoJSON. */
  shape: Literal
  /** Of `st_dwithin`. */
  within?: Literal | undefined
}

export const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max'] as const

export type Aggregate = (typeof AGGREGATES)[number]

export type FieldItem = {
  kind: 'field'
  /** Absent for `count()`, which counts rows. */
  field?: Field | undefined
  alias?: string | undefined
  cast?: string | undefined
  aggregate?: Aggregate | undefined
  aggregateCast?: string | undefined
  /** A function, quoted, that the column goes through. */
  form?: string | undefined
  /** Characters of text at most; what is longer is cut, and says how long it is. */
  truncate?: number | undefined
  /** Not the column itself, but how far it is from a vector. */
  distance?: Distance | undefined
}

export type EmbedItem = {
  kind: 'embed'
  relation: string
  alias?: string | undefined
  /** A foreign key, its column or a junction, to choose among several ways. */
  hint?: string | undefined
  join?: 'inner' | 'left' | undefined
  /** `author` may also mean the column `author_id`. */
  stems?: boolean | undefined
  /** Look in other schemas too when the relation's own has none. */
  anySchema?: boolean | undefined
  /** The embedded row's columns become the parent's. */
  spread: boolean
  query: ReadQuery
}

export type SelectItem = { kind: 'all' } | FieldItem | EmbedItem

export type OrderTerm = {
  field: Field
  direction?: 'asc' | 'desc' | undefined
  nulls?: 'first' | 'last' | undefined
  /** Order by a column of this to-one embed. */
  relation?: string | undefined
  /** Order by how far the column is from a vector. */
  distance?: Distance | undefined
}

export type ReadQuery = {
  select: readonly SelectItem[]
  where: readonly Condition[]
  order: readonly OrderTerm[]
  limit?: Literal | undefined
  offset?: Literal | undefined
  /** Rows at most, whatever the limit. */
  atMost?: number | undefined
  /** Grouping columns, always in the output, first. */
  groupBy?: readonly string[] | undefined
}

export const EVERYTHING: ReadQuery = { select: [{ kind: 'all' }], where: [], order: [] }

export type Count = 'exact' | 'planned' | 'estimated'

/** What the result's body is made as. */
export type Format =
  | 'array' // a JSON array of rows
  | 'object' // exactly one row as a JSON object, else refused and undone
  | 'csv' // with a header line, values in PostgreSQL's text form
  | 'csv_json' // the same, values as JSON writes them
  | 'handled' // by a function of the database, as a media type of its own
  | 'none' // only counts

/** A media type that the caller takes. */
export type Accept = {
  type: string
  /** It can be had without a handler: as the output's format. */
  known: boolean
}

/** The planner's account of the statement, instead of its result. */
export type Explain = {
  format: 'json' | 'text'
  options: readonly ExplainOption[]
  /** What the account is sent as. */
  mediaType: string
}

export const EXPLAIN_OPTIONS = ['analyze', 'verbose', 'settings', 'buffers', 'wal'] as const

export type ExplainOption = (typeof EXPLAIN_OPTIONS)[number]

export type Output = {
  format: Format
  explain?: Explain | undefined
  /** In order of preference; a handler in the database may answer one of them. */
  accepts?: readonly Accept[] | undefined
  /** Of the format `handled`: what writes it, and over rows of which relation. */
  handler?: Handler | undefined
  stripNulls?: boolean | undefined
  /** Timestamps as JavaScript writes them: `2026-01-31T09:00:00.000Z`. Absent: as PostgreSQL does in JSON. */
  timestamps?: 'milliseconds' | undefined
  count?: Count | undefined
  /** Any other number of rows than one is refused and undone, whatever is shown of them. */
  exactlyOne?: boolean | undefined
  /** Rows up to which an estimated count is exact; default 1,000. */
  exactUpTo?: number | undefined
  /** What a function set as the answer's headers and status is wanted too. */
  responseSettings?: boolean | undefined
}

/** What happens to a row that is already there. */
export type Conflict = {
  action: 'merge' | 'ignore'
  /** Default: the primary key. */
  columns?: readonly string[] | undefined
  /** PostgreSQL says itself what it does not know among them. */
  unchecked?: boolean
}

export type Target = {
  schema: string
  table: string
  /** Parts of tables in partitions are not found by their own names. */
  wholeOnly?: boolean | undefined
}

/** The rows of a write: JSON text and what its keys are. */
export type Payload = {
  /** The JSON text's slot. */
  json: Literal
  /** One object, or an array of them. */
  shape: 'object' | 'array'
  /** Columns that receive values. */
  columns: readonly string[]
  /** Rows lack some of the columns: those take the column's default. */
  ragged?: boolean | undefined
}

export type WriteOptions = {
  query: ReadQuery
  output: Output
  /** The write is undone when it touches more rows. */
  maxAffected?: number | undefined
  /** Key columns of the written rows are wanted (for an address). */
  wantKey?: boolean | undefined
}

export type ReadRequest = Target & { kind: 'read'; query: ReadQuery; output: Output }

export type InsertRequest = Target &
  WriteOptions & {
    kind: 'insert'
    payload: Payload
    conflict?: Conflict | undefined
    /** Merging sets columns that the payload lacks to their default. */
    resetMissing?: boolean | undefined
    /** What the rows of the payload must meet to be taken. */
    given?: readonly Condition[] | undefined
  }

export type UpdateRequest = Target &
  WriteOptions & {
    kind: 'update'
    payload: Payload
    /** Columns that the payload lacks get their default, instead of keeping their value. */
    resetMissing?: boolean | undefined
    /** Each row of the payload changes the row with the same values in these columns. */
    matchOn?: readonly string[] | undefined
  }

export type DeleteRequest = Target & WriteOptions & { kind: 'delete' }

/** Values of a call: named ones, one body as the only unnamed argument, or JSON by name. */
export type CallArguments =
  | { kind: 'named'; values: ReadonlyMap<string, readonly Literal[]> }
  | {
      kind: 'json'
      payload: Payload
      /** The body, if it may be the only argument as it is. */
      raw: Literal | undefined
    }
  | { kind: 'single'; type: 'text' | 'xml' | 'bytea'; value: Literal }

export type CallRequest = {
  kind: 'call'
  schema: string
  name: string
  arguments: CallArguments
  query: ReadQuery
  output: Output
  /** The call is undone when it gives more rows. */
  maxAffected?: number | undefined
  /** Writing is refused by the transaction: always, or where the function says that it does not write. */
  readOnly: boolean | 'unless_volatile'
}

export type DataRequest = ReadRequest | InsertRequest | UpdateRequest | DeleteRequest | CallRequest
