/** `Allow`: what may be done where something else was refused with 405, as HTTP asks (RFC 9110, 15.5.6). */

const READS: readonly string[] = ['GET', 'HEAD']

/** The methods of a path but the one that was refused; what cannot be read cannot be counted either. May be none. */
export function methodsBut(refused: string, methods: readonly string[]): string[] {
  const gone = READS.includes(refused) ? READS : [refused]
  return methods.filter((method) => !gone.includes(method))
}
