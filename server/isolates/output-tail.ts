/** Standard output and error of a process: not trusted, bounded, for the debug log only. */
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { Log } from '#core/log'

const TAIL_CHARS = 4_096
/** What V8 and Rust say when there is no more memory. */
const OUT_OF_MEMORY = /out of memory|heap limit|memory allocation of \d+ bytes failed/i

export class OutputTail {
  #tail = ''
  #logged = 0
  readonly #log: Log

  constructor(child: ChildProcess, log: Log) {
    this.#log = log
    if (child.stdout) this.#follow(child.stdout)
    if (child.stderr) this.#follow(child.stderr)
  }

  /** The last of what it wrote. */
  get text(): string {
    return this.#tail
  }

  get saysOutOfMemory(): boolean {
    return OUT_OF_MEMORY.test(this.#tail)
  }

  /** Everything is read, so that the process never blocks on it; little is kept. */
  #follow(stream: Readable): void {
    stream.setEncoding('utf8')
    stream.on('error', () => undefined)
    stream.on('data', (text: string) => {
      this.#tail = (this.#tail + text).slice(-TAIL_CHARS)
      if (this.#logged >= TAIL_CHARS) return
      this.#logged += text.length
      this.#log.debug(
        { output: text.slice(0, TAIL_CHARS) },
        'A function process wrote to its output',
      )
    })
  }
}
