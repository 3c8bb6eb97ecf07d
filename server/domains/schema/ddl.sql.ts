/** The statements that change a schema, with what undoes them. Names are quoted; expressions were checked. */
import { quoteIdent } from '#db/sql'
import {
  type Column,
  derivedName,
  type Index,
  primaryKeyOf,
  type Reference,
  type Table,
} from './model.ts'

export type Statement = {
  sql: string
  /** What it does, for people. */
  description: string
  /** Rows or values are lost. */
  destructive: boolean
  /** What undoes it; nothing when it cannot be undone. */
  down: string | undefined
  /** Ends a reference: what it pointed at may be dropped by a statement for another table. */
  frees?: boolean
  /** Tables whose rows PostgreSQL reads, as the owner of the table, to see whether the change holds. */
  checks?: readonly string[]
}

/** A column and where it stands. */
export type Place = { table: string; column: string }

const SERIAL_OF: Record<string, string> = {
  integer: 'serial',
  bigint: 'bigserial',
  smallint: 'smallserial',
}

const list = (names: readonly string[]): string => names.map(quoteIdent).join(', ')

const shown = ({ table, column }: Place): string => `"${table}"."${column}"`

const alter = (table: string, change: string): string =>
  `ALTER TABLE ${quoteIdent(table)} ${change}`

const alterColumn = ({ table, column }: Place, change: string): string =>
  alter(table, `ALTER COLUMN ${quoteIdent(column)} ${change}`)

const safe = (sql: string, description: string, down: string | undefined): Statement => ({
  sql,
  description,
  destructive: false,
  down,
})

const destructive = (sql: string, description: string): Statement => ({
  sql,
  description,
  destructive: true,
  down: undefined,
})

export const typeOf = ({ type, serial }: Pick<Column, 'type' | 'serial'>): string =>
  serial ? (SERIAL_OF[type] ?? type) : type

function columnSql(name: string, column: Column): string {
  const parts = [quoteIdent(name), typeOf(column)]
  if (column.notNull && !column.primaryKey) parts.push('NOT NULL')
  if (column.default !== undefined) parts.push(`DEFAULT (${column.default})`)
  if (column.unique) parts.push('UNIQUE')
  return parts.join(' ')
}

/** `fk_posts_author_id`. */
const foreignKeyName = ({ table, column }: Place): string =>
  derivedName(`fk_${table}_${column}`, '')

function foreignKeySql(place: Place, { table, column, onDelete, onUpdate }: Reference): string {
  const actions = [
    onDelete === 'NO ACTION' ? '' : ` ON DELETE ${onDelete}`,
    onUpdate === 'NO ACTION' ? '' : ` ON UPDATE ${onUpdate}`,
  ]
  return `CONSTRAINT ${quoteIdent(foreignKeyName(place))} FOREIGN KEY (${quoteIdent(place.column)}) REFERENCES ${quoteIdent(table)} (${quoteIdent(column)})${actions.join('')}`
}

/** Columns, primary key and foreign keys in one statement. */
export function createTable(name: string, table: Table): Statement {
  const columns = [...table.columns].map(([column, it]) => columnSql(column, it))
  const keys = primaryKeyOf(table)
  const primary = keys.length === 0 ? [] : [`PRIMARY KEY (${list(keys)})`]
  const foreign = [...table.columns].flatMap(([column, { references }]) =>
    references ? [foreignKeySql({ table: name, column }, references)] : [],
  )
  const body = [...columns, ...primary, ...foreign].join(',\n  ')
  const sql = `CREATE TABLE ${quoteIdent(name)} (\n  ${body}\n)`
  return safe(sql, `Create table "${name}", with row security on`, `DROP TABLE ${quoteIdent(name)}`)
}

export const dropTable = (name: string): Statement =>
  destructive(`DROP TABLE ${quoteIdent(name)} CASCADE`, `Drop table "${name}" and all its rows`)

export const addColumn = (place: Place, column: Column): Statement =>
  safe(
    alter(place.table, `ADD COLUMN ${columnSql(place.column, { ...column, primaryKey: false })}`),
    `Add column ${shown(place)}`,
    alter(place.table, `DROP COLUMN ${quoteIdent(place.column)}`),
  )

/** @param frees whether the column refers to another table */
export const dropColumn = (place: Place, frees: boolean): Statement => ({
  ...destructive(
    alter(place.table, `DROP COLUMN ${quoteIdent(place.column)}`),
    `Drop column ${shown(place)} and all its values`,
  ),
  frees,
})

export const addPrimaryKey = (table: string, columns: readonly string[]): Statement =>
  safe(
    alter(table, `ADD PRIMARY KEY (${list(columns)})`),
    `Make (${columns.join(', ')}) the primary key of "${table}"`,
    undefined,
  )

export const setNotNull = (place: Place): Statement =>
  safe(
    alterColumn(place, 'SET NOT NULL'),
    `Make column ${shown(place)} required`,
    alterColumn(place, 'DROP NOT NULL'),
  )

export const dropNotNull = (place: Place): Statement =>
  safe(
    alterColumn(place, 'DROP NOT NULL'),
    `Make column ${shown(place)} optional`,
    alterColumn(place, 'SET NOT NULL'),
  )

/** @param change the default as it is and as it is wanted; nothing means no default */
export function changeDefault(
  place: Place,
  change: { from: string | undefined; to: string | undefined },
): Statement {
  const to = (expression: string | undefined) =>
    alterColumn(place, expression === undefined ? 'DROP DEFAULT' : `SET DEFAULT (${expression})`)
  const words = change.to === undefined ? 'Drop the default' : 'Set the default'
  return safe(to(change.to), `${words} of column ${shown(place)}`, to(change.from))
}

export function addUnique(place: Place): Statement {
  const name = quoteIdent(derivedName(`${place.table}_${place.column}`, '_key'))
  return safe(
    alter(place.table, `ADD CONSTRAINT ${name} UNIQUE (${quoteIdent(place.column)})`),
    `Make column ${shown(place)} unique`,
    alter(place.table, `DROP CONSTRAINT ${name}`),
  )
}

export const addForeignKey = (place: Place, to: Reference): Statement => ({
  ...safe(
    alter(place.table, `ADD ${foreignKeySql(place, to)}`),
    `Let column ${shown(place)} refer to "${to.table}"."${to.column}"`,
    alter(place.table, `DROP CONSTRAINT ${quoteIdent(foreignKeyName(place))}`),
  ),
  checks: [place.table, to.table],
})

export const dropForeignKey = (place: Place, name: string): Statement => ({
  ...safe(
    alter(place.table, `DROP CONSTRAINT ${quoteIdent(name)}`),
    `Drop the foreign key of column ${shown(place)}`,
    undefined,
  ),
  frees: true,
})

export function createIndex(table: string, name: string, index: Index): Statement {
  const opclass = index.opclass === undefined ? '' : ` ${quoteIdent(index.opclass)}`
  const columns = index.columns.map((column) => `${quoteIdent(column)}${opclass}`).join(', ')
  const method = index.method === 'btree' ? '' : ` USING ${index.method}`
  const unique = index.unique ? 'UNIQUE ' : ''
  return safe(
    `CREATE ${unique}INDEX ${quoteIdent(name)} ON ${quoteIdent(table)}${method} (${columns})`,
    `Create index "${name}" on "${table}"`,
    `DROP INDEX ${quoteIdent(name)}`,
  )
}

export const dropIndex = (table: string, name: string, index: Index): Statement =>
  safe(
    `DROP INDEX ${quoteIdent(name)}`,
    `Drop index "${name}" of "${table}"`,
    createIndex(table, name, index).sql,
  )
