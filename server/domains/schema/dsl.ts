/** The schema as callers write and read it: JSON that describes tables. */
import { z } from 'zod'
import { problemWith } from './expressions.ts'
import {
  type Action,
  type Column,
  type Index,
  type LiveIndex,
  type LiveSchema,
  type LiveTable,
  MAX_NAME,
  NAME,
  type Reference,
  type WantedSchema,
  type WantedTable,
} from './model.ts'
import { parseType } from './types.ts'
import { typeOf } from './ddl.sql.ts'

/** Tables at most in one schema. */
const MAX_TABLES = 50

const Name = z
  .string()
  .max(MAX_NAME, `a name has at most ${MAX_NAME} characters`)
  .regex(NAME, 'use lower-case letters, digits and _ for a name, not starting with a digit')

const TableName = Name.refine((name) => !name.startsWith('_'), {
  message: 'names that start with _ are reserved',
})

/** An object of things by name. A record leaves this one name out in silence, so it is refused. */
const named = <T extends z.ZodType>(name: typeof Name, thing: T) =>
  z.preprocess(
    (value, issues) => {
      if (value !== null && typeof value === 'object' && Object.hasOwn(value, '__proto__')) {
        issues.addIssue({ code: 'custom', message: 'choose another name than __proto__' })
      }
      return value
    },
    z.record(name, thing),
  )

const Actions = z.enum(['CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION'])

const DOTTED = /^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$/

const ReferenceShape = z.union(
  [
    z.string().regex(DOTTED, 'write a reference as "table.column"'),
    z.strictObject({
      table: Name,
      column: Name,
      onDelete: Actions.optional(),
      onUpdate: Actions.optional(),
    }),
  ],
  'write a reference as "table.column", or as an object with table and column',
)

/** Those that most tables are made of; the documentation has the others. */
const COMMON_TYPES = 'text, integer, bigint, numeric, boolean, uuid, timestamptz, date, jsonb'

const TypeShape = z.string().superRefine((text, issues) => {
  if (parseType(text)) return
  const message = `unknown type "${text}": use one such as ${COMMON_TYPES}`
  issues.addIssue({ code: 'custom', message })
})

const AS_SQL = `write the default as SQL in a string: "0", "false", "now()", "'text'"`

const ExpressionShape = z.string(AS_SQL).superRefine((text, issues) => {
  const problem = problemWith(text)
  if (problem) issues.addIssue({ code: 'custom', message: problem.message })
})

const COLUMN = {
  type: TypeShape,
  primaryKey: z.boolean().optional(),
  primary: z.boolean().optional(),
  nullable: z.boolean().optional(),
  default: ExpressionShape.optional(),
  unique: z.boolean().optional(),
  references: ReferenceShape.optional(),
}

const ColumnShape = z.strictObject(COLUMN, {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `Unrecognized key: "${String(issue.keys?.[0])}"; a column has ${Object.keys(COLUMN).join(', ')}`
      : 'a column is an object such as {"type": "text"}',
})

const IndexShape = z.object({
  columns: z.array(Name).min(1).max(32),
  unique: z.boolean().optional(),
  method: z.enum(['btree', 'hash', 'gist', 'gin', 'hnsw', 'ivfflat']).optional(),
  opclass: Name.optional(),
})

/** `{"_drop": true}` in the place of a table asks to drop it. */
const TableShape = z
  .object({
    columns: named(Name, ColumnShape).optional(),
    indexes: named(Name, IndexShape).optional(),
    _dropColumns: z.array(Name).optional(),
    _drop: z.boolean().optional(),
    _seed: z.boolean().optional(),
  })
  .superRefine(({ columns, _drop, _dropColumns = [] }, issues) => {
    if (!columns && !_drop) {
      issues.addIssue({ code: 'custom', path: ['columns'], message: 'a table needs columns' })
    }
    const both = _dropColumns.find((name) => columns && Object.hasOwn(columns, name))
    if (both !== undefined && !_drop) {
      const message = `"${both}" is also in columns: drop it in one apply, add it in the next`
      issues.addIssue({ code: 'custom', path: ['_dropColumns'], message })
    }
  })

