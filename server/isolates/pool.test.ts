import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, test } from 'vitest'
import { findDeno } from './deno-path.ts'
import { HELD, isRunning, makeGate, startPool, until } from './test-support.ts'

const PID = `export default () => new Response(String(Deno.pid))`

test('standby serves the first call of a function and is filled up again', async () => {
  await using pool = startPool({ standby: 1 })
  await until(() => pool.stats().standby === 1)
  expect((await pool.call(PID)).report.start).toBe('standby')
  await until(() => pool.stats().standby === 1)
  expect((await pool.call(`${PID}//2`)).report.start).toBe('standby')
})

test('a function with another memory limit than the standby is started for itself', async () => {
  await using pool = startPool({ standby: 1 })
  await until(() => pool.stats().standby === 1)
  expect((await pool.call(PID, { memoryMb: 256 })).report.start).toBe('cold')
})

test('two functions never share a process', async () => {
  await using pool = startPool()
  const [one, two] = await Promise.all([pool.call(PID, { key: 'a' }), pool.call(PID, { key: 'b' })])
  expect(one?.text).not.toBe(two?.text)
})

test('an idle process is ended', async () => {
  await using pool = startPool({ idleMs: 100 })
  const { text } = await pool.call(PID)
  expect(isRunning(Number(text))).toBe(true)
  await until(() => !isRunning(Number(text)))
  expect(pool.stats()).toMatchObject({ processes: 0, idle: 0 })
  expect((await pool.call(PID)).report.start).toBe('cold')
})

test('a process that serves is not idle', async () => {
  await using pool = startPool({ idleMs: 50 })
  const { host, entered, open } = makeGate()
  const serving = pool.call(HELD, { host })
  await entered
  const idle = await pool.call(PID)
  await until(() => !isRunning(Number(idle.text)))
  open()
  expect((await serving).outcome.ok).toBe(true)
})

test('of too many idle processes the longest idle is ended', async () => {
  await using pool = startPool({ idleMs: 400, maxIdle: 1 })
  const old = await pool.call(PID, { key: 'old' })
  const young = await pool.call(PID, { key: 'young' })
  await until(() => !isRunning(Number(old.text)))
  expect(isRunning(Number(young.text))).toBe(true)
})

test('retire lets a running invocation finish, and the next call gets a new process', async () => {
  await using pool = startPool()
  const { host, entered, open } = makeGate()
  const running = pool.call(HELD, { key: 'app/f/1', host })
  await entered
  const other = await pool.call(PID, { key: 'app/g/1' })
  pool.retire('app/f/')
  const next = await pool.call(PID, { key: 'app/f/1' })
  open()
  expect(next.report.start).toBe('cold')
  expect((await running).text).toMatch(/^\d+$/)
  expect((await running).text).not.toBe(next.text)
  expect((await pool.call(PID, { key: 'app/g/1' })).text).toBe(other.text)
})

test('a retired process is ended after its last invocation', async () => {
  await using pool = startPool()
  const { host, entered, open } = makeGate()
  const running = pool.call(HELD, { key: 'app/f/1', host })
  await entered
  pool.retire('app/f/')
  open()
  const { text } = await running
  await until(() => !isRunning(Number(text)))
  expect(pool.stats().processes).toBe(0)
})

test('end ends what runs for a key, retired processes too, and nothing else', async () => {
  await using pool = startPool()
  const [one, two] = [makeGate(), makeGate()]
  const retired = pool.call(HELD, { key: 'app/f/1', host: one.host })
  await one.entered
  pool.retire('app/f/')
  const running = pool.call(HELD, { key: 'app/f/2', host: two.host })
  const other = await pool.call(PID, { key: 'apple/f/1' })
  await two.entered
  expect(pool.keys().toSorted()).toEqual(['app/f/1', 'app/f/2', 'apple/f/1'])
  pool.end('app/', 'It is over')
  for (const { outcome, report } of await Promise.all([retired, running])) {
    expect(outcome).toMatchObject({ ok: false, reason: 'ended', message: 'It is over' })
    expect(report).toMatchObject({ reason: 'ended' })
  }
  await until(() => pool.keys().length === 1)
  expect((await pool.call(PID, { key: 'apple/f/1' })).text).toBe(other.text)
})

