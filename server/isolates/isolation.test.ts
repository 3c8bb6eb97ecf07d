import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPublic } from '../../runtime/addresses.ts'
import { startPool, type TestPool } from './test-support.ts'

let pool: TestPool
let target: http.Server
let port: number
let reached = 0

beforeAll(async () => {
  pool = startPool({ env: { OPERATOR_SECRET: 'hidden' } })
  target = http.createServer((_, res) => {
    reached++
    res.end('reached')
  })
  target.on('connection', () => reached++)
  await new Promise<void>((resolve) => target.listen(0, '::', resolve))
  port = (target.address() as AddressInfo).port
})
afterAll(async () => {
  target.close()
  await pool[Symbol.asyncDispose]()
})

/** What the expression came to inside a function: `ok: …` or `refused: …`. */
async function attempt(expression: string, prelude = ''): Promise<string> {
  const code = `${prelude}
    const attempt = async () => (${expression})
    const late = new Promise((_, no) => setTimeout(() => no(new Error('no answer')), 3000))
    export default async () => {
      try { return new Response('ok: ' + (await Promise.race([attempt(), late]))) }
      catch (e) { return new Response('refused: ' + e.name + ': ' + e.message + ' ' + (e.cause?.message ?? '')) }
    }`
  const { outcome, text } = await pool.call(code)
  if (!outcome.ok) return `failed: ${outcome.message}`
  return text
}

describe('the machine is out of reach', () => {
  test.each([
    [`Deno.readTextFile('/etc/passwd')`],
    [`import('node:fs').then((fs) => fs.readFileSync('/etc/passwd', 'utf8'))`],
    [`import('node:fs').then((fs) => fs.readFileSync('/proc/self/environ', 'utf8'))`],
    [`import('file:///etc/passwd')`],
    [`import('file:///etc/passwd', { with: { type: 'text' } })`],
    [`fetch('file:///etc/passwd').then((r) => r.text())`],
    [`Deno.readDir('/').next?.() ?? [...Deno.readDirSync('/')]`],
    [`Deno.writeTextFile('/tmp/x', 'x')`],
    [`Deno.makeTempFile()`],
    [`new Deno.Command('/bin/sh', { args: ['-c', 'id'] }).output()`],
    [`import('node:child_process').then((c) => c.execSync('id'))`],
    [`Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', {})`],
    [`Deno.kill(Deno.ppid, 'SIGTERM')`],
    [`Deno.hostname()`],
    [`Deno.networkInterfaces()`],
    [`import('node:os').then((os) => os.userInfo())`],
    [
      `import('node:inspector').then((i) => { const s = new i.Session(); s.connect(); return 'connected' })`,
    ],
    [
      `Deno.permissions.request({ name: 'read' }).then((p) => { if (p.state !== 'granted') throw new Error(p.state) })`,
    ],
    [`process.binding('tcp_wrap')`],
    [`new Worker('data:application/javascript,', { type: 'module' })`],
    [`import('node:worker_threads').then(({ Worker }) => new Worker('', { eval: true }))`],
    [`new (process.getBuiltinModule('worker_threads').Worker)('', { eval: true })`],
    [
      `import('node:module').then((m) => m.createRequire('file:///x.js')('worker_threads')).then(({ Worker }) => new Worker('', { eval: true }))`,
    ],
    [
      `import('node:module').then((m) => m.registerHooks({ resolve: () => ({ url: 'node:worker_threads', shortCircuit: true }) }))`,
    ],
    [`import('node:vm').then((vm) => vm.runInNewContext('Deno.readTextFileSync("/etc/passwd")'))`],
    [`caches.open('x')`],
    [`nodeBootstrap({ warmup: true })`],
    [`navigator.gpu.requestAdapter()`],
    [`process.getBuiltinModule('v8').setFlagsFromString('--expose-gc')`],
    [`import('node:v8').then((v8) => v8.setFlagsFromString('--expose-gc'))`],
    [`import('node:net').then(({ Socket }) => new Socket({ fd: 3 }).write('x'))`],
    [
      `process.getBuiltinModule('sqlite').DatabaseSync && new (process.getBuiltinModule('sqlite').DatabaseSync)(':memory:').exec("ATTACH '/tmp/x' AS x")`,
    ],
    [`localStorage.getItem('x')`],
  ])('%s is refused', async (expression) => {
    expect(await attempt(expression)).toMatch(/^refused: /)
  })

  test('a package that requires a guarded module gets the guarded one', async () => {
    const required = `import('node:module').then(({ createRequire }) => { const require = createRequire('file:///x.js'); return require('worker_threads').isMainThread + ' ' + require('node:v8').setFlagsFromString.name })`
    expect(await attempt(required)).toBe('ok: true refused')
  })

  test('the environment reads as empty instead of failing', async () => {
    const seen = `JSON.stringify([Deno.env.get('PATH') ?? null, Deno.env.get('OPERATOR_SECRET') ?? null, Deno.env.toObject(), process.env.HOME ?? null])`
    expect(await attempt(seen)).toBe('ok: [null,null,{},null]')
  })

  test('Deno internals and the socket path are not there', async () => {
    const seen = `JSON.stringify([Object.getOwnPropertySymbols(Deno).map((s) => typeof Deno[s]).filter((t) => t === 'object'), Deno.args, typeof Deno.internal, typeof Deno.core])`
    expect(await attempt(seen)).toBe('ok: [[],[],"undefined","undefined"]')
  })

  test.runIf(process.getuid?.() === 0)('a process started by root is not root', async () => {
    const pid = (await attempt('Deno.pid')).slice('ok: '.length)
    expect(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]).toBe('65534')
  })
})

