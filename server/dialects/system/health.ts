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
})

export async function health({ platform, clock }: Services) {
  const ok = await answers(platform)
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
