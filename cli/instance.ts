/** The instance that runs on a data folder, as its run.json describes it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from './failure.ts'

/** What `stead status --json` prints, in this order. */
export const STATUS_KEYS = [
  'url',
  'console_url',
  'platform_key',
  'app_id',
  'anon_key',
  'service_key',
  'database_url',
  'data_dir',
  'version',
] as const

export type Running = Record<(typeof STATUS_KEYS)[number], string> & {
  pid: number
  /** Where it answers on this machine, whatever address the world uses. */
  local_url: string
  started_at: string
}

const HEALTH_TIMEOUT_MS = 5000

/** @throws Failure when nothing runs there, or what runs does not answer */
export async function runningInstance(dataDir: string): Promise<Running> {
  const running = readRunFile(dataDir)
  if (!running || !isAlive(running.pid)) throw notRunning(dataDir, running !== undefined)
  await requireHealthy(running)
  return running
}

function readRunFile(dataDir: string): Running | undefined {
  const path = join(dataDir, 'run.json')
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Running
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES') {
      throw new Failure(
        `Cannot read ${path}: it belongs to another user. Ask as that user, or name another folder with --data-dir`,
      )
    }
    throw new Failure(`Cannot read ${path}: start the instance again, which writes it anew`)
  }
}

/** A process that may not be signalled is alive all the same. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function notRunning(dataDir: string, wasKilled: boolean): Failure {
  const past = wasKilled ? ' any more' : ''
  return new Failure(
    `Nothing runs on ${dataDir}${past}. Start it with "npm start", or name another folder with --data-dir`,
  )
}

async function requireHealthy({ local_url: url, pid }: Running): Promise<void> {
  const answer = await fetch(`${url}/health`, {
    signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
  }).catch(() => undefined)
  if (answer?.ok) return
  const what = answer ? `answers ${answer.status}` : 'does not answer'
  throw new Failure(
    `What should run at ${url} (process ${pid}) ${what}. Look at what it says with "npx stead logs", or start it again`,
  )
}
