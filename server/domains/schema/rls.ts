/** Row security: which rows of a table its callers see and change. */
import { type AuditEvent, audit } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { AppError, invalid, notFound } from '#core/errors'
import { ANONYMOUS, asIdentity, identityOf } from '#db/identity'
import { fromDatabase, sqlFacts, sqlstateOf } from '#db/sqlstate'
import { problemWith } from './expressions.ts'
import { insertMigration } from './history.sql.ts'
import {
  dropPolicy as dropPolicySql,
  dropUserIdTrigger,
  forceRowSecurity,
  unprotect,
  userIdTrigger,
} from './isolation.sql.ts'
import { asOwner, looking, type Owner } from './owner.sql.ts'
import { serviceBypass } from './protect.sql.ts'
import {
  createPolicy as createPolicySql,
  planRead,
  type Policy,
  type PolicyRule,
  selectBlindSpots,
  selectPolicies,
  selectPolicyNames,
  selectProtectedTables,
} from './rls.sql.ts'
import { requireColumn, requireTable } from './tables.ts'

/** Columns that hold a user's id have one of these types. */
export const USER_ID_TYPES = ['uuid', 'text'] as const

export type RowSecurity = { policies: Policy[]; protectedTables: string[] }

export function rowSecurity(ctx: AppContext): Promise<RowSecurity> {
  return looking(ctx.databases.inspector, async (tx) => ({
    policies: await selectPolicies(tx),
    protectedTables: await selectProtectedTables(tx),
  }))
}

/** Runs the statements and remembers them under `name`. */
export async function execute(owner: Owner, name: string, statements: string[]): Promise<void> {
  for (const statement of statements) await owner.run(statement)
  await insertMigration(owner.tx, { name, up: statements })
}

/**
 * Row security that binds the table's owner too. Until there is a policy, users see nothing.
 * @throws `invalid` reserved_table or no_such_table
 */
export async function enableRowSecurity(ctx: AppContext, table: string): Promise<void> {
  await changing(ctx, async (owner) => {
    const { enabled, forced } = await requireTable(owner, table)
    if (enabled && forced) return
    const statements = [...forceRowSecurity(table), ...serviceBypass(table)]
    await execute(owner, `rls_enable_${table}`, statements)
  })
  await auditRls(ctx, { eventType: 'rls.enable', action: 'enable', resourceId: table })
}

export type NewPolicy = PolicyRule & {
  table: string
  policy: string
  /** Fill this column with the user's id whenever a user inserts. */
  userColumn?: string | undefined
}

/**
 * A policy of that name on that table is replaced.
 * @returns warnings: what the policy reads and its callers may not see
 * @throws `invalid` unsafe_expression, invalid_expression, expression_types, and what a table asks for
 */
export async function createPolicy(ctx: AppContext, policy: NewPolicy): Promise<string[]> {
  requireExpressions(policy)
  const name = `rls_policy_${policy.table}_${policy.policy}`
  const warnings = await changing(ctx, (owner) => putPolicy(owner, policy, name))
  await auditPolicy(ctx, policy, { eventType: 'rls.policy.create', action: 'create' })
  return [...warnings, ...(await circlesOf(ctx, policy))]
}

/** @throws as `createPolicy`, and `not_found` policy_not_found; the old policy then stays */
export async function updatePolicy(ctx: AppContext, policy: NewPolicy): Promise<string[]> {
  requireExpressions(policy)
  const warnings = await changing(ctx, async (owner) => {
    await requirePolicy(owner, policy)
    return putPolicy(owner, policy, `rls_policy_update_${policy.table}_${policy.policy}`)
  })
  await auditPolicy(ctx, policy, { eventType: 'rls.policy.update', action: 'update' })
  return [...warnings, ...(await circlesOf(ctx, policy))]
}

const USER = identityOf('authenticated', { role: 'authenticated' })

const CIRCLE = '42P17'

/** PostgreSQL sees only when somebody reads that a policy needs itself to be answered. */
async function circlesOf(ctx: AppContext, { table, role }: NewPolicy): Promise<string[]> {
  const reader = role === 'anon' ? ANONYMOUS : USER
  try {
    await asIdentity(ctx.databases.api, reader, planRead(table))
    return []
  } catch (error) {
    // The policy is there already: whatever else went wrong is not its fault.
    if (sqlstateOf(error) !== CIRCLE) return []
    return [
      `Reading "${table}" fails for the callers of the policy: a policy of it reads the table itself, or two policies read each other's tables. Put the subquery into a function that is "security definer".`,
    ]
  }
}

