/** A PostgreSQL that the operator brings, and several processes on it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasOpenssl, makeCertificate, UNLESS_OPENSSL } from '#support/encryption'
import { clientFor } from '#support/client'
import { Secret } from '#core/secret'
import { type EmbeddedPostgres, startPostgres } from '#postgres'
import { readConfig } from '../../server/config.ts'
import { requireUsableClusters } from '../../server/process/given-cluster.ts'
import { launch, type Running, startProcess, stead, temporaryFolder } from './stead-process.ts'

const folder = temporaryFolder()
const dataDir = (name: string): string => join(folder.path, name)
const STEAD_SECRET = 'one secret that every node of this instance is given'
let postgres: EmbeddedPostgres
let env: { STEAD_DATABASE_URL: string; STEAD_SECRET: string }
let nodes: Running[] = []

beforeAll(async () => {
  postgres = await startPostgres({
    dataDir: dataDir('cluster'),
    password: new Secret('test'),
    durable: false,
    log: pino({ level: 'silent' }),
  })
  env = { STEAD_DATABASE_URL: postgres.urlOf('postgres').reveal(), STEAD_SECRET }
})

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await postgres.stop()
  folder[Symbol.dispose]()
})

async function rows(database: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: postgres.urlOf(database).reveal() })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

test('two first starts at the same moment make one instance: same app, same keys', async () => {
  nodes = await Promise.all(['a', 'b'].map((name) => startProcess({ dataDir: dataDir(name), env })))
  const [a, b] = await Promise.all(nodes.map((node) => node.status()))
  expect(a?.url).not.toBe(b?.url)
  for (const key of ['platform_key', 'app_id', 'anon_key', 'service_key'] as const) {
    expect(a?.[key]).toBe(b?.[key])
  }
})

test('they have run every migration once', async () => {
  const ledger =
    'select version, count(*)::int as times from stead.migrations group by 1 order by 1'
  const applied = await rows('stead', ledger)
  expect(applied.length).toBeGreaterThan(0)
  expect(applied.map(({ version }) => version)).toEqual(applied.map((_, index) => index + 1))
  expect(applied.every(({ times }) => times === 1)).toBe(true)
})

test('an app made through one is there for the other', async () => {
  const [a, b] = await Promise.all(nodes.map((node) => node.status()))
  const made = await clientFor(a?.url ?? '', a?.platform_key).post('/init', { name: 'shared' })
  const { app_id: id } = (await made.json()) as { app_id: string }
  const seen = await clientFor(b?.url ?? '', b?.platform_key).get(`/v1/${id}/config`)
  expect(await seen.json()).toMatchObject({ id, name: 'shared' })
})

test('connections that rest in one are given to the other at once, when there are no more', async () => {
  const [a, b] = await Promise.all(nodes.map((node) => node.status()))
  const app = a?.app_id ?? ''
  await rows(
    app,
    `create or replace function public.nap() returns text language sql volatile
    as 'select pg_sleep(0.3)::text'`,
  )
  await rows('postgres', `alter role "${app}_api" connection limit 3`)
  const nap = (status: typeof a) =>
    clientFor(status?.url ?? '', status?.service_key).post('/rest/v1/rpc/nap')
  const here = await Promise.all(Array.from({ length: 3 }, () => nap(a)))
  expect(here.map(({ status }) => status)).toEqual([200, 200, 200])
  const begun = performance.now()
  const there = await Promise.all(Array.from({ length: 3 }, () => nap(b)))
  expect(there.map(({ status }) => status)).toEqual([200, 200, 200])
  // Long before the first process would have closed them for resting too long, which takes ten seconds.
  expect(performance.now() - begun).toBeLessThan(5_000)
  await rows('postgres', `alter role "${app}_api" connection limit -1`)
})

test('a function that runs in one ends when its app is deleted through the other', async () => {
  const [a, b] = await Promise.all(nodes.map((node) => node.status()))
  const here = clientFor(a?.url ?? '', a?.platform_key)
  const there = clientFor(b?.url ?? '', b?.platform_key)
  const made = await here.post('/init', { name: 'short-lived' })
  const { app_id: id } = (await made.json()) as { app_id: string }
  const code = `export default () => new Response(new ReadableStream({
    start: (stream) => void setInterval(() => stream.enqueue(new Uint8Array(9)), 50) }))`
  const deployed = await here.post(`/v1/${id}/functions`, {
    name: 'endless',
    code,
    timeoutMs: 300_000,
    trigger: { type: 'http', config: { auth: 'none' } },
  })
  expect(deployed.status).toBe(200)
  const endless = await here.get(`/v1/${id}/fn/endless`)
  expect(endless.status).toBe(200)
  expect((await there.delete(`/apps/${id}`)).status).toBe(200)
  await expect(endless.text()).rejects.toThrow('terminated')
  await nodes[0]?.said('an answer broke off')
  expect(nodes[0]?.stderr()).not.toMatch(/^\s+at /m)
})

test('a start with another secret is refused, because it could read nothing', async () => {
  const other = launch({
    dataDir: dataDir('other'),
    env: { ...env, STEAD_SECRET: 'another secret, as after a lost data folder' },
  })
  expect((await other.ended).code).toBe(1)
  // The advice to change it would, if followed, keep out the processes that run.
  expect(other.stderr()).toMatch(/another secret\. Start with that one in STEAD_SECRET/)
  expect(other.stderr()).not.toMatch(/^\s+at /m)
})

test.each([
  [
    'small',
    '',
    'may not create databases and roles. Stead makes databases, roles and event triggers',
  ],
  ['larger', 'createdb createrole', 'Stead makes databases, roles and event triggers'],
])(
  'a role that may not do enough (%s) is refused with what it lacks',
  async (role, may, advice) => {
    await rows('postgres', `create role ${role} login password 'known' ${may}`)
    const url = new URL(env.STEAD_DATABASE_URL)
    url.username = role
    url.password = 'known'
    const start = launch({ dataDir: dataDir(role), env: { STEAD_DATABASE_URL: url.href } })
    expect((await start.ended).code).toBe(1)
    expect(start.stderr()).toContain(`Cannot start: PostgreSQL at ${url.host} cannot be used`)
    expect(start.stderr()).toContain(advice)
    expect(start.stderr()).not.toMatch(/known|^\s+at /m)
  },
)

const LOGIN = 'the/user@work'
const PASSWORD = 'p@ss:/w#o?r%d é'

/** From here on who comes unencrypted is not let in. */
async function encrypt(): Promise<void> {
  const cluster = dataDir('cluster')
  makeCertificate(cluster, 'localhost')
  const rules = join(cluster, 'pg_hba.conf')
  const rule = `hostnossl all "${LOGIN}" all reject\n`
  writeFileSync(rules, rule + readFileSync(rules, 'utf8'))
  await rows('postgres', `create role "${LOGIN}" superuser login password '${PASSWORD}'`)
  await rows('postgres', 'alter system set ssl = on')
  await rows('postgres', 'select pg_reload_conf()')
  await expect.poll(() => rows('postgres', 'show ssl')).toEqual([{ ssl: 'on' }])
}

