/**
 * After the instance secret has changed: what an earlier one sealed is sealed again under the current one, in the
 * background, one app after the other. Until then it is read with the earlier one.
 */
import { type App, type Apps, everyAppId, renewSealedApp } from '#domains/apps'
import { renewSealedDataApi } from '#domains/data'
import { renewSealedFunctions } from '#domains/functions'
import type { Log } from '#core/log'

export type Renewal = {
  /** Settles when every app was tried; never rejects. */
  done: Promise<void>
  /** Ends it after the app at hand. */
  stop(): Promise<void>
}

export function renewSealed(apps: Apps, log: Log): Renewal {
  const state = { stopped: false }
  const done = renewAll(apps, log, () => state.stopped).catch((error: unknown) =>
    log.warn({ err: error }, 'cannot seal again what an earlier instance secret sealed'),
  )
  const stop = (): Promise<void> => {
    state.stopped = true
    return done
  }
  return { done, stop }
}

async function renewAll(apps: Apps, log: Log, isStopped: () => boolean): Promise<void> {
  let values = 0
  let failed = 0
  for (const id of await everyAppId(apps)) {
    if (isStopped()) return
    try {
      const app = await apps.find(id)
      if (app) values += await renewOne(apps, app)
    } catch (error) {
      failed += 1
      log.warn({ err: error, appId: id }, 'cannot seal the secrets of an app again')
    }
  }
  if (failed > 0) {
    log.warn(
      { values, failed },
      'some apps still need an earlier secret: keep STEAD_PREVIOUS_SECRETS',
    )
    return
  }
  log.info({ values }, 'nothing needs an earlier secret any more: STEAD_PREVIOUS_SECRETS may go')
}

async function renewOne(apps: Apps, app: App): Promise<number> {
  const own = (await renewSealedApp(apps, app)) + (await renewSealedDataApi(apps, app))
  // An app without a database has no functions either.
  const isReady = app.state === 'ready' || app.state === 'migrating'
  return isReady ? own + (await renewSealedFunctions(apps, app)) : own
}