const NET_PRELUDE = `
  import net from 'node:net'; import tls from 'node:tls'; import http from 'node:http'; import http2 from 'node:http2'
  const wait = (emitter, event) => new Promise((yes, no) => { emitter.on(event, () => yes(event)); emitter.on('error', no) })`

/** Every way out, to one host and port. */
const WAYS: [string, (host: string, url: string) => string][] = [
  ['fetch', (_, url) => `fetch('http://${url}/').then((r) => r.text())`],
  ['fetch of a Request', (_, url) => `fetch(new Request('http://${url}/')).then((r) => r.text())`],
  [
    'fetch with a client',
    (_, url) =>
      `fetch('http://${url}/', { client: Deno.createHttpClient({ localAddress: '::' }) }).then((r) => r.text())`,
  ],
  [
    'fetch with a false client',
    (_, url) =>
      `fetch('http://${url}/', { client: Object.create(Deno.HttpClient.prototype) }).then((r) => r.text())`,
  ],
  [
    'fetch with an empty client',
    (_, url) => `fetch('http://${url}/', { client: {} }).then((r) => r.text())`,
  ],
  [
    'a Request with a false client',
    (_, url) => `fetch(new Request('http://${url}/', { client: {} })).then((r) => r.text())`,
  ],
  [
    'fetch through a proxy',
    (_, url) =>
      `fetch('http://example.test/', { client: Deno.createHttpClient({ proxy: { url: 'http://${url}' } }) }).then((r) => r.text())`,
  ],
  [
    'fetch through a TCP proxy',
    (host) =>
      `fetch('http://example.test/', { client: Deno.createHttpClient({ proxy: { transport: 'tcp', hostname: '${host}', port: PORT } }) }).then((r) => r.text())`,
  ],
  [
    'Deno.resolveDns',
    (host) =>
      `Deno.resolveDns('example.test', 'A', { nameServer: { ipAddr: '${host}', port: PORT } })`,
  ],
  [
    'node:dns',
    (host) =>
      `import('node:dns').then(({ promises: { Resolver } }) => { const r = new Resolver(); r.setServers([net.isIPv6('${host}') ? '[${host}]:PORT' : '${host}:PORT']); return r.resolve4('example.test') })`,
  ],
  [
    'WebSocket with a false client',
    (_, url) =>
      `new Promise((yes, no) => { const s = new WebSocket('ws://${url}/', { client: {} }); s.onopen = () => yes(1); s.onerror = (e) => no(new Error(e.message)) })`,
  ],
  [
    'WebSocket',
    (_, url) =>
      `new Promise((yes, no) => { const s = new WebSocket('ws://${url}/'); s.onopen = () => yes(1); s.onerror = (e) => no(new Error(e.message)) })`,
  ],
  [
    'WebSocket by its prototype',
    (_, url) =>
      `new Promise((yes, no) => { const s = new (WebSocket.prototype.constructor)('ws://${url}/'); s.onopen = () => yes(1); s.onerror = (e) => no(new Error(e.message)) })`,
  ],
  [
    'Deno.connect',
    (host) => `Deno.connect({ hostname: '${host}', port: PORT }).then(() => 'connected')`,
  ],
  [
    'Deno.connectTls',
    (host) => `Deno.connectTls({ hostname: '${host}', port: PORT }).then(() => 'connected')`,
  ],
  ['node:net', (host) => `wait(net.connect(PORT, '${host}'), 'connect')`],
  ['node:tls', (host) => `wait(tls.connect(PORT, '${host}'), 'secureConnect')`],
  ['node:http', (host) => `wait(http.get({ host: '${host}', port: PORT }), 'response')`],
  ['node:http2', (_, url) => `wait(http2.connect('http://${url}'), 'connect')`],
  ['import', (_, url) => `import('http://${url}/x.ts')`],
]

