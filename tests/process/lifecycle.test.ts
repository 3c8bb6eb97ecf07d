/** A life of one instance: started, stopped, killed, started again, on the same folder. */
import { readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientFor } from '#support/client'
import { keepSealed, sealingKeys } from './sealed-values.ts'
import { beginSlowRequest } from './slow-request.ts'
import {
  familyOf,
  isRunning,
  launch,
  type Running,
  startProcess,
  type Status,
  temporaryFolder,
  until,
} from './stead-process.ts'

const folder = temporaryFolder()
const dataDir = join(folder.path, 'data')
let running: Running
let first: Status

beforeAll(async () => {
  running = await startProcess({ dataDir, env: { STEAD_LOG_LEVEL: 'trace' } })
  first = await running.status()
  await keepSealed(first)
})

afterAll(async () => {
  await running.stop()
  folder[Symbol.dispose]()
})

/** Signals on which the process meets what no request should bring about: a rejection, and an error, of nobody's. */
const STRAYS = {
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(`
    process.on('SIGUSR2', () => void Promise.reject(new Error('a stray rejection')))
    process.on('SIGWINCH', () => { throw new Error('a stray error') })`)}`,
}

const postmaster = (): number =>
  Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])

/** What comes back for these bytes until the connection ends. */
async function exchange(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(bytes)
  return (await socket.setEncoding('utf8').toArray()).join('')
}

async function appNames(): Promise<string[]> {
  const { url, platform_key: key } = await running.status()
  const { apps } = (await (await clientFor(url, key).get('/apps')).json()) as {
    apps: { name: string }[]
  }
  return apps.map(({ name }) => name)
}

describe('the first start', () => {
  test('shows the address, the keys, the database and three commands', () => {
    const shown = running.stdout()
    for (const value of Object.values(first)) expect(shown).toContain(value)
    expect(shown.match(/^ {2}(curl|npx) /gm)).toHaveLength(3)
    expect(first.platform_key).toMatch(/^bb_sk_[0-9a-f]{40}$/)
  })

  test('answers health, readiness and a request with the platform key', async () => {
    const client = clientFor(first.url, first.platform_key)
    expect((await client.get('/health')).status).toBe(200)
    expect(await (await client.get('/health/ready')).json()).toMatchObject({ status: 'ready' })
    expect(await appNames()).toEqual(['default'])
  })

  test('takes a filter of a thousand ids, and tells in JSON what is too long or no request', async () => {
    const { url, service_key: key } = first
    const ids = Array.from({ length: 1000 }, () => crypto.randomUUID()).join(',')
    const filtered = await clientFor(url, key).get(`/rest/v1/absent?id=in.(${ids})`)
    expect(filtered.status).toBe(404)
    const long = await clientFor(url, key).get(`/rest/v1/absent?id=in.(${ids},${ids})`)
    expect(long.status).toBe(431)
    expect(await long.json()).toMatchObject({ error: { code: 'REQUEST_ERROR' } })
    const answer = await exchange(url, 'GET / HTTP/9.9\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n[^]*"code":"REQUEST_ERROR"/)
    const check = await exchange(url, 'GET /health HTTP/1.0\r\n\r\n')
    expect(check).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*"status":"ok"/)
  })

  test('keeps its secret and its run file from other users', () => {
    for (const name of ['instance-secret', 'run.json']) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
    }
  })

  test('writes logs to standard error as JSON lines with a time and a level', () => {
    const lines = running.stderr().trim().split('\n')
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(Number),
        time: expect.any(Number),
      })
    }
  })

  test('serves metrics on loopback alone, with the requests counted', async () => {
    const { metrics_url: url } = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as {
      metrics_url: string
    }
    expect(new URL(url).hostname).toBe('127.0.0.1')
    expect(new URL(url).port).not.toBe(new URL(first.url).port)
    const text = await (await fetch(url)).text()
    expect(text).toMatch(/^stead_http_request_duration_seconds_count\{.*status="200"\} \d+$/m)
    expect(text).toMatch(/^stead_region_up\{region="us-east-1"\} 1$/m)
    expect((await fetch(new URL('/', url))).status).toBe(404)
  })

  test('gives every answer a request id, and keeps one that the caller chose', async () => {
    const client = clientFor(first.url)
    expect((await client.get('/health')).headers.get('x-request-id')).toMatch(/.{8,}/)
    const chosen = await client.get('/health', { 'x-request-id': 'chosen-by-the-caller' })
    expect(chosen.headers.get('x-request-id')).toBe('chosen-by-the-caller')
  })
})

describe('SIGTERM', () => {
  test('lets a running request finish, then ends everything with code 0', async () => {
    const family = familyOf(running.pid)
    expect(family).toContain(postmaster())
    const slow = await beginSlowRequest(first.url, first.platform_key)
    running.signal('SIGTERM')
    await running.said('"msg":"stopping"')
    expect(isRunning(running.pid)).toBe(true)

    const { status } = await slow.finish()

    expect(status).toBe(201)
    expect(await running.ended).toEqual({ code: 0, signal: null })
    await until(() => family.every((pid) => !isRunning(pid)))
  })

  test('leaves logs that hold no key and no password', async () => {
    const badKey = `bb_sk_${'5'.repeat(40)}`
    running = await startProcess({ dataDir, env: { STEAD_LOG_LEVEL: 'trace' } })
    const { url } = await running.status()
    expect((await clientFor(url, badKey).get('/apps')).status).toBe(401)
    expect((await clientFor(url).get(`/apps?apikey=${first.anon_key}`)).status).toBe(401)
    await clientFor(url, first.service_key).post('/init', { name: 'password' })
    const password = new URL(first.database_url).password
    const secret = readFileSync(join(dataDir, 'instance-secret'), 'utf8').trim()
    const { platform_key, anon_key, service_key } = first
    const log = readFileSync(join(dataDir, 'logs', 'stead.log'), 'utf8') + running.stderr()
    expect(log).toContain('"msg":"request"')
    for (const value of [badKey, platform_key, anon_key, service_key, password, secret]) {
      expect(log.includes(value)).toBe(false)
    }
  })
})

describe('a later start', () => {
  test('shows the same app and the same keys, and has the data', async () => {
    const { url: _, console_url: __, database_url: ___, ...again } = await running.status()
    expect(first).toMatchObject(again)
    expect(await appNames()).toContain('made-while-stopping')
  })

  test('works after kill -9 of the process', async () => {
    running.signal('SIGKILL')
    await running.ended
    running = await startProcess({ dataDir })
    expect((await running.status()).app_id).toBe(first.app_id)
    expect(await appNames()).toContain('made-while-stopping')
  })

  test('works after kill -9 of the process and of PostgreSQL', async () => {
    process.kill(postmaster(), 'SIGKILL')
    running.signal('SIGKILL')
    await running.ended
    running = await startProcess({ dataDir, env: STRAYS })
    expect(await appNames()).toContain('made-while-stopping')
  })
})

test('a failure that nobody waited for is logged, and everything goes on', async () => {
  running.signal('SIGUSR2')
  await running.said('a failure that nobody waited for')
  expect(running.stderr()).toContain('a stray rejection')
  expect(await appNames()).toContain('made-while-stopping')
})

test('PostgreSQL killed alone is started again, also when it is killed while it starts', async () => {
  const { url, platform_key: key } = await running.status()
  const killed = postmaster()
  process.kill(killed, 'SIGKILL')
  await running.said('PostgreSQL ended by itself')
  await until(() => postmaster() !== killed)
  const starting = postmaster()
  process.kill(starting, 'SIGKILL')
  await until(async () => postmaster() !== starting && (await fetch(`${url}/health/ready`)).ok)
  const made = await clientFor(url, key).post('/init', { name: 'made-afterwards' })
  expect(made.status).toBe(201)
})

test('an error that nobody caught ends everything in order, with code 1', async () => {
  const family = familyOf(running.pid)
  running.signal('SIGWINCH')
  expect(await running.ended).toEqual({ code: 1, signal: null })
  expect(running.stderr()).toMatch(/a stray error[^]*stopped/)
  await until(() => family.every((pid) => !isRunning(pid)))
  running = await startProcess({ dataDir })
})

test('SIGINT ends everything with code 0, also when it comes twice at once', async () => {
  const family = familyOf(running.pid)
  running.signal('SIGINT')
  running.signal('SIGINT')
  expect(await running.ended).toEqual({ code: 0, signal: null })
  await until(() => family.every((pid) => !isRunning(pid)))
})

describe('a new instance secret', () => {
  const secret = 'the second secret of this instance, long enough'
  const before = (): string => readFileSync(join(dataDir, 'instance-secret'), 'utf8').trim()

  test('is refused while the earlier one is not given', async () => {
    const start = launch({ dataDir, env: { STEAD_SECRET: secret } })
    expect((await start.ended).code).toBe(1)
    expect(start.stderr()).toContain('give the earlier one in STEAD_PREVIOUS_SECRETS')
    expect(start.stderr()).not.toMatch(/^\s+at /m)
  })

  test('takes over: the data and the app keys stay, the operator has a new key and the old one is dead', async () => {
    const env = { STEAD_SECRET: secret, STEAD_PREVIOUS_SECRETS: before(), STEAD_DRAIN: '1s' }
    running = await startProcess({ dataDir, env })
    const status = await running.status()
    expect(status).toMatchObject({ app_id: first.app_id, service_key: first.service_key })
    expect(status.platform_key).not.toBe(first.platform_key)
    expect((await clientFor(status.url, first.platform_key).get('/apps')).status).toBe(401)
    expect(await appNames()).toContain('made-while-stopping')
    const rows = await clientFor(status.url, status.service_key).get('/rest/v1/absent')
    expect(rows.status).toBe(404)
  })

  test('seals everything again in the background, after which the earlier one may go', async () => {
    await running.said('STEAD_PREVIOUS_SECRETS may go')
    const keys = await sealingKeys(await running.status())
    expect(keys).toHaveLength(6)
    expect(new Set(keys)).toEqual(new Set([keys[0]]))
    await running.stop()
    running = await startProcess({ dataDir, env: { STEAD_SECRET: secret, STEAD_DRAIN: '1s' } })
    const { url, app_id: id, anon_key: anon } = await running.status()
    const answer = await clientFor(url, anon).get(`/v1/${id}/fn/f`)
    expect(await answer.json()).toEqual(['one', 'both'])
    expect(anon).toBe(first.anon_key)
  })
})

test('a request that does not end is cut when the time to drain is over', async () => {
  const { url, platform_key: key } = await running.status()
  const family = familyOf(running.pid)
  const slow = await beginSlowRequest(url, key)
  expect(await running.stop()).toEqual({ code: 0, signal: null })
  await expect(slow.finish()).rejects.toThrow()
  await until(() => family.every((pid) => !isRunning(pid)))
})
