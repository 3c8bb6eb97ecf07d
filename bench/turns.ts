/** Two measured by turns, so that both meet the same neighbours on the machine. */
import { type HttpRequest, type Load, load } from './load.ts'
import { median, type Row, tailOf, WIDEST_TAIL } from './report.ts'

export const CONNECTIONS = 16

/** Many and brief: the speed of a machine that others use too changes within seconds, for both alike. */
const TURNS = 15
const SECONDS = 0.4
const FIRST_WARM_UP_SECONDS = 1.5
const WARM_UP_SECONDS = 0.15

/** What happens before the first answer that counts, and for how long answers count. */
export type Window = { warmUpSeconds: number; seconds: number }

/** Works for as long as the window says. */
export type Contestant<Made = Load> = (window: Window) => Promise<Made>

/** @throws Error when a request was refused: such a measurement is void */
export const asking =
  (origin: string, next: () => HttpRequest, connections = CONNECTIONS): Contestant =>
  async (window) => {
    const made = await load({ origin, next, connections, ...window })
    if (made.refused === 0) return made
    const { method, path } = next()
    throw new Error(`${made.refused} requests like ${method} ${origin}${path} were refused`)
  }

const SETTLE_SECONDS = 3

/**
 * What is measured is a server that is at work, not one that has just started: V8 compiles what it has seen often,
 * over some seconds, and whichever case came first would pay for all.
 */
export async function settle(origin: string, requests: Iterable<() => HttpRequest>): Promise<void> {
  for (const next of requests) {
    await load({
      origin,
      next,
      connections: CONNECTIONS,
      warmUpSeconds: 0,
      seconds: SETTLE_SECONDS,
    })
  }
}

type Sides = { ours: Contestant; theirs: Contestant<Pick<Load, 'perSecond'>> }

/** What both do in a second, the median of the turns' ratios, and the times of ours. */
export async function byTurns(
  name: string,
  { ours, theirs }: Sides,
): Promise<Row & { ratio: number; tail: number }> {
  const loads: Load[] = []
  const ceilings: number[] = []
  for (let turn = 0; turn < TURNS; turn++) {
    const warmUpSeconds = turn === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS
    const window = { warmUpSeconds, seconds: SECONDS }
    loads.push(await ours(window))
    ceilings.push((await theirs(window)).perSecond)
  }
  const times = {
    p50: median(loads.map(({ p50 }) => p50)),
    p95: median(loads.map(({ p95 }) => p95)),
    p99: median(loads.map(({ p99 }) => p99)),
  }
  return {
    name,
    ours: median(loads.map(({ perSecond }) => perSecond)),
    ceiling: median(ceilings),
    ratio: median(loads.map(({ perSecond }, at) => perSecond / (ceilings[at] ?? Number.NaN))),
    unit: 'requests/s',
    ...times,
    tail: tailOf(times),
  }
}

/** The row with what it must reach: a share of the ceiling, and a tail that is not too long. */
export function withBar(row: Row & { ratio: number; tail: number }, bar: number): Row {
  return {
    ...row,
    bar: `ratio >= ${bar}, tail <= ${WIDEST_TAIL}`,
    met: row.ratio >= bar && row.tail <= WIDEST_TAIL,
  }
}
