/** Hono's router with a memory: most requests are for a path that was asked for before. */
import { type Result, type Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'
import { LruCache } from '#core/lru-cache'

/** Paths remembered, and their characters together. */
const MAX_PATHS = 1_000
const MAX_CHARS = 100_000

const whole = new WeakSet<object>()

/** `handler` does by itself what the middleware on its path would do around it. */
export const markWhole = (handler: object): void => {
  whole.add(handler)
}

/** Hono's way with a single handler is the shortest: no chain, and some promises less. */
function shortened<T>(result: Result<T>): Result<T> {
  const [handlers, ...stash] = result
  const only = handlers.findIndex(([entry]) => Array.isArray(entry) && whole.has(entry[0]))
  return only < 0 ? result : ([[handlers[only]], ...stash] as Result<T>)
}

export class RememberingRouter<T> implements Router<T> {
  readonly name = 'RememberingRouter'
  readonly #router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] })
  readonly #found = new LruCache<Result<T>>(MAX_PATHS, MAX_CHARS)

  add(method: string, path: string, handler: T): void {
    this.#router.add(method, path, handler)
  }

  match(method: string, path: string): Result<T> {
    const key = `${method} ${path}`
    let result = this.#found.get(key)
    if (!result) {
      result = shortened(this.#router.match(method, path))
      this.#found.set(key, result)
    }
    return result
  }
}
