/** A pool over a folder of its own, and short ways to call functions in it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { createIsolatePool } from './pool.ts'
import type { HostCalls, Invocation, IsolatePool, Outcome, PoolOptions, Report } from './types.ts'

export type CallOptions = Partial<Omit<Invocation, 'request' | 'host'>> & {
  request?: Partial<Invocation['request']>
  host?: Partial<HostCalls>
  key?: string
  memoryMb?: number
}

export type Result = { outcome: Outcome; status: number; text: string; report: Report }

export type TestPool = IsolatePool & {
  start(code: string, options?: CallOptions): Promise<Outcome>
  /** Calls, reads the whole body and waits for the report. */
  call(code: string, options?: CallOptions): Promise<Result>
  [Symbol.asyncDispose](): Promise<void>
}

const refuseAll = new Proxy(
  {},
  { get: (_, name) => () => Promise.reject(new Error(`${String(name)} was not expected`)) },
)

export function startPool(options: Partial<PoolOptions> = {}): TestPool {
  const given = options.scratchDir
  const scratchDir = given ?? mkdtempSync(path.join(tmpdir(), 'stead-isolates-'))
  const log = pino({ level: 'silent' })
  const pool = createIsolatePool({ standby: 0, idleMs: 60_000, log, ...options, scratchDir })
  const start = (code: string, call: CallOptions = {}) =>
    pool.invoke({ key: call.key ?? code, code, memoryMb: call.memoryMb ?? 128 }, toInvocation(call))
  return Object.assign(pool, {
    start,
    call: async (code: string, call?: CallOptions) => settle(await start(code, call)),
    [Symbol.asyncDispose]: async () => {
      await pool.close()
      if (given === undefined) rmSync(scratchDir, { recursive: true, force: true })
    },
  })
}

function toInvocation({
  request,
  host,
  key: _key,
  memoryMb: _memoryMb,
  ...rest
}: CallOptions): Invocation {
  const url = 'http://api.test/v1/app_x/fn/f'
  return {
    id: 'test',
    context: { env: {} },
    timeoutMs: 10_000,
    ...rest,
    request: { method: 'GET', url, headers: [], body: null, ...request },
    host: Object.assign(Object.create(refuseAll) as HostCalls, host),
  }
}

export async function settle(outcome: Outcome): Promise<Result> {
  const text = outcome.ok ? await new Response(outcome.body).text() : ''
  return { outcome, status: outcome.ok ? outcome.status : 0, text, report: await outcome.done }
}

/** Handlers that wait at `ctx.idempotency.claim` until the test lets them go on. */
export function makeGate() {
  const opened = Promise.withResolvers<boolean>()
  const entered = Promise.withResolvers<void>()
  const claimIdempotency = (): Promise<boolean> => {
    entered.resolve()
    return opened.promise
  }
  return {
    host: { claimIdempotency },
    /** Somebody waits. */
    entered: entered.promise,
    open: () => opened.resolve(true),
  }
}

/** Waits at the gate, then says its process. */
export const HELD = `export default async (req, ctx) => { await ctx.idempotency.claim('gate'); return new Response(String(Deno.pid)) }`

/** Waits until the condition holds; a test that hopes in vain fails by its timeout. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
