/** One real PostgreSQL for the whole run: every test file makes its own databases in it. */
import { mkdtemp, rm, chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { TestProject } from 'vitest/node'
import { Secret } from '#core/secret'
import { startPostgres } from '#postgres'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connection string of the cluster, as its superuser. */
    clusterUrl: string
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Such as one with extensions that the embedded server does not have.
  const given = process.env.STEAD_TEST_DATABASE_URL
  if (given) {
    project.provide('clusterUrl', given)
    return () => Promise.resolve()
  }
  const folder = await mkdtemp(join(tmpdir(), 'stead-tests-'))
  await chmod(folder, 0o755)
  const postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    password: new Secret('test'),
    durable: false,
    maxConnections: 400,
    log: pino({ level: process.env.STEAD_TEST_LOG ?? 'silent' }),
  })
  project.provide('clusterUrl', postgres.urlOf('postgres').reveal())
  return async () => {
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
