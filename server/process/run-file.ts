/** What `stead status` reads: a file that only its owner may read, there while the instance runs. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FirstSteps } from '../app.ts'

export type Running = {
  pid: number
  url: string
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
  metricsUrl: string
  dataDir: string
  version: string
  steps: FirstSteps
}

export function runningOf({ url, metricsUrl, dataDir, version, steps }: RunFacts): Running {
  return {
    pid: process.pid,
    url,
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

export const removeRunFile = (dataDir: string): void => rmSync(pathOf(dataDir), { force: true })
