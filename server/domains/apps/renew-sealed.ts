/** After the instance secret has changed, what the rows of apps hold sealed follows it. */
import type { Apps } from './apps.ts'
import { type App, type AppPatch, selectAppIds } from './apps.sql.ts'
import { resealKeys } from './keys.ts'
import { renewedWebhook } from './settings.ts'

/** Ids of all apps that are not being deleted. */
export const everyAppId = ({ needs }: Apps): Promise<string[]> => selectAppIds(needs.platform.query)

/**
 * Keys and webhook of one app, sealed under the current secret.
 * @returns how many values were sealed again
 */
export async function renewSealedApp(apps: Apps, app: App): Promise<number> {
  const count = Object.keys(renewedPatch(apps, app)).length
  if (count > 0) await apps.change(app.id, (fresh) => renewedPatch(apps, fresh))
  return count
}

function renewedPatch({ needs: { keyring } }: Apps, app: App): AppPatch {
  const keys = resealKeys(keyring, app.id, app.keys)
  const cloneWebhook = renewedWebhook(keyring, app)
  return {
    ...(keys === undefined ? {} : { keys }),
    ...(cloneWebhook === undefined ? {} : { settings: { ...app.settings, cloneWebhook } }),
  }
}