const ownV6 = Object.values(os.networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ address }) => /^f[cd]/.test(address))?.address

const HOSTS = [
  '127.0.0.1',
  'localhost',
  '::1',
  '0.0.0.0',
  '::',
  '::ffff:127.0.0.1',
  '2130706433',
  ...(ownV6 ? [ownV6] : []),
]

describe('private networks are out of reach', () => {
  test.each(HOSTS)('%s is refused by every way there is', async (host) => {
    const url = `${host.includes(':') ? `[${host}]` : host}:${port}`
    reached = 0
    for (const [way, write] of WAYS) {
      const said = await attempt(write(host, url).replaceAll('PORT', String(port)), NET_PRELUDE)
      expect(said, `${way} ${host}`).toMatch(/^refused: /)
    }
    expect(reached).toBe(0)
  })

  test.each([
    '10.0.0.1',
    '172.16.5.5',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    'fd00:ec2::254',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '2001:0:1::1',
    '::10.0.0.1',
    'ff02::1',
  ])('%s is refused before a packet leaves', async (host) => {
    expect(await attempt(`Deno.connect({ hostname: '${host}', port: 80 })`)).toMatch(
      /^refused: NotCapable/,
    )
    expect(await attempt(`wait(net.connect(80, '${host}'), 'connect')`, NET_PRELUDE)).toMatch(
      /^refused: .*(Requires net access|ENOTFOUND)/,
    )
  })

  test('an option that changes its mind between check and use gains nothing', async () => {
    const twice = `Deno.connect({ port: ${port}, get hostname() { return globalThis.n++ ? '::1' : '2606:4700::1111' } })`
    reached = 0
    await attempt(`(globalThis.n = 0, ${twice})`)
    expect(reached).toBe(0)
  })

  test.each([
    `Deno.listen({ port: 0 })`,
    `Deno.serve(() => new Response())`,
    `new Promise((yes, no) => net.createServer().on('error', no).listen(0, yes))`,
    `new Promise((yes, no) => http.createServer().on('error', no).listen(0, yes))`,
    `import('node:dgram').then((d) => new Promise((yes, no) => { const s = d.createSocket('udp4'); s.on('error', no); s.bind(0, yes) }))`,
  ])('listening is refused: %s', async (expression) => {
    expect(await attempt(expression, NET_PRELUDE)).toMatch(/^(refused|failed): /)
  })

  test('the socket of a virtual machine is refused', async () => {
    expect(await attempt(`Deno.connect({ transport: 'vsock', cid: 2, port: 1 })`)).toMatch(
      /^refused: NotCapable/,
    )
  })

  test('a unix socket of somebody else is refused', async () => {
    const path = `${os.tmpdir()}/stead-other-${process.pid}.sock`
    const other = net.createServer()
    await new Promise<void>((resolve) => other.listen(path, resolve))
    expect(await attempt(`Deno.connect({ transport: 'unix', path: '${path}' })`)).toMatch(
      /^refused: NotCapable/,
    )
    expect(await attempt(`wait(net.connect('${path}'), 'connect')`, NET_PRELUDE)).toMatch(
      /^refused: /,
    )
    other.close()
  })
})

