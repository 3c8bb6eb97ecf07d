/** The real program as a process of its own, on a folder that nobody else uses. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export type Status = Record<
  | 'url'
  | 'console_url'
  | 'platform_key'
  | 'app_id'
  | 'anon_key'
  | 'service_key'
  | 'database_url'
  | 'data_dir'
  | 'version',
  string
>

export type Ended = { code: number | null; signal: NodeJS.Signals | null }

export type Running = AsyncDisposable & {
  pid: number
  dataDir: string
  /** Everything written so far. */
  stdout(): string
  stderr(): string
  /** Resolves when that text has been written to standard error. */
  said(text: string): Promise<void>
  ended: Promise<Ended>
  signal(name: NodeJS.Signals): void
  /** SIGTERM, and wait. */
  stop(): Promise<Ended>
  /** What `stead status --json` answers. */
  status(): Promise<Status>
}

export type StartOptions = {
  dataDir: string
  args?: readonly string[]
  env?: Record<string, string>
  cwd?: string
}

/** A folder that the database's user can reach, too; removed at the end. */
export function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'stead-process-'))
  chmodSync(path, 0o755)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** The environment without what would change a start. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env)
  return Object.fromEntries(entries.filter(([name]) => !/^(STEAD_|npm_|VITEST|NODE_)/.test(name)))
}

/** Starts and waits until it is ready. @throws when it ends before, with what it said */
export async function startProcess(options: StartOptions): Promise<Running> {
  const running = launch(options)
  await Promise.race([
    until(() => running.stdout().includes('Try next')),
    running.ended.then(({ code }) => {
      throw new Error(`ended with ${code} before it was ready:\n${running.stderr()}`)
    }),
  ])
  return running
}

/** Starts without waiting for anything. */
export function launch({ dataDir, args = [], env = {}, cwd = ROOT }: StartOptions): Running {
  const flags = ['--port', '0', '--data-dir', dataDir, ...args]
  const child = spawn(process.execPath, [join(ROOT, 'server/main.ts'), ...flags], {
    cwd,
    env: { ...cleanEnvironment(), STEAD_METRICS_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stdout = collected(child.stdout)
  const stderr = collected(child.stderr)
  const ended = endOf(child)
  const running: Running = {
    pid: child.pid ?? 0,
    dataDir,
    stdout,
    stderr,
    said: (text) => until(() => stderr().includes(text)),
    ended,
    signal: (name) => void child.kill(name),
    stop() {
      child.kill('SIGTERM')
      return ended
    },
    async status() {
      const { stdout: json } = await stead(['status', '--json', '--data-dir', dataDir])
      return JSON.parse(json) as Status
    },
    async [Symbol.asyncDispose]() {
      await running.stop()
    },
  }
  return running
}

function collected(stream: ChildProcess['stdout']): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}

const endOf = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }))
  })

export type Finished = { code: number | null; stdout: string; stderr: string }

type Place = { cwd?: string; env?: Record<string, string> }

function spawnStead(args: readonly string[], { cwd = ROOT, env = {} }: Place): ChildProcess {
  return spawn(process.execPath, [join(ROOT, 'cli/stead.mjs'), ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a command of `stead` to its end. */
export async function stead(args: readonly string[], place: Place = {}): Promise<Finished> {
  const child = spawnStead(args, place)
  const stdout = collected(child.stdout)
  const stderr = collected(child.stderr)
  const { code } = await endOf(child)
  return { code, stdout: stdout(), stderr: stderr() }
}

/** Runs a command that does not end by itself. */
export function steadUntilKilled(args: readonly string[]): Disposable & { stdout(): string } {
  const child = spawnStead(args, {})
  return { stdout: collected(child.stdout), [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

const POLL_MS = 20
const PATIENCE_MS = 25_000

/** Waits for a condition; what it throws counts as "not yet". */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    if (await attempt(condition)) return
    if (Date.now() > end)
      throw new Error(`waited ${PATIENCE_MS} ms in vain for ${String(condition)}`)
    await delay(POLL_MS)
  }
}

async function attempt(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await condition()
  } catch {
    return false
  }
}

/** The process and everything it started, from /proc. */
export function familyOf(pid: number): number[] {
  const parents = new Map(pids().map((one) => [one, parentOf(one)]))
  const family = new Set([pid])
  for (let size = 0; size < family.size; ) {
    size = family.size
    for (const [one, parent] of parents) if (family.has(parent)) family.add(one)
  }
  return [...family]
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** -1 when it is gone. */
const parentOf = (pid: number): number => Number(statOf(pid)?.[1] ?? -1)

/** State and parent; a zombie counts as gone. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields
  } catch {
    return undefined
  }
}

export const isRunning = (pid: number): boolean => statOf(pid) !== undefined
