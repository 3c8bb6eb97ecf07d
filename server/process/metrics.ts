/** Prometheus metrics on a loopback port of their own: they say more than the world should know. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { Log } from '#core/log'

export type Metrics = {
  registry: Registry
  /** One answered request. */
  observe(request: { dialect: string; method: string; status: number; seconds: number }): void
}

/** In seconds; from a cached read to a cold function. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'stead_http_request_duration_seconds',
    help: 'Time from the first byte of a request to its answer',
    labelNames: ['dialect', 'method', 'status'],
    buckets: BUCKETS,
    registers: [registry],
  })
  return {
    registry,
    observe: ({ seconds, ...labels }) => requests.observe(labels, seconds),
  }
}

export type MetricsServer = { url: string; close(): Promise<void> }

/** Another free port is taken when `port` is in use: metrics never keep an instance from starting. */
export async function serveMetrics(
  { registry }: Metrics,
  port: number,
  log: Log,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end('Metrics are at /metrics\n')
      return
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  const bound = await listenOn(server, port).catch(async () => {
    log.info({ port }, 'the metrics port is in use, taking another')
    return listenOn(server, 0)
  })
  return {
    url: `http://127.0.0.1:${bound}/metrics`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
