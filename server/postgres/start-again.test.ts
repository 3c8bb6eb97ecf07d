/** Starts on a folder that another start has, had, or left half made. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { Secret } from '#core/secret'
import { serverAccount } from './account.ts'
import { prepareBinaries } from './binaries.ts'
import {
  killNow,
  madeCluster,
  query,
  siblings,
  startInChild,
  tempCluster,
  until,
} from './cluster-fixture.ts'
import { clusterProcesses, isRunning } from './processes.ts'
import { programOptions } from './run-program.ts'

test('of two starts at once on one folder one wins and the other is told who', async () => {
  await using place = tempCluster()
  const [here, there] = await Promise.allSettled([place.start(), startInChild(place)])
  if (there.status === 'rejected') throw there.reason

  const { answer, child } = there.value
  const refusal = here.status === 'rejected' ? here.reason : answer
  const winner = here.status === 'rejected' ? child.pid : process.pid
  expect(refusal).toMatchObject({ code: 'data_dir_in_use', details: { pid: winner } })
  expect(refusal.message).toBe(
    `Cannot start PostgreSQL: "${place.dataDir}" is in use by process ${winner}`,
  )
  expect([here.status === 'fulfilled', answer.pid !== undefined].filter(Boolean)).toHaveLength(1)
  if (child.exitCode === null) await killNow(child)
})

test('of ten starts at once in one process one wins', async () => {
  await using place = tempCluster()

  const results = await Promise.allSettled(Array.from({ length: 10 }, () => place.start()))

  const lost = results.filter((one) => one.status === 'rejected')
  expect(lost).toHaveLength(9)
  expect(lost.map((one) => one.reason.code)).toEqual(lost.map(() => 'data_dir_in_use'))
})

test('a cluster whose postmaster was killed starts again with every committed row', async () => {
  await using place = await madeCluster()
  const first = await place.start({ durable: true })
  await query(first.urlOf('postgres'), 'create table kept as select generate_series(1, 1000) as n')
  // A busy backend does not notice the death of its postmaster by itself.
  const busy = query(first.urlOf('postgres'), `do $$ begin loop perform 1; end loop; end $$`).catch(
    (error: unknown) => error,
  )
  await until(() =>
    clusterProcesses(place.dataDir).some((one) => commandOf(one.pid).includes(') DO')),
  )
  process.kill(first.pid, 'SIGKILL')
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' })

  const second = await place.start({ durable: true })

  expect(await query(second.urlOf('postgres'), 'select count(*)::int from kept')).toEqual([
    { count: 1000 },
  ])
  expect(await busy).toBeInstanceOf(Error)
})

test('a start takes over from a process that was killed', async () => {
  await using place = await madeCluster()
  const { child, answer } = await startInChild(place)
  await query(urlAt(answer.port, place.password), 'create table kept as select 7 as n')
  process.kill(answer.pid!, 'SIGSTOP') // so that it outlives its parent for certain
  await killNow(child)
  expect(isRunning(answer.pid!)).toBe(true)

  const cluster = await place.start()

  expect(isRunning(answer.pid!)).toBe(false)
  expect(await query(cluster.urlOf('postgres'), 'select n from kept')).toEqual([{ n: 7 }])
})

test('the server stops by itself when its process is killed, where the system can do that', async () => {
  await using place = await madeCluster()
  const { child, answer } = await startInChild(place)
  await killNow(child)

  if (existsSync('/usr/bin/setpriv')) await until(() => !isRunning(answer.pid!))
  const cluster = await place.start()

  expect(await query(cluster.urlOf('postgres'), 'select 1 as n')).toEqual([{ n: 1 }])
})

test('a start takes over from everything having been killed at once', async () => {
  await using place = await madeCluster()
  const { child, answer } = await startInChild(place)
  await query(urlAt(answer.port, place.password), 'create table kept as select 7 as n')
  process.kill(answer.pid!, 'SIGKILL')
  await killNow(child)
  expect(existsSync(join(place.dataDir, 'postmaster.pid'))).toBe(true)
  expect(existsSync(`${place.dataDir}.lock`)).toBe(true)

  const cluster = await place.start()

  expect(await query(cluster.urlOf('postgres'), 'select n from kept')).toEqual([{ n: 7 }])
})

test('a start ends a server that somebody left on the folder without a lock', async () => {
  await using place = await madeCluster()
  const first = await place.start()
  await first.stop()
  const account = serverAccount()
  const { postgres } = await prepareBinaries(account)
  const words = [
    '-D',
    place.dataDir,
    '-c',
    'listen_addresses=',
    '-c',
    `unix_socket_directories=${place.dataDir}`,
  ]
  const orphan = spawn(postgres, words, { ...programOptions(postgres, account), stdio: 'ignore' })
  const ended = once(orphan, 'exit')
  await until(() => existsSync(join(place.dataDir, 'postmaster.pid')))

  const second = await place.start()

  expect(await ended).toBeDefined()
  expect(await query(second.urlOf('postgres'), 'select 1 as n')).toEqual([{ n: 1 }])
})

test('lock files of a server whose pid another program has by now do not block the start', async () => {
  await using place = await madeCluster()
  const first = await place.start()
  const locks = ['postmaster.pid', `.s.PGSQL.${first.port}.lock`].map((name) =>
    join(place.dataDir, name),
  )
  const contents = locks.map((path) => readFileSync(path, 'utf8'))
  await first.stop()
  const stranger = spawn('/bin/sleep', ['60'], programOptions('/bin/sleep', serverAccount()))
  for (const [index, path] of locks.entries()) {
    writeFileSync(path, String(contents[index]).replace(/^\d+/, `${stranger.pid}`))
  }

  const second = await place.start()

  expect(await query(second.urlOf('postgres'), 'select 1 as n')).toEqual([{ n: 1 }])
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
  await killNow(stranger)
})

test('a half-made cluster of a killed first start is cleared away', async () => {
  await using place = tempCluster()
  const draft = `${place.dataDir}.new-Xy12Ab`
  mkdirSync(join(draft, 'cluster', 'base'), { recursive: true })
  writeFileSync(join(draft, 'cluster', 'PG_VERSION'), '18\n')

  const cluster = await place.start()

  expect(await query(cluster.urlOf('postgres'), 'select 1 as n')).toEqual([{ n: 1 }])
  expect(siblings(place.dataDir)).toEqual(['pg', 'pg.lock'])
})

test('a first start that was killed within initdb does not disturb the next', async () => {
  await using place = tempCluster()
  const starting = startInChild(place)
  starting.catch(() => undefined)
  const draft = () => siblings(place.dataDir).find((name) => name.startsWith('pg.new-'))
  await until(() => existsSync(join(dirname(place.dataDir), draft() ?? '-', 'cluster', 'base')))
  const { pid } = JSON.parse(readFileSync(`${place.dataDir}.lock`, 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await until(() => !isRunning(pid))

  const cluster = await place.start()

  expect(await query(cluster.urlOf('postgres'), 'select 1 as n')).toEqual([{ n: 1 }])
  expect(siblings(place.dataDir)).toEqual(['pg', 'pg.lock'])
})

const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')

const urlAt = (port: number | undefined, password: Secret) =>
  new Secret(`postgresql://stead:${password.reveal()}@127.0.0.1:${port}/postgres`)
