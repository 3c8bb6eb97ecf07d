/** The plan of a request: the syntax tree with every relation and relationship resolved. */
import type { Relation, Routine } from './catalog.ts'
import type { DocumentTest } from './document.sql.ts'
import type {
  CallArguments,
  Condition,
  FieldItem,
  InsertRequest,
  Literal,
  OrderTerm,
  Output,
  Payload,
  WriteOptions,
} from './query.ts'
import type { Relationship } from './relationships.ts'
import type { SqlWriter } from './sql-writer.ts'

export type PlanCondition =
  | Exclude<Condition, { kind: 'not' | 'and' | 'or' }>
  | { kind: 'not'; item: PlanCondition }
  | { kind: 'and' | 'or'; items: readonly PlanCondition[] }
  /** The embed has no rows. */
  | { kind: 'embed_absent'; embed: EmbedPlan }
  | DocumentTest
  /** What another part writes: how rows hang on those of another statement's level. */
  | { kind: 'expression'; write: (sql: SqlWriter) => void }

export type PlanItem =
  | { kind: 'all' }
  | (FieldItem & { as: string })
  | { kind: 'embed'; embed: EmbedPlan }
  | ExpressionItem

/** A value that another part writes: a constant, a subquery over the row. */
export type ExpressionItem = {
  kind: 'expression'
  as: string
  write: (sql: SqlWriter) => void
  /** Columns of the row that it reads. */
  columns: readonly string[]
}

export type PlanOrder = OrderTerm & { embed?: EmbedPlan | undefined }

/** What a level reads from; the columns of a call's result are those of `relation`. */
export type ReadPlan = {
  relation: Relation
  /** The table's name inside the statement, unique. */
  alias: string
  items: readonly PlanItem[]
  embeds: readonly EmbedPlan[]
  where: readonly PlanCondition[]
  order: readonly PlanOrder[]
  limit: Literal | undefined
  offset: Literal | undefined
  atMost?: number | undefined
  groupBy: readonly string[] | undefined
  /** A spread row whose aggregates are its parent's to make. */
  hoists?: boolean | undefined
  /** Embeds are jsonb, not json: other functions than ours write them. */
  inJsonb?: boolean | undefined
}

export type EmbedPlan = {
  /** The name in the output. */
  as: string
  relationship: Relationship
  junctionAlias: string
  /** The lateral join's name. */
  alias: string
  inner: boolean
  spread: boolean
  plan: ReadPlan
}

export type WritePlan = {
  read: ReadPlan
  options: WriteOptions
  /** Columns that the written rows must give back; undefined = all. */
  returning: readonly string[] | undefined
}

export type InsertPlan = WritePlan & {
  kind: 'insert'
  payload: Payload
  request: InsertRequest
  /** Undefined: an ordinary insert. */
  conflictColumns: readonly string[] | undefined
  /** Of the payload's rows only those that meet these. */
  given?: readonly PlanCondition[] | undefined
}

export type UpdatePlan = WritePlan & {
  kind: 'update'
  payload: Payload
  resetMissing: boolean
  matchOn: readonly string[]
}

export type DeletePlan = WritePlan & { kind: 'delete' }

export type ReadOnlyPlan = { kind: 'read'; read: ReadPlan; output: Output }

export type CallPlan = {
  kind: 'call'
  routine: Routine
  arguments: CallArguments
  maxAffected?: number | undefined
  read: ReadPlan
  output: Output
}

export type Plan = ReadOnlyPlan | InsertPlan | UpdatePlan | DeletePlan | CallPlan
