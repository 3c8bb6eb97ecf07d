/** What a schema is to us: the same words for what is wanted and for what is there. */
import { createHash } from 'node:crypto'

export type Action = 'NO ACTION' | 'RESTRICT' | 'CASCADE' | 'SET NULL' | 'SET DEFAULT'

export type Reference = { table: string; column: string; onDelete: Action; onUpdate: Action }

export type Column = {
  /** In the DSL's canonical words: see `canonicalType`. */
  type: string
  /** Numbers come from a sequence that belongs to the column. */
  serial: boolean
  notNull: boolean
  /** SQL expression. */
  default: string | undefined
  primaryKey: boolean
  unique: boolean
  references: Reference | undefined
}

export type IndexMethod = 'btree' | 'hash' | 'gist' | 'gin' | 'hnsw' | 'ivfflat'

export type Index = {
  columns: string[]
  unique: boolean
  method: IndexMethod
  opclass: string | undefined
}

export type Table = {
  columns: Map<string, Column>
  indexes: Map<string, Index>
  /** Its rows travel with a clone of the app. */
  seed: boolean
}

export type WantedTable = Table & { dropColumns: string[] }

export type WantedSchema = { tables: Map<string, WantedTable>; drop: string[] }

export type LiveColumn = Column & { foreignKey: string | undefined }

/** `opclass` is always known of a live index; whether it is the type's usual one stands beside. */
export type LiveIndex = Index & { usualOpclass: boolean }

export type LiveTable = {
  columns: Map<string, LiveColumn>
  indexes: Map<string, LiveIndex>
  seed: boolean
}

export type LiveSchema = Map<string, LiveTable>

/** PostgreSQL cuts longer names off in silence. */
export const MAX_NAME = 63

/** Names of tables, columns and indexes. */
export const NAME = /^[a-z_][a-z0-9_]*$/

export const primaryKeyOf = (table: Pick<Table, 'columns'>): string[] =>
  [...table.columns].filter(([, column]) => column.primaryKey).map(([name]) => name)

/** Such as `posts_user_isolation`; a name that would be too long keeps its end and stays unique. */
export function derivedName(table: string, ending: string): string {
  const name = `${table}${ending}`
  if (name.length <= MAX_NAME) return name
  const digest = createHash('sha256').update(table).digest('hex').slice(0, 8)
  return `${table.slice(0, MAX_NAME - ending.length - digest.length - 1)}_${digest}${ending}`
}
