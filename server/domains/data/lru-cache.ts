/** A bounded map that forgets what was not asked for the longest. */
export class LruCache<V> {
  readonly #entries = new Map<string, V>()
  /** What was asked for since the last sweep; moving every hit would cost more than it saves. */
  readonly #old = new Map<string, V>()
  readonly #half: number

  /** @param max entries kept at most */
  constructor(max: number) {
    this.#half = Math.max(1, Math.floor(max / 2))
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
    if (this.#entries.size >= this.#half) {
      this.#old.clear()
      for (const [name, entry] of this.#entries) this.#old.set(name, entry)
      this.#entries.clear()
    }
    this.#entries.set(key, value)
  }

  clear(): void {
    this.#entries.clear()
    this.#old.clear()
  }
}
