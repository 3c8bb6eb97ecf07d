/** Butterbase's functions: deploy, list, look at, change, delete, try. */
import { z } from 'zod'
import {
  deleteFunction,
  deployFunction,
  type DeployedFunction,
  type FunctionsContext,
  type FunctionSpec,
  type FunctionView,
  getFunction,
  listFunctions,
  patchFunctionEnv,
  setImpersonation,
  type Trigger,
  TRIGGER_TYPES,
} from '#domains/functions'
import type { AppContext } from '#domains/apps'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { addFunctionLogs } from './function-logs.ts'
import type { Scopes } from './guards.ts'
import { Message, Time } from './shapes.ts'

const TriggerBody = z.object({
  type: z.enum(TRIGGER_TYPES),
  config: z.record(z.string(), z.unknown()).default({}),
  enabled: z.boolean().default(true),
})

export const FunctionName = z
  .string()
  .min(1)
  .max(100)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'use A-Z, a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit',
  )

const NewFunction = z.object({
  name: FunctionName,
  code: z.string().min(1),
  description: z.string().optional(),
  envVars: z.record(z.string(), z.string()).optional(),
  timeoutMs: z.int().min(1).max(300_000).default(30_000),
  memoryLimitMb: z.int().min(64).max(1024).default(128),
  triggers: z.array(TriggerBody).min(1).optional(),
  trigger: TriggerBody.optional(),
  agent_tool: z.boolean().default(false),
  agent_tool_description: z.string().max(500).optional(),
  agent_tool_mode: z.enum(['read_only', 'read_write']).default('read_only'),
  agent_tool_exposed_to: z.enum(['developer_only', 'end_user']).default('developer_only'),
  allow_service_key_impersonation: z.boolean().default(true),
})

const EnvPatch = z.object({
  envVars: z.unknown().optional().describe('Names and their values; `null` removes one'),
})

const Settings = z.object({ allow_service_key_impersonation: z.boolean() })

const Invalidated = z
  .object({ success: z.boolean(), attempts: z.int() })
  .describe('Whether every process knows already')

const DeployedAnswer = z
  .object({
    id: z.string(),
    name: z.string(),
    url: z.url().nullable().describe('Where it is called; null without an http trigger'),
    triggers: z.array(z.object({ type: z.enum(TRIGGER_TYPES), enabled: z.boolean() })),
    deployedAt: Time,
    cacheInvalidation: Invalidated,
    webhook: z.object({ url: z.url(), secret: z.string().optional() }).optional(),
  })
  .meta({ id: 'ButterbaseDeployedFunction' })

const Common = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  triggers: z.array(
    z.object({
      type: z.enum(TRIGGER_TYPES),
      config: z.record(z.string(), z.unknown()),
      enabled: z.boolean(),
    }),
  ),
  url: z.url().nullable(),
  status: z.enum(['error', 'active']),
  deployedAt: Time,
  lastInvoked: Time.nullable(),
  lastStatus: z.int().nullable(),
  invocationCount: z.int(),
  agent_tool: z.boolean(),
  agent_tool_description: z.string().nullable(),
  agent_tool_mode: z.enum(['read_only', 'read_write']),
  agent_tool_exposed_to: z.enum(['developer_only', 'end_user']),
  allow_service_key_impersonation: z.boolean(),
  errorRate: z.number().describe('Share of calls that failed'),
  avgDuration: z.number().describe('Milliseconds'),
})

const ListedFunction = Common.meta({ id: 'ButterbaseListedFunction' })

const OneFunction = Common.extend({
  code: z.string(),
  timeoutMs: z.int(),
  memoryLimitMb: z.int(),
  errorCount: z.int(),
  envKeys: z.array(z.string()),
  webhookUrl: z.url().optional(),
}).meta({ id: 'ButterbaseFunction' })

const Changed = z.object({ id: z.string(), name: z.string(), updated_at: Time })

const ChangedAnswer = z.object({ message: Message, cache_invalidation: Invalidated })

