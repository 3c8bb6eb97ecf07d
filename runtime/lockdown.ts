/**
 * What Deno's permissions cannot say, said before a function's code exists. Originals stay in this module, out of reach.
 *
 * `--deny-net` takes no IPv6 ranges, so unique-local and link-local addresses are refused here: by name after its
 * resolution where we connect ourselves, and by an IPv4-only client where Deno resolves (fetch, WebSocket).
 * A second realm (worker) would have the originals again, so there is none.
 */
import { createRequire } from 'node:module'

type Patchable = Record<PropertyKey, unknown>
type Fn = (...args: unknown[]) => unknown

const require = createRequire(import.meta.url)
const deno = Deno as unknown as Patchable
const world = globalThis as unknown as Patchable

/** Storage that all processes would share, second realms, and ways out that resolve names by themselves. */
const NO_GLOBALS = [
  'localStorage',
  'sessionStorage',
  'caches',
  'Worker',
  'EventSource',
  'WebSocketStream',
  'WebTransport',
]
const NO_LISTENING = ['listen', 'listenTls', 'listenDatagram', 'serve', 'serveHttp']

export function lockDown(): void {
  hideInternals()
  for (const name of NO_GLOBALS) delete world[name]
  for (const name of NO_LISTENING)
    deno[name] = refusal(`Deno.${name} is not available: a function cannot listen`)
  guardFetch()
  guardConnect()
  guardNodeSockets()
  guardNodeModules()
}

const refusal = (message: string): Fn =>
  function refused() {
    throw new Deno.errors.NotCapable(message)
  }

function hideInternals(): void {
  delete deno[(Deno as unknown as { internal: symbol }).internal]
  delete deno.internal
  Object.defineProperty(Deno, 'args', { value: [] })
  const { process } = globalThis as unknown as { process: Patchable }
  for (const name of ['binding', '_linkedBinding', 'dlopen'])
    process[name] = refusal(`process.${name} is not available`)
}

/** A client bound to an IPv4 address never dials an IPv6 one, whatever a name resolves to or a redirect says. */
function guardFetch(): void {
  const { fetch, WebSocket } = globalThis
  const { createHttpClient } = Deno
  const made = new WeakSet<object>()
  const guarded = (options: Patchable = {}) => {
    const { proxy, ...rest } = { ...options }
    const all = { ...rest, ...(proxy ? { proxy: copyProxy(proxy) } : {}), localAddress: '0.0.0.0' }
    const client = createHttpClient(all as Deno.CreateHttpClientOptions)
    made.add(client)
    return client
  }
  const common = guarded()
  /** What only looks like a client would be passed over, and Deno's own taken. */
  const clientOf = (given: unknown) =>
    made.has(given as object) ? (given as Deno.HttpClient) : common
  deno.createHttpClient = guarded
  world.fetch = (input: string | URL | Request, init?: RequestInit & { client?: unknown }) => {
    const { client, ...rest } = { ...init }
    return fetch(input, { ...rest, client: clientOf(client) })
  }
  world.WebSocket = new Proxy(WebSocket, {
    construct(target, [url, given], newTarget) {
      const isList = typeof given === 'string' || Array.isArray(given)
      const { client, ...rest } = isList ? ({ protocols: given } as Patchable) : { ...given }
      return Reflect.construct(target, [url, { ...rest, client: clientOf(client) }], newTarget)
    },
  })
  Object.defineProperty(WebSocket.prototype, 'constructor', { value: world.WebSocket })
}

/** A proxy is dialled by the client too; one behind a unix or virtual-machine socket is not for functions. */
function copyProxy(proxy: unknown): Patchable {
  const { transport = 'http', url, basicAuth } = { ...(proxy as Patchable) }
  if (typeof url !== 'string' || !['http', 'https', 'socks5'].includes(String(transport))) {
    refusal('Only HTTP and SOCKS proxies are available')()
  }
  return { url, ...(basicAuth ? { basicAuth } : {}) }
}

function guardConnect(): void {
  const { connect, connectTls, startTls, resolveDns } = Deno
  deno.connect = async (options: Deno.ConnectOptions & { transport?: string }) => {
    const {
      hostname = '127.0.0.1',
      transport = 'tcp',
      ...rest
    } = { ...options } as Deno.ConnectOptions & { transport?: string }
    if (transport !== 'tcp')
      refusal(`Requires net access: only TCP is available, not "${transport}"`)()
    return dial(connect, { ...rest, hostname: String(hostname) })
  }
  deno.connectTls = async (options: Deno.ConnectTlsOptions) => {
    const { hostname = '127.0.0.1', port, ...rest } = { ...options }
    if ('cert' in rest || 'key' in rest) {
      await resolve(String(hostname))
      return connectTls({ hostname, port, ...rest })
    }
    return startTls(await dial(connect, { hostname: String(hostname), port }), {
      hostname,
      ...rest,
    })
  }
  deno.resolveDns = async (query: string, type: 'A', options?: Deno.ResolveDnsOptions) => {
    if (options?.nameServer) refusal('Choosing a name server is not available')()
    return resolveDns(query, type, options?.signal ? { signal: options.signal } : {})
  }
}

