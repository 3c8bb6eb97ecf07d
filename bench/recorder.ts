/** What an HTTP request comes down to: the very statements that the server sends for it. */
import { join } from 'node:path'
import pino from 'pino'
import { systemClock } from '#core/clock'
import { Secret } from '#core/secret'
import type { BatchStatement } from '#db/batch'
import { createInstance } from '../server/app.ts'
import { readConfig } from '../server/config.ts'
import { listen } from '../server/process/http-server.ts'
import { instanceSecrets } from '../server/process/secret-file.ts'
import type { Running } from './instance.ts'
import type { HttpRequest } from './load.ts'

export type Recorder = {
  /** Runs the request once. @throws Error when the answer is not 2xx, or the database was not asked */
  record(request: HttpRequest): Promise<readonly BatchStatement[]>
  close(): Promise<void>
}

/** A second node over the same cluster, in this process, that nobody but the bench knows of. */
export async function openRecorder(dataDir: string, facts: Running): Promise<Recorder> {
  const config = readConfig({
    env: { STEAD_FUNCTION_STANDBY: '0', STEAD_SPARE_DATABASES: '0', STEAD_APP_RATE_LIMIT: '-1' },
  })
  const cluster = new URL(facts.database_url)
  cluster.pathname = '/postgres'
  const instance = await createInstance({
    config,
    cluster: new Secret(cluster.href),
    secrets: instanceSecrets(dataDir, config),
    publicUrl: facts.url,
    scratchDir: join(dataDir, 'recorder'),
    log: pino({ level: 'silent' }),
    clock: systemClock,
  })
  const { api } = instance.services.apps.databasesOf(instance.firstSteps.app)
  const batch = api.batch.bind(api)
  let sent: readonly BatchStatement[] = []
  api.batch = (statements, options) => {
    sent = statements
    return batch(statements, options)
  }
  const server = await listen('127.0.0.1', 0)
  server.open(instance.router.fetch)
  return {
    async record({ method, path, headers = '', body = null }) {
      sent = []
      const url = `${server.localUrl}${path}`
      const answer = await fetch(url, { method, headers: pairsOf(headers), body })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`)
      if (sent.length === 0) throw new Error(`${method} ${path} sent no statement`)
      return sent
    },
    async close() {
      server.cut()
      await server.drain(0)
      await instance.close()
    },
  }
}

const pairsOf = (lines: string): [string, string][] =>
  lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
