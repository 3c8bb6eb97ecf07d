import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { killNow, tempFolder } from './cluster-fixture.ts'
import { type Holder, type Lock, takeLock } from './lock.ts'
import { startOf } from './processes.ts'

const TOKEN = 'a1b2c3d4e5f6'
const isLock = (one: Lock | Holder): one is Lock => 'release' in one

/** A pid that is free for sure: its process has been reaped. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'])
  await once(child, 'exit')
  return child.pid ?? 0
}

test('takeLock gives the lock once, names the holder meanwhile, and leaves nothing behind', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'lock')
  const first = await takeLock(path)

  expect(isLock(first)).toBe(true)
  expect(await takeLock(path)).toMatchObject({ pid: process.pid })

  if (isLock(first)) first.release()
  const second = await takeLock(path)
  expect(isLock(second)).toBe(true)
  if (isLock(second)) second.release()
  expect(readdirSync(folder.path)).toEqual([])
})

test('takeLock takes the lock of a dead process, of a reused pid, and an empty file', async () => {
  using folder = tempFolder()
  const stale = [
    JSON.stringify({ pid: await deadPid(), start: 'x', token: TOKEN }),
    JSON.stringify({ pid: process.pid, start: 'an earlier process', token: TOKEN }),
    '',
    'null',
    '{"pid":1}',
  ]
  for (const [index, content] of stale.entries()) {
    const path = join(folder.path, `lock${index}`)
    writeFileSync(path, content)
    expect(isLock(await takeLock(path)), content).toBe(true)
  }
})

test('takeLock respects a holder whose start time it cannot know', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'lock')
  writeFileSync(path, JSON.stringify({ pid: process.pid, token: TOKEN }))

  expect(await takeLock(path)).toMatchObject({ pid: process.pid, token: TOKEN })
})

test('takeLock recovers when a process died while removing a stale lock', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'lock')
  const dead = { pid: await deadPid(), start: 'x' }
  writeFileSync(path, JSON.stringify({ ...dead, token: TOKEN }))
  writeFileSync(`${path}.${TOKEN}`, JSON.stringify({ ...dead, token: 'ffffffffffff' }))

  expect(isLock(await takeLock(path))).toBe(true)
  expect(readdirSync(folder.path)).toEqual(['lock'])
})

test('release does not remove a lock that has another holder by now', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'lock')
  const first = await takeLock(path)
  writeFileSync(path, JSON.stringify({ pid: process.pid, token: TOKEN }))

  if (isLock(first)) first.release()

  expect(readFileSync(path, 'utf8')).toContain(TOKEN)
})

const RACER = `
  const { takeLock } = await import(process.env.LOCK)
  process.stdin.once('data', async () => {
    const lock = await takeLock(process.env.FILE)
    console.log('release' in lock ? 'won' : 'lost')
  })
  setTimeout(() => undefined, 60_000)
  console.log('ready')
`

test('of eight processes that find a stale lock exactly one takes it', async () => {
  using folder = tempFolder()
  const file = join(folder.path, 'lock')
  writeFileSync(file, JSON.stringify({ pid: await deadPid(), start: 'x', token: TOKEN }))
  const env = { LOCK: new URL('lock.ts', import.meta.url).href, FILE: file }
  const racers = Array.from({ length: 8 }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', RACER], {
      cwd: import.meta.dirname,
      stdio: ['pipe', 'pipe', 'inherit'],
      env,
    })
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
  })
  await Promise.all(racers.map(({ lines }) => lines.next()))

  for (const { child } of racers) child.stdin.write('go')
  const answers = await Promise.all(racers.map(async ({ lines }) => (await lines.next()).value))

  expect(answers.filter((answer) => answer === 'won')).toHaveLength(1)
  expect(answers.filter((answer) => answer === 'lost')).toHaveLength(7)
  await Promise.all(racers.map(({ child }) => killNow(child)))
})

test('startOf is stable for a process and unknown for none', async () => {
  expect(startOf(process.pid)).toBe(startOf(process.pid))
  expect(startOf(await deadPid())).toBeUndefined()
})
