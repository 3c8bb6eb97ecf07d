/** What goes before a caller's statement in its transaction: who asks, and the limits that were set for them. */
import type { BatchStatement } from '#db/batch'
import type { CallSettings } from './call-settings.ts'
import type { Catalog } from './catalog.ts'
import type { DataContext } from './execute.ts'
import { requestStatement } from './request-settings.sql.ts'
import { isolationStatement, sessionStatement } from './session.sql.ts'

export type Preamble = {
  readOnly: boolean
  /** Where unqualified names are looked for first. */
  schema: string
  /** Milliseconds per statement, instead of the context's. */
  timeoutMs?: number | undefined
  /** What the function that is called has set for itself: it goes over what the role has. */
  called?: CallSettings | undefined
}

/** PostgreSQL applies what a role has set for itself to logins only: every transaction is told, whatever language asked. */
export function preambleOf(
  { identity, timeoutMs, extraSearchPath, facts }: DataContext,
  { roleSettings, readsRequest }: Catalog,
  asked: Preamble,
): BatchStatement[] {
  const { called, schema, readOnly } = asked
  const own = roleSettings.get(identity.role)
  const session = sessionStatement(identity, {
    readOnly,
    timeoutMs: shorter(asked.timeoutMs ?? timeoutMs, called?.timeoutMs ?? own?.timeoutMs),
    own: called?.others.length ? [...(own?.others ?? []), ...called.others] : own?.others,
    schema,
    extraSearchPath,
  })
  const isolation = called?.isolation ?? own?.isolation
  const statements = isolation ? [isolationStatement(isolation), session] : [session]
  if (readsRequest && facts) statements.push(requestStatement(facts()))
  return statements
}

/** The shorter of two limits in milliseconds, 0 and undefined being none. */
function shorter(one = 0, other = 0): number {
  if (one === 0 || other === 0) return one + other
  return Math.min(one, other)
}
