import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { once } from 'node:events'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { Secret } from '#core/secret'
import { findPackage } from './binaries.ts'
import { madeCluster, query, siblings, silent, tempCluster, tempFolder } from './cluster-fixture.ts'
import { startPostgres } from './index.ts'
import { clusterProcesses } from './processes.ts'

test('startPostgres keeps data, password and port for the next start', async () => {
  await using place = tempCluster()
  const first = await place.start({ durable: true })
  await query(first.urlOf('postgres'), 'create table kept as select 42 as n')
  await first.stop()

  const second = await place.start({ durable: true })

  expect(await query(second.urlOf('postgres'), 'select n from kept')).toEqual([{ n: 42 }])
  expect(second.port).toBe(first.port)
  expect(second.version).toMatch(/^18\.\d+$/)
})

test('startPostgres protects the data: checksums, fsync, full pages, scram, UTF-8', async () => {
  await using place = await madeCluster()
  const cluster = await place.start({ durable: true })

  const [settings] = await query(
    cluster.urlOf('postgres'),
    `select current_setting('data_checksums') checksums, current_setting('fsync') fsync,
      current_setting('full_page_writes') full_pages, current_setting('synchronous_commit') sync,
      current_setting('wal_level') wal, current_setting('listen_addresses') listen,
      current_setting('server_encoding') encoding, current_setting('timezone') zone,
      (select left(rolpassword, 13) from pg_authid where rolname = 'stead') hash,
      (select count(*)::int from pg_hba_file_rules where auth_method <> 'scram-sha-256') lax`,
  )

  expect(settings).toEqual({
    checksums: 'on',
    fsync: 'on',
    full_pages: 'on',
    sync: 'on',
    wal: 'logical',
    listen: '127.0.0.1',
    encoding: 'UTF8',
    zone: 'UTC',
    hash: 'SCRAM-SHA-256',
    lax: 0,
  })
})

test('startPostgres lets nobody else read the folder and runs unprivileged', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()

  expect(statSync(place.dataDir).mode & 0o777).toBe(0o700)
  expect(statSync(place.dataDir).uid).not.toBe(0)
  expect(statSync(`/proc/${cluster.pid}`).uid).toBe(statSync(place.dataDir).uid)
})

test('the password is asked for by TCP and by socket, and a wrong one is refused', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()
  const { port, superuser: user, socketDir } = cluster
  const connect = async (host: string, password: string) => {
    const client = new Client({ host, port, user, password, database: 'postgres' })
    try {
      await client.connect()
    } finally {
      await client.end()
    }
  }

  await connect('127.0.0.1', place.password.reveal())
  await connect(socketDir, place.password.reveal())
  await expect(connect('127.0.0.1', 'guess')).rejects.toMatchObject({ code: '28P01' })
  await expect(connect(socketDir, 'guess')).rejects.toMatchObject({ code: '28P01' })
})

test('startPostgres leaves no password and no draft beside the cluster', async () => {
  await using place = tempCluster()
  const cluster = await place.start()

  expect(siblings(place.dataDir)).toEqual(['pg', 'pg.lock'])
  expect(readFileSync(`/proc/${cluster.pid}/cmdline`, 'utf8')).not.toContain(
    place.password.reveal(),
  )
  expect(readFileSync(`${place.dataDir}.lock`, 'utf8')).not.toContain(place.password.reveal())
})

test('the server gets none of our environment', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()

  const environment = readFileSync(`/proc/${cluster.pid}/environ`, 'utf8').split('\0')
  const names = environment.filter(Boolean).map((entry) => entry.split('=')[0])
  expect(names.filter((name) => !/^(LC_ALL|TZ|PATH|PG.*)$/.test(String(name)))).toEqual([])
})

test('urlOf escapes what a URL would misread, and prints as a secret', async () => {
  await using place = tempCluster()
  const cluster = await place.start({ password: new Secret('p@ss:/w?rd #%') })

  expect(await query(cluster.urlOf('postgres'), 'select 1 as n')).toEqual([{ n: 1 }])
  expect(String(cluster.urlOf('postgres'))).toBe('[secret]')
  expect(JSON.stringify(cluster)).not.toContain('w?rd')
})

test('nearUrlOf leads by the socket, and keeps the address for others', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()
  const near = cluster.nearUrlOf('postgres')

  expect(await query(near, 'select inet_server_addr() as address')).toEqual([{ address: null }])
  expect(new URL(near.reveal()).host).toBe(`${cluster.host}:${cluster.port}`)
})

test('an empty folder is taken, one with other files is refused and left alone', async () => {
  await using empty = tempCluster()
  mkdirSync(empty.dataDir)
  await expect(empty.start()).resolves.toBeDefined()

  await using full = tempCluster()
  mkdirSync(full.dataDir)
  writeFileSync(join(full.dataDir, 'thesis.txt'), 'years of work')
  await expect(full.start()).rejects.toMatchObject({
    code: 'data_dir_not_empty',
    message: `Cannot start PostgreSQL: "${full.dataDir}" holds files but no database cluster`,
  })
  expect(siblings(full.dataDir)).toEqual([basename(full.dataDir)])
  expect(readFileSync(join(full.dataDir, 'thesis.txt'), 'utf8')).toBe('years of work')

  await using file = tempCluster()
  writeFileSync(file.dataDir, '')
  await expect(file.start()).rejects.toMatchObject({
    message: `Cannot start PostgreSQL: "${file.dataDir}" is a file`,
  })
})

