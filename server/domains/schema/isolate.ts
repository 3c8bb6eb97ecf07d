/** Each user their own rows: the usual policy, in one call. */
import { audit } from '#domains/accounts'
import { type App, type AppContext, setAccessMode } from '#domains/apps'
import { AppError } from '#core/errors'
import {
  dropPolicy,
  forceRowSecurity,
  isolationPolicyOf,
  publicRead,
  publicReadPoliciesOf,
  userIdTrigger,
  userIsolation,
} from './isolation.sql.ts'
import type { Owner } from './owner.sql.ts'
import { serviceBypass } from './protect.sql.ts'
import { auditRls, changing, execute, USER_ID_TYPES } from './rls.ts'
import { requireColumn, requireTable } from './tables.ts'

export type IsolationRequest = {
  table: string
  /** Holds the owner's id: uuid or text. */
  userColumn: string
  /** Rows in which this boolean column is true are readable by everybody. */
  publicReadColumn?: string | undefined
}

export type Isolated = {
  table: string
  policy: string
  /** Nothing without a public column. */
  publicReadPolicies: string[] | undefined
}

/**
 * Idempotent; what an earlier call opened to the public and this one does not is closed.
 * @throws `invalid` reserved_table, no_such_table, no_such_column or wrong_column_type
 */
export async function isolateByUser(ctx: AppContext, request: IsolationRequest): Promise<Isolated> {
  const { table, publicReadColumn } = request
  await changing(ctx, async (owner) => {
    const statements = await statementsFor(owner, request)
    await execute(owner, `rls_${table}_user_isolation`, statements)
  })
  const policy = isolationPolicyOf(table)
  await auditRls(ctx, {
    eventType: 'rls.policy.create',
    action: 'create',
    resourceId: table,
    data: { policy },
  })
  const opened = publicReadColumn === undefined ? undefined : publicReadPoliciesOf(table)
  return { table, policy, publicReadPolicies: opened }
}

async function statementsFor(owner: Owner, request: IsolationRequest): Promise<string[]> {
  const { table, userColumn, publicReadColumn } = request
  const facts = await requireTable(owner, table)
  const types = USER_ID_TYPES
  const found = await requireColumn(owner, facts, { table, column: userColumn, types })
  const isolation = { table, userColumn, userType: found === 'uuid' ? 'uuid' : 'text' } as const
  const statements = [
    ...forceRowSecurity(table),
    ...serviceBypass(table),
    ...userIsolation(isolation),
    ...userIdTrigger(isolation),
    ...publicReadPoliciesOf(table).map((policy) => dropPolicy(policy, table)),
  ]
  if (publicReadColumn === undefined) return statements
  await requireColumn(owner, facts, { table, column: publicReadColumn, types: ['boolean'] })
  return [...statements, ...publicRead(table, publicReadColumn)]
}

export type Secured = {
  app: App
  secured: Isolated[]
  failed: { table: string; message: string }[]
}

/** Keeps anonymous requests out, then isolates each table by itself: one that fails stops no other. */
export async function secureApp(
  ctx: AppContext,
  requests: readonly IsolationRequest[],
): Promise<Secured> {
  const app = await setAccessMode(ctx, ctx.app, 'authenticated')
  const secured: Isolated[] = []
  const failed: Secured['failed'] = []
  for (const request of requests) {
    try {
      secured.push(await isolateByUser(ctx, request))
    } catch (error) {
      const { kind, message } = AppError.from(error)
      if (kind === 'internal') ctx.log.error({ err: error, appId: app.id }, message)
      failed.push({ table: request.table, message })
    }
  }
  const data = {
    secured: secured.map(({ table }) => table),
    failed: failed.map(({ table }) => table),
  }
  const event = { category: 'admin', eventType: 'app.secure', action: 'update' } as const
  await audit(ctx, { ...event, appId: app.id, resourceType: 'app', resourceId: app.id, data })
  return { app, secured, failed }
}
