/** After the instance secret has changed, environments and webhook secrets of functions follow it. */
import type { App, Apps } from '#domains/apps'
import {
  selectSealedAppEnvs,
  selectSealedEnvs,
  selectSealedSecrets,
  updateSealedAppEnv,
  updateSealedEnv,
  updateSealedSecret,
} from './renew-sealed.sql.ts'
import { APP_ENV, functionEnvContext } from './sealed-env.ts'
import { secretContext } from './webhooks.ts'

/** @returns how many values were sealed again under the current secret */
export async function renewSealedFunctions(apps: Apps, app: App): Promise<number> {
  const { query } = apps.databasesOf(app).platform
  const { keyring } = apps.needs
  let count = 0
  for (const { id, env: old } of await selectSealedEnvs(query)) {
    const renewed = keyring.renew(old, functionEnvContext(app.id, id))
    if (renewed === undefined) continue
    await updateSealedEnv(query, { id, old, renewed })
    count += 1
  }
  for (const { functionId, type, secret: old } of await selectSealedSecrets(query)) {
    const renewed = keyring.renew(old, secretContext(app.id, functionId))
    if (renewed === undefined) continue
    await updateSealedSecret(query, { functionId, type, old, renewed })
    count += 1
  }
  for (const old of await selectSealedAppEnvs(query)) {
    const renewed = keyring.renew(old, `${app.id}/${APP_ENV}`)
    if (renewed === undefined) continue
    await updateSealedAppEnv(query, { old, renewed })
    count += 1
  }
  return count
}
