/** Butterbase's row security: policies, and each user their own rows in one call. */
import { z } from 'zod'
import {
  createPolicy,
  disableRowSecurity,
  dropPolicy,
  enableRowSecurity,
  type Isolated,
  isolateByUser,
  type NewPolicy,
  type Policy,
  type RowSecurity,
  rowSecurity,
  type Secured,
  secureApp,
  updatePolicy,
} from '#domains/schema'
import { validated } from '#http/body'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'
import { AppId, Message, Meta } from './shapes.ts'

const Name = z.string().min(1).max(63)

const PolicyName = z
  .string()
  .max(63)
  .regex(/^[a-z_][a-z0-9_]*$/, 'use lower-case letters, digits and _ for the name of a policy')

const Isolation = z.object({
  table_name: Name,
  user_column: Name,
  public_read_column: Name.optional(),
})

const Enable = z.object({ table_name: Name })

const Rule = z
  .object({
    table_name: Name,
    command: z.enum(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'ALL']).default('ALL'),
    role: z.enum(['anon', 'user']).optional(),
    using_expression: z.string().optional(),
    with_check_expression: z.string().optional(),
    restrictive: z.boolean().default(false),
  })
  .refine((it) => it.using_expression !== undefined || it.with_check_expression !== undefined, {
    message: 'give using_expression, with_check_expression or both',
  })

const NewRule = Rule.safeExtend({ policy_name: PolicyName, user_column: Name.optional() })

const Secure = z.object({ tables: z.array(Isolation).max(200).default([]) })

const Success = z.literal(true)

const PolicyAnswer = z
  .object({
    schemaname: z.string(),
    tablename: z.string(),
    policyname: z.string(),
    permissive: z.enum(['PERMISSIVE', 'RESTRICTIVE']),
    roles: z.array(z.string()),
    cmd: z.enum(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'ALL']),
    qual: z.string().nullable().describe('Which rows are seen'),
    with_check: z.string().nullable().describe('Which rows may be written'),
  })
  .meta({ id: 'ButterbasePolicy' })

const Policies = z.array(PolicyAnswer)

const PoliciesAndTables = z.object({
  policies: Policies,
  tables_with_rls: z.array(z.string()),
})

const IsolatedAnswer = z.object({
  success: Success,
  table: z.string(),
  user_column: z.string(),
  policy_name: z.string(),
  public_read_policies: z.array(z.string()).optional(),
  _meta: Meta,
})

const RuleAnswer = z.object({
  success: Success,
  policy_name: z.string(),
  table: z.string(),
  warnings: z.array(z.string()).optional(),
})

const SecuredAnswer = z.object({
  message: Message,
  app_id: AppId,
  access_mode: z.enum(['public', 'authenticated']),
  tables_secured: z.array(
    z.object({
      table: z.string(),
      policy: z.string(),
      public_read_policies: z.array(z.string()).optional(),
    }),
  ),
  table_errors: z.array(z.object({ table: z.string(), error: z.string() })),
})

export function addRls(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'get',
      path: '/v1/{app_id}/rls',
      access: 'owner',
      summary: 'List the policies',
      answer: z.union([Policies, PoliciesAndTables]),
      docs: {
        query: {
          format:
            '`object`: also the tables that row security protects; without it a list of policies',
        },
      },
    },
    async ({ c, ctx }) => {
      const found = await rowSecurity(ctx)
      return c.json(c.req.query('format') === 'object' ? objectToWire(found) : listToWire(found))
    },
  )
  routes.add(
    {
      method: 'post',
      path: '/v1/{app_id}/rls',
      access: 'owner',
      summary: 'Give each user their own rows of a table',
      body: Isolation,
      answer: IsolatedAnswer,
    },
    async ({ c, ctx, body }) => {
      const isolated = await isolateByUser(ctx, isolationFrom(body))
      return c.json(isolatedToWire(isolated, body.user_column))
    },
  )
  routes.add(
    {
      method: 'post',
      path: '/v1/{app_id}/rls/enable',
      access: 'owner',
      summary: 'Turn row security on for a table',
      body: Enable,
      answer: z.object({ success: Success, table: z.string(), rls_enabled: z.literal(true) }),
    },
    async ({ c, ctx, body: { table_name: table } }) => {
      await enableRowSecurity(ctx, table)
      return c.json({ success: true, table, rls_enabled: true })
    },
  )
  addPolicies(routes)
  addRemovals(routes)
  addSecure(routes)
}

