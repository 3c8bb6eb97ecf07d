/** The data API under row security, against the same statements in a bare client in the same run. */
import type { BatchStatement } from '#db/batch'
import { type Database, openDatabase } from '#db/database'
import { type Case, casesOf } from './data-cases.ts'
import { newDataDir, removeDataDir, startInstance } from './instance.ts'
import { openRecorder } from './recorder.ts'
import type { Row } from './report.ts'
import { prepareSubject, type Subject } from './subject.ts'
import { asking, byTurns, CONNECTIONS, type Contestant, settle, withBar } from './turns.ts'

/** Statements recorded for each case, so that keys differ. */
const RECORDED = 64
/** What is measured with more connections too. */
const CROWDED = /^(get by key|insert one)/
const MANY = 64

/** @param only words that the names of the cases must hold; all when absent */
export async function benchData(only = ''): Promise<Row[]> {
  const dataDir = newDataDir()
  const instance = await startInstance(dataDir, { STEAD_APP_RATE_LIMIT: '-1' })
  try {
    const subject = await prepareSubject(instance)
    const cases = casesOf(subject).filter(({ name }) => name.includes(only))
    const statements = await recordAll(dataDir, subject, cases)
    await settle(
      instance.facts.url,
      cases.map(({ next }) => next),
    )
    const rows: Row[] = []
    for (const one of cases) {
      const measuring = { subject, one, recorded: statements.get(one) ?? [] }
      rows.push(await measure(measuring, CONNECTIONS))
      if (CROWDED.test(one.name)) rows.push(await measure(measuring, MANY))
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

async function measure({ subject, one, recorded }: Measuring, connections: number): Promise<Row> {
  const database = openDatabase(subject.login, { max: connections, sessions: 1 })
  try {
    const row = await byTurns(`${one.name}, ${connections} connections`, {
      ours: asking(subject.instance.facts.url, one.next, connections),
      theirs: bare(database, recorded, connections),
    })
    return withBar(row, one.bar)
  } finally {
    await database.close()
  }
}

/**
 * The same statements in the same batches over as many connections as the HTTP client has, one batch
 * under way on each, and nothing else: no HTTP, no parsing, no sign-in. Each batch is a transaction of its own, as
 * it was recorded; reads that wait together in the server may share one.
 */
function bare(
  database: Database,
  recorded: Recorded,
  connections: number,
): Contestant<{ perSecond: number }> {
  let turn = 0
  return async ({ warmUpSeconds, seconds }) => {
    const from = performance.now() + warmUpSeconds * 1_000
    const until = from + seconds * 1_000
    let done = 0
    const loop = async (): Promise<void> => {
      while (performance.now() < until) {
        await database.batch(recorded[turn++ % recorded.length] ?? [])
        if (performance.now() >= from) done++
      }
    }
    await Promise.all(Array.from({ length: connections }, loop))
    return { perSecond: done / seconds }
  }
}
