/** The life of the embedded cluster from start to stop. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, conflict, forbidden, unavailable } from '#core/errors'
import type { Log } from '#core/log'
import { Secret } from '#core/secret'
import { type Account, closedFolder, obstacle, serverAccount, truePath } from './account.ts'
import { type Binaries, prepareBinaries } from './binaries.ts'
import { ensureCluster } from './initialise.ts'
import { type Lock, takeLock } from './lock.ts'
import { choosePort, HOST, listenOnce, portInUse } from './port.ts'
import { clusterName, endClusterProcesses, removeBelievedLocks } from './processes.ts'
import { type ExitStatus, type Launch, launch, type Server, signalServer } from './server.ts'
import { DEFAULT_MAX_CONNECTIONS, serverSettings } from './settings.ts'

export type EmbeddedOptions = {
  /** Folder of the cluster. `<dataDir>.lock` and, at the first start, a draft lie beside it. */
  dataDir: string
  /** Of the superuser. Only the first start sets it. */
  password: Secret
  /** Default `stead`. */
  superuser?: string
  /** 0 or undefined: the port of the last start when it is still free, else any free one. */
  port?: number
  /** Memory of the machine in bytes, to size caches by. Default: what the system says. */
  memoryBytes?: number
  /** False only for tests: a power cut may then lose everything. Default true. */
  durable?: boolean
  log: Log
  maxConnections?: number
}

export type EmbeddedPostgres = {
  host: string
  port: number
  /** Empty where the system has no unix sockets. */
  socketDir: string
  superuser: string
  password: Secret
  /** Such as `18.4`. */
  version: string
  pid: number
  /** `postgresql://…` of a database, as the superuser. */
  urlOf: (database: string) => Secret
  /**
   * The same for this process: with a `host` parameter that names the unix socket, which costs a third
   * less per round trip than loopback. As `urlOf` where no socket stays at its place over a restart.
   */
  nearUrlOf: (database: string) => Secret
  /** Resolves when the server has ended, by `stop` or by itself, and the folder is free again. */
  exited: Promise<ExitStatus>
  /** Fast shutdown; the immediate one when `deadlineMs` (default 10,000) has passed. */
  stop: (options?: { deadlineMs?: number }) => Promise<void>
}

/** What a start has worked out before the server runs. */
type Ground = {
  dataDir: string
  account: Account
  binaries: Binaries
  socketDir: string
  ownSocketDir: boolean
}

/**
 * Starts the cluster in `dataDir`, making it at the first time. Takes over from a Stead that was
 * killed: what still runs on the folder is ended first.
 * @throws `conflict` data_dir_in_use, data_dir_not_empty, data_dir_other_version,
 *   data_dir_busy, port_in_use
 * @throws `forbidden` data_dir_closed
 * @throws `unavailable` postgres_missing, postgres_unusable, no_unprivileged_user, initdb_failed,
 *   postgres_start_failed, data_dir_unusable
 */
