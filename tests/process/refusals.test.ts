/** What cannot start says so in a sentence, with code 1 and no stack. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { launch, type StartOptions, startProcess, temporaryFolder } from './stead-process.ts'

const folder = temporaryFolder()
const dataDir = join(folder.path, 'data')

afterAll(() => folder[Symbol.dispose]())

/** The one sentence that a start ends with. */
async function refusal(options: Partial<StartOptions>): Promise<string> {
  const process = launch({ dataDir, ...options })
  const { code } = await process.ended
  const said = process.stderr()
  expect({ code, said }).toMatchObject({ code: 1, said: expect.not.stringMatching(/^\s+at /m) })
  return said.trim()
}

test('a wrong flag is refused with what to type instead', async () => {
  const said = await refusal({ args: ['--prot', '1'] })
  expect(said).toBe('Cannot start: there is no flag --prot. Did you mean --port?')
})

test('an address that is not of this machine is refused with what to change', async () => {
  expect(await refusal({ args: ['--host', '203.0.113.7'] })).toBe(
    'Cannot start: cannot listen on 203.0.113.7:0 (EADDRNOTAVAIL). Choose another --host or --port',
  )
})

test('a wrong setting is refused with what it accepts', async () => {
  const said = await refusal({ env: { STEAD_DRAIN: 'soon' } })
  expect(said).toMatch(/^Cannot start: STEAD_DRAIN must be a duration such as 30s, 15m or 2h/)
})

test('a wrong stead.config.json is refused', async () => {
  writeFileSync(join(folder.path, 'stead.config.json'), '{"prot":1}')
  const said = await refusal({ cwd: folder.path })
  expect(said).toMatch(
    /^Cannot start: stead.config.json has no setting "prot"; it knows host, port/,
  )
})

test.each([
  [{ STEAD_DATABASE_URL: '@' }, 'Check STEAD_DATABASE_URL, or leave it out'],
  [{ STEAD_REGIONS: 'us-east-1,us-west-2=@' }, 'Check the address of us-west-2 in STEAD_REGIONS'],
])('a database that does not answer is named without its password: %o', async (given, advice) => {
  const url = 'postgresql://stead:hidden-word@127.0.0.1:1/postgres'
  const env = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, value.replace('@', url)]),
  )
  const said = await refusal({ env })
  expect(said).toMatch(/^Cannot start: PostgreSQL at 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/)
  expect(said).toContain(advice)
  expect(said).not.toContain('hidden-word')
})

test('a port that is in use is named, with a way out', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const said = await refusal({ args: ['--port', String(port)] })
  expect(said).toBe(
    `Cannot start: port ${port} is in use. Choose another with --port, or stop what uses it`,
  )
  other.close()
})

test('an instance secret that others may read is refused with the command that mends it', async () => {
  const exposed = join(folder.path, 'exposed')
  mkdirSync(exposed)
  writeFileSync(join(exposed, 'instance-secret'), 'x'.repeat(64))
  chmodSync(join(exposed, 'instance-secret'), 0o644)
  expect(await refusal({ dataDir: exposed })).toMatch(/others may read .* Run: chmod 600 \//)
})

test('a data folder that cannot be had is named, with a way out', async () => {
  const file = join(folder.path, 'a-file')
  writeFileSync(file, '')
  expect(await refusal({ dataDir: file })).toBe(
    `Cannot start: ${file} is a file where a folder should be (EEXIST). Type another folder after --data-dir`,
  )
  expect(await refusal({ dataDir: join(file, 'data') })).toMatch(/leads through a file .*ENOTDIR/)
})

test.runIf(existsSync('/proc/self'))(
  'a data folder in /proc, where nothing can be made, is refused at once',
  async () => {
    const advice = 'Type another folder after --data-dir'
    const said = `Cannot start: /proc/x cannot be made there (ENOENT). ${advice}`
    expect(await refusal({ dataDir: '/proc/x' })).toBe(said)
  },
)

test('a second start on the same folder is refused with the process that has it', async () => {
  await using first = await startProcess({ dataDir })
  const said = `Cannot start: Stead runs on ${dataDir} already (process ${first.pid}). See it with "npx stead status"; a second one needs a --port and a --data-dir of its own`
  const { url, data_dir } = await first.status()
  // The usual mistake: typing the same again, port included. The other one takes another port.
  const samePort = refusal({ dataDir, args: ['--port', new URL(url).port] })
  expect(await Promise.all([samePort, refusal({ dataDir })])).toEqual([said, said])
  expect(data_dir).toBe(dataDir)
})
