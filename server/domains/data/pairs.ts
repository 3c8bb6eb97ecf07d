/** The `key=value` pairs of a query string, decoded leniently, in their order. */

export type Pair = {
  key: string
  value: string
  /** There was no `=`. */
  bare?: true
}

/** A `%` without two hex digits, or bytes that are no UTF-8, stay or become U+FFFD; `+` is a blank. */
export function readPairs(query: string): Pair[] {
  const pairs: Pair[] = []
  let at = 0
  while (at < query.length) {
    let end = query.indexOf('&', at)
    if (end < 0) end = query.length
    if (end > at) pairs.push(readPair(query.slice(at, end)))
    at = end + 1
  }
  return pairs
}

function readPair(text: string): Pair {
  const equals = text.indexOf('=')
  if (equals < 0) return { key: decode(text), value: '', bare: true }
  return { key: decode(text.slice(0, equals)), value: decode(text.slice(equals + 1)) }
}

export function decode(text: string): string {
  const blanks = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!blanks.includes('%')) return blanks
  try {
    return decodeURIComponent(blanks)
  } catch {
    return decodeLeniently(blanks)
  }
}

const decodeLeniently = (text: string): string =>
  text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  )

/** The part of a URL after `?`, without a fragment. */
export function queryOf(url: string): string {
  const start = url.indexOf('?')
  if (start < 0) return ''
  const end = url.indexOf('#', start)
  return end < 0 ? url.slice(start + 1) : url.slice(start + 1, end)
}