async function putPolicy(owner: Owner, it: NewPolicy, migration: string): Promise<string[]> {
  const { table, policy, userColumn } = it
  const facts = await requireTable(owner, table)
  const statements = [dropPolicySql(policy, table), createPolicySql(table, policy, it)]
  if (userColumn !== undefined) {
    const types = USER_ID_TYPES
    const userType = await requireColumn(owner, facts, { table, column: userColumn, types })
    const isUuid = userType === 'uuid'
    statements.push(...userIdTrigger({ table, userColumn, userType: isUuid ? 'uuid' : 'text' }))
  }
  await execute(owner, migration, statements)
  return (await selectBlindSpots(owner.tx, facts, it)).map(
    (name) =>
      `The policy reads "${name}", which has row security but no policy that lets the same callers read it: the subquery will find no rows.`,
  )
}

function requireExpressions({ using, withCheck }: PolicyRule): void {
  for (const expression of [using, withCheck]) {
    const problem = expression === undefined ? undefined : problemWith(expression)
    if (!problem) continue
    const code = problem.kind === 'unsafe' ? 'unsafe_expression' : 'invalid_expression'
    throw invalid(code, `Cannot use this expression: ${problem.message}`, {
      hint: 'Write one SQL expression that yields true or false, such as "user_id = current_user_id()".',
    })
  }
}

/** Gives how many policies the table has left. @throws `not_found` policy_not_found */
export async function dropPolicy(
  ctx: AppContext,
  { table, policy }: Pick<NewPolicy, 'table' | 'policy'>,
): Promise<number> {
  const remaining = await changing(ctx, async (owner) => {
    const names = await requirePolicy(owner, { table, policy })
    const statements = [dropPolicySql(policy, table)]
    await execute(owner, `rls_policy_delete_${table}_${policy}`, statements)
    return names.length - 1
  })
  await auditPolicy(ctx, { table, policy }, { eventType: 'rls.policy.delete', action: 'delete' })
  return remaining
}

async function requirePolicy(
  owner: Owner,
  { table, policy }: Pick<NewPolicy, 'table' | 'policy'>,
): Promise<string[]> {
  const names = await selectPolicyNames(owner.tx, await requireTable(owner, table))
  if (names.includes(policy)) return names
  throw notFound('policy_not_found', `Table "${table}" has no policy "${policy}"`)
}

/**
 * The table is open to everybody with a grant afterwards. Gives how many policies went.
 * @throws `not_found` row_security_not_found when the table has none
 */
export async function disableRowSecurity(ctx: AppContext, table: string): Promise<number> {
  const removed = await changing(ctx, async (owner) => {
    const facts = await requireTable(owner, table)
    const policies = await selectPolicyNames(owner.tx, facts)
    if (policies.length === 0 && !facts.enabled) {
      throw notFound('row_security_not_found', `Table "${table}" has no row security`)
    }
    await execute(owner, `rls_disable_${table}`, [
      ...policies.map((policy) => dropPolicySql(policy, table)),
      ...dropUserIdTrigger(table),
      ...unprotect(table),
    ])
    return policies.length
  })
  await auditRls(ctx, { eventType: 'rls.disable', action: 'disable', resourceId: table })
  return removed
}

/** One transaction as the owner; what PostgreSQL says about an expression is said in our words. */
export async function changing<T>(ctx: AppContext, work: (owner: Owner) => Promise<T>): Promise<T> {
  try {
    return await asOwner(ctx.databases.owner, work)
  } catch (error) {
    throw explained(error)
  }
}

/** Classes of SQLSTATE in which an expression, not the machinery, is at fault. */
const EXPRESSION_CLASSES = new Set(['0A', '21', '22', '42', '54'])

function explained(thrown: unknown): unknown {
  const error = fromDatabase(thrown)
  const facts = error instanceof AppError ? sqlFacts(error) : undefined
  if (!facts || !EXPRESSION_CLASSES.has(facts.sqlstate.slice(0, 2))) return error
  const isMismatch = facts.sqlstate === '42883'
  const code = isMismatch ? 'expression_types' : 'invalid_expression'
  const hint = isMismatch
    ? 'Cast one side, such as current_user_id()::uuid for a uuid column.'
    : (facts.hint ?? 'Correct the expression as PostgreSQL says; nothing was changed.')
  const details = { pg_code: facts.sqlstate }
  return invalid(code, facts.message, { hint, details, cause: thrown })
}

type RlsEvent = Pick<AuditEvent, 'eventType' | 'action' | 'resourceId' | 'data'>

export const auditRls = (ctx: AppContext, event: RlsEvent): Promise<void> =>
  audit(ctx, { appId: ctx.app.id, category: 'admin', resourceType: 'table', ...event })

const auditPolicy = (
  ctx: AppContext,
  { table, policy }: Pick<NewPolicy, 'table' | 'policy'>,
  event: RlsEvent,
): Promise<void> => auditRls(ctx, { ...event, resourceId: table, data: { policy } })
