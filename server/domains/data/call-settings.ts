/** What a function has set for itself that holds for the whole transaction of its call. */
import { type Isolation, isolationIn, millisecondsIn, type Routine } from './catalog.ts'

export type CallSettings = {
  /** Milliseconds, 0 = no limit; undefined = what the role has holds. */
  timeoutMs: number | undefined
  /** Undefined = what the role has holds. */
  isolation: Isolation | 'read committed' | undefined
  others: readonly (readonly [name: string, value: string])[]
}

/** Undefined for a function that has set nothing of the kind, as most. */
export function callSettings({ settings }: Routine): CallSettings | undefined {
  const {
    statement_timeout: timeout,
    default_transaction_isolation: isolation,
    ...others
  } = settings
  if (Object.keys(settings).length === 0) return undefined
  return {
    timeoutMs: timeout === undefined ? undefined : (millisecondsIn(timeout) ?? 0),
    isolation: isolation === undefined ? undefined : (isolationIn(isolation) ?? 'read committed'),
    others: Object.entries(others),
  }
}
