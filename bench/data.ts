/** The data API under row security, against the same statements in a bare client in the same run. */
import type { BatchStatement } from '#db/batch'
import { openDatabase } from '#db/database'
import { type Case, casesOf } from './data-cases.ts'
import { newDataDir, removeDataDir, startInstance } from './instance.ts'
import { type Load, load } from './load.ts'
import { openRecorder } from './recorder.ts'
import { median, type Row, tailOf, WIDEST_TAIL } from './report.ts'
import { prepareSubject, type Subject } from './subject.ts'

const CONNECTIONS = 16
const TURNS = 3
const SECONDS = 2
/** Statements recorded for each case, so that keys differ. */
const RECORDED = 64
/** This one is measured with more connections too. */
const CROWDED = { name: 'get by key, rest', connections: 64 }

export async function benchData(): Promise<Row[]> {
  const dataDir = newDataDir()
  const instance = await startInstance(dataDir, { STEAD_APP_RATE_LIMIT: '-1' })
  try {
    const subject = await prepareSubject(instance)
    const cases = casesOf(subject)
    const statements = await recordAll(dataDir, subject, cases)
    const rows: Row[] = []
    for (const one of cases) {
      const measuring = { subject, one, recorded: statements.get(one) ?? [] }
      rows.push(await measure(measuring, CONNECTIONS))
      if (one.name === CROWDED.name) rows.push(await measure(measuring, CROWDED.connections))
    }
    return rows
  } finally {
    await instance.stop()
    removeDataDir(dataDir)
  }
}

/** A batch of each of several requests. */
type Recorded = readonly (readonly BatchStatement[])[]

async function recordAll(
  dataDir: string,
  { instance }: Subject,
  cases: readonly Case[],
): Promise<Map<Case, Recorded>> {
  const recorder = await openRecorder(dataDir, instance.facts)
  try {
    const found = new Map<Case, Recorded>()
    for (const one of cases) {
      const batches: (readonly BatchStatement[])[] = []
      for (let at = 0; at < RECORDED; at++) batches.push(await recorder.record(one.next()))
      found.set(one, batches)
    }
    return found
  } finally {
    await recorder.close()
  }
}

type Measuring = { subject: Subject; one: Case; recorded: Recorded }

/** Ours and the ceiling by turns, so that both meet the same neighbours on the machine. */
async function measure({ subject, one, recorded }: Measuring, connections: number): Promise<Row> {
  const origin = subject.instance.facts.url
  const bare = openBare(subject, recorded, connections)
  const loads: Load[] = []
  const ceilings: number[] = []
  for (let turn = 0; turn < TURNS; turn++) {
    const ours = await load({ origin, connections, seconds: SECONDS, next: one.next })
    if (ours.refused > 0) throw new Error(`${one.name}: ${ours.refused} requests were refused`)
    loads.push(ours)
    ceilings.push(await bare.load())
  }
  await bare.close()
  const ratio = median(loads.map(({ perSecond }, at) => perSecond / (ceilings[at] ?? Number.NaN)))
  const times = {
    p50: median(loads.map(({ p50 }) => p50)),
    p95: median(loads.map(({ p95 }) => p95)),
    p99: median(loads.map(({ p99 }) => p99)),
  }
  return {
    name: `${one.name}, ${connections} connections`,
    ours: median(loads.map(({ perSecond }) => perSecond)),
    ceiling: median(ceilings),
    ratio,
    unit: 'requests/s',
    ...times,
    tail: tailOf(times),
    bar: `ratio >= ${one.bar}, tail <= ${WIDEST_TAIL}`,
    met: ratio >= one.bar && tailOf(times) <= WIDEST_TAIL,
  }
}

type Bare = { load(): Promise<number>; close(): Promise<void> }

/**
 * The same statements in the same batches over as many connections as the HTTP client has, one batch
 * under way on each, and nothing else: no HTTP, no parsing, no sign-in.
 */
function openBare(subject: Subject, recorded: Recorded, connections: number): Bare {
  const database = openDatabase(subject.login, { max: connections, sessions: 1 })
  let turn = 0
  const next = (): readonly BatchStatement[] => recorded[turn++ % recorded.length] ?? []
  return {
    load: () => loadBare(connections, () => database.batch(next())),
    close: () => database.close(),
  }
}

async function loadBare(inFlight: number, run: () => Promise<unknown>): Promise<number> {
  const from = performance.now() + 1_000
  const until = from + SECONDS * 1_000
  let done = 0
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      await run()
      if (performance.now() >= from) done++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return done / SECONDS
}
