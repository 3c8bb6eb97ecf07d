/** The `Prefer` header: what is asked for, what is not understood, and what is told back. */
import { LruCache } from '#core/lru-cache'

export type Preferences = {
  return?: 'representation' | 'minimal' | 'headers-only' | undefined
  count?: 'exact' | 'planned' | 'estimated' | undefined
  resolution?: 'merge-duplicates' | 'ignore-duplicates' | undefined
  missing?: 'default' | 'null' | undefined
  handling?: 'strict' | 'lenient' | undefined
  tx?: 'commit' | 'rollback' | undefined
  timezone?: string | undefined
  maxAffected?: number | undefined
  /** In the words of the caller. */
  unknown: readonly string[]
}

/** A map: an object would know `constructor` too. */
const WORDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['return', ['representation', 'minimal', 'headers-only']],
  ['count', ['exact', 'planned', 'estimated']],
  ['resolution', ['merge-duplicates', 'ignore-duplicates']],
  ['missing', ['default', 'null']],
  ['handling', ['strict', 'lenient']],
  ['tx', ['commit', 'rollback']],
] as const satisfies readonly (readonly [keyof Preferences, readonly string[]])[])

const NONE: Preferences = { unknown: [] }

/** Headers repeat from request to request; the same text is read once. */
const memo = new LruCache<Preferences>(500, 50_000)

export function readPrefer(header: string | undefined): Preferences {
  if (header === undefined || header === '') return NONE
  let known = memo.get(header)
  if (!known) {
    known = parse(header)
    memo.set(header, known)
  }
  return known
}

function parse(header: string): Preferences {
  const found: Record<string, unknown> = {}
  const unknown: string[] = []
  for (const text of header.split(',').map((part) => part.trim())) {
    if (text === '') continue
    const [name = '', value = ''] = text.split('=', 2).map((part) => part.trim())
    if (WORDS.get(name)?.includes(value)) found[name] ??= value
    else if (name === 'max-affected' && /^\d{1,15}$/.test(value)) {
      found.maxAffected ??= Number(value)
    } else if (name === 'timezone' && isTimeZone(value)) found.timezone ??= value
    else unknown.push(text)
  }
  return { ...found, unknown }
}

/** A name, not an offset: PostgreSQL counts some of those the other way. */
function isTimeZone(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    return true
  } catch {
    return false
  }
}

/** The value of `Preference-Applied`: those given that had a meaning for this request. */
export function appliedPreferences(
  preferences: Preferences,
  applicable: readonly (keyof Preferences)[],
): string | undefined {
  const applied: string[] = []
  for (const key of ORDER) {
    const value = preferences[key]
    if (value === undefined || !applicable.includes(key)) continue
    if (key === 'maxAffected' && preferences.handling !== 'strict') continue
    applied.push(`${key === 'maxAffected' ? 'max-affected' : key}=${String(value)}`)
  }
  return applied.length > 0 ? applied.join(', ') : undefined
}

const ORDER: readonly (keyof Preferences)[] = [
  'resolution',
  'missing',
  'return',
  'count',
  'tx',
  'handling',
  'timezone',
  'maxAffected',
]
