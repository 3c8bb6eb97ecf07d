/** Health as both contracts word it: one body that holds what either client looks for. */
import { z } from 'zod'
import type { Http } from '#http/env'
import { bearerOf, headerOf } from '#http/request'
import type { Services } from '#services'

const SERVICE = 'control-api'

export const Health = z.object({
  status: z.enum(['ok', 'degraded']),
  service: z.string(),
  timestamp: z.iso.datetime(),
  services: z
    .object({ database: z.boolean(), realtime: z.boolean() })
    .optional()
    .describe('Only for who shows a platform or service key'),
})

export const Readiness = z.object({
  status: z.enum(['ready', 'not_ready']),
  service: z.string(),
  checks: z
    .object({ controlDb: z.literal('ok').optional(), dataPlaneDb: z.literal('ok').optional() })
    .describe('What answered'),
  regions: z
    .record(z.string(), z.enum(['ok', 'unreachable']))
    .optional()
    .describe('By name, where regions have clusters of their own'),
})

export async function health({ apps, clock }: Services) {
  const ok = await apps.controlAnswers()
  const status = ok ? 'ok' : 'degraded'
  return { ok, body: { status, service: SERVICE, timestamp: clock().toISOString() } }
}

/** What an insider sees besides. A bad credential is nobody's; it does not make health an error. */
export async function servicesFor({ identifier }: Services, c: Http, database: boolean) {
  const secret = bearerOf(headerOf(c, 'authorization'))
  if (secret === undefined) return {}
  const caller = await identifier.identify(secret).catch(() => undefined)
  if (caller?.kind !== 'account' && caller?.kind !== 'app_key') return {}
  return { services: { database, realtime: false } }
}

/**
 * Every cluster is really asked. Where some regions are away the others are served all the same: a load balancer that
 * took this process out would take those away too, and mostly finds the same region away from every other process.
 */
export async function readiness({ apps }: Services) {
  const [control, regions] = await Promise.all([apps.controlAnswers(), apps.regionsAnswer()])
  const data = regions.some(({ answers }) => answers)
  const checks = { ...(control ? { controlDb: 'ok' } : {}), ...(data ? { dataPlaneDb: 'ok' } : {}) }
  const each = regions.map(({ name, answers }) => [name, answers ? 'ok' : 'unreachable'])
  const ok = control && data
  const body = { status: ok ? 'ready' : 'not_ready', service: SERVICE, checks }
  return {
    ok,
    body: apps.needs.regions.differ ? { ...body, regions: Object.fromEntries(each) } : body,
  }
}
