/** Health as both contracts word it: one body that holds what either client looks for. */
import { z } from 'zod'
import type { Services } from '#services'

const SERVICE = 'control-api'

export const Health = z.object({
  status: z.enum(['ok', 'degraded']),
  service: z.string(),
  timestamp: z.iso.datetime(),
})

export const Readiness = z.object({
  status: z.enum(['ready', 'not_ready']),
  service: z.string(),
  checks: z
    .object({ controlDb: z.literal('ok').optional(), dataPlaneDb: z.literal('ok').optional() })
    .describe('What answered'),
})

export async function health({ platform, clock }: Services) {
  const ok = await answers(platform)
  const status = ok ? 'ok' : 'degraded'
  return { ok, body: { status, service: SERVICE, timestamp: clock().toISOString() } }
}

/** Both kinds of database are really asked. */
export async function readiness({ platform, apps }: Services) {
  const [control, data] = await Promise.all([answers(platform), apps.isReachable()])
  const checks = { ...(control ? { controlDb: 'ok' } : {}), ...(data ? { dataPlaneDb: 'ok' } : {}) }
  const ok = control && data
  return { ok, body: { status: ok ? 'ready' : 'not_ready', service: SERVICE, checks } }
}

async function answers(platform: Services['platform']): Promise<boolean> {
  try {
    await platform.query`select 1`
    return true
  } catch {
    return false
  }
}
