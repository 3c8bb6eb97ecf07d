/** Records whose values are made when they are asked for: a schema may have ten thousand of them. */

type Lazily<T> = {
  names: () => Iterable<string>
  has: (name: string) => boolean
  make: (name: string) => T | undefined
}

export function lazyRecord<T extends object>({ names, has, make }: Lazily<T>): Record<string, T> {
  const made = new Map<string, T>()
  const get = (name: string | symbol): T | undefined => {
    if (typeof name !== 'string') return undefined
    const known = made.get(name)
    if (known) return known
    const value = make(name)
    if (value) made.set(name, value)
    return value
  }
  const isThere = (name: string | symbol): boolean => typeof name === 'string' && has(name)
  return new Proxy<Record<string, T>>(Object.create(null) as Record<string, T>, {
    get: (_, name) => get(name),
    has: (_, name) => isThere(name),
    ownKeys: () => [...names()],
    getOwnPropertyDescriptor: (_, name) => (isThere(name) ? THERE : undefined),
  })
}

/** Who lists the names gets no values: those come through `get`. */
const THERE: PropertyDescriptor = { enumerable: true, configurable: true }
