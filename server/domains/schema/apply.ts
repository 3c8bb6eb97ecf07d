/** Declarative schema: compare what is wanted with what is there, and bring the one to the other. */
import { audit } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { AppError, conflict, invalid } from '#core/errors'
import { asIdentity, SERVICE } from '#db/identity'
import { fromDatabase, type SqlFacts, sqlFacts } from '#db/sqlstate'
import { canonicalDefaults } from './defaults.sql.ts'
import type { Statement } from './ddl.sql.ts'
import { type Difference, diffSchemas } from './diff.ts'
import { dslOf, type SchemaDsl, wantedFrom } from './dsl.ts'
import {
  countRows,
  insertMigration,
  markSeed,
  type Migration,
  selectMigrations,
  selectTemplateMigrations,
  type TemplateMigration,
  unmarkSeed,
} from './history.sql.ts'
import { hasVectorType, readSchema } from './introspect.sql.ts'
import { dropUserIdFunction } from './isolation.sql.ts'
import type { Column, LiveSchema, WantedSchema } from './model.ts'
import { asOwner, looking, type Owner } from './owner.sql.ts'
import {
  force,
  grantSequence,
  protectTable,
  selectClosedSequences,
  selectForcedTables,
  unforce,
} from './protect.sql.ts'

export type SchemaChange = {
  schema: SchemaDsl
  /** Say what would be done, and do nothing. */
  dryRun?: boolean | undefined
  /** Of the migration; default: a name made of the time. */
  name?: string | undefined
}

export type Applied = {
  statements: Statement[]
  /** Nothing when nothing had to be done, and in a dry run. */
  migrationId: number | undefined
}

/** The schema that is there, as one could ask for it. */
export async function currentSchema(ctx: AppContext): Promise<SchemaDsl> {
  return dslOf(await looking(ctx.databases.inspector, readSchema))
}

export type History = { own: Migration[]; template: TemplateMigration[] }

/** Newest first. */
export function schemaHistory(ctx: AppContext): Promise<History> {
  return looking(ctx.databases.platform, async (tx) => ({
    own: await selectMigrations(tx),
    template: await selectTemplateMigrations(tx),
  }))
}

/**
 * All or nothing; two at once take turns.
 * @throws `conflict` schema_destructive_change whose details list what was not asked for; `invalid`
 *   circular_references, vector_missing, schema_migration_failed or not_null_over_rows
 */
export async function applySchema(ctx: AppContext, change: SchemaChange): Promise<Applied> {
  const name = change.name ?? `schema_${ctx.clock().toISOString().replaceAll(/[:.]/g, '-')}`
  try {
    const applied = await asOwner(ctx.databases.owner, (owner) =>
      applyAsOwner(owner, { ...change, name }),
    )
    if (applied.migrationId !== undefined) await record(ctx, name, applied.statements.length)
    return applied
  } catch (thrown) {
    const error = await explained(ctx, thrown)
    if (!change.dryRun) await recordFailure(ctx, name, error)
    throw error
  }
}

async function applyAsOwner(
  owner: Owner,
  { schema, dryRun, name }: SchemaChange & { name: string },
): Promise<Applied> {
  const wanted = wantedFrom(schema)
  const live = await readSchema(owner.tx)
  await requireVectorType(owner, wanted)
  await settleDefaults(owner, live, wanted)
  const difference = diffSchemas(live, wanted)
  const { statements, refused } = difference
  if (refused.length > 0) throw destructiveChange(refused)
  if (dryRun) return { statements, migrationId: undefined }
  if (statements.length > 0) await execute(owner, difference)
  await settleSeeds(owner, wanted)
  if (statements.length === 0) return { statements, migrationId: undefined }
  const up = statements.map(({ sql }) => sql)
  const down = statements.toReversed().flatMap((it) => (it.down === undefined ? [] : [it.down]))
  return { statements, migrationId: await insertMigration(owner.tx, { name, up, down }) }
}

async function execute(owner: Owner, { statements, created, dropped }: Difference): Promise<void> {
  const { tx, run } = owner
  await seeingAllRows(owner, statements, async () => {
    for (const { sql } of statements) await run(sql)
  })
  for (const table of dropped) await run(dropUserIdFunction(table))
  for (const statement of created.flatMap(protectTable)) await run(statement)
  for (const sequence of await selectClosedSequences(tx)) await run(grantSequence(sequence))
}

/**
 * PostgreSQL checks a new reference with a query as the owner of the table. Where row security binds
 * the owner, that query would find no rows and let every reference pass. The tables stay locked until
 * the transaction ends, so nobody else meets them in this state.
 */
async function seeingAllRows(
  { tx, run }: Owner,
  statements: readonly Statement[],
  work: () => Promise<void>,
): Promise<void> {
  const forced = await selectForcedTables(
    tx,
    statements.flatMap(({ checks = [] }) => checks),
  )
  for (const table of forced) await run(unforce(table))
  await work()
  for (const table of forced) await run(force(table))
}

async function settleSeeds({ tx }: Owner, { tables, drop }: WantedSchema): Promise<void> {
  const marked = [...tables].filter(([, { seed }]) => seed).map(([name]) => name)
  const unmarked = [...tables.keys()].filter((name) => !marked.includes(name))
  await unmarkSeed(tx, [...unmarked, ...drop])
  await markSeed(tx, marked)
}

