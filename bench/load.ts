/** A light HTTP load: raw keep-alive sockets, one request in flight on each, nothing parsed but lengths. */
import { connect } from 'node:net'
import { quantile } from './report.ts'

export type LoadOptions = {
  /** `http://127.0.0.1:8080` */
  origin: string
  connections: number
  seconds: number
  /** How long answers are not counted yet, while caches fill and compilers settle; default 2. */
  warmUpSeconds?: number
  /** Made anew for each request, so that keys can differ. */
  next: () => HttpRequest
}

export type HttpRequest = { method: string; path: string; headers?: string; body?: string }

export type Load = {
  perSecond: number
  /** Milliseconds. */
  p50: number
  p95: number
  p99: number
  /** Answers that were not 2xx; a bench with any is void. */
  refused: number
}

const WARM_UP_SECONDS = 2

type Run = { options: LoadOptions; samples: number[]; refused: number; from: number; until: number }

export async function load(options: LoadOptions): Promise<Load> {
  const from = performance.now() + (options.warmUpSeconds ?? WARM_UP_SECONDS) * 1000
  const run: Run = { options, samples: [], refused: 0, from, until: from + options.seconds * 1000 }
  await Promise.all(Array.from({ length: options.connections }, () => connection(run)))
  return {
    perSecond: run.samples.length / options.seconds,
    p50: quantile(run.samples, 0.5),
    p95: quantile(run.samples, 0.95),
    p99: quantile(run.samples, 0.99),
    refused: run.refused,
  }
}

/** The bytes of a request; `headers` are whole lines, each with its line end. */
export function requestBytes(
  { method, path, headers = '', body }: HttpRequest,
  host: string,
): string {
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${headers}${length}\r\n${body ?? ''}`
}

function connection(run: Run): Promise<void> {
  const { hostname, port, host } = new URL(run.options.origin)
  return new Promise((resolve, reject) => {
    let began = 0
    const send = (): void => {
      began = performance.now()
      socket.write(requestBytes(run.options.next(), host))
    }
    const onAnswer = (status: number): void => {
      const now = performance.now()
      if (status < 200 || status > 299) run.refused++
      else if (began >= run.from) run.samples.push(now - began)
      if (now < run.until) return send()
      socket.destroy()
      resolve()
    }
    // Into one buffer and past the stream: the load shares the processors with what it measures.
    const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback: cutter(onAnswer) }
    const socket = connect({ port: Number(port), host: hostname, noDelay: true, onread })
    socket.on('error', reject)
    // After the last answer it is ours to close.
    socket.on('close', () => reject(new Error('the server closed a connection')))
    socket.on('connect', send)
  })
}

const READ_BYTES = 65_536

/** Calls back once for each whole answer among the bytes; gives true, which has the socket read on. */
function cutter(onAnswer: (status: number) => void): (read: number, bytes: Uint8Array) => boolean {
  let pending: Buffer | undefined
  return (read, bytes) => {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, read)
    const all = pending ? Buffer.concat([pending, chunk]) : chunk
    const answer = wholeAnswer(all)
    const rest = answer ? all.subarray(answer.end) : all
    // What stays is copied: the next read goes into the same buffer.
    pending = rest.length === 0 ? undefined : Buffer.from(rest)
    if (answer) onAnswer(answer.status)
    return true
  }
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

function wholeAnswer(bytes: Buffer): { status: number; end: number } | undefined {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const status = Number(head.slice(9, 12))
  const bodyStart = headEnd + HEAD_END.length
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined || status === 204 || status === 304) {
    const end = bodyStart + Number(length ?? 0)
    return bytes.length >= end ? { status, end } : undefined
  }
  const last = bytes.indexOf(LAST_CHUNK, bodyStart)
  return last < 0 ? undefined : { status, end: last + LAST_CHUNK.length }
}
