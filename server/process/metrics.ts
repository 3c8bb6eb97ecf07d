/** Prometheus metrics on a loopback port of their own: they say more than the world should know. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
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
  const requests = new RequestTimes()
  // The registry asks of a metric no more than its name and its values.
  registry.registerMetric(requests as unknown as Metric)
  return { registry, observe: (request) => requests.observe(request) }
}

/** Whether the cluster of each region answers, asked when the metrics are read. */
export function showRegions(
  { registry }: Metrics,
  regionsAnswer: () => Promise<{ name: string; answers: boolean }[]>,
): void {
  const help = 'Whether the PostgreSQL of the region answers'
  const gauge: Gauge = new Gauge({
    name: 'stead_region_up',
    help,
    labelNames: ['region'],
    registers: [registry],
    async collect() {
      const regions = await regionsAnswer()
      for (const { name, answers } of regions) gauge.set({ region: name }, answers ? 1 : 0)
    },
  })
}

type Series = { labels: Record<string, string | number>; counts: Float64Array; sum: number }

/** The histogram of requests: one lookup and two additions per request, laid out when it is read. */
class RequestTimes {
  readonly name = 'stead_http_request_duration_seconds'
  readonly #series = new Map<string, Series>()

  observe({ dialect, method, status, seconds }: Parameters<Metrics['observe']>[0]): void {
    const key = `${dialect} ${method} ${status}`
    let series = this.#series.get(key)
    if (!series) {
      const counts = new Float64Array(BUCKETS.length + 1)
      series = { labels: { dialect, method, status }, counts, sum: 0 }
      this.#series.set(key, series)
    }
    let at = 0
    while (at < BUCKETS.length && seconds > (BUCKETS[at] ?? 0)) at++
    series.counts[at] = (series.counts[at] ?? 0) + 1
    series.sum += seconds
  }

  get(): object {
    const values = [...this.#series.values()].flatMap((series) => this.#lines(series))
    const help = 'Time from the first byte of a request to its answer'
    return { name: this.name, help, type: 'histogram', aggregator: 'sum', values }
  }

  #lines({ labels, counts, sum }: Series): object[] {
    let below = 0
    const buckets = [...counts].map((count, at) => {
      below += count
      const le = BUCKETS[at] ?? '+Inf'
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: below }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: below },
    ]
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
  const bound = await listenOn(server, port).catch(() => listenOn(server, 0))
  const url = `http://127.0.0.1:${bound}/metrics`
  if (port !== 0 && bound !== port) {
    log.info({ url }, `port ${port} is in use: the metrics are elsewhere`)
  }
  return {
    url,
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
