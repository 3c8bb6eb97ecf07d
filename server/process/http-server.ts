/** The listening socket: it is there before the instance, says "starting", and drains at the end. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { AppError } from '#core/errors'
import { NodeAnswer } from '#http/node-answer'
import type { Router } from '../router.ts'
import { starting } from './starting.ts'

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

/** Bytes of a request's line and headers: a filter may list a thousand UUIDs. Node's own limit is 16 KiB. */
const MAX_HEADERS = 65_536

/** @throws `conflict` port_in_use, `invalid` bad_address: sentences for the operator */
export async function listen(host: string, port: number): Promise<HttpServer> {
  let handle: Router['fetch'] | undefined
  const server = createAdaptorServer({
    fetch: (request, env) => handle?.(request, env as never) ?? starting(request),
    serverOptions: {
      maxHeaderSize: MAX_HEADERS,
      ServerResponse: NodeAnswer as never, // the type allows for requests of another class
      // A request without a body need not have the streams of one.
      optimizeEmptyRequests: true,
    },
    // For HTTP/1.0, which many health checks speak: it names no host.
    hostname: 'localhost',
  }) as Server
  server.on('clientError', refuseUnreadable)
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

/** What is no request, or too long a one, gets an answer that clients can read, and the connection ends. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isLong = error.code === 'HPE_HEADER_OVERFLOW'
  const status = isLong ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const message = isLong
    ? `The request's address and headers are longer than ${MAX_HEADERS} bytes`
    : 'This is no HTTP request'
  const remediation = isLong ? 'Ask for less at once.' : 'Speak HTTP/1.1.'
  const body = JSON.stringify({ error: { code: 'REQUEST_ERROR', message, remediation } })
  const head = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]
  socket.end(`HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`)
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
