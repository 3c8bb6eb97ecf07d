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

export type AuditRecord = { event: AuditEvent; by: AuditActor; at: Date }

/** Many at once, for what happens often. */
export async function insertAuditEvents(tx: Tx, records: readonly AuditRecord[]): Promise<void> {
  const rows = records.map(({ event, by, at }) => ({ ...event, ...by, at }))
  await tx`
    insert into audit_events (app_id, category, event_type, action, resource_type, resource_id, actor_type,
      actor_id, event_data, ip_address, user_agent, success, error_message, correlation_id, created_at)
    select "appId", category, "eventType", action, "resourceType", "resourceId", "actorType", "actorId",
      coalesce(data, '{}'), ip, "userAgent", coalesce(success, true), "errorMessage", "requestId", at
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      "appId" text, category text, "eventType" text, action text, "resourceType" text, "resourceId" text,
      "actorType" text, "actorId" text, data jsonb, ip text, "userAgent" text, success boolean,
      "errorMessage" text, "requestId" text, at timestamptz)`
}