export const FUNCTION_ANSWERS = {
  invalid_function: [400, 'VALIDATION_INVALID_SCHEMA'],
  invalid_env: [400, 'VALIDATION_INVALID_SCHEMA'],
  invalid_query: [400, 'VALIDATION_INVALID_SCHEMA'],
  impersonation_forbidden: [403, 'AUTH_IMPERSONATION_FORBIDDEN'],
  impersonation_disabled: [403, 'AUTH_IMPERSONATION_DISABLED'],
  function_timeout: [504, 'FUNCTION_TIMEOUT'],
} as const

/** There is one process and its caches are told at once. */
export const INVALIDATED = { success: true, attempts: 1 }

const FUNCTIONS = '/v1/{app_id}/functions'
const ONE = `${FUNCTIONS}/{name}`

/** The context of a handler with the machinery of functions in it. */
export const withFunctions =
  ({ functions }: Services) =>
  (ctx: AppContext): FunctionsContext => ({ ...ctx, functions })

export function addFunctions(routes: RouteTable<Scopes>, services: Services): void {
  const scoped = withFunctions(services)
  routes.add(
    {
      method: 'post',
      path: FUNCTIONS,
      access: 'owner',
      summary: 'Deploy a function, or a new version of it',
      body: NewFunction,
      answer: DeployedAnswer,
    },
    async ({ c, ctx, body }) => {
      const deployed = await deployFunction(scoped(ctx), toSpec(body))
      return c.json(deployedToWire(ctx, deployed))
    },
  )
  routes.add(
    {
      method: 'get',
      path: FUNCTIONS,
      access: 'owner',
      summary: 'List the functions',
      answer: z.object({ functions: z.array(ListedFunction) }),
    },
    async ({ c, ctx }) => {
      const functions = await listFunctions(scoped(ctx))
      return c.json({ functions: functions.map((one) => listedToWire(ctx, one)) })
    },
  )
  routes.add(
    {
      method: 'get',
      path: ONE,
      access: 'owner',
      summary: 'Look at a function and its metrics',
      answer: OneFunction,
    },
    async ({ c, ctx }) =>
      c.json(oneToWire(ctx, await getFunction(scoped(ctx), c.req.param('name') ?? ''))),
  )
  routes.add(
    {
      method: 'delete',
      path: ONE,
      access: 'owner',
      summary: 'Delete a function; its logs stay',
      answer: z.object({ success: z.literal(true) }),
    },
    async ({ c, ctx }) => {
      await deleteFunction(scoped(ctx), c.req.param('name') ?? '')
      return c.json({ success: true })
    },
  )
  addChanges(routes, scoped)
  addFunctionLogs(routes, scoped)
}

type Scoped = (ctx: AppContext) => FunctionsContext

function addChanges(routes: RouteTable<Scopes>, scoped: Scoped): void {
  routes.add(
    {
      method: 'patch',
      path: `${ONE}/env`,
      access: 'owner',
      summary: 'Set or remove environment variables of a function',
      body: EnvPatch,
      answer: ChangedAnswer.extend({ function: Changed, updatedKeys: z.array(z.string()) }),
    },
    async ({ c, ctx, body }) => {
      const name = c.req.param('name') ?? ''
      const { keys, ...updated } = await patchFunctionEnv(scoped(ctx), name, body.envVars)
      return c.json({
        message: 'Environment variables updated successfully',
        function: { id: updated.id, name, updated_at: updated.updatedAt.toISOString() },
        updatedKeys: keys,
        cache_invalidation: INVALIDATED,
      })
    },
  )
  routes.add(
    {
      method: 'patch',
      path: `${ONE}/settings`,
      access: 'owner',
      summary: 'Let service keys act as users of a function, or not',
      body: Settings,
      answer: ChangedAnswer.extend({ function: Changed.extend(Settings.shape) }),
    },
    async ({ c, ctx, body: { allow_service_key_impersonation: allowed } }) => {
      const updated = await setImpersonation(scoped(ctx), c.req.param('name') ?? '', allowed)
      const { id, name, updatedAt } = updated
      return c.json({
        message: 'Function settings updated successfully',
        function: {
          id,
          name,
          allow_service_key_impersonation: allowed,
          updated_at: updatedAt.toISOString(),
        },
        cache_invalidation: INVALIDATED,
      })
    },
  )
}

