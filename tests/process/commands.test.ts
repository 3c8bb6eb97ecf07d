/** The commands of `stead` beside a running instance, and beside none. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Running,
  startProcess,
  type Status,
  stead,
  steadUntilKilled,
  temporaryFolder,
  until,
} from './stead-process.ts'

const folder = temporaryFolder()
const dataDir = join(folder.path, '.stead')
let running: Running
let status: Status

beforeAll(async () => {
  running = await startProcess({ dataDir })
  status = await running.status()
})

afterAll(async () => {
  await running.stop()
  folder[Symbol.dispose]()
})

/** In the folder whose `.stead` is the data folder, as a user would. */
const here = (...args: string[]) => stead(args, { cwd: folder.path })

describe('stead status', () => {
  test('--json prints exactly the nine keys', () => {
    expect(Object.keys(status)).toEqual([
      'url',
      'console_url',
      'platform_key',
      'app_id',
      'anon_key',
      'service_key',
      'database_url',
      'data_dir',
      'version',
    ])
    expect(status.data_dir).toBe(dataDir)
  })

  test('finds the instance of the present folder, and prints every value', async () => {
    const { code, stdout } = await here('status')
    expect(code).toBe(0)
    for (const value of Object.values(status)) expect(stdout).toContain(value)
  })

  test('--env prints lines that a shell evaluates', async () => {
    const { stdout } = await here('status', '--env')
    const script = `${stdout}\nprintf '%s %s' "$APP_ID" "$DATABASE_URL"`
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(
      `${status.app_id} ${status.database_url}`,
    )
  })

  test('STEAD_DATA_DIR and stead.config.json name the folder, too', async () => {
    const env = { STEAD_DATA_DIR: dataDir }
    expect((await stead(['status', '--json'], { env })).code).toBe(0)
    using elsewhere = temporaryFolder()
    writeFileSync(join(elsewhere.path, 'stead.config.json'), JSON.stringify({ dataDir }))
    expect((await stead(['status', '--json'], { cwd: elsewhere.path })).code).toBe(0)
  })

  test('says what to do where nothing runs, with code 1', async () => {
    using empty = temporaryFolder()
    const { code, stdout, stderr } = await stead(['status', '--json'], { cwd: empty.path })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      `Nothing runs on ${join(empty.path, '.stead')}. Start it with "npm start", or name another folder with --data-dir\n`,
    )
  })

  test('is not deceived by the run file of a killed instance', async () => {
    using left = temporaryFolder()
    const file = { ...status, pid: 2 ** 22 + 1, local_url: status.url, started_at: '' }
    writeFileSync(join(left.path, 'run.json'), JSON.stringify(file))
    const { code, stderr } = await stead(['status', '--data-dir', left.path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Nothing runs on .* any more\. Start it/)
  })

  test('says so when the process is there and does not answer', async () => {
    using left = temporaryFolder()
    const file = { ...status, pid: process.pid, local_url: 'http://127.0.0.1:1', started_at: '' }
    writeFileSync(join(left.path, 'run.json'), JSON.stringify(file))
    const { code, stderr } = await stead(['status', '--data-dir', left.path])
    expect(code).toBe(1)
    expect(stderr).toContain(`(process ${process.pid}) does not answer`)
  })
})

describe('stead init', () => {
  test('makes an app and prints its keys and commands that work as they stand', async () => {
    const { code, stdout } = await here('init', 'shop')
    expect(code).toBe(0)
    const commands = stdout.split('What to do next')[1] ?? ''
    const answers = execFileSync('sh', ['-ec', commands], { encoding: 'utf8', stdio: 'pipe' })
    expect(answers).toContain('"applied":1')
    expect(answers).toMatch(/\[\{.*"title":"Try Stead".*\}\]$/)
  })

  test('--env prints lines that a shell evaluates', async () => {
    const { stdout } = await here('init', 'shop', '--env')
    expect(stdout).toMatch(/^export API_URL='http.*'\nexport APP_ID='app_\w+'\nexport ANON_KEY=/)
  })

  test('gives the same app when asked twice', async () => {
    const [first, second] = [await here('init', 'twice'), await here('init', 'twice')]
    const idIn = (text: string) => /app_\w+/.exec(text)?.[0]
    expect(second.stdout).toContain('twice was there already')
    expect(idIn(second.stdout)).toBe(idIn(first.stdout))
  })

  test('takes a region, and names those there are', async () => {
    expect((await here('init', 'west', '--region', 'us-west-2')).stdout).toMatch(
      /Region +us-west-2/,
    )
    const { code, stderr } = await here('init', 'lost', '--region', 'mars')
    expect(code).toBe(1)
    expect(stderr).toContain('Use one of us-east-1, us-west-2')
    expect((await here('init', 'My App')).stderr).not.toContain('{')
  })

  test('speaks to another instance by --url and --key', async () => {
    const { url, platform_key: key } = status
    using elsewhere = temporaryFolder()
    const args = ['init', 'remote', '--url', `${url}/`, '--key', key]
    expect((await stead(args, { cwd: elsewhere.path })).code).toBe(0)
  })

  test.each([
    [['init', 'a', '--url', 'http://127.0.0.1:1'], 2, 'belong together'],
    [['init', 'a', '--url', 'localhost', '--key', 'k'], 2, 'is not an address'],
    [
      ['init', 'a', '--url', 'http://ada:hidden@127.0.0.1:1', '--key', 'k'],
      2,
      'give the key by --key',
    ],
    [['init', 'a', '--url', 'ada:hidden@127.0.0.1:1', '--key', 'k'], 2, '--url is not an address'],
    [
      ['init', 'a', '--url', 'http://127.0.0.1:1/?key=hidden', '--key', 'k'],
      2,
      'the address alone',
    ],
    [['init', 'Bad Name'], 1, 'use 1 to 63 of a-z'],
    [['init'], 2, 'missing required argument "name"'],
  ])('%j ends with a sentence', async (args, code, sentence) => {
    const ended = await here(...args)
    expect(ended).toMatchObject({ code, stderr: expect.stringContaining(sentence) })
    expect(ended.stderr).not.toMatch(/^\s+at /m)
  })

  test('refuses a key that is not good in the words of the API, without repeating it', async () => {
    const key = `bb_sk_${'0'.repeat(40)}`
    const { code, stderr } = await here('init', 'a', '--url', status.url, '--key', key)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Cannot create the app: .*key/i)
    expect(stderr).not.toContain(key)
  })

  test('says so when nothing listens at --url', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    await new Promise((resolve) => other.close(resolve))
    expect(await here('init', 'a', '--url', url, '--key', 'k')).toMatchObject({
      code: 1,
      stderr: `Cannot reach ${url}: nothing listens there. Check the address, and that Stead runs there\n`,
    })
  })

  test('says what it could not do when the answer is not of Stead', async () => {
    const other = createServer((_request, response) => response.writeHead(418).end('teapot'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, stderr } = await here('init', 'a', '--url', url, '--key', 'k')
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'Cannot create the app: the instance answered 418\n',
    })
    other.close()
  })
})

