/** Looking at and ending processes by what they are, because a pid alone says little. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A process of a cluster. `postmaster` is true for the one that all others descend from. */
export type ClusterProcess = { pid: number; postmaster: boolean }

/** Runs `read`, with undefined for what has vanished or is not ours to see. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/**
 * When a process began, in a form that no later process with the same pid repeats.
 * @returns undefined where the system does not tell
 */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'win32') return undefined
  if (process.platform !== 'linux') {
    return attempt(() =>
      execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`])
        .toString()
        .trim(),
    )
  }
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const ticks = statFields(pid)?.[19]
  return ticks && `${boot ?? ''}/${ticks}`
}

/** Whether `pid` runs. A zombie does not: in a container it may never be reaped. */
export function isRunning(pid: number): boolean {
  return takesSignals(pid) && !['Z', 'X'].includes(statFields(pid)?.[0] ?? '')
}

function takesSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // it is there, and another user's
  }
}

/** The fields of /proc/PID/stat after the name, which may hold spaces and brackets itself. */
function statFields(pid: number): string[] | undefined {
  return attempt(() => {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  })
}

/**
 * The name that the server writes into the title of each of its processes. It lets us find the
 * backends of a dead postmaster even where their working folder is hidden from us, as it is in
 * containers without the right to trace.
 */
export function clusterName(dataDir: string): string {
  return `stead-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`
}

/** Every process that runs on the cluster in `dataDir`, whoever started it. */
export function clusterProcesses(dataDir: string): ClusterProcess[] {
  const owner = attempt(() => statSync(dataDir).uid)
  if (owner === undefined) return []
  return runningCommands().flatMap(({ pid, uid, command }): ClusterProcess[] => {
    if (uid !== owner || pid === process.pid) return []
    if (`${command} `.includes(` -D ${dataDir} `)) return [{ pid, postmaster: true }]
    const works =
      command.startsWith(`postgres: ${clusterName(dataDir)}: `) ||
      attempt(() => readlinkSync(`/proc/${pid}/cwd`)) === dataDir
    return works ? [{ pid, postmaster: !command.startsWith('postgres: ') }] : []
  })
}

type Command = { pid: number; uid: number; command: string }

/** What runs by the name of a program of PostgreSQL. */
function runningCommands(): Command[] {
  if (process.platform === 'linux') return linuxCommands()
  if (process.platform === 'win32') return []
  const table = attempt(() => execFileSync('ps', ['-axwwo', 'pid=,uid=,command=']).toString()) ?? ''
  return table.split('\n').flatMap((line) => {
    const [, pid, uid, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    const ours = command !== undefined && /(^|\/)(postgres|initdb)[: ]/.test(command)
    return ours ? [{ pid: Number(pid), uid: Number(uid), command }] : []
  })
}

function linuxCommands(): Command[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    const name = attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    if ((name !== 'postgres' && name !== 'initdb') || !isRunning(pid)) return []
    const words = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'))
    const uid = attempt(() => statSync(`/proc/${pid}`).uid)
    return words && uid !== undefined ? [{ pid, uid, command: words.join(' ').trim() }] : []
  })
}

/** A signal, whom it is for, and how long it may take to work. */
type Step = { signal: NodeJS.Signals; all: boolean; waitMs: number }

/** First the polite fast shutdown, then the immediate one, then the end of discussion. */
const STEPS: Step[] = [
  { signal: 'SIGINT', all: false, waitMs: 10_000 },
  { signal: 'SIGQUIT', all: true, waitMs: 3_000 },
  { signal: 'SIGKILL', all: true, waitMs: 5_000 },
]

/** How long backends get to notice by themselves that their postmaster has died. */
const NOTICE_MS = 300

/**
 * Ends whatever still runs on the cluster in `dataDir`.
 * @returns the pids that were found, and those that outlived even SIGKILL
 */
export async function endClusterProcesses(
  dataDir: string,
): Promise<{ found: number[]; left: number[] }> {
  const found = clusterProcesses(dataDir)
  const orphaned = found.every((one) => !one.postmaster)
  if (found.length > 0 && orphaned) await waitUntilGone(dataDir, NOTICE_MS)
  for (const step of orphaned ? STEPS.slice(1) : STEPS) {
    const left = clusterProcesses(dataDir)
    if (left.length === 0) break
    for (const one of left) if (step.all || one.postmaster) signal(one.pid, step.signal)
    await waitUntilGone(dataDir, step.waitMs)
  }
  const pids = (list: ClusterProcess[]) => list.map((one) => one.pid)
  return { found: pids(found), left: pids(found.length > 0 ? clusterProcesses(dataDir) : []) }
}

function signal(pid: number, name: NodeJS.Signals): void {
  attempt(() => process.kill(pid, name))
  attempt(() => process.kill(pid, 'SIGCONT')) // a stopped process would never hear the first one
}

async function waitUntilGone(dataDir: string, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs
  while (clusterProcesses(dataDir).length > 0 && Date.now() < deadline) await delay(20)
}

/** The lock files of a server: of its folder and of its socket. The first line is a pid. */
const SERVER_LOCK = /^(postmaster\.pid|\.s\.PGSQL\.\d+\.lock)$/

/**
 * PostgreSQL believes a lock file whose pid can be signalled, be it a zombie that nobody reaps or
 * an unrelated process that has the pid by now, and refuses. Call this only under our own lock,
 * after the cluster's processes are gone; its shared memory still guards against a server that we
 * could not see.
 */
export function removeBelievedLocks(dataDir: string): void {
  if (process.platform === 'win32') return
  for (const name of attempt(() => readdirSync(dataDir)) ?? []) {
    if (!SERVER_LOCK.test(name)) continue
    const file = join(dataDir, name)
    const pid = Number(attempt(() => readFileSync(file, 'utf8').split('\n')[0]))
    if (pid > 0 && takesSignals(pid)) rmSync(file, { force: true })
  }
}
