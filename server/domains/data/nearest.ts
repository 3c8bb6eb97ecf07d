/** Finds the name a caller may have meant. */

/** Share of a word that must stay as it is for another to be like it. */
const LEAST_ALIKE = 0.33

/** The closest of `names`, when it is close at all: it shares a part of two letters, and enough of the rest. */
export function nearest(wanted: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let most = LEAST_ALIKE
  const parts = partsOf(wanted.slice(0, 64))
  for (const name of names.slice(0, 2_000)) {
    const longer = Math.max(name.length, wanted.length)
    if (name === wanted || 1 - Math.abs(name.length - wanted.length) / longer <= most) continue
    if (!partsOf(name.slice(0, 64)).some((part) => parts.includes(part))) continue
    const alike = 1 - distance(wanted.slice(0, 64), name.slice(0, 64)) / longer
    if (alike > most) {
      most = alike
      best = name
    }
  }
  return best
}

/** Every two letters that stand side by side, the ends of the word marked. */
function partsOf(word: string): string[] {
  const marked = `-${word.toLowerCase()}-`
  return Array.from({ length: marked.length - 1 }, (_, at) => marked.slice(at, at + 2))
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
