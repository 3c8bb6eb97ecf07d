/** Secrets and addresses of webhook triggers. */
import { createHmac } from 'node:crypto'
import { randomHex } from '#core/ids'
import type { Keyring } from '#core/keyring'
import type { FunctionsContext } from './context.ts'
import type { FunctionRow, StoredTrigger } from './functions.sql.ts'
import { invalidFunction } from './invalid-function.ts'
import { HIDDEN, type Trigger } from './triggers.ts'

/** Part of the address of a webhook: who has no secret to sign with shows this. Stable across deploys. */
export const webhookToken = (keyring: Keyring, appId: string, functionId: string): string =>
  createHmac('sha256', keyring.derive('webhook-token'))
    .update(`webhook:${appId}:${functionId}`)
    .digest('base64url')

export const secretContext = (appId: string, functionId: string): string =>
  `${appId}/functions/${functionId}/webhook`

type Storing = { functionId: string; triggers: readonly Trigger[]; old: FunctionRow | undefined }

/**
 * Triggers with their secrets sealed and taken out of the configuration. A secret that is not given again stays; where
 * one is needed and none is there, one is made and told once.
 */
export function storeSecrets(
  { keyring, app }: FunctionsContext,
  { functionId, triggers, old }: Storing,
): { stored: StoredTrigger[]; made: string | undefined } {
  let made: string | undefined
  const stored = triggers.map((trigger): StoredTrigger => {
    if (trigger.type !== 'webhook') return { ...trigger, secret: null }
    const { secret: given, ...config } = trigger.config
    const kept = old?.triggers.find(({ type }) => type === 'webhook')?.secret ?? null
    const plain = givenSecret(given)
    if (plain === undefined && kept === null && config.secret_required !== false) {
      made = `whsec_${randomHex(20)}`
    }
    const fresh = plain ?? made
    const sealed = fresh && keyring.encrypt(fresh, secretContext(app.id, functionId))
    return { ...trigger, config, secret: sealed ?? kept }
  })
  return { stored, made }
}

function givenSecret(given: unknown): string | undefined {
  if (given === undefined || given === null || given === HIDDEN) return undefined
  if (typeof given === 'string' && given !== '') return given
  throw invalidFunction('triggers: config.secret of a webhook trigger must be a string')
}
