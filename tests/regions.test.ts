/** An instance on two clusters, and what it says of itself while one of them is away. */
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { type EmbeddedPostgres, startPostgres } from '#postgres'
import { startApp, type TestApp } from '#support/app'

/** A way to a cluster: through, or nothing listens, or whoever listens says nothing. */
type Door = {
  url: Secret
  port: number
  /** How many connections came so far. */
  came(): number
  set(state: 'open' | 'shut' | 'silent'): Promise<void>
}

const folder = mkdtempSync(join(tmpdir(), 'stead-regions-'))
let west: EmbeddedPostgres
let doors: { east: Door; west: Door }
let app: TestApp

beforeAll(async () => {
  chmodSync(folder, 0o755)
  west = await startPostgres({
    dataDir: join(folder, 'west'),
    password: new Secret('other'),
    durable: false,
    log: pino({ level: 'silent' }),
  })
  doors = {
    east: await doorTo(inject('clusterUrl')),
    west: await doorTo(west.urlOf('postgres').reveal()),
  }
  app = await startApp({
    cluster: doors.east.url,
    env: {
      STEAD_REGIONS: `us-east-1,us-west-2=${doors.west.url.reveal()},us-west-3=${doors.west.url.reveal()}`,
      STEAD_SPARE_DATABASES: '0',
    },
  })
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await Promise.all([doors.east.set('shut'), doors.west.set('shut')])
  await west.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function doorTo(address: string): Promise<Door> {
  const url = new URL(address)
  const [far, host] = [Number(url.port), url.hostname]
  const sockets = new Set<Socket>()
  let state: 'open' | 'shut' | 'silent' = 'open'
  let came = 0
  const server = createServer((near) => {
    came++
    sockets.add(near)
    near.on('error', () => {})
    if (state === 'silent') return
    const on = connect(far, host)
    sockets.add(on)
    on.on('error', () => near.destroy())
    near.on('close', () => on.destroy())
    // Neither passes anything on once nobody is to be heard.
    near.on('data', (bytes) => state === 'open' && on.write(bytes))
    on.on('data', (bytes) => state === 'open' && near.write(bytes))
    on.on('close', () => state !== 'silent' && near.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  url.port = String(port)
  return {
    url: new Secret(url.href),
    port,
    came: () => came,
    async set(wanted) {
      state = wanted
      if (wanted === 'shut') server.close()
      if (wanted !== 'silent') for (const socket of sockets) socket.destroy()
      if (wanted === 'open' && !server.listening) {
        server.listen(port, '127.0.0.1')
        await once(server, 'listening')
      }
    },
  }
}

async function asked(): Promise<{ status: number; body: unknown; text: string; seconds: number }> {
  const begun = performance.now()
  const res = await app.nobody.get('/health/ready')
  const text = await res.text()
  const seconds = (performance.now() - begun) / 1000
  return { status: res.status, body: JSON.parse(text), text, seconds }
}

const said = (regions: Record<string, 'ok' | 'unreachable'>, checks: object, status = 'ready') => ({
  status,
  service: 'control-api',
  checks,
  regions,
})

const BOTH = { controlDb: 'ok', dataPlaneDb: 'ok' }

const backAgain = () =>
  expect
    .poll(async () => (await asked()).body, { timeout: 10_000 })
    .toEqual(said({ 'us-east-1': 'ok', 'us-west-2': 'ok', 'us-west-3': 'ok' }, BOTH))

test('GET /health/ready names every region where they have clusters of their own', async () => {
  const { status, body } = await asked()
  expect(status).toBe(200)
  expect(body).toEqual(said({ 'us-east-1': 'ok', 'us-west-2': 'ok', 'us-west-3': 'ok' }, BOTH))
})

test('GET /health/ready opens no connection for being asked again', async () => {
  await asked()
  const before = [doors.east.came(), doors.west.came()]
  for (let at = 0; at < 5; at++) await Promise.all(Array.from({ length: 10 }, asked))
  expect([doors.east.came(), doors.west.came()]).toEqual(before)
})

test('GET /health/ready is 200 while a region is away, names it and not where it is; the others are served', async () => {
  await doors.west.set('shut')
  const { status, body, text } = await asked()
  const away = {
    'us-east-1': 'ok',
    'us-west-2': 'unreachable',
    'us-west-3': 'unreachable',
  } as const
  expect([status, body]).toEqual([200, said(away, BOTH)])
  expect(text).not.toMatch(new RegExp(`${doors.west.port}|127\\.0\\.0\\.1|postgres|other`))
  expect((await app.as(app.serviceKey).get('/rest/v1/')).status).toBe(200)
  await doors.west.set('open')
  await backAgain()
})

test('GET /health/ready waits no longer than two seconds for a region that says nothing, however many ask', async () => {
  await doors.west.set('silent')
  const before = doors.west.came()
  const answers = await Promise.all(Array.from({ length: 20 }, asked))
  for (const { status, body, seconds } of answers) {
    expect([status, body]).toMatchObject([
      200,
      { regions: { 'us-east-1': 'ok', 'us-west-2': 'unreachable' } },
    ])
    expect(seconds).toBeLessThan(3.5)
  }
  expect(doors.west.came() - before).toBeLessThanOrEqual(1)
  await doors.west.set('open')
  await backAgain()
})

test('GET /health/ready and GET /health are 503 while the control database is away, whatever the regions say', async () => {
  await doors.east.set('shut')
  const { status, body } = await asked()
  const regions = { 'us-east-1': 'unreachable', 'us-west-2': 'ok', 'us-west-3': 'ok' } as const
  expect([status, body]).toEqual([503, said(regions, { dataPlaneDb: 'ok' }, 'not_ready')])
  expect((await app.nobody.get('/health')).status).toBe(503)
  await doors.east.set('open')
  await backAgain()
})
