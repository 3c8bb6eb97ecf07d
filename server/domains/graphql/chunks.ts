/** Long texts as bytes: neither built nor sent in one piece. */
import { limitExceeded } from './limits.ts'

const CHUNK = 256 * 1024

/** Of one answer about the schema; the usual question of clients comes to 30 MB for a thousand tables. */
const MAX_BYTES = 128 * 1024 * 1024

export class Chunks {
  readonly chunks: Buffer[] = []
  bytes = 0
  #text = ''

  /** @throws `invalid` graphql_limit */
  add(text: string): void {
    this.#text += text
    if (this.#text.length >= CHUNK) this.close()
  }

  /** The rest becomes a chunk too. */
  close(): this {
    if (this.#text === '') return this
    const chunk = Buffer.from(this.#text)
    this.#text = ''
    this.bytes += chunk.byteLength
    if (this.bytes > MAX_BYTES) {
      throw limitExceeded(`the answer about the schema is larger than ${MAX_BYTES} bytes`)
    }
    this.chunks.push(chunk)
    return this
  }
}
