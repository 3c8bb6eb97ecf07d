/**
 * Large values that are slow to make: those that were asked for last are kept, as far as there is room for all of
 * them together, and whoever asks while one is being made gets that one.
 */
export class Shelf<V> {
  readonly #maxBytes: number
  readonly #bytesOf: (value: V) => number
  readonly #kept = new Map<string, V>()
  readonly #making = new Map<string, Promise<V>>()
  #bytes = 0

  constructor(maxBytes: number, bytesOf: (value: V) => number) {
    this.#maxBytes = maxBytes
    this.#bytesOf = bytesOf
  }

  /** The value, made when it is not at hand; a failure is not kept. */
  take(key: string, make: () => Promise<V>): Promise<V> {
    const kept = this.#kept.get(key)
    if (kept === undefined) return this.#making.get(key) ?? this.#make(key, make)
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return Promise.resolve(kept)
  }

  async #make(key: string, make: () => Promise<V>): Promise<V> {
    const making = make()
    this.#making.set(key, making)
    try {
      const value = await making
      this.#keep(key, value)
      return value
    } finally {
      this.#making.delete(key)
    }
  }

  #keep(key: string, value: V): void {
    if (this.#bytesOf(value) > this.#maxBytes) return
    this.#kept.set(key, value)
    this.#bytes += this.#bytesOf(value)
    for (const [oldest, other] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) return
      this.#kept.delete(oldest)
      this.#bytes -= this.#bytesOf(other)
    }
  }
}
