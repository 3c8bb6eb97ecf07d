/** Hono's router with a memory: most requests are for a path that was asked for before. */
import { type Result, type Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'

/** Paths remembered; when there are more, all are forgotten. */
const MAX_PATHS = 1000

export class RememberingRouter<T> implements Router<T> {
  readonly name = 'RememberingRouter'
  readonly #router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] })
  readonly #found = new Map<string, Result<T>>()

  add(method: string, path: string, handler: T): void {
    this.#router.add(method, path, handler)
  }

  match(method: string, path: string): Result<T> {
    const key = `${method} ${path}`
    let result = this.#found.get(key)
    if (!result) {
      result = this.#router.match(method, path)
      if (this.#found.size >= MAX_PATHS) this.#found.clear()
      this.#found.set(key, result)
    }
    return result
  }
}
