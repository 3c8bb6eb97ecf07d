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

/** Only client keys are bound by scopes. */
export const hasScope = (caller: Caller, needed: string): boolean =>
  caller.kind !== 'client_key' || grants(caller.scopes, needed)

/** @throws `forbidden` insufficient_scope whose details are { required_scope } */
export function requireScope(caller: Caller, needed: string): void {
  if (hasScope(caller, needed)) return
  throw forbidden('insufficient_scope', 'Insufficient permissions', {
    details: { required_scope: needed },
  })
}

const KNOWN: readonly string[] = [
  ...['tables', 'storage', 'auth', 'clientkeys', 'webhooks', 'jobs', 'ai', 'secrets'].flatMap(
    (area) => [`${area}:read`, `${area}:write`],
  ),
  ...['functions', 'rpc', 'migrations'].flatMap((area) => [`${area}:read`, `${area}:execute`]),
  'monitoring:read',
  'realtime:connect',
  'realtime:broadcast',
]

/** The first of the wanted scopes that is more than the held ones are. */
export const scopeBeyond = (
  held: readonly string[],
  wanted: readonly string[],
): string | undefined =>
  held.includes('*') ? undefined : wanted.find((scope) => !covers(held, scope))

/** What means nothing yet may mean something later: it must be held by name. */
function covers(held: readonly string[], scope: string): boolean {
  if (held.includes(scope)) return true
  if (scope === '*') return false
  const granted = KNOWN.filter((known) => grants([scope], known))
  if (granted.length > 0) return granted.every((known) => grants(held, known))
  // A third word narrows to one namespace.
  const [whole] = /^[^:]+:[^:]+(?=:.)/.exec(scope) ?? []
  return whole !== undefined && KNOWN.includes(whole) && grants(held, whole)
}