test('two hundred calls at once run together in one process, each with its own answer', async () => {
  await using pool = startPool({ maxConcurrent: 200 })
  const code = `let inside = 0; const all = Promise.withResolvers()
    export default async (req) => {
      if (++inside === 200) all.resolve()
      await all.promise
      return new Response(new URL(req.url).search)
    }`
  const calls = Array.from({ length: 200 }, (_, at) =>
    pool.call(code, { request: { url: `http://api.test/?${at}` } }),
  )
  const texts = (await Promise.all(calls)).map(({ text }) => text)
  expect(texts).toEqual(calls.map((_, at) => `?${at}`))
  expect(pool.stats()).toMatchObject({ active: 0, processes: 1 })
})

test('one invocation more than the limit is refused with the numbers', async () => {
  await using pool = startPool({ maxConcurrent: 2 })
  const { host, open } = makeGate()
  const running = [1, 2].map(() => pool.call(HELD, { host }))
  await expect(pool.call(HELD)).rejects.toMatchObject({
    kind: 'rate_limited',
    code: 'concurrency_limit',
    retryAfter: 5,
    details: { active: 2, max: 2 },
  })
  open()
  await Promise.all(running)
  expect((await pool.call(PID)).outcome.ok).toBe(true)
})

test('check finds a handler, its absence, a syntax error with its place, and a module that fails', async () => {
  await using pool = startPool({ standby: 1 })
  expect(
    await pool.check(
      `export default function handler(req: Request): Response { return new Response() }`,
    ),
  ).toEqual({ ok: true, hasHandler: true })
  expect(await pool.check(`export const handler = async () => new Response()`)).toEqual({
    ok: true,
    hasHandler: true,
  })
  expect(await pool.check(`export const other = 1; export default 5`)).toEqual({
    ok: true,
    hasHandler: false,
  })
  expect(await pool.check(`export default function (`)).toMatchObject({
    ok: false,
    problem: 'syntax',
    message: expect.stringContaining('function.ts:1:'),
  })
  expect(await pool.check(`export default () => {}; export default 5`)).toMatchObject({
    ok: false,
    problem: 'syntax',
  })
  expect(await pool.check(`throw new Error('at load'); export default () => {}`)).toEqual({
    ok: false,
    problem: 'load',
    message: 'at load',
  })
  expect(await pool.check(`Deno.exit(0)`)).toMatchObject({ ok: false, problem: 'load' })
  expect(await pool.check(`import './other.ts'; export default () => {}`)).toMatchObject({
    ok: false,
    problem: 'load',
  })
})

test('check ends a module that does not finish loading', async () => {
  await using pool = startPool({ loadMs: 150 })
  expect(await pool.check(`for (;;) {}`)).toEqual({
    ok: false,
    problem: 'load',
    message: 'The module did not finish loading within 0.15 s',
  })
  await until(() => pool.stats().processes === 0)
})

describe('a Deno that cannot start', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'stead-broken-deno-'))
  chmodSync(dir, 0o755)
  afterAll(() => rmSync(dir, { recursive: true }))
  const program = (name: string, text: string, mode = 0o755): string => {
    const file = path.join(dir, name)
    writeFileSync(file, text)
    chmodSync(file, mode)
    return file
  }

  test.each([
    ['is missing', path.join(dir, 'none')],
    ['may not be run', program('plain', 'no program', 0o644)],
    ['ends at once', program('ends', '#!/bin/sh\nexit 3')],
    ['says nothing', program('silent', '#!/bin/sh\nexec sleep 60')],
  ])('and %s fails the call and the check with reason start', async (_, denoPath) => {
    await using pool = startPool({ denoPath, startMs: 400, standby: 1 })
    const { outcome, report } = await pool.call(PID)
    expect(outcome).toMatchObject({ ok: false, reason: 'start' })
    expect(report).toMatchObject({ reason: 'start', console: [] })
    expect(await pool.check(PID)).toMatchObject({ ok: false, problem: 'start' })
    await until(() => pool.stats().active === 0)
  })

  test('is tried again by the next call', async () => {
    const denoPath = program('later', '#!/bin/sh\nexit 3')
    await using pool = startPool({ denoPath })
    expect((await pool.call(PID)).outcome).toMatchObject({ reason: 'start' })
    program('later', `#!/bin/sh\nexec ${findDeno()} "$@"`)
    expect((await pool.call(PID)).outcome.ok).toBe(true)
  })
})

