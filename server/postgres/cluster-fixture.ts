/** For the tests of this folder: real clusters in temporary folders, gone afterwards. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { pino } from 'pino'
import { afterAll } from 'vitest'
import { randomToken } from '#core/ids'
import { Secret } from '#core/secret'
import { type EmbeddedOptions, type EmbeddedPostgres, startPostgres } from './index.ts'
import { endClusterProcesses } from './processes.ts'

export const silent = pino({ level: 'silent' })

const password = new Secret(randomToken(32))

/** A folder that the server's user may enter, removed with all that it holds. */
export function tempFolder() {
  const path = mkdtempSync(join(tmpdir(), 'stead-test-'))
  chmodSync(path, 0o711)
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/** What stands in the folder that holds the cluster's. */
export const siblings = (dataDir: string) => readdirSync(dirname(dataDir)).sort()

/** A place for one cluster, not made yet. Whatever runs on it at the end is stopped. */
export function tempCluster() {
  const folder = tempFolder()
  const dataDir = join(folder.path, 'pg')
  const started: EmbeddedPostgres[] = []
  const start = async (options: Partial<EmbeddedOptions> = {}) => {
    const cluster = await startPostgres({
      dataDir,
      password,
      log: silent,
      durable: false,
      ...options,
    })
    started.push(cluster)
    return cluster
  }
  return {
    dataDir,
    password,
    start,
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((cluster) => cluster.stop()))
      await endClusterProcesses(dataDir)
      folder[Symbol.dispose]()
    },
  }
}

let original: Promise<ReturnType<typeof tempCluster>> | undefined

afterAll(async () => (await original)?.[Symbol.asyncDispose]())

/** A place whose cluster has been started and stopped once: a copy, which is faster than initdb. */
export async function madeCluster() {
  original ??= (async () => {
    const first = tempCluster()
    await (await first.start()).stop()
    return first
  })()
  const place = tempCluster()
  cpSync((await original).dataDir, place.dataDir, { recursive: true })
  rmSync(join(place.dataDir, 'postmaster.opts')) // or all copies would want the same port
  return place
}

/** Rows of one statement, by a connection of its own. */
export async function query(url: Secret, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url.reveal() })
  client.on('error', () => undefined) // some tests kill the server under it
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

const CHILD = `
  const { startPostgres } = await import(process.env.INDEX)
  const { Secret } = await import(process.env.SECRET)
  const { pino } = await import('pino')
  const password = new Secret(process.env.PASSWORD)
  try {
    const { pid, port } = await startPostgres({
      dataDir: process.env.DATA_DIR, password, log: pino({ level: 'silent' }),
    })
    console.log(JSON.stringify({ pid, port }))
  } catch ({ code, message, details }) {
    console.log(JSON.stringify({ code, message, details }))
  }
`

type ChildAnswer = {
  pid?: number
  port?: number
  code?: string
  message?: string
  details?: { pid: number }
}

/** Starts the cluster, durable as for users, in a process of its own and waits for what came of it. */
export async function startInChild(place: { dataDir: string; password: Secret }) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', CHILD], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      INDEX: new URL('index.ts', import.meta.url).href,
      SECRET: new URL('../core/secret.ts', import.meta.url).href,
      PASSWORD: place.password.reveal(),
      DATA_DIR: place.dataDir,
    },
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, answer: JSON.parse(line) as ChildAnswer }
}

/** What nobody can prepare for. Returns when the process is gone. */
export async function killNow(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Waits until `holds` does. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`still not: ${holds.toString()}`)
    await delay(10)
  }
}
