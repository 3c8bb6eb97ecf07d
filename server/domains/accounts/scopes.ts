/** What a client key may do: words such as `tables:read`, and shorter ones for many of them. */
import { forbidden } from '#core/errors'
import type { Caller } from './caller.ts'

/** `read` and `read:*` are every reading, `write` and `write:own` every writing; `read:tables` is `tables:read`. */
function grants(scopes: readonly string[], needed: string): boolean {
  const [area = '', action = ''] = needed.split(':')
  const words = ['*', needed, `${action}:${area}`, action, `${action}:*`]
  if (action === 'write') words.push('write:own')
  return words.some((word) => scopes.includes(word))
}

/**
 * Only client keys are bound by scopes.
 * @throws `forbidden` insufficient_scope whose details are { required_scope }
 */
export function requireScope(caller: Caller, needed: string): void {
  if (caller.kind !== 'client_key' || grants(caller.scopes, needed)) return
  throw forbidden('insufficient_scope', 'Insufficient permissions', {
    details: { required_scope: needed },
  })
}
