/** What starts a function. Kept for all five kinds; see the README for those that fire. */
import { assertSchedule } from './cron.ts'
import { invalidFunction } from './invalid-function.ts'

export const TRIGGER_TYPES = ['http', 'cron', 's3_upload', 'webhook', 'websocket'] as const

export type TriggerType = (typeof TRIGGER_TYPES)[number]

export type Trigger = { type: TriggerType; config: Record<string, unknown>; enabled: boolean }

export type HttpAuth = 'required' | 'optional' | 'none'

const HTTP_AUTH = new Set<unknown>(['required', 'optional', 'none'] satisfies HttpAuth[])

/** Stands where a secret is, in answers and in requests that do not change it. */
export const HIDDEN = '***'

/**
 * The triggers as they are stored: http asks for a credential unless it says otherwise.
 * @throws `invalid` invalid_function: two of one type, an unknown auth, a bad schedule or time zone
 */
export function normalizeTriggers(given: readonly Trigger[]): Trigger[] {
  const seen = new Set<TriggerType>()
  return given.map((trigger) => {
    const { type } = trigger
    if (seen.has(type)) throw invalidFunction(`triggers: more than one trigger of type "${type}"`)
    seen.add(type)
    if (type === 'cron') assertSchedule(trigger.config)
    return type === 'http' ? withAuth(trigger) : trigger
  })
}

function withAuth({ config, ...trigger }: Trigger): Trigger {
  const { auth = 'required' } = config
  if (HTTP_AUTH.has(auth)) return { ...trigger, config: { ...config, auth } }
  throw invalidFunction('triggers: config.auth of an http trigger is required, optional or none')
}