const DEFAULT_TRIGGERS: Trigger[] = [{ type: 'http', config: {}, enabled: true }]

function toSpec({ trigger, ...body }: z.output<typeof NewFunction>): FunctionSpec {
  return {
    name: body.name,
    code: body.code,
    description: body.description,
    envVars: body.envVars,
    timeoutMs: body.timeoutMs,
    memoryLimitMb: body.memoryLimitMb,
    triggers: body.triggers ?? (trigger ? [trigger] : DEFAULT_TRIGGERS),
    agentTool: body.agent_tool,
    agentToolDescription: body.agent_tool_description,
    agentToolMode: body.agent_tool_mode,
    agentToolExposedTo: body.agent_tool_exposed_to,
    allowServiceKeyImpersonation: body.allow_service_key_impersonation,
  }
}

export const functionUrl = (ctx: AppContext, name: string): string =>
  `${ctx.apps.apiUrlOf(ctx.app)}/fn/${name}`

const webhookUrl = (ctx: AppContext, name: string, token: string): string =>
  `${ctx.apps.apiUrlOf(ctx.app)}/webhook/${name}?token=${token}`

const publicUrl = (ctx: AppContext, name: string, triggers: readonly Trigger[]): string | null =>
  triggers.some(({ type }) => type === 'http') ? functionUrl(ctx, name) : null

function deployedToWire(
  ctx: AppContext,
  { webhook, ...deployed }: DeployedFunction,
): z.input<typeof DeployedAnswer> {
  const { id, name, triggers, deployedAt } = deployed
  const hook = webhook && {
    url: webhookUrl(ctx, name, webhook.token),
    ...(webhook.secret === undefined ? {} : { secret: webhook.secret }),
  }
  return {
    id,
    name,
    url: publicUrl(ctx, name, triggers),
    triggers: triggers.map(({ type, enabled }) => ({ type, enabled })),
    deployedAt: deployedAt.toISOString(),
    cacheInvalidation: INVALIDATED,
    ...(hook ? { webhook: hook } : {}),
  }
}

/** Above this share of errors in 24 hours a function is shown as failing. */
const FAILING = 0.1

function commonToWire(
  ctx: AppContext,
  view: FunctionView,
): Omit<z.input<typeof Common>, 'errorRate' | 'avgDuration'> {
  return {
    id: view.id,
    name: view.name,
    description: view.description,
    triggers: view.triggers,
    url: publicUrl(ctx, view.name, view.triggers),
    status: view.recentErrorRate > FAILING ? 'error' : 'active',
    deployedAt: view.deployedAt.toISOString(),
    lastInvoked: view.lastInvokedAt?.toISOString() ?? null,
    lastStatus: view.lastStatus,
    invocationCount: view.invocationCount,
    agent_tool: view.agentTool,
    agent_tool_description: view.agentToolDescription,
    agent_tool_mode: view.agentToolMode,
    agent_tool_exposed_to: view.agentToolExposedTo,
    allow_service_key_impersonation: view.allowServiceKeyImpersonation,
  }
}

/** Rate and average of the last 24 hours. */
const listedToWire = (ctx: AppContext, view: FunctionView): z.input<typeof ListedFunction> => ({
  ...commonToWire(ctx, view),
  errorRate: view.recentErrorRate,
  avgDuration: view.recentDurationMs,
})

/** Counts and average of its whole life. There is no `envVars`: clients would send it back. */
function oneToWire(ctx: AppContext, view: FunctionView): z.input<typeof OneFunction> {
  const { invocationCount: count, errorCount } = view
  const token = view.webhookToken
  return {
    ...commonToWire(ctx, view),
    code: view.code,
    timeoutMs: view.timeoutMs,
    memoryLimitMb: view.memoryLimitMb,
    errorCount,
    errorRate: count === 0 ? 0 : errorCount / count,
    avgDuration: count === 0 ? 0 : view.totalDurationMs / count,
    envKeys: view.envKeys,
    ...(token === undefined ? {} : { webhookUrl: webhookUrl(ctx, view.name, token) }),
  }
}
