/**
 * What Deno's permissions cannot say, said before a function's code exists. Originals stay in this module, out of reach.
 *
 * `--deny-net` takes no IPv6 ranges, so unique-local and link-local addresses are refused here: by name after its
 * resolution where we connect ourselves, and by an IPv4-only client where Deno resolves (fetch, WebSocket).
 * A second realm (worker) would have the originals again, so there is none.
 */
import { isPublic } from './addresses.ts'
import { asRead } from './as-read.ts'
import { builtin } from './builtins.ts'

type Patchable = Record<PropertyKey, unknown>
type Fn = (...args: unknown[]) => unknown

const deno = Deno as unknown as Patchable
const world = globalThis as unknown as Patchable
// What a guard calls later: a function may have replaced the global, or the method on its prototype.
const { String, Array } = globalThis
const { isArray } = Array
const { apply, construct } = Reflect
const { NotCapable } = Deno.errors

/** Storage that all processes would share, second realms, ways out that resolve names by themselves, Deno's own start. */
const NO_GLOBALS = [
  'localStorage',
  'sessionStorage',
  'caches',
  'Worker',
  'EventSource',
  'WebSocketStream',
  'WebTransport',
  'nodeBootstrap',
]
const NO_LISTENING = ['listen', 'listenTls', 'listenDatagram', 'serve', 'serveHttp']

export function lockDown(): void {
  hideInternals()
  for (const name of NO_LISTENING)
    deno[name] = refusal(`Deno.${name} is not available: a function cannot listen`)
  guardFetch()
  guardConnect()
  guardNodeSockets()
  guardNodeModules()
  // Last: what is used above makes some of them.
  for (const name of NO_GLOBALS) delete world[name]
}

const refusal = (message: string): Fn =>
  function refused() {
    throw new NotCapable(message)
  }

function hideInternals(): void {
  delete deno[(Deno as unknown as { internal: symbol }).internal]
  delete deno.internal
  Object.defineProperty(Deno, 'args', { value: [] })
  // The drivers of a graphics card are native code with memory that no limit counts.
  Object.defineProperty(Object.getPrototypeOf(navigator), 'gpu', { value: undefined })
  const { process } = globalThis as unknown as { process: Patchable }
  for (const name of ['binding', '_linkedBinding', 'dlopen'])
    process[name] = refusal(`process.${name} is not available`)
}