function addPolicies(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'post',
      path: '/v1/{app_id}/rls/policies',
      access: 'owner',
      summary: 'Create a policy, or replace the one of that name',
      body: NewRule,
      answer: RuleAnswer.extend({ table_name: z.string() }),
    },
    async ({ c, ctx, body }) => {
      const { policy_name: policy, user_column: userColumn } = body
      const warnings = await createPolicy(ctx, { ...ruleFrom(body), policy, userColumn })
      const table = body.table_name
      const answer = { success: true, policy_name: policy, table, table_name: table }
      return c.json({ ...answer, ...(warnings.length === 0 ? {} : { warnings }) })
    },
  )
  routes.add(
    {
      method: 'patch',
      path: '/v1/{app_id}/rls/policies/{policy_name}',
      access: 'owner',
      summary: 'Put another rule in the place of a policy',
      body: Rule,
      answer: RuleAnswer,
    },
    async ({ c, ctx, body }) => {
      const policy = validated(PolicyName, c.req.param('policy_name'))
      const warnings = await updatePolicy(ctx, { ...ruleFrom(body), policy })
      const answer = { success: true, policy_name: policy, table: body.table_name }
      return c.json({ ...answer, ...(warnings.length === 0 ? {} : { warnings }) })
    },
  )
}

function addRemovals(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'delete',
      path: '/v1/{app_id}/rls/{table}',
      access: 'owner',
      summary: 'Drop all policies of a table and turn row security off',
      answer: z.object({ message: Message, table: z.string(), policies_removed: z.int() }),
    },
    async ({ c, ctx }) => {
      const table = validated(Name, c.req.param('table'))
      const removed = await disableRowSecurity(ctx, table)
      const message = `Row security of "${table}" is off: every role with a grant sees every row`
      return c.json({ message, table, policies_removed: removed })
    },
  )
  routes.add(
    {
      method: 'delete',
      path: '/v1/{app_id}/rls/{table}/{policy_name}',
      access: 'owner',
      summary: 'Drop one policy',
      answer: z.object({
        message: Message,
        table: z.string(),
        policy_name: z.string(),
        remaining_policies: z.int(),
      }),
    },
    async ({ c, ctx }) => {
      const table = validated(Name, c.req.param('table'))
      const policy = validated(PolicyName, c.req.param('policy_name'))
      const remaining = await dropPolicy(ctx, { table, policy })
      const message = `Policy "${policy}" dropped; row security stays on`
      return c.json({ message, table, policy_name: policy, remaining_policies: remaining })
    },
  )
}

function addSecure(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'post',
      path: '/v1/{app_id}/secure',
      access: 'owner',
      summary: 'Keep anonymous requests out, and give each user their own rows',
      body: Secure,
      answer: SecuredAnswer,
    },
    async ({ c, ctx, body }) =>
      c.json(securedToWire(await secureApp(ctx, body.tables.map(isolationFrom)))),
  )
}

const isolationFrom = (it: z.output<typeof Isolation>) => ({
  table: it.table_name,
  userColumn: it.user_column,
  publicReadColumn: it.public_read_column,
})

const ruleFrom = (it: z.output<typeof Rule>): Omit<NewPolicy, 'policy'> => ({
  table: it.table_name,
  command: it.command,
  role: it.role,
  using: it.using_expression,
  withCheck: it.with_check_expression,
  restrictive: it.restrictive,
})

function isolatedToWire(
  { table, policy, publicReadPolicies }: Isolated,
  userColumn: string,
): z.input<typeof IsolatedAnswer> {
  const next = {
    action: 'query_data',
    description: `Sign in as two users and see that each finds their own rows of "${table}".`,
    recommended: true,
  }
  return {
    success: true,
    table,
    user_column: userColumn,
    policy_name: policy,
    ...(publicReadPolicies ? { public_read_policies: publicReadPolicies } : {}),
    _meta: { next_actions: [next] },
  }
}

const securedToWire = ({ app, secured, failed }: Secured): z.input<typeof SecuredAnswer> => ({
  message: 'App secured successfully',
  app_id: app.id,
  access_mode: app.accessMode,
  tables_secured: secured.map(({ table, policy, publicReadPolicies }) => ({
    table,
    policy,
    ...(publicReadPolicies ? { public_read_policies: publicReadPolicies } : {}),
  })),
  table_errors: failed.map(({ table, message }) => ({ table, error: message })),
})

const policyToWire = ({ withCheck, ...policy }: Policy): z.input<typeof PolicyAnswer> => ({
  ...policy,
  with_check: withCheck,
})

/** The form that the client library maps over. */
const listToWire = ({ policies }: RowSecurity) => policies.map(policyToWire)

const objectToWire = ({ policies, protectedTables }: RowSecurity) => ({
  policies: policies.map(policyToWire),
  tables_with_rls: protectedTables,
})
