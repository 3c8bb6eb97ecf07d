import type { Tx } from '#db/database'

export type AuditEvent = {
  appId?: string | undefined
  category: 'auth' | 'admin' | 'function'
  /** Such as `app.create`. */
  eventType: string
  action: 'create' | 'update' | 'delete' | 'invoke' | 'enable' | 'disable' | 'denied'
  resourceType?: string
  resourceId?: string
  /** Names and numbers only, never a secret. */
  data?: Record<string, unknown>
  success?: boolean
  errorMessage?: string
}

export type AuditActor = {
  actorType: 'platform_user' | 'app_user' | 'api_key' | 'system' | 'anonymous'
  actorId: string | null
  ip?: string | undefined
  userAgent?: string | undefined
  requestId?: string | undefined
}

export async function insertAuditEvent(tx: Tx, event: AuditEvent, by: AuditActor): Promise<void> {
  await tx`
    insert into audit_events (app_id, category, event_type, action, resource_type, resource_id, actor_type,
      actor_id, event_data, ip_address, user_agent, success, error_message, correlation_id)
    values (${event.appId}, ${event.category}, ${event.eventType}, ${event.action}, ${event.resourceType},
      ${event.resourceId}, ${by.actorType}, ${by.actorId}, ${JSON.stringify(event.data ?? {})}, ${by.ip},
      ${by.userAgent}, ${event.success ?? true}, ${event.errorMessage}, ${by.requestId})`
}
