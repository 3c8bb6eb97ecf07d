/** What `stead status` reads: a file that only its owner may read, there while the instance runs. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, conflict } from '#core/errors'
import type { FirstSteps } from '../app.ts'

export type Running = {
  pid: number
  url: string
  /** Where it answers on this machine; `url` is how the world reaches it. */
  local_url: string
  console_url: string
  platform_key: string
  app_id: string
  anon_key: string
  service_key: string
  database_url: string
  metrics_url: string
  data_dir: string
  version: string
  started_at: string
}

export type RunFacts = {
  url: string
  localUrl: string
  metricsUrl: string
  dataDir: string
  version: string
  steps: FirstSteps
}

export function runningOf({
  url,
  localUrl,
  metricsUrl,
  dataDir,
  version,
  steps,
}: RunFacts): Running {
  return {
    pid: process.pid,
    url,
    local_url: localUrl,
    console_url: `${url}/`,
    platform_key: steps.platformKey,
    app_id: steps.app.id,
    anon_key: steps.anonKey,
    service_key: steps.serviceKey,
    database_url: steps.databaseUrl.reveal(),
    metrics_url: metricsUrl,
    data_dir: dataDir,
    version,
    started_at: new Date().toISOString(),
  }
}

const pathOf = (dataDir: string): string => join(dataDir, 'run.json')

/** Whole or not at all: written aside and moved. */
export function writeRunFile(dataDir: string, running: Running): void {
  const draft = `${pathOf(dataDir)}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(running, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(draft, pathOf(dataDir))
}

/** Only our own: another process that shares the folder may have written its own since. */
export function removeRunFile(dataDir: string): void {
  const path = pathOf(dataDir)
  if (existsSync(path) && pidIn(path) === process.pid) rmSync(path, { force: true })
}

const TAKEN = new Set(['port_in_use', 'data_dir_in_use'])

/** What is said of a port or a folder that is taken when who took it is the Stead that runs on this very folder. */
export function runsHere(dataDir: string, error: unknown): unknown {
  const pid = pidIn(pathOf(dataDir))
  if (!(error instanceof AppError) || !TAKEN.has(error.code) || !isAlive(pid)) return error
  const message = `Cannot start: Stead runs on ${dataDir} already (process ${pid}). See it with "npx stead status"; a second one needs a --port and a --data-dir of its own`
  return conflict('already_running', message)
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Undefined for a file that a full disk cut short: it must not keep a stop from ending. */
function pidIn(path: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as Running).pid
  } catch {
    return undefined
  }
}
