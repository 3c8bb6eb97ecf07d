/** The difference between a schema that is there and one that is wanted, as ordered statements. */
import { invalid } from '#core/errors'
import {
  addColumn,
  addForeignKey,
  addPrimaryKey,
  addUnique,
  changeDefault,
  createIndex,
  createTable,
  dropColumn,
  dropForeignKey,
  dropIndex,
  dropNotNull,
  dropTable,
  type Place,
  setNotNull,
  type Statement,
  typeOf,
} from './ddl.sql.ts'
import {
  type Column,
  type Index,
  type LiveColumn,
  type LiveIndex,
  type LiveSchema,
  type LiveTable,
  NAME,
  primaryKeyOf,
  type Reference,
  type WantedSchema,
  type WantedTable,
} from './model.ts'

export type Difference = {
  statements: Statement[]
  /** Names of the tables that the statements create. */
  created: string[]
  dropped: string[]
  /** Changes that would destroy something and were not asked for. */
  refused: string[]
}

/**
 * Pure. Defaults are compared as text: bring them into PostgreSQL's own form first.
 * @throws `invalid` circular_references when new tables refer to each other in a circle
 */
export function diffSchemas(live: LiveSchema, { tables, drop }: WantedSchema): Difference {
  const dropped = [...new Set(drop)].filter((name) => live.has(name))
  const created = inReferenceOrder(tables, (name) => !live.has(name))
  const kept = [...tables].filter(([name]) => live.has(name))
  const left = [...live.keys()].filter((name) => !tables.has(name) && !drop.includes(name))
  // What no schema can name was made by hand, and is left alone.
  const absent = left.filter((name) => NAME.test(name))
  const changes = kept.map(([name, wanted]) =>
    changeTable(name, withoutReferencesTo(dropped, live.get(name) as LiveTable), wanted),
  )
  return {
    created: created.map(([name]) => name),
    dropped,
    statements: inOrder([
      ...dropped.map(dropTable),
      ...created.flatMap((entry) => newTable(live, entry)),
      ...changes.flatMap(({ statements }) => statements),
    ]),
    refused: [
      ...absent.map((name) => `Drop table "${name}": it exists but is not in the schema`),
      ...changes.flatMap(({ refused }) => refused),
    ],
  }
}

/**
 * References end first and begin last: what they point at may be dropped, made, or made unique by a statement for
 * another table.
 */
const inOrder = (statements: readonly Statement[]): Statement[] => [
  ...statements.filter(({ frees }) => frees),
  ...statements.filter(({ frees, checks }) => !frees && checks === undefined),
  ...statements.filter(({ checks }) => checks !== undefined),
]

type Named = [name: string, table: WantedTable]

function newTable(live: LiveSchema, [name, table]: Named): Statement[] {
  const later = [...table.columns].flatMap(([column, { references }]) =>
    references && !canReferNow(live, references) ? [{ column, references }] : [],
  )
  const without = new Map(table.columns)
  for (const { column } of later) {
    without.set(column, { ...(table.columns.get(column) as Column), references: undefined })
  }
  return [
    createTable(name, { ...table, columns: without }),
    ...[...table.indexes].map(([index, it]) => createIndex(name, index, it)),
    ...later.map(({ column, references }) => addForeignKey({ table: name, column }, references)),
  ]
}

/** A new table is there in time; the column of an older one must be there and unique already. */
function canReferNow(live: LiveSchema, { table, column }: Reference): boolean {
  const target = live.get(table)
  const present = target?.columns.get(column)
  return !target || present?.primaryKey === true || present?.unique === true
}

/** Tables that are referred to come before those that refer to them. */
function inReferenceOrder(
  tables: WantedSchema['tables'],
  isNew: (name: string) => boolean,
): Named[] {
  let waiting = [...tables].filter(([name]) => isNew(name))
  const ordered: Named[] = []
  while (waiting.length > 0) {
    const names = new Set(waiting.map(([name]) => name))
    const ready = waiting.filter(([name, table]) => !refersToAny(name, table, names))
    if (ready.length === 0) throw circular([...names])
    ordered.push(...ready)
    waiting = waiting.filter((entry) => !ready.includes(entry))
  }
  return ordered
}

const refersToAny = (own: string, table: WantedTable, names: ReadonlySet<string>): boolean =>
  [...table.columns.values()].some(
    ({ references }) => references && references.table !== own && names.has(references.table),
  )

const circular = (names: string[]) =>
  invalid(
    'circular_references',
    `The new tables ${names.join(', ')} refer to each other in a circle`,
    {
      details: names.map((name) => ({
        path: `schema.tables.${name}`,
        message: 'part of a circle',
      })),
      hint: 'Create them without one of the references, then add that reference in a second apply.',
    },
  )

/** A dropped table takes the references to it along. */
function withoutReferencesTo(dropped: readonly string[], table: LiveTable): LiveTable {
  const columns = [...table.columns].map(([name, column]): [string, LiveColumn] => {
    const isGone = column.references && dropped.includes(column.references.table)
    return [name, isGone ? { ...column, references: undefined, foreignKey: undefined } : column]
  })
  return { ...table, columns: new Map(columns) }
}

