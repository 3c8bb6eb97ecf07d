/** The running server: its process, when it is ready, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { unavailable } from '#core/errors'
import type { Log } from '#core/log'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { logLines } from './log-lines.ts'
import { attempt } from './processes.ts'
import { programOptions, runProgram } from './run-program.ts'

export type ExitStatus = { code: number | null; signal: NodeJS.Signals | null }

export type Launch = {
  dataDir: string
  account: Account
  binaries: Binaries
  settings: Record<string, string>
  log: Log
}

export type Server = {
  child: ChildProcess
  pid: number
  exited: Promise<ExitStatus>
  lastLines: () => string[]
}

/**
 * Starts the server and waits until it takes connections.
 * @throws `unavailable` postgres_start_failed, with the server's last words as cause
 */
export async function launch(options: Launch): Promise<Server> {
  const server = await spawnServer(options)
  const outcome = await Promise.race([server.exited, becomesReady(server.pid, options.dataDir)])
  if (outcome === 'ready') return server
  if (outcome === 'late') server.child.kill('SIGQUIT')
  const status = await server.exited
  throw startFailed(options.dataDir, `${describe(status)}\n${server.lastLines().join('\n')}`)
}

async function spawnServer(options: Launch): Promise<Server> {
  const { binaries, dataDir, settings, account, log } = options
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = [...(await tiedToUs()), binaries.postgres, '-D', dataDir, ...words]
  const child = spawn(command[0] ?? binaries.postgres, command.slice(1), {
    ...programOptions(binaries.postgres, account),
    detached: true, // its own session: Ctrl-C in the terminal is for us, who drain first
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kept = [child.stdout, child.stderr].map((stream) => logLines(stream, log))
  const exited = exitOf(child)
  if (child.pid === undefined) throw startFailed(dataDir, await exited.then(describe, String))
  return { child, pid: child.pid, exited, lastLines: () => kept.flat() }
}

function startFailed(dataDir: string, cause: string) {
  return unavailable('postgres_start_failed', `PostgreSQL did not start on "${dataDir}"`, {
    hint: 'The log says why. Check the room on the disk and the rights of that folder.',
    cause: new Error(cause),
  })
}

const describe = ({ code, signal }: ExitStatus) => `it ended with ${signal ?? `code ${code}`}`

/** How long the last words may take to arrive once the process is gone. */
const LAST_WORDS_MS = 500

function exitOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    child.on('error', reject) // it could not be started at all
    child.once('exit', (code, signal) => {
      const finish = () => resolve({ code, signal })
      child.once('close', finish)
      // Backends of a killed server may hold the pipe open for longer than it matters.
      setTimeout(finish, LAST_WORDS_MS).unref()
    })
  })
}

const SETPRIV = '/usr/bin/setpriv'

/**
 * Words before the command that make the kernel stop the server when we are killed. A comfort on
 * Linux: where it is missing, the next start finds the orphan. The kernel watches the thread that
 * starts the server, so it must be one that lives as long as we do.
 */
async function tiedToUs(): Promise<string[]> {
  if (process.platform !== 'linux' || !isMainThread) return []
  const words = ['--pdeathsig', 'INT', '--']
  const works = await runProgram(SETPRIV, [...words, SETPRIV, '--version'], undefined).then(
    () => true,
    () => false,
  )
  return works ? [SETPRIV, ...words] : []
}

/** Recovery after a crash may take minutes, and killing it would only prolong it. */
const READY_LIMIT_MS = 10 * 60_000
const POLL_MS = 5

/** The server writes its state into the eighth line of postmaster.pid. */
async function becomesReady(pid: number, dataDir: string): Promise<'ready' | 'late' | 'gone'> {
  const deadline = Date.now() + READY_LIMIT_MS
  while (Date.now() < deadline) {
    const lines =
      attempt(() => readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')) ?? []
    if (Number(lines[0]) === pid && lines[7]?.trim() === 'ready') return 'ready'
    if (attempt(() => process.kill(pid, 0)) === undefined) return 'gone'
    await delay(POLL_MS)
  }
  return 'late'
}

/** Windows has no signals; pg_ctl knows the server's own way of passing them there. */
export function signalServer(server: Server, name: 'INT' | 'QUIT', binaries: Binaries): void {
  if (process.platform !== 'win32') server.child.kill(`SIG${name}`)
  else
    void runProgram(binaries.pgCtl, ['kill', name, `${server.pid}`], undefined).catch(
      () => undefined,
    )
}
