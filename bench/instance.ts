/** A real instance as its own process, for measuring from outside. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export type Running = {
  pid: number
  url: string
  platform_key: string
  app_id: string
  anon_key: string
  service_key: string
  database_url: string
  data_dir: string
}

export type Instance = {
  facts: Running
  /** Milliseconds from spawn to ready. */
  readyMs: number
  stop(): Promise<void>
}

const SERVER = fileURLToPath(new URL('../server/main.ts', import.meta.url))

const START_DEADLINE_MS = 30_000

export function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stead-bench-'))
  chmodSync(folder, 0o755)
  return folder
}

export const removeDataDir = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true })

/** Starts an instance over `dataDir` and waits until it is ready. */
export async function startInstance(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<Instance> {
  const began = performance.now()
  const child = spawn(process.execPath, [SERVER, '--port', '0', '--data-dir', dataDir], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, STEAD_LOG_LEVEL: 'warn', STEAD_SIGN_IN_RATE_LIMITS: 'off', ...env },
  })
  const facts = await readyFacts(child, dataDir)
  return { facts, readyMs: performance.now() - began, stop: () => stopped(child) }
}

/** The run file appears when the instance is ready. */
async function readyFacts(child: ChildProcess, dataDir: string): Promise<Running> {
  const deadline = performance.now() + START_DEADLINE_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the instance ended with ${child.exitCode}`)
    const facts = readRunFile(dataDir)
    if (facts?.pid === child.pid && facts) return facts
    await delay(5)
  }
  child.kill('SIGKILL')
  throw new Error('the instance did not become ready')
}

function readRunFile(dataDir: string): Running | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as Running
  } catch {
    return undefined
  }
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