/** A client bound to an IPv4 address never dials an IPv6 one, whatever a name resolves to or a redirect says. */
function guardFetch(): void {
  const { fetch, Headers, Request, WebSocket } = globalThis
  const { createHttpClient } = Deno
  const made = new WeakSet<object>()
  const isMade = made.has.bind(made)
  const note = made.add.bind(made)
  const guarded = (options: Patchable = {}) => {
    const { proxy, ...rest } = { ...options }
    const all = { ...rest, ...(proxy ? { proxy: copyProxy(proxy) } : {}), localAddress: '0.0.0.0' }
    const client = createHttpClient(all as Deno.CreateHttpClientOptions)
    note(client)
    return client
  }
  /** Made when first needed: it reads every authority that the machine trusts. */
  let common: Deno.HttpClient | undefined
  /** What only looks like a client would be passed over, and Deno's own taken. */
  const clientOf = (given: unknown) =>
    isMade(given as object) ? (given as Deno.HttpClient) : (common ??= guarded())
  deno.createHttpClient = guarded
  world.fetch = async (
    input: string | URL | Request,
    init?: RequestInit & { client?: unknown },
  ) => {
    const { client, ...rest } = { ...init }
    const response = await fetch(input, { ...rest, client: clientOf(client) })
    const asked = rest.headers ?? (input instanceof Request ? input.headers : undefined)
    return asRead(response, new Headers(asked))
  }
  world.WebSocket = new Proxy(WebSocket, {
    construct(target, args: unknown[], newTarget) {
      const given = args[1]
      const isList = typeof given === 'string' || isArray(given)
      const options = (isList ? { protocols: given } : given) as Patchable
      const { client, ...rest } = { ...options }
      return construct(
        target,
        [args[0], { ...rest, client: clientOf(client) }],
        newTarget,
      ) as object
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
  const { connect, startTls, resolveDns } = Deno
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
      refusal('Deno.connectTls takes no client certificate here: use node:tls')()
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

/** Dials addresses, never the name again; each is looked at right before, when nothing can change it any more. */
async function dial(
  connect: typeof Deno.connect,
  to: { hostname: string; port: number },
): Promise<Deno.TcpConn> {
  let failure: unknown
  const found = await resolve(to.hostname)
  for (let at = 0; at < found.length; at++) {
    const hostname = String(found[at]?.address)
    assertPublic(hostname)
    try {
      return await connect({ ...to, hostname, transport: 'tcp' })
    } catch (error) {
      failure = error
      if (error instanceof NotCapable) break
    }
  }
  throw failure
}

type Found = { address: string }

type Lookup = (
  name: string,
  options: object,
  done: (error: Error | null, found: Found[]) => void,
) => void
const { lookup } = builtin<{ lookup: Lookup }>('node:dns')

function resolve(name: string): Promise<Found[]> {
  const bare = name.replace(/^\[(.*)\]$/, '$1')
  if (bare.includes(':')) return Promise.resolve([{ address: bare }])
  return new Promise((done, fail) =>
    lookup(bare, { all: true }, (error, list) => (error ? fail(error) : done(list))),
  )
}

/** @throws NotCapable for a private IPv6 address */
function assertPublic(address: string): void {
  if (!isPublic(address)) {
    throw new NotCapable(`Requires net access to "${address}": private networks are out of reach`)
  }
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
      const text = String(address)
      assertPublic(text)
      return apply(original, this, [request, text, port]) as unknown
    }
  }
  const { UDP } = bindings('udp_wrap') as { UDP: { prototype: Patchable } }
  const { Pipe } = bindings('pipe_wrap') as { Pipe: { prototype: Patchable } }
  const { ChannelWrap } = bindings('cares_wrap') as { ChannelWrap: { prototype: Patchable } }
  ChannelWrap.prototype.setServers = refusal('Choosing a name server is not available')
  const noListening = refusal('A function cannot listen')
  for (const name of ['listen', 'bind', 'bind6']) TCP.prototype[name] = noListening
  for (const name of ['listen', 'bind']) Pipe.prototype[name] = noListening
  for (const name of ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6']) {
    UDP.prototype[name] = noListening
  }
  // What is open in this process is ours, the wire to the server among it.
  const noAdopting = refusal('Taking over a file descriptor is not available')
  for (const name of ['open', 'openFromRid']) {
    for (const { prototype } of [TCP, Pipe, UDP]) prototype[name] = noAdopting
  }
}

/** `process.binding`, taken before it is hidden. */
const bindings = (globalThis as unknown as { process: { binding: (name: string) => unknown } })
  .process.binding

/** Changed members of a built-in module. ES imports of it are sent to a stub, whose names are the changed ones. */
function guardNodeModules(): void {
  const noWorkers = refusal('Workers are not available: a function is one thread')
  const noHooks = refusal('Module hooks are not available')
  /** Some of them take the checks out of compiled code. */
  const noFlags = refusal('Flags of V8 are not available')
  const changed: Record<string, Record<string, Fn>> = {
    worker_threads: { Worker: noWorkers },
    module: {
      registerHooks: noHooks,
      register: noHooks,
      syncBuiltinESMExports: () => undefined,
    },
    v8: { setFlagsFromString: noFlags },
  }
  const { registerHooks } = builtin<{ registerHooks: (hooks: object) => void }>('node:module')
  const stubs = new Map<string, string>()
  const stubOf = stubs.get.bind(stubs)
  for (const [name, members] of Object.entries(changed)) {
    const stub = changeModule(name, members)
    stubs.set(name, stub).set(`node:${name}`, stub)
  }
  registerHooks({
    resolve(specifier: string, context: { conditions?: string[] }, next: Fn) {
      const url = stubOf(specifier)
      if (url === undefined || isRequired(context)) return next(specifier, context)
      return { url, shortCircuit: true }
    },
  })
}

/** `require` gives the changed module itself, and could not load a stub. Deno says who asks, no function does. */
function isRequired({ conditions = [] }: { conditions?: string[] }): boolean {
  for (let at = 0; at < conditions.length; at++) if (conditions[at] === 'require') return true
  return false
}

function changeModule(name: string, members: Record<string, Fn>): string {
  const module = builtin<Patchable>(`node:${name}`)
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
