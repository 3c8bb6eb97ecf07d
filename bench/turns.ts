/** Two measured by turns, so that both meet the same neighbours on the machine. */
import { type HttpRequest, type Load, load } from './load.ts'
import { median, type Row, tailOf } from './report.ts'

export type Side = { origin: string; next: () => HttpRequest }

const CONNECTIONS = 16
const TURNS = 5
const SECONDS = 1
const FIRST_WARM_UP_SECONDS = 2
const WARM_UP_SECONDS = 0.5

/** Requests a second of both, and the median of the turns' ratios. @throws Error when a request was refused */
export async function byTurns(
  name: string,
  { ours, theirs }: { ours: Side; theirs: Side },
): Promise<Row & { ratio: number; tail: number }> {
  const loads: Load[] = []
  const others: Load[] = []
  for (let turn = 0; turn < TURNS; turn++) {
    const warmUpSeconds = turn === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS
    const options = { connections: CONNECTIONS, seconds: SECONDS, warmUpSeconds }
    for (const [side, into] of [
      [ours, loads],
      [theirs, others],
    ] as const) {
      const made = await load({ ...options, ...side })
      if (made.refused > 0) {
        throw new Error(`${name}: ${side.origin} refused ${made.refused} requests`)
      }
      into.push(made)
    }
  }
  const times = {
    p50: median(loads.map(({ p50 }) => p50)),
    p95: median(loads.map(({ p95 }) => p95)),
    p99: median(loads.map(({ p99 }) => p99)),
  }
  return {
    name: `${name}, ${CONNECTIONS} connections`,
    ours: median(loads.map(({ perSecond }) => perSecond)),
    ceiling: median(others.map(({ perSecond }) => perSecond)),
    ratio: median(loads.map(({ perSecond }, at) => perSecond / (others[at]?.perSecond ?? 0))),
    unit: 'requests/s',
    ...times,
    tail: tailOf(times),
  }
}