export async function startPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const account = serverAccount()
  const { dataDir, lock } = await occupy(options.dataDir, account)
  try {
    const ground = await prepareGround({ dataDir, account }, options)
    try {
      const launched = await launchOnFreePort(ground, options)
      return runningCluster({ ground, lock, ...launched }, options)
    } catch (error) {
      removeSocketDir(ground)
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Makes the folders above the cluster. Returns its one true path, so that locks agree. */
function openParent(asked: string, account: Account): string {
  const path = truePath(asked)
  const folder = obstacle(path, account)
  if (folder !== undefined) throw closed(path, { folder, account })
  const first = mkdirSync(dirname(path), { recursive: true })
  if (first === undefined) return path
  // A strict umask would close what we just made to the server's user.
  for (let at = dirname(path); at.length >= first.length; at = dirname(at)) chmodSync(at, 0o711)
  return path
}

function closed(path: string, { folder, account }: { folder: string; account: Account }) {
  const [reason, remedy] = account
    ? [`its user "${account.name}" may not enter "${folder}"`, `chmod o+x "${folder}"`]
    : [`"${folder}" is not writable`, `chown "$USER" "${folder}"`]
  const hint = `Choose another folder with --data-dir, or open that one with: ${remedy}`
  const message = `Cannot keep the database in "${path}": ${reason}`
  return forbidden('data_dir_closed', message, { hint, details: { folder } })
}

async function occupy(asked: string, account: Account): Promise<{ dataDir: string; lock: Lock }> {
  try {
    const dataDir = openParent(asked, account)
    return { dataDir, lock: await lockOf(dataDir) }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const [why, hint] = isFull(cause)
      ? [': no room is left on its disk', 'Make room there, then start again']
      : ['', 'Choose a folder on a local disk that can be written to, with --data-dir.']
    const message = `Cannot keep the database in "${asked}"${why}`
    throw unavailable('data_dir_unusable', message, { hint, cause })
  }
}

const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')

async function lockOf(dataDir: string): Promise<Lock> {
  const lock = await takeLock(`${dataDir}.lock`)
  if ('release' in lock) return lock
  throw conflict(
    'data_dir_in_use',
    `Cannot start PostgreSQL: "${dataDir}" is in use by process ${lock.pid}`,
    {
      hint: 'Stop that process first, or choose another folder with --data-dir.',
      details: { pid: lock.pid },
    },
  )
}

async function prepareGround(
  { dataDir, account }: Pick<Ground, 'dataDir' | 'account'>,
  { superuser = 'stead', password, durable = true, log }: EmbeddedOptions,
): Promise<Ground> {
  const binaries = await prepareBinaries(account)
  await endOrphans(dataDir, log)
  const startedAt = performance.now()
  const made = await ensureCluster({ dataDir, account, binaries, superuser, password, durable })
  if (made)
    log.info({ dataDir, ms: Math.round(performance.now() - startedAt) }, 'made a database cluster')
  return { dataDir, account, binaries, ...socketFolder(dataDir, account) }
}

async function endOrphans(dataDir: string, log: Log): Promise<void> {
  const { found, left } = await endClusterProcesses(dataDir)
  if (found.length > 0) log.warn({ pids: found }, 'ended the PostgreSQL of a Stead that was killed')
  if (left.length === 0) return removeBelievedLocks(dataDir)
  throw conflict(
    'data_dir_busy',
    `Cannot start PostgreSQL: process ${left[0]} on "${dataDir}" cannot be ended`,
    {
      hint: 'It may wait for a disk that does not answer. Restart the machine, or choose another --data-dir.',
      details: { pids: left },
    },
  )
}

/** The longest path that leaves room for `/.s.PGSQL.65535` in what systems allow, 103 bytes. */
const SOCKET_PATH_LIMIT = 87

function socketFolder(
  dataDir: string,
  account: Account,
): Pick<Ground, 'socketDir' | 'ownSocketDir'> {
  if (process.platform === 'win32') return { socketDir: '', ownSocketDir: false }
  // A comma would split the setting in two.
  const fits = Buffer.byteLength(dataDir) <= SOCKET_PATH_LIMIT && !/[,"]/.test(dataDir)
  if (fits) return { socketDir: dataDir, ownSocketDir: false }
  const root = closedFolder(tmpdir(), account) ? '/tmp' : tmpdir()
  const socketDir = mkdtempSync(join(root, 'stead-pg-')) // mode 0700
  if (account) chownSync(socketDir, account.uid, account.gid)
  return { socketDir, ownSocketDir: true }
}

function removeSocketDir({ socketDir, ownSocketDir }: Ground): void {
  if (ownSocketDir) rmSync(socketDir, { recursive: true, force: true })
}

const PORT_TRIES = 5

/** Between choosing a free port and taking it, somebody else may take it. */
async function launchOnFreePort(
  ground: Ground,
  options: EmbeddedOptions,
): Promise<{ server: Server; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await choosePort(options.port, ground.dataDir)
    try {
      return { server: await launch(launchOf(ground, port, options)), port }
    } catch (error) {
      const taken = (await listenOnce(port)) === undefined
      if (taken && options.port) throw portInUse(port)
      if (!taken || tries === PORT_TRIES) throw error
    }
  }
}

function launchOf(ground: Ground, port: number, options: EmbeddedOptions): Launch {
  const { dataDir, account, binaries, socketDir } = ground
  const {
    memoryBytes = totalmem(),
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    durable = true,
  } = options
  const name = clusterName(dataDir)
  const settings = serverSettings({
    port,
    socketDir,
    memoryBytes,
    maxConnections,
    durable,
    clusterName: name,
  })
  return { dataDir, account, binaries, settings, log: options.log }
}

type Running = { ground: Ground; server: Server; port: number; lock: Lock }

function runningCluster(running: Running, options: EmbeddedOptions): EmbeddedPostgres {
  const { ground, server, port, lock } = running
  const { password, superuser = 'stead' } = options
  const exited = server.exited.finally(() => {
    removeSocketDir(ground)
    lock.release()
  })
  const login = `${encodeURIComponent(superuser)}:${encodeURIComponent(password.reveal())}`
  const urlOf = (database: string): string =>
    `postgresql://${login}@${HOST}:${port}/${encodeURIComponent(database)}`
  const { socketDir, ownSocketDir } = ground
  const near = socketDir === '' || ownSocketDir ? '' : `?host=${encodeURIComponent(socketDir)}`
  return {
    host: HOST,
    port,
    socketDir,
    superuser,
    password,
    version: ground.binaries.version,
    pid: server.pid,
    urlOf: (database) => new Secret(urlOf(database)),
    nearUrlOf: (database) => new Secret(`${urlOf(database)}${near}`),
    exited,
    stop: ({ deadlineMs = 10_000 } = {}) => stop(running, exited, deadlineMs),
  }
}

/** In an immediate shutdown the server itself kills its stubborn children after five seconds. */
const QUIT_LIMIT_MS = 6_000

async function stop(
  { ground, server }: Running,
  exited: Promise<ExitStatus>,
  deadlineMs: number,
): Promise<void> {
  signalServer(server, 'INT', ground.binaries)
  if (await within(exited, deadlineMs)) return
  signalServer(server, 'QUIT', ground.binaries)
  if (await within(exited, QUIT_LIMIT_MS)) return
  server.child.kill('SIGKILL')
  await exited
  await endClusterProcesses(ground.dataDir)
}

async function within(ended: Promise<unknown>, limitMs: number): Promise<boolean> {
  const patience = new AbortController()
  const late = delay(limitMs, false, { signal: patience.signal }).catch(() => false)
  const inTime = await Promise.race([ended.then(() => true), late])
  patience.abort()
  return inTime
}
