/** The process: read the configuration, build, listen, and drain on SIGTERM or Ctrl-C. */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { systemClock } from '#core/clock'
import type { Log } from '#core/log'
import { version } from '#core/version'
import { createInstance, type Instance } from './app.ts'
import { type Config, readConfig, unknownVariables } from './config.ts'
import { openRunningCluster, type RunningCluster } from './process/cluster.ts'
import { openDataDir } from './process/data-dir.ts'
import { explain } from './process/explain.ts'
import { parseFlags, usage } from './process/flags.ts'
import { deniedBy } from './process/given-cluster.ts'
import { type HttpServer, listen } from './process/http-server.ts'
import { openLog } from './process/logging.ts'
import { createMetrics, type MetricsServer, serveMetrics, showRegions } from './process/metrics.ts'
import { panel } from './process/panel.ts'
import { removeRunFile, runningOf, runsHere, writeRunFile } from './process/run-file.ts'
import { instanceSecrets } from './process/secret-file.ts'

/** What has been opened so far, in order; a stop closes it in reverse. */
type Opened = {
  http?: HttpServer
  cluster?: RunningCluster
  instance?: Instance
  metrics?: MetricsServer
  dataDir?: string
}

async function start(args: readonly string[]): Promise<void> {
  const began = performance.now()
  const flags = parseFlags(args)
  if (flags === 'help') {
    process.stdout.write(usage())
    return
  }
  const config = readConfig({ flags })
  const dataDir = openDataDir(config.dataDir, isChosen(config, flags))
  const log = openLog(config, dataDir)
  for (const variable of unknownVariables()) {
    log.warn({ variable }, 'no setting has this name: docs/configuration.md lists them')
  }
  const opened: Opened = {}
  const opening = open(opened, { config, dataDir, log })
  stopOnSignals(opened, { opening, config, log })
  try {
    await opening
    announce(opened, { dataDir, log, seconds: (performance.now() - began) / 1000 })
  } catch (error) {
    await close(opened, config)
    throw error
  }
}

type Ready = { dataDir: string; log: Log; seconds: number }

/** Tells the operator, other commands and the log that requests are answered from now on. */
function announce(opened: Opened, { dataDir, log, seconds }: Ready): void {
  const { instance, http, metrics } = opened
  if (!instance || !http || !metrics) return
  const url = instance.services.publicUrl
  const running = runningOf({
    url,
    localUrl: http.localUrl,
    metricsUrl: metrics.url,
    dataDir,
    version,
    steps: instance.firstSteps,
  })
  writeRunFile(dataDir, running)
  opened.dataDir = dataDir
  log.info({ url, seconds: Number(seconds.toFixed(3)) }, 'ready')
  process.stdout.write(`${panel(running, seconds)}\n`)
}

/** A folder that somebody named is used as it is; only the default may be replaced by a better one. */
const isChosen = ({ dataDir }: Config, flags: { dataDir?: string }): boolean =>
  flags.dataDir !== undefined || dataDir !== '.stead'

type Ground = { config: Config; dataDir: string; log: Log }

async function open(opened: Opened, { config, dataDir, log }: Ground): Promise<void> {
  const refuse = (error: unknown): never => {
    throw runsHere(dataDir, error)
  }
  const http = await listen(config.host, config.port).catch(refuse)
  opened.http = http
  const secrets = instanceSecrets(dataDir, config)
  const onLost = (error: unknown): void => {
    log.fatal({ err: error }, 'PostgreSQL cannot be kept running')
    process.exitCode = 1
    process.kill(process.pid, 'SIGTERM')
  }
  const cluster = await openRunningCluster({ config, dataDir, secrets, log, onLost }).catch(refuse)
  opened.cluster = cluster
  const metrics = createMetrics()
  const instance = await createInstance({
    config,
    cluster: cluster.url,
    secrets,
    publicUrl: config.publicUrl ?? http.localUrl,
    scratchDir: join(dataDir, 'functions'),
    metrics,
    log,
    clock: systemClock,
  }).catch((error: unknown) => {
    throw deniedBy(config, error)
  })
  opened.instance = instance
  showRegions(metrics, () => instance.services.apps.regionsAnswer())
  opened.metrics = await serveMetrics(metrics, config.metricsPort, log)
  http.open(instance.router.fetch)
}

type Stopping = { opening: Promise<void>; config: Config; log: Log }

/** A second signal within this time is the same wish: a terminal and npm both pass Ctrl-C on. */
const SAME_WISH_MS = 1000

/** The first signal drains; a later one does not wait for anybody. */
function stopOnSignals(opened: Opened, { opening, config, log }: Stopping): void {
  let since: number | undefined
  const stop = (signal: string): void => {
    if (since === undefined) {
      since = performance.now()
      log.info({ signal }, 'stopping')
      // What is half open is opened first: a database that nobody holds yet cannot be stopped.
      void settled(opening)
        .then(() => close(opened, config))
        .then(() => log.info('stopped'))
        .then(
          () => process.exit(),
          (error: unknown) => fail(error, log),
        )
    } else if (performance.now() - since > SAME_WISH_MS) {
      log.warn({ signal }, 'stopping at once')
      opened.http?.cut()
    }
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop)
  // One piece of work has failed, and nobody looked: everybody else's goes on.
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a failure that nobody waited for')
  })
  // What nobody foresaw may have left anything half done: whoever watches us starts us again.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an error that nobody caught')
    process.exitCode = 1
    stop('uncaughtException')
  })
  // Who read what we print has gone; we stay. The log handles this for itself.
  process.stdout.on('error', () => {})
}

const settled = (work: Promise<void>): Promise<void> => work.catch(() => {})

function fail(error: unknown, log: Log): void {
  log.error({ err: error }, 'the stop did not end well')
  process.exit(1)
}

async function close(opened: Opened, { drainMs }: Config): Promise<void> {
  if (opened.dataDir !== undefined) removeRunFile(opened.dataDir)
  await opened.http?.drain(drainMs)
  await opened.metrics?.close()
  // A connection that never comes back must not keep the rest from stopping: PostgreSQL ends it.
  const late = setTimeout(drainMs, undefined, { ref: false })
  await Promise.race([opened.instance?.close(), late])
  await opened.cluster?.stop()
}

start(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(1)
})
