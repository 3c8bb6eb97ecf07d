/** The cluster of an instance: the embedded one, kept alive, or the one the operator named. */
import { join } from 'node:path'
import { createKeyring } from '#core/keyring'
import type { Log } from '#core/log'
import { Secret } from '#core/secret'
import { type EmbeddedPostgres, startPostgres } from '#postgres'
import type { Config } from '../config.ts'
import { requireUsableClusters } from './given-cluster.ts'
import { renewPassword } from './renew-password.ts'
import type { KeyedSecret } from './secret-file.ts'

export type RunningCluster = {
  /** For this process; on the embedded cluster by its socket, with its address for others in it too. */
  url: Secret
  stop(): Promise<void>
}

/** How often the embedded PostgreSQL may die by itself before the instance gives up. */
const MAX_RESTARTS = 5

export type ClusterOptions = {
  config: Config
  dataDir: string
  /** The current secret first. */
  secrets: readonly KeyedSecret[]
  log: Log
  /** Called when the embedded PostgreSQL cannot be kept running. */
  onLost: (error: unknown) => void
}

export async function openRunningCluster(options: ClusterOptions): Promise<RunningCluster> {
  const { databaseUrl } = options.config
  await requireUsableClusters(options.config)
  if (!databaseUrl) return keepRunning(options)
  return { url: databaseUrl, stop: async () => {} }
}

/** Of the embedded cluster's superuser, whose password only the first start sets. */
const passwordsOf = (secrets: readonly KeyedSecret[]): Secret[] =>
  secrets.map((one) => new Secret(createKeyring([one]).sign('database-login', 'stead')))

async function keepRunning({
  dataDir,
  secrets,
  log,
  onLost,
}: ClusterOptions): Promise<RunningCluster> {
  const [password = new Secret(''), ...earlier] = passwordsOf(secrets)
  const start = (port?: number) =>
    startPostgres({
      dataDir: join(dataDir, 'postgres'),
      password,
      log: log.child({ part: 'postgres' }),
      ...(port === undefined ? {} : { port }),
    })
  const state: { postgres: EmbeddedPostgres; stopping: boolean; restarts: number } = {
    postgres: await start(),
    stopping: false,
    restarts: 0,
  }
  /** What ended once may end again while it still recovers. */
  const startAgain = async (port: number): Promise<EmbeddedPostgres> => {
    if (++state.restarts > MAX_RESTARTS) throw new Error('PostgreSQL keeps ending')
    try {
      return await start(port)
    } catch (error) {
      if (state.stopping || state.restarts === MAX_RESTARTS) throw error
      log.error({ err: error, restarts: state.restarts }, 'PostgreSQL did not start again')
      return startAgain(port)
    }
  }
  const watch = (postgres: EmbeddedPostgres): void => {
    postgres.exited
      .then(async (status) => {
        if (state.stopping) return
        log.error(
          { status, restarts: state.restarts },
          'PostgreSQL ended by itself, starting it again',
        )
        state.postgres = await startAgain(postgres.port)
        if (state.stopping) await state.postgres.stop()
        else watch(state.postgres)
      })
      .catch(onLost)
  }
  watch(state.postgres)
  const url = state.postgres.nearUrlOf('postgres')
  const stop = (): Promise<void> => {
    state.stopping = true
    return state.postgres.stop()
  }
  await renewPassword(url, password, earlier).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { url, stop }
}
