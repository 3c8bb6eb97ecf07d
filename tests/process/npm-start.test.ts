/** `npm start`, as the README says it, and what becomes of the server when npm or a pipe ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { familyOf, isRunning, temporaryFolder, until } from './stead-process.ts'

const folder = temporaryFolder()
const dataDir = join(folder.path, 'data')

afterAll(() => folder[Symbol.dispose]())

const FLAGS = ['--port', '0', '--data-dir', dataDir]

function run(command: string, args: readonly string[]): ChildProcess {
  const env = { ...process.env, STEAD_METRICS_PORT: '0' }
  return spawn(command, [...args, ...FLAGS], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

type RunFile = { pid: number; local_url: string }

const runFile = (): RunFile =>
  JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as RunFile

const answers = async (): Promise<boolean> => (await fetch(`${runFile().local_url}/health`)).ok

test('SIGTERM to npm drains the server, and npm waits for it and gives its code', async () => {
  const npm = run('npm', ['start', '--'])
  await until(answers)
  const family = familyOf(npm.pid ?? 0)
  expect(family).toContain(runFile().pid)
  npm.kill('SIGTERM')
  const [code] = (await once(npm, 'exit')) as [number | null]
  expect(code).toBe(0)
  expect(isRunning(family.at(-1) ?? 0)).toBe(false)
  await until(() => family.every((pid) => !isRunning(pid)))
})

test('the server stays when nobody reads any more what it prints', async () => {
  const server = run(process.execPath, ['cli/stead.mjs', 'start'])
  server.stdout?.destroy()
  server.stderr?.destroy()
  await until(answers)
  expect(await answers()).toBe(true)
  server.kill('SIGTERM')
  const [code] = (await once(server, 'exit')) as [number | null]
  expect(code).toBe(0)
})
