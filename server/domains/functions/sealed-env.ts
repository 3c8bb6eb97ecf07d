/** Environment values at rest: one sealed JSON object for each function and one for the app. */
import { invalid } from '#core/errors'
import type { Keyring } from '#core/keyring'

export type EnvValues = Record<string, string>

/** A null removes the key. */
export type EnvPatch = Record<string, string | null>

export const APP_ENV = 'env'

/** A sealed value opens only where it belongs. */
export const functionEnvContext = (appId: string, functionId: string): string =>
  `${appId}/functions/${functionId}/env`

export const sealEnv = (keyring: Keyring, values: EnvValues, context: string): string =>
  keyring.encrypt(JSON.stringify(values), context)

export const unsealEnv = (keyring: Keyring, sealed: string | null, context: string): EnvValues =>
  sealed === null ? {} : (JSON.parse(keyring.decrypt(sealed, context)) as EnvValues)

export function mergeEnv(values: EnvValues, patch: EnvPatch): EnvValues {
  const merged = Object.entries({ ...values, ...patch })
  return Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null))
}

const RESERVED = /^BUTTERBASE_/i

/** What PostgreSQL cannot keep as text is no environment value anywhere. @throws `invalid` invalid_env */
export function assertEnvNames(names: readonly string[]): void {
  for (const name of names) {
    if (name === '' || name.includes('=') || name.includes('\0')) {
      throw invalidEnv(`Invalid key: ${JSON.stringify(name)}`)
    }
    if (RESERVED.test(name)) {
      throw invalidEnv(
        `Reserved key: "${name}" — keys starting with BUTTERBASE_ are reserved for platform use`,
      )
    }
  }
}

/** @throws `invalid` invalid_env */
export function toEnvPatch(given: unknown): EnvPatch {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidEnv('envVars must be a non-empty object')
  }
  const entries = Object.entries(given)
  if (entries.length === 0) throw invalidEnv('envVars must contain at least one key')
  assertEnvNames(entries.map(([name]) => name))
  const wrong = entries.find(([, value]) => value !== null && typeof value !== 'string')
  if (wrong) throw invalidEnv(`The value of "${wrong[0]}" must be a string, or null to remove it`)
  return Object.fromEntries(entries) as EnvPatch
}

const invalidEnv = (message: string) =>
  invalid('invalid_env', message, {
    hint: 'Send {"envVars": {"NAME": "value"}}; null removes a name.',
  })