/**
 * Brings the wanted defaults of columns that exist into PostgreSQL's own form. Only what looks
 * different is asked about, so an apply that changes nothing asks little.
 */
async function settleDefaults(owner: Owner, live: LiveSchema, wanted: WantedSchema): Promise<void> {
  const unsure = [...wanted.tables].flatMap(([table, { columns }]) =>
    [...columns].flatMap(([name, column]) => {
      const present = live.get(table)?.columns.get(name)
      const { type, default: expression } = column
      if (expression === undefined || present?.type !== type) return []
      return expression === present.default ? [] : [{ column, type, expression }]
    }),
  )
  const texts = await canonicalDefaults(owner, unsure)
  unsure.forEach(({ column }, at) => {
    column.default = texts[at]
  })
}

const usesVector = ({ type }: Column): boolean => type.startsWith('vector')

async function requireVectorType({ tx }: Owner, { tables }: WantedSchema): Promise<void> {
  const found = [...tables].find(([, { columns }]) => [...columns.values()].some(usesVector))
  if (!found || (await hasVectorType(tx))) return
  throw invalid('vector_missing', `Cannot create "${found[0]}": this database has no type vector`, {
    details: [{ path: `schema.tables.${found[0]}`, message: 'needs the extension pgvector' }],
    hint: 'Where the server has pgvector, its operator runs "create extension vector" in the database of this app; else store the numbers as real[].',
  })
}

const destructiveChange = (refused: string[]) =>
  conflict(
    'schema_destructive_change',
    `The schema would destroy what it does not mention: ${refused.join('; ')}`,
    {
      details: refused,
      hint: 'List tables to drop in "_drop" and columns in "_dropColumns"; change a type by dropping the column and adding it again in a second apply.',
    },
  )

const LOCK_NOT_AVAILABLE = '55P03'

const LOCK_HINT =
  'Somebody uses the tables in a long transaction, or changes the schema too: apply again when they are done.'

const MIGRATION_HINT = 'Correct what PostgreSQL complains about; nothing was applied.'

/** What PostgreSQL takes an unquoted word in a default for. */
const UNQUOTED = /column reference in DEFAULT/

const UNQUOTED_HINT = `A default is SQL, so text has quotes of its own: "default": "'pending'". Nothing was applied.`

/** A database error in the words of this domain; connection failures stay what they are. */
async function explained(ctx: AppContext, thrown: unknown): Promise<unknown> {
  const error = fromDatabase(thrown)
  if (!(error instanceof AppError)) return error
  const facts = sqlFacts(error)
  const isLocked = facts?.sqlstate === LOCK_NOT_AVAILABLE
  // Not the schema's fault: the database is busy, or on its way down.
  if (!facts || (error.kind === 'unavailable' && !isLocked)) return error
  const { sqlstate, table, column } = facts
  const { severity = 'ERROR' } = (error.cause ?? {}) as { severity?: string }
  const details = { pg_code: sqlstate, severity }
  if (sqlstate === '23502' && table !== null) {
    return notNullOverRows(ctx, { cause: thrown, details: { ...details, column, table } })
  }
  return invalid('schema_migration_failed', `The schema was not changed: ${facts.message}`, {
    details,
    cause: thrown,
    hint: isLocked ? LOCK_HINT : migrationHint(facts),
  })
}

const DEPENDENTS = '2BP01'

const NOT_OWNER = '42501'

/** Where PostgreSQL has no advice, or one that a schema has no words for, such as CASCADE. */
const ADVICE: Record<string, string> = {
  [DEPENDENTS]: 'Change or drop that first; nothing was applied.',
  [NOT_OWNER]:
    'Give it to the owner of the database: alter table … owner to the role that owns the other tables. Nothing was applied.',
}

/** Where PostgreSQL's message is only half of what it knows, the rest comes before the advice. */
function migrationHint({ sqlstate, message, detail, hint }: SqlFacts): string {
  if (UNQUOTED.test(message)) return UNQUOTED_HINT
  const advice = ADVICE[sqlstate] ?? hint ?? MIGRATION_HINT
  return detail === null ? advice : `${sentence(detail)} ${advice}`
}

const sentence = (text: string): string => text.replace(/\.?$/, '.')

type NotNull = { cause: unknown; details: { column: string | null; table: string } }

async function notNullOverRows(ctx: AppContext, { cause, details }: NotNull): Promise<AppError> {
  const { column, table } = details
  const count = await asIdentity(ctx.databases.api, SERVICE, countRows(table))
  return invalid(
    'not_null_over_rows',
    `Cannot require column "${column}": table "${table}" has ${count} rows, and some have no value for it`,
    {
      cause,
      details: { ...details, existing_row_count: count },
      hint: 'Delete the rows, or add the column as nullable and fill it first, or give it a default.',
    },
  )
}

const schemaEvent = (ctx: AppContext, name: string) =>
  ({
    appId: ctx.app.id,
    category: 'admin',
    eventType: 'schema.apply',
    action: 'update',
    resourceType: 'schema',
    resourceId: name,
  }) as const

const record = (ctx: AppContext, name: string, statements: number): Promise<void> =>
  audit(ctx, { ...schemaEvent(ctx, name), data: { statements } })

const recordFailure = (ctx: AppContext, name: string, error: unknown): Promise<void> => {
  const { message } = AppError.from(error)
  return audit(ctx, { ...schemaEvent(ctx, name), success: false, errorMessage: message })
}