type Change = { statements: Statement[]; refused: string[] }

function changeTable(name: string, live: LiveTable, wanted: WantedTable): Change {
  const drops = wanted.dropColumns.filter((column) => live.columns.has(column))
  const columns = [...wanted.columns].map(([column, it]) => {
    const present = live.columns.get(column)
    const place = { table: name, column }
    return present ? changeColumn(place, present, it) : newColumn(place, it)
  })
  const key = changePrimaryKey(name, live, wanted)
  return {
    statements: [
      ...drops.map((column) =>
        dropColumn({ table: name, column }, live.columns.get(column)?.references !== undefined),
      ),
      ...columns.flatMap(({ statements }) => statements),
      ...key.statements,
      ...changeIndexes(name, { live, wanted, drops }),
    ],
    refused: [...columns.flatMap(({ refused }) => refused), ...key.refused],
  }
}

function newColumn(place: Place, column: Column): Change {
  const { references } = column
  const statements = [addColumn(place, column)]
  if (references) statements.push(addForeignKey(place, references))
  return { statements, refused: [] }
}

function changeColumn(place: Place, live: LiveColumn, wanted: Column): Change {
  if (live.type !== wanted.type || (wanted.serial && !live.serial)) {
    const shown = `"${place.table}"."${place.column}"`
    const change = `from ${typeOf(live)} to ${typeOf(wanted)}`
    return { statements: [], refused: [`Change the type of column ${shown} ${change}`] }
  }
  const statements = [
    ...changeNullability(place, live, wanted),
    ...changeOfDefault(place, live, wanted),
    ...(wanted.unique && !live.unique && !live.primaryKey ? [addUnique(place)] : []),
    ...changeReference(place, live, wanted.references),
  ]
  return { statements, refused: [] }
}

function changeNullability(place: Place, live: LiveColumn, wanted: Column): Statement[] {
  if (wanted.notNull === live.notNull) return []
  if (wanted.notNull) return [setNotNull(place)]
  return live.primaryKey || live.serial ? [] : [dropNotNull(place)]
}

/** A sequence that belongs to the column stays, whether the column is called serial or integer. */
function changeOfDefault(place: Place, live: LiveColumn, wanted: Column): Statement[] {
  const { default: from } = live
  const { default: to } = wanted
  if (from === to || (live.serial && to === undefined)) return []
  return [changeDefault(place, { from, to })]
}

/** A reference that is not mentioned stays. */
function changeReference(
  place: Place,
  live: LiveColumn,
  wanted: Reference | undefined,
): Statement[] {
  if (!wanted || sameReference(live.references, wanted)) return []
  const dropped = live.foreignKey === undefined ? [] : [dropForeignKey(place, live.foreignKey)]
  return [...dropped, addForeignKey(place, wanted)]
}

const sameReference = (a: Reference | undefined, b: Reference): boolean =>
  a?.table === b.table &&
  a.column === b.column &&
  a.onDelete === b.onDelete &&
  a.onUpdate === b.onUpdate

/** A key can be added; one that is there stays, and another one in its place is refused. */
function changePrimaryKey(name: string, live: LiveTable, wanted: WantedTable): Change {
  const key = primaryKeyOf(wanted)
  const present = primaryKeyOf(live)
  if (key.length === 0) return { statements: [], refused: [] }
  if (present.length === 0) return { statements: [addPrimaryKey(name, key)], refused: [] }
  const listed = present.filter((column) => wanted.columns.has(column))
  const same = listed.length === key.length && listed.every((column) => key.includes(column))
  const change = `from (${present.join(', ')}) to (${key.join(', ')})`
  return {
    statements: [],
    refused: same ? [] : [`Change the primary key of "${name}" ${change}`],
  }
}

type Tables = { live: LiveTable; wanted: WantedTable; drops: string[] }

/** An index of a dropped column is gone already. */
function changeIndexes(name: string, { live, wanted, drops }: Tables): Statement[] {
  const present = [...live.indexes].filter(
    ([, { columns }]) => !columns.some((column) => drops.includes(column)),
  )
  const left = present.filter(([index, it]) => !sameIndex(it, wanted.indexes.get(index)))
  const stays = new Set(present.filter((entry) => !left.includes(entry)).map(([index]) => index))
  const added = [...wanted.indexes].filter(([index]) => !stays.has(index))
  return [
    ...left.map(([index, it]) => dropIndex(name, index, it)),
    ...added.map(([index, it]) => createIndex(name, index, it)),
  ]
}

function sameIndex(live: LiveIndex, wanted: Index | undefined): boolean {
  if (!wanted || live.unique !== wanted.unique || live.method !== wanted.method) return false
  if (live.columns.join() !== wanted.columns.join()) return false
  return wanted.opclass === undefined ? live.usualOpclass : live.opclass === wanted.opclass
}