/** Dials the addresses that were checked, not the name again. */
async function dial(
  connect: typeof Deno.connect,
  to: { hostname: string; port: number },
): Promise<Deno.TcpConn> {
  let failure: unknown
  for (const hostname of await resolve(to.hostname)) {
    try {
      return await connect({ ...to, hostname })
    } catch (error) {
      failure = error
      if (error instanceof Deno.errors.NotCapable) break
    }
  }
  throw failure
}

type Lookup = (
  name: string,
  options: object,
  done: (error: Error | null, found: { address: string }[]) => void,
) => void
const { lookup } = require('node:dns') as { lookup: Lookup }

/** @throws NotCapable when a name has any private IPv6 address */
async function resolve(name: string): Promise<string[]> {
  const bare = name.replace(/^\[(.*)\]$/, '$1')
  const found = bare.includes(':')
    ? [bare]
    : await new Promise<string[]>((done, fail) =>
        lookup(bare, { all: true }, (error, list) =>
          error ? fail(error) : done(list.map(({ address }) => address)),
        ),
      )
  found.forEach(assertPublic)
  return found
}

function assertPublic(address: string): void {
  if (address.includes(':') && !isPublicV6(address)) {
    throw new Deno.errors.NotCapable(
      `Requires net access to "${address}": private networks are out of reach`,
    )
  }
}

/**
 * Global unicast (2000::/3) without the tunnels that carry IPv4 inside (6to4, Teredo). IPv4-mapped addresses pass: Deno
 * holds its IPv4 ranges against them.
 */
export function isPublicV6(address: string): boolean {
  const text = address.toLowerCase()
  if (
    /^(0*:)*:?ffff:(\d+\.){3}\d+$/.test(text) ||
    /^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(text)
  )
    return true
  if (text.includes('%')) return false
  const [first = '0', second = '0'] = text.split(':').map((group) => group || '0')
  const head = Number.parseInt(first, 16)
  const isTeredo = head === 0x2001 && Number.parseInt(second, 16) === 0
  return head >= 0x2000 && head <= 0x3fff && head !== 0x2002 && !isTeredo
}

/** node:net, node:tls, node:http and all packages above them meet here, after name resolution. */
function guardNodeSockets(): void {
  const { TCP } = bindings('tcp_wrap') as { TCP: { prototype: Patchable } }
  for (const name of ['connect', 'connect6']) {
    const original = TCP.prototype[name] as Fn
    TCP.prototype[name] = function guarded(
      this: unknown,
      request: unknown,
      address: unknown,
      port: unknown,
    ) {
      assertPublic(String(address))
      return original.call(this, request, String(address), port)
    }
  }
  const { UDP } = bindings('udp_wrap') as { UDP: { prototype: Patchable } }
  const { ChannelWrap } = bindings('cares_wrap') as { ChannelWrap: { prototype: Patchable } }
  ChannelWrap.prototype.setServers = refusal('Choosing a name server is not available')
  const noListening = refusal('A function cannot listen')
  for (const name of ['listen', 'bind', 'bind6']) TCP.prototype[name] = noListening
  for (const name of ['bind', 'bind6']) UDP.prototype[name] = noListening
}

/** `process.binding`, taken before it is hidden. */
const bindings = (globalThis as unknown as { process: { binding: (name: string) => unknown } })
  .process.binding

/** Changed members of a built-in module. ES imports of it are sent to a stub, whose names are the changed ones. */
function guardNodeModules(): void {
  const noWorkers = refusal('Workers are not available: a function is one thread')
  const noHooks = refusal('Module hooks are not available')
  const changed: Record<string, Record<string, Fn>> = {
    worker_threads: { Worker: noWorkers },
    module: {
      registerHooks: noHooks,
      register: noHooks,
      syncBuiltinESMExports: () => undefined,
    },
  }
  const { registerHooks } = require('node:module') as { registerHooks: (hooks: object) => void }
  const stubs = new Map<string, string>()
  for (const [name, members] of Object.entries(changed)) {
    const stub = changeModule(name, members)
    stubs.set(name, stub).set(`node:${name}`, stub)
  }
  registerHooks({
    resolve(specifier: string, context: unknown, next: Fn) {
      const url = stubs.get(specifier)
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
    },
  })
}

function changeModule(name: string, members: Record<string, Fn>): string {
  const module = require(`node:${name}`) as Patchable
  for (const [member, value] of Object.entries(members)) {
    Object.defineProperty(module, member, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  const names = Object.keys(module).filter((key) => /^[A-Za-z_]\w*$/.test(key) && key !== 'default')
  const source = `const m = process.getBuiltinModule('node:${name}'); export default m; export const { ${names.join(', ')} } = m`
  return `data:text/javascript,${encodeURIComponent(source)}`
}