/** What a function could replace that a careless guard would call. */
const BROKEN = `
  String.prototype.includes = () => false
  String.prototype.split = () => ['2606', '4700']
  Array.prototype.forEach = () => undefined
  WeakSet.prototype.has = () => true
  globalThis.String = Object.assign(() => '2606:4700::1111', String)
  Number.parseInt = () => 0x2606
  const leaks = []
  const { call, apply } = Function.prototype
  const { construct, apply: reflectApply } = Reflect
  Function.prototype.call = function (...args) { leaks.push(this); return reflectApply(call, this, args) }
  Reflect.apply = (f, ...rest) => (leaks.push(f), reflectApply(f, ...rest))
  Reflect.construct = (f, ...rest) => (leaks.push(f), construct(f, ...rest))`

describe('a function that replaces what the guards could call gains nothing', () => {
  test.each([
    [`Deno.connect({ hostname: 'fd12:3456::1', port: 80 })`, 'NotCapable'],
    [`Deno.connect({ hostname: 'fe80::1', port: 80 })`, 'NotCapable'],
    [`wait(net.connect(80, 'fd12:3456::1'), 'connect')`, 'Requires net access'],
    [
      `(Object.prototype.transport = 'vsock', Object.prototype.cid = 2, Deno.connect({ hostname: '10.0.0.1', port: 80 }))`,
      'Requires net access',
    ],
    [
      `(Array.prototype.map = () => ['fd12:3456::1'], Deno.connect({ hostname: '10.0.0.1', port: 80 }))`,
      'Requires net access',
    ],
    [`fetch('http://[fd12:3456::1]/', { client: {} })`, 'error sending request'],
    [
      `new Promise((yes, no) => { const s = new WebSocket('ws://[fd12:3456::1]/'); s.onopen = () => yes(1); s.onerror = (e) => no(new Error(e.message)) })`,
      '',
    ],
    [`Deno.connectTls({ hostname: 'example.com', port: 443, cert: 'x', key: 'y' })`, 'node:tls'],
  ])('%s', async (expression, said) => {
    const leaked = `leaks.some((f) => ['connect', 'connect6', 'WebSocket'].indexOf(f?.name) >= 0 && f !== WebSocket)`
    const whole = `(${expression}).finally(() => { if (${leaked}) throw new Error('leaked') })`
    const answer = await attempt(whole, `${NET_PRELUDE}\n${BROKEN}`)
    expect(answer).toMatch(/^refused: /)
    expect(answer).not.toContain('leaked')
    expect(answer).toContain(said)
  })
})

test.each([
  ['2606:4700::1111', true],
  ['2A00:1450:4001::', true],
  ['::ffff:8.8.8.8', true],
  ['::ffff:a00:1', true],
  ['8.8.8.8', true],
  ['example.com', false],
  ['8.8.8', false],
  ['8.8.8.256', false],
  ['', false],
  ['::', false],
  ['::1', false],
  ['fd00::1', false],
  ['fe80::1%1', false],
  ['2002:a00:1::', false],
  ['2001::1', false],
  ['2001:0:1::1', false],
  ['2001:db8::1', true],
  ['::8.8.8.8', false],
  ['1::2::3', false],
  ['2606:4700:1:2:3:4:5:6:7', false],
  ['2606:4700:1:2:3:4:5', false],
  ['2606:4700:::1', false],
  [':2606::1', false],
  ['26067::1', false],
])('isPublic(%s) is %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected)
})

describe('what a function may still do', () => {
  test.each([
    [
      `import('node:crypto').then((c) => c.createHash('md5').update('x').digest('hex'))`,
      '9dd4e461268c8034f5c8564e155c67a6',
    ],
    [`import('node:worker_threads').then(({ isMainThread }) => isMainThread)`, 'true'],
    [
      `import('node:async_hooks').then(({ AsyncLocalStorage }) => new AsyncLocalStorage().run(5, () => typeof AsyncLocalStorage))`,
      'function',
    ],
    [`crypto.subtle.digest('SHA-256', new Uint8Array(1)).then((d) => d.byteLength)`, '32'],
    [`import('data:text/javascript,export default 7').then((m) => m.default)`, '7'],
    [`Object.getPrototypeOf(WebSocket) === EventTarget && WebSocket.OPEN`, '1'],
  ])('%s', async (expression, value) => {
    expect(await attempt(expression)).toBe(`ok: ${value}`)
  })
})