/** The shape of a schema in a request body. */
export const SchemaShape = z
  .object({
    tables: named(TableName, TableShape).refine((it) => Object.keys(it).length <= MAX_TABLES, {
      message: `a schema has at most ${MAX_TABLES} tables`,
    }),
    _drop: z.array(TableName).optional(),
  })
  .superRefine(({ tables, _drop = [] }, issues) => {
    const both = _drop.find((name) => Object.hasOwn(tables, name) && !tables[name]?._drop)
    if (both === undefined) return
    const message = `"${both}" is also in tables: drop it in one apply, create it in the next`
    issues.addIssue({ code: 'custom', path: ['_drop'], message })
  })

export type SchemaDsl = z.output<typeof SchemaShape>

type TableDsl = z.output<typeof TableShape>
type ColumnDsl = z.output<typeof ColumnShape>
type IndexDsl = z.output<typeof IndexShape>

/** From the shape to the model, with types and references in their canonical form. */
export function wantedFrom({ tables, _drop = [] }: SchemaDsl): WantedSchema {
  const named = Object.entries(tables)
  return {
    tables: new Map(named.filter(([, it]) => !it._drop).map(([name, it]) => [name, tableFrom(it)])),
    drop: [..._drop, ...named.filter(([, it]) => it._drop).map(([name]) => name)],
  }
}

function tableFrom({ columns = {}, indexes = {}, _dropColumns, _seed }: TableDsl): WantedTable {
  return {
    columns: new Map(Object.entries(columns).map(([name, it]) => [name, columnFrom(it)])),
    indexes: new Map(Object.entries(indexes).map(([name, it]) => [name, indexFrom(it)])),
    dropColumns: [...new Set(_dropColumns)],
    seed: _seed ?? false,
  }
}

function columnFrom(it: ColumnDsl): Column {
  const { type, serial } = parseType(it.type) ?? { type: it.type, serial: false }
  const primaryKey = it.primaryKey ?? it.primary ?? false
  return {
    type,
    serial,
    notNull: it.nullable === false || primaryKey || serial,
    default: it.default,
    primaryKey,
    unique: it.unique ?? false,
    references: referenceFrom(it.references),
  }
}

function referenceFrom(it: ColumnDsl['references']): Reference | undefined {
  if (it === undefined) return undefined
  const actions = { onDelete: 'NO ACTION', onUpdate: 'NO ACTION' } as const
  if (typeof it !== 'string') {
    const { table, column, onDelete = 'NO ACTION', onUpdate = 'NO ACTION' } = it
    return { table, column, onDelete, onUpdate }
  }
  const [table = '', column = ''] = it.split('.')
  return { table, column, ...actions }
}

const indexFrom = ({ columns, unique = false, method = 'btree', opclass }: IndexDsl): Index => ({
  columns,
  unique,
  method,
  opclass,
})

/** The schema that is there, in the words in which one could ask for it. */
export function dslOf(schema: LiveSchema): SchemaDsl {
  return {
    tables: Object.fromEntries([...schema].map(([name, table]) => [name, tableDsl(table)])),
  }
}

function tableDsl({ columns, indexes, seed }: LiveTable): TableDsl {
  return {
    columns: Object.fromEntries([...columns].map(([name, it]) => [name, columnDsl(it)])),
    ...(indexes.size === 0
      ? {}
      : { indexes: Object.fromEntries([...indexes].map(([name, it]) => [name, indexDsl(it)])) }),
    ...(seed ? { _seed: true } : {}),
  }
}

function columnDsl(it: Column): ColumnDsl {
  return {
    type: typeOf(it),
    ...(it.primaryKey ? { primaryKey: true } : {}),
    ...(it.notNull && !it.primaryKey ? { nullable: false } : {}),
    ...(it.default === undefined || it.serial ? {} : { default: it.default }),
    ...(it.unique ? { unique: true } : {}),
    ...(it.references ? { references: referenceDsl(it.references) } : {}),
  }
}

function referenceDsl({ table, column, onDelete, onUpdate }: Reference): ColumnDsl['references'] {
  if (onDelete === 'NO ACTION' && onUpdate === 'NO ACTION') return `${table}.${column}`
  const unusual = (action: Action, key: string) => (action === 'NO ACTION' ? {} : { [key]: action })
  return { table, column, ...unusual(onDelete, 'onDelete'), ...unusual(onUpdate, 'onUpdate') }
}

const indexDsl = ({ columns, unique, method, opclass, usualOpclass }: LiveIndex): IndexDsl => ({
  columns,
  ...(unique ? { unique } : {}),
  ...(method === 'btree' ? {} : { method }),
  ...(usualOpclass || opclass === undefined ? {} : { opclass }),
})
