/** One of the peers as its own process, over a database of its own in the same cluster with the same rows. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SignJWT } from 'jose'
import pg from 'pg'
import { fill, type Subject } from './subject.ts'

export type Peer = {
  origin: string
  /** Of the same user. */
  token: string
  stop(): Promise<void>
}

const FOLDER = fileURLToPath(new URL('peers/', import.meta.url))

/** Connections of all processes together: as many as the load has. */
const CONNECTIONS = 16

const JWT_SECRET = 'a secret that only the bench uses'

const READY_MS = 30_000

/** `npm ci` of the peers' own lock file, when it has not been done since the file changed. */
export function installPeers(): void {
  const done = `${FOLDER}node_modules/.package-lock.json`
  const lock = `${FOLDER}package-lock.json`
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return
  process.stderr.write('installing the peers …\n')
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefix', FOLDER], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** @param script a file in peers/; @param readyPath answers 2xx to a GET of `token`'s owner when all is up */
export async function startPeer(
  subject: Subject,
  { script, probe }: { script: string; probe: (origin: string, token: string) => Promise<boolean> },
): Promise<Peer> {
  const databaseUrl = await makeDatabase(subject, `peer_${script.replace('.mjs', '')}`)
  const port = await freePort()
  const processes = availableParallelism()
  const child = spawn(process.execPath, [script], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      GRAPHILE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      JWT_SECRET,
      PORT: String(port),
      PROCESSES: String(processes),
      CONNECTIONS: String(Math.ceil(CONNECTIONS / processes)),
    },
  })
  const peer = {
    origin: `http://127.0.0.1:${port}`,
    token: await tokenOf(subject.userId),
    stop: () => stopped(child),
  }
  try {
    await ready(child, () => probe(peer.origin, peer.token))
  } catch (error) {
    await peer.stop()
    throw new Error(`${script} did not become ready`, { cause: error })
  }
  return peer
}

const tokenOf = (userId: string): Promise<string> =>
  new SignJWT({ role: 'authenticated', sub: userId })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(JWT_SECRET))

/** The caller as both peers tell PostgreSQL of it; the first one replaces it by its own. */
const AUTH = `
create schema auth;
grant usage on schema auth to public;
create function auth.uid() returns uuid language sql stable as $$
  select nullif(coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'), '')::uuid $$`

async function makeDatabase({ instance, userId }: Subject, name: string): Promise<string> {
  const url = new URL(instance.facts.database_url)
  url.pathname = '/postgres'
  await withClient(url.href, async (admin) => {
    await admin.query(`create database ${name} template template0`)
  })
  url.pathname = `/${name}`
  await withClient(url.href, async (client) => {
    await client.query(AUTH)
    await fill(client, userId)
  })
  return url.href
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Answers in a row that make us sure that every process is up and has done what it does only once. */
const ANSWERS = 40

async function ready(child: ChildProcess, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS
  let answers = 0
  while (answers < ANSWERS) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    if (performance.now() > deadline) throw new Error('it took too long')
    if (await probe().catch(() => false)) answers++
    else await delay(50)
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
