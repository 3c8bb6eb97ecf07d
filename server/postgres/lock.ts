/**
 * A lock file that survives `kill -9` of its holder and never has two holders.
 *
 * The file appears complete, by a hard link, so nobody reads half of it. It names its holder by
 * pid and start time, so a new process with an old pid is not taken for it. Removing the lock of
 * a dead holder needs a second lock, named after the token of the dead one: of several processes
 * that saw the same stale file only one can remove it, and none can remove its successor.
 */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { randomHex } from '#core/ids'
import { attempt, isRunning, startOf } from './processes.ts'

export type Holder = { pid: number; start?: string | undefined; token: string }

export type Lock = { release: () => void }

/** What a power cut may leave: a name without content. Nobody holds it. */
const UNREADABLE: Holder = { pid: 0, token: 'unreadable' }

/** Takes the lock at `path`, or tells who holds it. */
export async function takeLock(path: string): Promise<Lock | Holder> {
  const mine: Holder = { pid: process.pid, start: startOf(process.pid), token: randomHex(6) }
  for (;;) {
    if (publish(path, mine)) return { release: () => removeOf(path, mine) }
    const holder = readHolder(path)
    if (!holder) continue
    if (isHeld(holder)) return holder
    await removeStale(path, holder)
  }
}

function publish(path: string, holder: Holder): boolean {
  const draft = `${path}.${holder.token}.draft`
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function readHolder(path: string): Holder | undefined {
  const text = attempt(() => readFileSync(path, 'utf8'))
  if (text === undefined) return undefined
  const holder = attempt(() => JSON.parse(text) as Partial<Holder> | null)
  const whole = Number.isInteger(holder?.pid) && /^[0-9a-f]{12}$/.test(String(holder?.token))
  return whole ? (holder as Holder) : UNREADABLE
}

function isHeld({ pid, start }: Holder): boolean {
  if (pid <= 0 || !isRunning(pid)) return false
  const now = startOf(pid)
  return start === undefined || now === undefined || start === now
}

async function removeStale(path: string, stale: Holder): Promise<void> {
  const right = await takeLock(`${path}.${stale.token}`)
  if (!('release' in right)) return delay(5)
  removeOf(path, stale)
  right.release()
}

function removeOf(path: string, holder: Holder): void {
  if (readHolder(path)?.token === holder.token) rmSync(path, { force: true })
}