test('a cluster of another version is refused with both versions named', async () => {
  await using place = tempCluster()
  mkdirSync(place.dataDir)
  writeFileSync(join(place.dataDir, 'PG_VERSION'), '15\n')

  await expect(place.start()).rejects.toMatchObject({
    code: 'data_dir_other_version',
    message: expect.stringMatching(
      /^Cannot start PostgreSQL 18\.\d+: .* was made by PostgreSQL 15$/,
    ),
  })
})

test('a folder that the server cannot enter is named, with what to do', async () => {
  using folder = tempFolder()
  const closed = join(folder.path, 'closed')
  mkdirSync(closed, { mode: 0o500 })
  const dataDir = join(closed, 'data', 'pg')

  await expect(
    startPostgres({ dataDir, password: new Secret('x'), log: silent }),
  ).rejects.toMatchObject({
    kind: 'forbidden',
    code: 'data_dir_closed',
    message: expect.stringContaining(`"${closed}"`),
    hint: expect.stringMatching(/--data-dir.*(chmod|chown)/),
    details: { folder: closed },
  })
  expect(readdirSync(closed)).toEqual([])
})

test('a folder that cannot be made gets a sentence', async () => {
  using folder = tempFolder()
  writeFileSync(join(folder.path, 'file'), '', { mode: 0o777 })
  chmodSync(join(folder.path, 'file'), 0o777)
  const dataDir = join(folder.path, 'file', 'data', 'pg')

  await expect(
    startPostgres({ dataDir, password: new Secret('x'), log: silent }),
  ).rejects.toMatchObject({
    code: 'data_dir_unusable',
    message: `Cannot keep the database in "${dataDir}"`,
    hint: expect.stringContaining('--data-dir'),
  })
})

test('a path too long for a socket still starts, with a private folder elsewhere', async () => {
  await using place = tempCluster()
  const dataDir = join(dirname(place.dataDir), 'd'.repeat(120), 'pg')
  const cluster = await startPostgres({
    dataDir,
    password: place.password,
    log: silent,
    durable: false,
  })

  expect(cluster.socketDir.length).toBeLessThan(80)
  expect(statSync(cluster.socketDir).mode & 0o777).toBe(0o700)
  expect(cluster.nearUrlOf('postgres').reveal()).toBe(cluster.urlOf('postgres').reveal())
  await cluster.stop()
  expect(existsSync(cluster.socketDir)).toBe(false)
})

test('an asked port that is taken is refused, a remembered one that is taken is replaced', async () => {
  await using place = await madeCluster()
  const first = await place.start()
  await first.stop()
  const squatter = createServer().listen(first.port, '127.0.0.1')
  await once(squatter, 'listening')

  await expect(place.start({ port: first.port })).rejects.toMatchObject({ code: 'port_in_use' })
  const second = await place.start()

  expect(second.port).not.toBe(first.port)
  squatter.close()
})

test('a server that cannot start says so, with its last words as the private cause', async () => {
  await using place = await madeCluster()
  await (await place.start()).stop()
  chmodSync(join(place.dataDir, 'global', 'pg_control'), 0o000)

  const error = await place.start({ maxConnections: 300_000 }).catch((thrown: unknown) => thrown)

  expect(error).toMatchObject({ kind: 'unavailable', code: 'postgres_start_failed' })
  expect(String((error as Error).cause)).toMatch(/max_connections|pg_control/)
  expect(existsSync(`${place.dataDir}.lock`)).toBe(false)
})

test('stop leaves no process, no lock and a resolved exited', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()
  const client = new Client(cluster.urlOf('postgres').reveal())
  client.on('error', () => undefined)
  await client.connect()

  await Promise.all([cluster.stop(), cluster.stop()])

  expect(await cluster.exited).toEqual({ code: 0, signal: null })
  expect(clusterProcesses(place.dataDir)).toEqual([])
  expect(siblings(place.dataDir)).toEqual(['pg'])
  await cluster.stop()
})

test('stop goes through with a server that does not answer', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()
  process.kill(cluster.pid, 'SIGSTOP')

  await cluster.stop({ deadlineMs: 50 })

  expect(clusterProcesses(place.dataDir)).toEqual([])
})

test('the server is in a session of its own, so Ctrl-C does not reach it', async () => {
  await using place = await madeCluster()
  const cluster = await place.start()
  const stat = readFileSync(`/proc/${cluster.pid}/stat`, 'utf8')
  const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')

  expect([Number(group), Number(session)]).toEqual([cluster.pid, cluster.pid])
})

test('findPackage names the package of this platform', () => {
  expect(findPackage().label).toMatch(new RegExp(`^${process.platform}-${process.arch}-18\\.`))
})
