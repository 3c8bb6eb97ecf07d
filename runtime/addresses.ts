/**
 * Which addresses a function may dial as far as flags cannot say it. Only indexes and arithmetic: no method that a function's code could
 * have replaced on a prototype takes part in the answer.
 */

const GROUPS = 8
const COLON = ':'
const DIGITS = '0123456789abcdef'
const CAPITALS = '0123456789ABCDEF'

/**
 * IPv4 addresses pass, as Deno holds its own list against them, and so do IPv4-mapped ones; a name never does. Of IPv6 there remains global unicast (2000::/3) without the tunnels that carry IPv4 inside (6to4, Teredo).
 */
export function isPublic(address: string): boolean {
  if (!hasColon(address)) return parseV4(address, 0) !== undefined
  const groups = parse(address)
  if (groups === undefined) return false
  if (isMapped(groups)) return true
  const head = groups[0] as number
  const isTeredo = head === 0x2001 && groups[1] === 0
  return head >= 0x2000 && head <= 0x3fff && head !== 0x2002 && !isTeredo
}

function hasColon(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text[at] === COLON) return true
  return false
}

type Groups = { [at: number]: number }

/** `::ffff:0:0/96` */
function isMapped(groups: Groups): boolean {
  for (let at = 0; at < 5; at++) if (groups[at] !== 0) return false
  return groups[5] === 0xffff
}

/** Its eight groups; undefined for what is no address, zones (`%eth0`) among it. */
function parse(text: string): Groups | undefined {
  const groups: Groups = { __proto__: null } as unknown as Groups
  let count = 0
  let gap = -1
  let at = 0
  if (text[0] === COLON) {
    if (text[1] !== COLON) return undefined
    gap = 0
    at = 2
  }
  while (at < text.length) {
    if (count === GROUPS) return undefined
    const end = endOfGroup(text, at)
    if (text[end] === '.') {
      const tail = count <= GROUPS - 2 ? parseV4(text, at) : undefined
      if (tail === undefined) return undefined
      groups[count++] = tail >>> 16
      groups[count++] = tail & 0xffff
      break
    }
    if (end === at || end - at > 4) return undefined
    groups[count++] = hexOf(text, at, end)
    if (end === text.length) break
    if (text[end] !== COLON) return undefined
    at = end + 1
    if (text[at] !== COLON) {
      if (at === text.length) return undefined
      continue
    }
    if (gap >= 0) return undefined
    gap = count
    at++
  }
  return spread(groups, count, gap)
}

/** Zeros where `::` stood. */
function spread(groups: Groups, count: number, gap: number): Groups | undefined {
  if (gap < 0) return count === GROUPS ? groups : undefined
  const missing = GROUPS - count
  if (missing < 1) return undefined
  for (let at = count - 1; at >= gap; at--) groups[at + missing] = groups[at] as number
  for (let at = gap; at < gap + missing; at++) groups[at] = 0
  return groups
}

function digit(char: string | undefined): number {
  for (let value = 0; value < 16; value++) {
    if (char === DIGITS[value] || char === CAPITALS[value]) return value
  }
  return -1
}

function endOfGroup(text: string, from: number): number {
  let at = from
  while (at < text.length && digit(text[at]) >= 0) at++
  return at
}

function hexOf(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) value = value * 16 + digit(text[at])
  return value
}

/** Four decimal bytes up to the end, as one number. */
function parseV4(text: string, from: number): number | undefined {
  let value = 0
  let bytes = 0
  let byte = -1
  for (let at = from; at <= text.length; at++) {
    const char = text[at]
    if (char === '.' || char === undefined) {
      if (byte < 0 || byte > 255) return undefined
      value = value * 256 + byte
      bytes++
      byte = -1
    } else {
      const next = digit(char)
      if (next < 0 || next > 9) return undefined
      byte = (byte < 0 ? 0 : byte) * 10 + next
    }
  }
  return bytes === 4 ? value : undefined
}
