/** (e) start to ready, first and later; (f) resident memory of everything at idle. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { newDataDir, removeDataDir, startInstance } from './instance.ts'
import { quantile, type Row } from './report.ts'

const FIRST_STARTS = 3
const LATER_STARTS = 5
const FIRST_BAR_MS = 5000
const LATER_BAR_MS = 1500
const MEMORY_BAR_MB = 300
/** Pools and compilers have settled by then. */
const IDLE_MS = 20_000

export async function benchProcess(): Promise<Row[]> {
  const first: number[] = []
  const later: number[] = []
  let memory = 0
  for (let round = 0; round < FIRST_STARTS; round++) {
    const folder = newDataDir()
    const instance = await startInstance(folder)
    first.push(instance.readyMs)
    if (round === 0) {
      await delay(IDLE_MS)
      memory = residentMb(instance.facts.pid)
    }
    await instance.stop()
    if (round === FIRST_STARTS - 1) later.push(...(await laterStarts(folder)))
    removeDataDir(folder)
  }
  return [
    started('start to ready, first', first, FIRST_BAR_MS),
    started('start to ready, later', later, LATER_BAR_MS),
    {
      name: 'resident memory at idle, everything',
      ours: memory,
      unit: 'MB',
      bar: `<= ${MEMORY_BAR_MB}`,
      met: memory <= MEMORY_BAR_MB,
    },
  ]
}

async function laterStarts(folder: string): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < LATER_STARTS; round++) {
    const instance = await startInstance(folder)
    times.push(instance.readyMs)
    await instance.stop()
  }
  return times
}

function started(name: string, times: number[], barMs: number): Row {
  const slowest = Math.max(...times)
  return {
    name,
    ours: slowest,
    p50: quantile(times, 0.5),
    unit: 'ms, slowest',
    bar: `<= ${barMs}`,
    met: slowest <= barMs,
  }
}

/** Sum over the process and all its descendants; pages that several share are counted once (PSS). */
function residentMb(root: number): number {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = tryRead(`/proc/${name}/stat`)
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]))
  }
  const belongs = (pid: number): boolean => {
    const parent = parents.get(pid)
    return pid === root || (parent !== undefined && parent > 1 && belongs(parent))
  }
  const kilobytes = [...parents.keys()].filter(belongs).map(proportionalKb)
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024
}

const proportionalKb = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(tryRead(`/proc/${pid}/smaps_rollup`) ?? '')?.[1] ?? 0)

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
