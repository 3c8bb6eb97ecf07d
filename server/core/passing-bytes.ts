/**
 * Bytes that only pass through leave their buffers behind. These lie outside of the heap and make the collector
 * little work, so that it would let tens of megabytes of them pile up before it looked.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What may pile up; to collect the young objects takes about a millisecond. */
const PILE_BYTES = 4 * 1024 * 1024

type Collect = (options: { type: 'minor' }) => void

let collect: Collect | undefined
let pile = 0

/** Tells that so many bytes have come and will go. */
export function bytesPassed(bytes: number): void {
  pile += bytes
  if (pile < PILE_BYTES) return
  pile = 0
  collect ??= exposedCollector()
  collect({ type: 'minor' })
}

function exposedCollector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
