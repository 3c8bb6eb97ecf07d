/** Finds the name a caller may have meant. */

/** The closest of `names`, when it is close at all. */
export function nearest(wanted: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(wanted.length * 0.4)) + 1
  for (const name of names.slice(0, 2_000)) {
    if (Math.abs(name.length - wanted.length) >= least) continue
    const far = distance(wanted.slice(0, 64), name.slice(0, 64))
    if (far < least && name !== wanted) {
      least = far
      best = name
    }
  }
  return best
}

/** Edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, swap))
    }
    row = next
  }
  return row[b.length] ?? 0
}
