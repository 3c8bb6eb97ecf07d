import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, onTestFinished } from 'vitest'
import { type Instance, newDataDir, removeDataDir, startInstance } from '../../bench/instance.ts'

const KILLS = 20
const WRITERS = 4

/** The process and everything it started, PostgreSQL with its backends too. */
function familyOf(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      // It ended while we looked.
    }
  }
  const under = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(under)]
  return under(root)
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
}

type Writing = { acknowledged: number[]; next: number; stopped: boolean }

/** Writes pairs of rows, one statement each, until it is told to stop; refusals are tried again. */
async function write(state: Writing, address: () => string, key: string): Promise<void> {
  while (!state.stopped) {
    const pair = state.next++
    const rows = [
      { pair, half: 1 },
      { pair, half: 2 },
    ]
    try {
      const res = await fetch(`${address()}/rest/v1/pairs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(rows),
        signal: AbortSignal.timeout(5000),
      })
      await res.arrayBuffer()
      if (res.status === 201) state.acknowledged.push(pair)
      else await delay(20)
    } catch {
      await delay(20)
    }
  }
}

const SCHEMA = {
  tables: {
    pairs: {
      columns: {
        pair: { type: 'bigint', primaryKey: true },
        half: { type: 'integer', primaryKey: true },
      },
    },
  },
}

async function makeTable({ facts }: Instance): Promise<void> {
  const res = await fetch(`${facts.url}/v1/${facts.app_id}/schema/apply`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${facts.platform_key}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ schema: SCHEMA }),
  })
  expect([res.status, await res.text()]).toEqual([200, expect.any(String)])
}

/** All pairs that are there, with how many of their rows. */
async function readPairs({ facts }: Instance): Promise<Map<number, number>> {
  const counts = new Map<number, number>()
  for (let offset = 0; ; offset += 1000) {
    const path = `/rest/v1/pairs?order=pair,half&limit=1000&offset=${offset}`
    const res = await fetch(`${facts.url}${path}`, {
      headers: { authorization: `Bearer ${facts.service_key}` },
    })
    const rows = (await res.json()) as { pair: number }[]
    for (const { pair } of rows) counts.set(pair, (counts.get(pair) ?? 0) + 1)
    if (rows.length < 1000) return counts
  }
}

test(`after ${KILLS} kills at random moments every acknowledged row is there and nothing is half there`, async () => {
  const dataDir = newDataDir()
  let instance = await startInstance(dataDir, { STEAD_LOG_LEVEL: 'silent' })
  await makeTable(instance)
  const state: Writing = { acknowledged: [], next: 1, stopped: false }
  // Also when it fails: who writes on for ever would keep the whole run from its end.
  onTestFinished(() => {
    if (state.stopped) return
    state.stopped = true
    kill(familyOf(instance.facts.pid))
  })
  const { service_key: key } = instance.facts
  const writers = Array.from({ length: WRITERS }, () => write(state, () => instance.facts.url, key))
  for (let round = 0; round < KILLS; round++) {
    const before = state.acknowledged.length
    await expect.poll(() => state.acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before)
    await delay(Math.random() * 100)
    kill(familyOf(instance.facts.pid))
    instance = await startInstance(dataDir, { STEAD_LOG_LEVEL: 'silent' })
  }
  state.stopped = true
  await Promise.all(writers)
  const pairs = await readPairs(instance)
  await instance.stop()
  removeDataDir(dataDir)
  expect(state.acknowledged.filter((pair) => !pairs.has(pair))).toEqual([])
  expect([...pairs.values()].every((rows) => rows === 2)).toBe(true)
  expect(state.acknowledged.length).toBeGreaterThan(KILLS)
}, 400_000)
