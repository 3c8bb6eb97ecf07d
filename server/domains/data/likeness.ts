/**
 * Finds the name a caller may have meant, as PostgREST's hints choose it: names that share pieces of three
 * letters (else of two) are compared by the edits that lead from one to the other.
 */

/** Share of a word that must stay as it is for another to be like it. */
const LEAST_ALIKE = 0.33

/** The same of names that a caller may not know of: only one that was nearly written is told. */
export const NEARLY_WRITTEN = 0.75

/** Names that share the most pieces, whose edits are counted. */
const MOST_COMPARED = 50

/** Beyond this, neither names nor a schema of them are searched. */
const LONGEST = 128
const MOST_NAMES = 500

/** How often each piece occurs, and how much that is together: the length of the vector. */
type Pieces = { counts: ReadonlyMap<string, number>; length: number }

type Entry = { name: string; key: string; pieces: readonly [three: Pieces, two: Pieces] }

/** A set of names, taken apart once. */
export class Likeness {
  readonly #entries: readonly Entry[]
  readonly #keys: ReadonlySet<string>

  constructor(names: Iterable<string>) {
    const unique = new Map<string, string>()
    for (const name of names) {
      const key = name.toLowerCase()
      if (!unique.has(key) || name === key) unique.set(key, name)
    }
    this.#keys = new Set(unique.keys())
    const all = unique.size > MOST_NAMES ? [] : [...unique]
    this.#entries = all.map(([key, name]) => ({
      name,
      key,
      pieces: [piecesOf(key, 3), piecesOf(key, 2)],
    }))
  }

  has(name: string): boolean {
    return this.#keys.has(name.toLowerCase())
  }

  /** The name that is most like the wanted one, when one is like it at all. */
  nearest(wanted: string, least = LEAST_ALIKE): string | undefined {
    const key = wanted.toLowerCase()
    if (key.length > LONGEST) return undefined
    return this.#nearestBy(key, 0, least) ?? this.#nearestBy(key, 1, least)
  }

  /** @param size 0 = pieces of three letters, 1 = of two */
  #nearestBy(key: string, size: 0 | 1, least: number): string | undefined {
    const pieces = piecesOf(key, size === 0 ? 3 : 2)
    const sharing = this.#entries
      .map((entry) => ({ entry, shared: cosine(pieces, entry.pieces[size]) }))
      .filter(({ shared }) => shared > 0)
      .toSorted((a, b) => b.shared - a.shared)
      .slice(0, MOST_COMPARED)
      .map(({ entry }) => ({ name: entry.name, alike: alikeness(key, entry.key) }))
    const best = sharing.toSorted((a, b) => b.alike - a.alike)[0]
    return best && best.alike >= least ? best.name : undefined
  }
}

/** Every so many letters that stand side by side, the ends of the word marked. */
function piecesOf(key: string, size: number): Pieces {
  const letters = ['-', ...Array.from(key.replaceAll(/[^\p{L}\p{N}\s,]/gu, '')), '-']
  const counts = new Map<string, number>()
  for (let at = 0; at + size <= letters.length; at++) {
    const piece = letters.slice(at, at + size).join('')
    counts.set(piece, (counts.get(piece) ?? 0) + 1)
  }
  let squares = 0
  for (const count of counts.values()) squares += count * count
  return { counts, length: Math.sqrt(squares) }
}

function cosine(a: Pieces, b: Pieces): number {
  let dot = 0
  for (const [piece, count] of a.counts) dot += count * (b.counts.get(piece) ?? 0)
  return dot === 0 ? 0 : dot / (a.length * b.length)
}

/** 1 for the same word, 0 for one that shares nothing. */
function alikeness(a: string, b: string): number {
  const left = Array.from(a)
  const right = Array.from(b.slice(0, LONGEST))
  return 1 - editsBetween(left, right) / Math.max(left.length, right.length, 1)
}

function editsBetween(a: readonly string[], b: readonly string[]): number {
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