describe('stead logs', () => {
  test('shows the log in words', async () => {
    const { code, stdout } = await here('logs')
    expect(code).toBe(0)
    expect(stdout).toMatch(/INFO: ready/)
  })

  test('--lines and --level choose', async () => {
    using folderOfLogs = temporaryFolder()
    const dir = folderOfLogs.path
    writeLog(dir, [30, 'one'], [50, 'two'], [30, 'three'])
    const last = await stead(['logs', '-n', '1', '--data-dir', dir])
    expect(last.stdout).toMatch(/three/)
    expect(last.stdout).not.toMatch(/one|two/)
    const errors = await stead(['logs', '--level', 'error', '--data-dir', dir])
    expect(errors.stdout).toMatch(/two/)
    expect(errors.stdout).not.toMatch(/one|three/)
  })

  test('--follow shows what is added, also after the file was moved aside', async () => {
    using folderOfLogs = temporaryFolder()
    const dir = folderOfLogs.path
    const path = join(dir, 'logs', 'stead.log')
    writeLog(dir, [30, 'one'])
    using following = steadUntilKilled(['logs', '--follow', '--data-dir', dir])
    await until(() => following.stdout().includes('one'))
    appendFileSync(path, '{"level":30,"time":1,"msg":"tw')
    appendFileSync(path, 'o"}\n')
    await until(() => following.stdout().includes('two'))
    renameSync(path, `${path}.1`)
    writeFileSync(path, '{"level":30,"time":1,"msg":"three"}\n')
    await until(() => following.stdout().includes('three'))
    expect(following.stdout().match(/INFO: (one|two|three)\n/g)).toHaveLength(3)
  })

  test('says what to do where there is no log, with code 1', async () => {
    using empty = temporaryFolder()
    const { code, stderr } = await stead(['logs', '--data-dir', empty.path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^There is no log in .* Start an instance with "npm start"/)
  })

  test('says what to do about a log that cannot be read, with code 1', async () => {
    using folder = temporaryFolder()
    mkdirSync(join(folder.path, 'logs', 'stead.log'), { recursive: true })
    const { code, stderr } = await stead(['logs', '--data-dir', folder.path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Cannot read .*stead\.log \(EISDIR\)\. Ask as the user that runs/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })
})

function writeLog(dir: string, ...lines: [level: number, msg: string][]): void {
  mkdirSync(join(dir, 'logs'))
  const text = lines.map(([level, msg]) => JSON.stringify({ level, time: 1, msg }))
  writeFileSync(join(dir, 'logs', 'stead.log'), `${text.join('\n')}\n`)
}

describe('what is mistyped', () => {
  test.each([
    [['statsu'], 'Cannot run this: unknown command "statsu". Did you mean status?'],
    [['status', '--jsn'], 'Cannot run this: unknown option "--jsn". Did you mean --json?'],
    [
      ['launch'],
      'Cannot run this: unknown command "launch". Type "stead help" to see what there is',
    ],
    [['init', 'x', '--url', 'http://127.0.0.1:9', '--key', 'a\nb'], '--key has characters that no'],
    [['help', 'statsu'], 'Cannot run this: unknown command "statsu". Did you mean status?'],
    [['logs', '--lines', 'many'], 'argument "many" is invalid. Type a whole number such as 200'],
    [['logs', '--level', 'loud'], 'Allowed choices are trace, debug, info, warn, error, fatal'],
  ])('%j ends with what to type instead and code 2', async (args, sentence) => {
    const ended = await here(...args)
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(sentence) })
  })
})

test('stead help, stead version and start --help print and end with code 0', async () => {
  for (const args of [[], ['help'], ['--help']]) {
    const { code, stdout } = await here(...args)
    expect(code).toBe(0)
    for (const command of ['start', 'status', 'init', 'logs', 'version']) {
      expect(stdout).toContain(`\n  ${command}`)
    }
  }
  expect((await here('version')).stdout).toBe(`${status.version}\n`)
  const ofStart = await here('start', '--help')
  expect(ofStart.stdout).toContain('--data-dir')
  expect(await here('help', 'start')).toEqual(ofStart)
})
