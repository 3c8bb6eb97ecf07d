/** Who changed what. A failure to record never fails what was done. */
import type { Log } from '#core/log'
import type { Database } from '#db/database'
import {
  type AuditActor,
  type AuditEvent,
  type AuditRecord,
  insertAuditEvent,
  insertAuditEvents,
} from './audit.sql.ts'
import type { Caller } from './caller.ts'

export type { AuditActor, AuditEvent, AuditRecord } from './audit.sql.ts'

/** What recording needs to know of a request. */
export type Audited = {
  platform: Database
  log: Log
  caller: Caller
  requestId: string
  ip: string | undefined
  userAgent: string | undefined
}

export async function audit(ctx: Audited, event: AuditEvent): Promise<void> {
  try {
    await insertAuditEvent(ctx.platform.query, event, auditActor(ctx))
  } catch (error) {
    ctx.log.error({ err: error, eventType: event.eventType }, 'cannot record an audit event')
  }
}

/** Who did it, to be recorded later with `auditAll`. */
export function auditActor({ caller, ip, userAgent, requestId }: Audited): AuditActor {
  return { ...actorOf(caller), ip, userAgent, requestId }
}

/** For events that happen too often to be recorded one by one. */
export async function auditAll(
  { platform, log }: Pick<Audited, 'platform' | 'log'>,
  records: readonly AuditRecord[],
): Promise<void> {
  try {
    await insertAuditEvents(platform.query, records)
  } catch (error) {
    log.error({ err: error, count: records.length }, 'cannot record audit events')
  }
}

function actorOf(caller: Caller): Pick<AuditActor, 'actorType' | 'actorId'> {
  switch (caller.kind) {
    case 'anonymous':
      return { actorType: 'anonymous', actorId: null }
    case 'user':
      return { actorType: 'app_user', actorId: caller.userId }
    case 'client_key':
      return { actorType: 'api_key', actorId: caller.credentialId }
    case 'app_key':
      return { actorType: 'api_key', actorId: caller.credentialId }
    case 'account':
      return caller.via === 'key'
        ? { actorType: 'api_key', actorId: caller.credentialId }
        : { actorType: 'platform_user', actorId: caller.accountId }
  }
}