test.skipIf(!hasOpenssl)(
  `a server that takes encrypted connections only is asked as the address says${UNLESS_OPENSSL}`,
  async () => {
    await encrypt()
    const url = new URL(postgres.urlOf('postgres').reveal())
    url.username = encodeURIComponent(LOGIN)
    url.password = encodeURIComponent(PASSWORD)
    const settings = (query: string) => ({ STEAD_SECRET, STEAD_DATABASE_URL: url.href + query })
    for (const [query, advice] of [
      ['', 'add ?sslmode=require to the address'],
      ['?sslmode=verify-full', 'self-signed certificate. Name the certificate that signed it'],
    ] as const) {
      const asked = requireUsableClusters(readConfig({ env: settings(query) }))
      await expect(asked).rejects.toThrow(advice)
    }
    const env = settings('?sslmode=require')
    const [{ now = '' } = {}] = await rows('postgres', 'select clock_timestamp()::text as now')
    await using running = await startProcess({ dataDir: dataDir('encrypted'), env })
    const { url: api, app_id: app, service_key: key } = await running.status()
    expect((await clientFor(api, key).get('/rest/v1/')).status).toBe(200)
    const seen = await rows(
      'postgres',
      `select distinct usename, ssl from pg_stat_ssl join pg_stat_activity using (pid)
        where usename in ('${LOGIN}', '${app}_api') and backend_start > '${String(now)}'`,
    )
    expect(seen).toContainEqual({ usename: LOGIN, ssl: true })
    expect(seen.filter(({ ssl }) => !ssl)).toEqual([])
    expect(running.stderr()).not.toMatch(/warning/i)
  },
)

/** A way to a port that can be closed, as a network or another machine may be. */
async function doorTo(port: number): Promise<{ port: number; shut(): void }> {
  const open = new Set<Socket>()
  const server: Server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const shut = (): void => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return { port: (server.address() as { port: number }).port, shut }
}

test('a region that does not answer is told to callers, and what to check to the operator', async () => {
  const near = new URL(env.STEAD_DATABASE_URL)
  const door = await doorTo(Number(near.port))
  const far = new URL(near)
  far.port = String(door.port)
  const settings = { ...env, STEAD_REGIONS: `us-east-1,us-west-2=${far.href}` }
  await using running = await startProcess({ dataDir: dataDir('far'), env: settings })
  const { url, platform_key: key } = await running.status()
  const owner = clientFor(url, key)
  const init = async (name: string) => {
    const made = await owner.post('/init', { name, region: 'us-west-2' })
    return (await made.json()) as { app_id: string; _meta: unknown }
  }
  const { app_id: id } = await init('far')
  door.shut()
  const rows = await owner.get(`/v1/${id}/rows`)
  expect(rows.status).toBe(503)
  expect(await rows.text()).toMatch(/EXTERNAL_DB_ERROR(?!.*STEAD)/)
  await running.said('check STEAD_DATABASE_URL and STEAD_REGIONS')
  const failed = await init('farther')
  expect(failed).toMatchObject({
    provisioning_status: 'failed',
    _meta: { next_actions: [{ action: 'delete_app' }] },
  })
  const status = await owner.get(`/apps/${failed.app_id}/status`)
  expect(await status.json()).toMatchObject({
    provisioning_error: 'The database of the region us-west-2 cannot be reached',
  })
  const args = ['init', 'farther', '--region', 'us-west-2', '--data-dir', running.dataDir]
  expect(await stead(args)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('farther has no database. GET'),
  })
  expect(running.stderr()).not.toContain(':test@')
})
