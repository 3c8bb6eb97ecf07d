/** The listening socket: it is there before the instance, says "starting", and drains at the end. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { AppError } from '#core/errors'
import type { Router } from '../router.ts'

export type HttpServer = {
  /** Where a client on this machine reaches it. */
  localUrl: string
  /** From now on requests reach the instance. */
  open(fetch: Router['fetch']): void
  /** No new requests; running ones may finish within `deadlineMs`, then they are cut. */
  drain(deadlineMs: number): Promise<void>
  /** Ends every connection, whatever it is doing. */
  cut(): void
}

const STARTING = () =>
  new Response('{"error":"Stead is starting"}\n', {
    status: 503,
    headers: { 'content-type': 'application/json', 'retry-after': '1' },
  })

/** @throws `conflict` port_in_use, `invalid` bad_address: sentences for the operator */
export async function listen(host: string, port: number): Promise<HttpServer> {
  let handle: Router['fetch'] | undefined
  const server = createAdaptorServer({
    fetch: (request, env) => handle?.(request, env as never) ?? STARTING(),
  }) as Server
  server.headersTimeout = 20_000
  server.keepAliveTimeout = 65_000
  const bound = await bind(server, host, port)
  return {
    localUrl: `http://${reachable(host)}:${bound}`,
    open(fetch) {
      handle = fetch
    },
    drain: (deadlineMs) => drain(server, deadlineMs),
    cut: () => server.closeAllConnections(),
  }
}

/** An address to which a client on this machine can connect. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, host, port)))
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new AppError({
      kind: 'conflict',
      code: 'port_in_use',
      message: `Cannot start: port ${port} is in use. Choose another with --port, or stop what uses it`,
    })
  }
  const message = `Cannot start: cannot listen on ${host}:${port} (${error.code}). Choose another --host or --port`
  return new AppError({ kind: 'invalid', code: 'bad_address', message }, { cause: error })
}

/** How often connections that have become idle are looked for. */
const SWEEP_MS = 50

function drain(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
    const cut = setTimeout(() => server.closeAllConnections(), deadlineMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
