import type { Slices } from './slices.ts'

const PIECE = 256 * 1024

/** A long text as bytes in pieces: neither built nor sent as one, which would hold others up. */
export class Pieces {
  readonly list: Buffer<ArrayBuffer>[] = []
  bytes = 0
  #text = ''

  add(text: string): void {
    this.#text += text
    if (this.#text.length >= PIECE) this.close()
  }

  /** An object of JSON. @param fields their names, and their values as JSON, made while others get their turn */
  async addObject(
    fields: Iterable<readonly [name: string, json: string]>,
    slices: Slices,
  ): Promise<void> {
    let before = '{'
    for (const [name, json] of fields) {
      this.add(`${before}${JSON.stringify(name)}:${json}`)
      before = ','
      if (slices.isOver) await slices.next()
    }
    this.add(before === '{' ? '{}' : '}')
  }

  /** The rest becomes a piece too. */
  close(): this {
    if (this.#text === '') return this
    const piece = Buffer.from(this.#text)
    this.#text = ''
    this.bytes += piece.byteLength
    this.list.push(piece)
    return this
  }
}
