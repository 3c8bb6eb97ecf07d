/** (d) functions over HTTP: warm, from standby, and cold (spawned for the call). */
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type Instance, newDataDir, removeDataDir, startInstance } from './instance.ts'
import { quantile, type Row } from './report.ts'

const WARM_CALLS = 2_000
const WARM_UP_CALLS = 200
const CONNECTIONS = 16
const STARTS = 40
const COLD_BAR_MS = 100
const WARM_BAR_MS = 5

/** A reader of JSON that answers JSON: what a small function does. */
const CODE = `export default async function handler(req: Request, ctx: { env: Record<string, string> }) {
  const name = new URL(req.url).searchParams.get('name') ?? 'nobody'
  return Response.json({ message: 'Hello ' + name, app: ctx.env.BUTTERBASE_APP_ID })
}`

const SQL_CODE = `export default async function handler(req: Request, ctx: any) {
  const { rows } = await ctx.db.query('select $1::int as one', [1])
  return Response.json(rows[0])
}`

export async function benchFunctions(): Promise<Row[]> {
  const folder = newDataDir()
  try {
    const warm = await withInstance(folder, '1', warmRows)
    const standby = await withInstance(folder, '1', (instance) => startTimes(instance, 'standby'))
    const cold = await withInstance(folder, '0', (instance) => startTimes(instance, 'cold'))
    return [
      ...warm,
      rowOf('function from standby', standby),
      rowOf('function cold (spawned for the call)', cold, COLD_BAR_MS),
    ]
  } finally {
    removeDataDir(folder)
  }
}

async function withInstance<T>(
  folder: string,
  standby: string,
  work: (instance: Instance) => Promise<T>,
): Promise<T> {
  const instance = await startInstance(folder, {
    STEAD_FUNCTION_STANDBY: standby,
    STEAD_APP_RATE_LIMIT: '-1',
  })
  try {
    return await work(instance)
  } finally {
    await instance.stop()
  }
}

async function warmRows(instance: Instance): Promise<Row[]> {
  const hello = await deploy(instance, 'warm', CODE)
  const reader = await deploy(instance, 'warm-sql', SQL_CODE)
  const one = new Agent({ keepAlive: true, maxSockets: 1 })
  const many = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  for (const url of [hello, reader]) await timed(WARM_UP_CALLS, () => call(url, one))
  const sequential = await timed(WARM_CALLS, () => call(hello, one))
  const withSql = await timed(WARM_CALLS, () => call(reader, one))
  const began = performance.now()
  const lanes = Array.from({ length: CONNECTIONS }, () =>
    timed(Math.ceil((WARM_CALLS * 2) / CONNECTIONS), () => call(hello, many)),
  )
  const parallel = (await Promise.all(lanes)).flat()
  const perSecond = parallel.length / ((performance.now() - began) / 1000)
  one.destroy()
  many.destroy()
  return [
    rowOf('function warm, one after the other', sequential, WARM_BAR_MS),
    rowOf('function warm with one ctx.db.query', withSql),
    {
      ...rowOf(`function warm, ${CONNECTIONS} connections`, parallel),
      ours: perSecond,
      unit: 'calls/s',
    },
  ]
}

/** Each function is new, so each first call needs a process. */
async function startTimes(instance: Instance, kind: 'standby' | 'cold'): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  for (let round = 0; round < STARTS; round++) {
    const url = await deploy(instance, `${kind}-${round}`, CODE)
    // The deploy's own check took a process: let the next one be ready, or the machine be idle.
    await delay(SETTLE_MS)
    const [time] = await timed(1, () => call(url, agent))
    times.push(time ?? Number.NaN)
  }
  agent.destroy()
  return times
}

const SETTLE_MS = 400

async function deploy({ facts }: Instance, name: string, code: string): Promise<string> {
  const { url, platform_key: key, app_id: id } = facts
  const trigger = { type: 'http', config: { auth: 'none' } }
  const res = await fetch(`${url}/v1/${id}/functions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, code, trigger }),
  })
  if (!res.ok) throw new Error(`deploy answered ${res.status}: ${await res.text()}`)
  return `${url}/v1/${id}/fn/${name}?name=bench`
}

/** Milliseconds of each of so many calls, one after the other. */
async function timed(calls: number, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let at = 0; at < calls; at++) {
    const began = performance.now()
    await work()
    times.push(performance.now() - began)
  }
  return times
}

/** By node:http: `fetch` would measure itself. */
function call(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (res) => {
      res.resume()
      res.on('error', reject)
      res.on('end', () =>
        res.statusCode === 200
          ? resolve()
          : reject(new Error(`the call answered ${res.statusCode}`)),
      )
    })
      .on('error', reject)
      .end()
  })
}

function rowOf(name: string, times: readonly number[], barMs?: number): Row {
  const p95 = quantile(times, 0.95)
  const row = { name, p50: quantile(times, 0.5), p95, p99: quantile(times, 0.99), unit: 'ms' }
  return barMs === undefined ? row : { ...row, bar: `p95 <= ${barMs}`, met: p95 <= barMs }
}
