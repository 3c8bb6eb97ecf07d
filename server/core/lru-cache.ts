/** A bounded map that forgets what was not asked for the longest. */
export class LruCache<V> {
  readonly #entries = new Map<string, V>()
  /** What was asked for since the last sweep; moving every hit would cost more than it saves. */
  readonly #old = new Map<string, V>()
  readonly #half: number
  readonly #halfChars: number
  /** Of the keys in `#entries`. */
  #chars = 0

  /**
   * @param max entries kept at most
   * @param maxChars of all keys together, where what is kept grows with its key
   */
  constructor(max: number, maxChars = Number.POSITIVE_INFINITY) {
    this.#half = Math.max(1, Math.floor(max / 2))
    this.#halfChars = maxChars / 2
  }

  get size(): number {
    return this.#entries.size + this.#old.size
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) return value
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.set(key, old)
    }
    return old
  }

  set(key: string, value: V): void {
    if (key.length > this.#halfChars) return
    if (!this.#entries.has(key)) this.#makeRoom(key.length)
    this.#entries.set(key, value)
  }

  #makeRoom(chars: number): void {
    this.#chars += chars
    if (this.#entries.size < this.#half && this.#chars <= this.#halfChars) return
    this.#old.clear()
    for (const [name, entry] of this.#entries) this.#old.set(name, entry)
    this.#entries.clear()
    this.#chars = chars
  }

  clear(): void {
    this.#entries.clear()
    this.#old.clear()
    this.#chars = 0
  }
}
