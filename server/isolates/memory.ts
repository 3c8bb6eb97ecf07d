/** How much memory a process holds. */
import { readFileSync } from 'node:fs'

const KB_PER_MB = 1024

/**
 * Anonymous and shared memory of a process in MB: what its code took, not the pages of the binary.
 * 0 where there is no /proc; there the heap limit alone holds.
 */
export function residentMb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const own = kb(status, 'RssAnon') + kb(status, 'RssShmem')
    return (own || kb(status, 'VmRSS')) / KB_PER_MB
  } catch {
    return 0
  }
}

function kb(status: string, field: string): number {
  const at = status.indexOf(`${field}:`)
  return at < 0 ? 0 : Number.parseInt(status.slice(at + field.length + 1), 10)
}
