/** Follows a file that grows, and the one that takes its place when it is moved aside. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

const POLL_MS = 200
const CHUNK_BYTES = 64 * 1024

/** Never returns: hands over whole lines as they are written. */
export async function tail(
  path: string,
  from: number,
  show: (lines: readonly string[]) => void,
): Promise<never> {
  let file = openSync(path, 'r')
  let at = from
  let rest = ''
  for (;;) {
    const added = readFrom(file, at)
    at += added.length
    const lines = (rest + added.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    show(lines.filter((line) => line !== ''))
    if (added.length > 0) continue
    if (isReplaced(file, path)) {
      closeSync(file)
      file = openSync(path, 'r')
      at = 0
    }
    await wait(POLL_MS)
  }
}

/** Up to the last line end, so that no character is cut in two. */
function readFrom(file: number, at: number): Buffer {
  const buffer = Buffer.alloc(CHUNK_BYTES)
  const bytes = buffer.subarray(0, readSync(file, buffer, 0, CHUNK_BYTES, at))
  const end = bytes.lastIndexOf(10) + 1
  return end === 0 && bytes.length < CHUNK_BYTES
    ? Buffer.alloc(0)
    : bytes.subarray(0, end || bytes.length)
}

function isReplaced(file: number, path: string): boolean {
  const now = statSync(path, { throwIfNoEntry: false })
  return now !== undefined && now.ino !== fstatSync(file).ino
}
