/** Deployed functions as invocations need them, remembered until somebody changes them. */
import type { App, Apps } from '#domains/apps'
import type { Keyring } from '#core/keyring'
import type { IsolateSource } from '#isolates'
import { APP_ENV, functionEnvContext, unsealEnv } from './sealed-env.ts'
import { type FunctionRow, selectDeployed } from './functions.sql.ts'
import type { HttpAuth } from './triggers.ts'

export type Deployed = {
  id: string
  name: string
  source: IsolateSource
  /** Of the app and of the function, without the platform's own values. */
  env: Record<string, string>
  timeoutMs: number
  /** Absent when it has no http trigger that is enabled. */
  httpAuth: HttpAuth | undefined
  allowsImpersonation: boolean
}

/** A notice that got lost between processes is made good after this long. */
const MAX_AGE_MS = 30_000

/** Functions remembered, with their code. */
const MAX_KNOWN = 2_000

const keyOf = (appId: string, name: string): string => `${appId}/${name}`

type Remembered = { deployed: Deployed; until: number }

/** How the keys begin of all processes that run code of this function, whatever version; without one: of this app. */
export const processKey = (appId: string, functionId?: string): string =>
  functionId === undefined ? `${appId}/` : `${appId}/${functionId}/`

export const appOfProcess = (key: string): string => key.slice(0, key.indexOf('/'))

export class DeployedFunctions {
  readonly #apps: Apps
  readonly #keyring: Keyring
  /** By app and name; the oldest come first. */
  readonly #known = new Map<string, Remembered>()
  #epoch = 0

  constructor(apps: Apps, keyring: Keyring) {
    this.#apps = apps
    this.#keyring = keyring
    apps.onForget((appId) => this.forget(appId))
  }

  async find(app: App, name: string): Promise<Deployed | undefined> {
    const known = this.#known.get(keyOf(app.id, name))
    if (known && known.until > performance.now()) return known.deployed
    const epoch = this.#epoch
    const row = await selectDeployed(this.#apps.databasesOf(app).platform.query, name)
    if (!row) return undefined
    const deployed = this.#toDeployed(app.id, row)
    if (epoch === this.#epoch) this.#remember(app.id, deployed)
    return deployed
  }

  /** A function of this app changed here or in another process; without an id: of any. */
  forget(appId?: string): void {
    this.#epoch += 1
    if (appId === undefined) return this.#known.clear()
    for (const key of this.#known.keys()) {
      if (key.startsWith(keyOf(appId, ''))) this.#known.delete(key)
    }
  }

  #remember(appId: string, deployed: Deployed): void {
    const key = keyOf(appId, deployed.name)
    this.#known.delete(key)
    this.#known.set(key, { deployed, until: performance.now() + MAX_AGE_MS })
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value ?? '')
  }

  #toDeployed(appId: string, row: FunctionRow & { appEnv: string | null }): Deployed {
    const http = row.triggers.find(({ type, enabled }) => type === 'http' && enabled)
    return {
      id: row.id,
      name: row.name,
      source: {
        key: `${processKey(appId, row.id)}${row.version}`,
        code: row.code,
        memoryMb: row.memoryLimitMb,
      },
      env: {
        ...unsealEnv(this.#keyring, row.appEnv, `${appId}/${APP_ENV}`),
        ...unsealEnv(this.#keyring, row.env, functionEnvContext(appId, row.id)),
      },
      timeoutMs: row.timeoutMs,
      httpAuth: http && (http.config.auth as HttpAuth),
      allowsImpersonation: row.allowServiceKeyImpersonation,
    }
  }
}
