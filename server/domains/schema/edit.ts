/** Schemas and tables one change at a time, as the role that owns them; each change is on record. */
import { audit } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { AppError, conflict, notFound } from '#core/errors'
import { fromDatabase, sqlFacts } from '#db/sqlstate'
import {
  addColumn,
  columnExists,
  createSchema,
  createTable,
  dropColumn,
  dropSchema,
  dropTable,
  grantSequences,
  relationExists,
  renameTable,
  type SchemaFacts,
  selectSchemas,
  selectTables,
  type TableName,
  type Target,
  tableExists,
} from './edit.sql.ts'
import {
  checkColumn,
  checkColumns,
  checkIdentifier,
  checkTarget,
  type NewColumn,
} from './edit-values.ts'
import { insertMigration } from './history.sql.ts'
import { asOwner, looking, type Owner } from './owner.sql.ts'

export type { NewColumn } from './edit-values.ts'

/** @throws `unavailable` lock_not_available */
export const schemasOf = (ctx: AppContext): Promise<SchemaFacts[]> =>
  looking(ctx.databases.inspector, selectSchemas)

/** @param schema only its tables */
export const tablesOf = (ctx: AppContext, schema?: string): Promise<TableName[]> =>
  looking(ctx.databases.inspector, (tx) => selectTables(tx, schema))

/** @throws `invalid` invalid_definition, `conflict` schema_exists */
export async function addSchema(ctx: AppContext, name: string): Promise<void> {
  checkIdentifier('schema', name)
  await edited(ctx, { what: 'create_schema', of: name }, async ({ tx }) => {
    if (await schemaExists(tx, name)) {
      throw conflict('schema_exists', `Schema '${name}' already exists`)
    }
    return { up: createSchema(name), down: [dropSchema(name)] }
  })
}

/** @throws `invalid` invalid_definition, `not_found` schema_not_found, `conflict` relation_exists */
export async function addTable(
  ctx: AppContext,
  asked: Target,
  columns: readonly NewColumn[],
): Promise<void> {
  const target = checkTarget(asked)
  const checked = checkColumns(columns)
  await edited(ctx, { what: 'create_table', of: nameOf(target) }, async ({ tx }) => {
    if (!(await schemaExists(tx, target.schema))) {
      throw notFound('schema_not_found', `Schema '${target.schema}' not found`)
    }
    await refuseTaken(tx, target)
    const after = () => grantSequences(tx, target)
    return { up: createTable(target, checked), after, down: [dropTable(target)] }
  })
}

/** Its rows are lost. @throws `not_found` table_absent, `conflict` still_needed */
export async function removeTable(ctx: AppContext, asked: Target): Promise<void> {
  const target = checkTarget(asked)
  await edited(ctx, { what: 'drop_table', of: nameOf(target) }, async ({ tx }) => {
    await requireTable(tx, target)
    return { up: [dropTable(target)], down: [] }
  })
}

/** @throws `invalid` invalid_definition, `not_found` table_absent, `conflict` relation_exists */
export async function moveTable(ctx: AppContext, asked: Target, to: string): Promise<void> {
  const target = checkTarget(asked)
  const renamed = checkTarget({ ...target, table: to })
  await edited(ctx, { what: 'rename_table', of: nameOf(target) }, async ({ tx }) => {
    await requireTable(tx, target)
    await refuseTaken(tx, renamed)
    return { up: [renameTable(target, to)], down: [renameTable(renamed, target.table)] }
  })
}

/** @throws `invalid` invalid_definition, `not_found` table_absent, `conflict` column_exists */
export async function addTableColumn(
  ctx: AppContext,
  asked: Target,
  column: NewColumn,
): Promise<void> {
  const target = checkTarget(asked)
  const checked = checkColumn(column)
  await edited(ctx, { what: 'add_column', of: nameOf(target) }, async ({ tx }) => {
    await requireTable(tx, target)
    if (await columnExists(tx, target, checked.name)) {
      throw conflict('column_exists', `Column '${checked.name}' already exists`)
    }
    const after = () => grantSequences(tx, target)
    return { up: [addColumn(target, checked)], after, down: [dropColumn(target, checked.name)] }
  })
}

/** Its values are lost. @throws `not_found` table_absent or column_absent, `conflict` still_needed */
export async function removeTableColumn(
  ctx: AppContext,
  asked: Target,
  column: string,
): Promise<void> {
  const target = checkTarget(asked)
  checkIdentifier('column', column)
  await edited(ctx, { what: 'drop_column', of: nameOf(target) }, async ({ tx }) => {
    await requireTable(tx, target)
    if (!(await columnExists(tx, target, column))) {
      throw notFound('column_absent', `Column '${column}' not found`)
    }
    return { up: [dropColumn(target, column)], down: [] }
  })
}

const nameOf = ({ schema, table }: Target): string => `${schema}.${table}`

type Tx = Owner['tx']

/** One that the owner may look into; the server's own is as if it were not there. */
const schemaExists = async (tx: Tx, name: string): Promise<boolean> =>
  (await selectSchemas(tx)).some((schema) => schema.name === name)

async function requireTable(tx: Tx, target: Target): Promise<void> {
  if ((await schemaExists(tx, target.schema)) && (await tableExists(tx, target))) return
  throw notFound('table_absent', `Table '${nameOf(target)}' not found`)
}

async function refuseTaken(tx: Tx, target: Target): Promise<void> {
  if (!(await relationExists(tx, target))) return
  throw conflict('relation_exists', `Table '${nameOf(target)}' already exists`)
}

type Change = {
  up: readonly string[]
  /** Statements that depend on what `up` made. */
  after?: () => Promise<string[]>
  down: readonly string[]
}

type Edit = { what: string; of: string }

/** All or nothing: the change, and the record of it. */
async function edited(
  ctx: AppContext,
  { what, of }: Edit,
  plan: (owner: Owner) => Promise<Change>,
): Promise<void> {
  try {
    await asOwner(ctx.databases.owner, async (owner) => {
      const { up, after, down } = await plan(owner)
      for (const statement of up) await owner.run(statement)
      const more = after ? await after() : []
      for (const statement of more) await owner.run(statement)
      await insertMigration(owner.tx, { name: `${what} ${of}`, up: [...up, ...more], down })
    })
  } catch (error) {
    throw explained(error)
  }
  await audit(ctx, {
    appId: ctx.app.id,
    category: 'admin',
    eventType: `schema.${what}`,
    action: 'update',
    resourceType: 'schema',
    resourceId: of,
  })
}

/** Something depends on what was to go. */
const DEPENDENTS = '2BP01'

function explained(thrown: unknown): unknown {
  const error = fromDatabase(thrown)
  if (!(error instanceof AppError) || sqlFacts(error)?.sqlstate !== DEPENDENTS) return error
  const { message, detail } = sqlFacts(error) ?? {}
  return conflict('still_needed', message ?? 'Something depends on it', {
    details: detail ?? undefined,
    hint: 'Drop what depends on it first.',
    cause: thrown,
  })
}