describe('the folder of the processes', () => {
  const scratchDir = mkdtempSync(path.join(tmpdir(), 'stead-scratch-'))
  chmodSync(scratchDir, 0o755)
  afterAll(() => rmSync(scratchDir, { recursive: true }))
  const gen = path.join(scratchDir, 'deno', 'gen')
  /** Looks into no folder that somebody may just be removing. */
  const sources = () => readdirSync(gen).filter((name) => /blob|forgotten/.test(name))
  const runFolders = () => readdirSync(scratchDir).filter((name) => name.startsWith('run-'))

  test('keeps no code of a function for the next pool, and none of our own folders', async () => {
    {
      await using pool = startPool({ scratchDir })
      await pool.call(PID)
      expect(sources()).toEqual(['blob'])
    }
    {
      await using _again = startPool({ scratchDir })
      expect(sources()).toEqual([])
    }
    await until(() => runFolders().length === 0)
  })

  test('is taken over from processes that still write to it', async () => {
    const program = `
      import { mkdirSync, writeFileSync } from 'node:fs'
      for (let at = 0; ; at++) {
        const dir = ${JSON.stringify(path.join(gen, 'blob'))} + '/' + (at % 7)
        try { mkdirSync(dir, { recursive: true }); writeFileSync(dir + '/' + at, '') } catch {}
        if (at === 100) console.log('writes')
      }`
    const writer = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(writer, 'exit')
    await once(writer.stdout, 'data')
    try {
      for (let at = 0; at < 20; at++) await startPool({ scratchDir }).close()
    } finally {
      writer.kill('SIGKILL')
      await ended
    }
    await until(() => runFolders().length === 0)
  })
})

test.runIf(process.getuid?.() === 0 && existsSync('/proc/self/cwd'))(
  'a folder that the processes could not reach is replaced by another, which goes with the pool',
  async () => {
    const pool = startPool()
    const { text: pid } = await pool.call(PID)
    const cacheDir = readlinkSync(`/proc/${pid}/cwd`)
    expect(cacheDir).toMatch(/\/stead-\w{6}\/deno$/)
    await pool[Symbol.asyncDispose]()
    await until(() => !existsSync(path.dirname(cacheDir)))
  },
)

test('close ends every process, and a call after it is refused', async () => {
  const pool = startPool({ standby: 1 })
  const { text } = await pool.call(PID)
  const open = await pool.start(`export default () => new Response(new ReadableStream({}))`)
  await pool.close()
  expect(isRunning(Number(text))).toBe(false)
  expect((await open.done).reason).toBe('crash')
  await expect(pool.call(PID)).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(pool.check('')).rejects.toMatchObject({ kind: 'unavailable' })
  await pool[Symbol.asyncDispose]()
})

test('a parent killed with SIGKILL leaves no process behind, not even one in a loop', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'stead-orphan-'))
  const program = `
    import { startPool } from ${JSON.stringify(new URL('./test-support.ts', import.meta.url).href)}
    const pool = startPool({ standby: 1, scratchDir: ${JSON.stringify(dir)} })
    const pids = [(await pool.call('export default () => new Response(String(Deno.pid))')).text]
    const loops = Promise.withResolvers()
    const host = { claimIdempotency: () => loops.resolve() }
    const loop = await pool.start(\`export default (req, ctx) => {
      ctx.waitUntil(new Promise(() => setTimeout(() => { ctx.idempotency.claim('loop'); for (;;) {} })))
      return new Response(String(Deno.pid))
    }\`, { host })
    pids.push(await new Response(loop.body).text())
    await loops.promise
    console.log(pids.join(' '))
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: process.cwd(),
  })
  const [line] = await new Promise<string[]>((resolve) =>
    createInterface(parent.stdout).once('line', (text) => resolve([text])),
  )
  const pids = String(line).split(' ').map(Number)
  expect(pids.length).toBe(2)
  expect(pids.every(isRunning)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !pids.some(isRunning))
  await until(() => !readdirSync(dir).some((name) => name.startsWith('run-')))
  rmSync(dir, { recursive: true })
})

test("a signal to the terminal's process group does not reach a running function", async () => {
  await using pool = startPool()
  const { text } = await pool.call(PID)
  const fields = readFileSync(`/proc/${text}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  expect(fields[2]).toBe(text) // leads its own group
})
