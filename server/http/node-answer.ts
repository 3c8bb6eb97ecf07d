/** Node's response with headers of ours that wait for those of the answer, so that all are written once. */
import {
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http'

/**
 * Once `setHeader` was called, Node takes every other header through the same checks and tables too, which is half of
 * what an answer's head costs. Given all of them in one list, it writes them as they come.
 */
export class NodeAnswer extends ServerResponse<IncomingMessage> {
  /** Names and values by turns. */
  readonly #added: string[] = []

  /** A header of whatever will be the answer; one of that name that the answer brings itself goes before it. */
  addHeader(name: string, value: string): void {
    const at = this.#added.findIndex((one, index) => index % 2 === 0 && sameName(one, name))
    if (at < 0) this.#added.push(name, value)
    else this.#added[at + 1] = value
  }

  override writeHead(status: number, ...rest: unknown[]): this {
    const [given = {}] = rest
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
      return super.writeHead(status, this.#together(given as OutgoingHttpHeaders))
    }
    for (let at = 0; at < this.#added.length; at += 2) {
      this.setHeader(this.#added[at] ?? '', this.#added[at + 1] ?? '')
    }
    return super.writeHead(status, ...(rest as []))
  }

  #together(given: OutgoingHttpHeaders): OutgoingHttpHeader[] {
    const names = Object.keys(given)
    const all: OutgoingHttpHeader[] = []
    for (let at = 0; at < this.#added.length; at += 2) {
      const name = this.#added[at] ?? ''
      if (!names.some((one) => sameName(one, name))) all.push(name, this.#added[at + 1] ?? '')
    }
    for (const name of names) {
      const value = given[name]
      if (value !== undefined) all.push(name, value)
    }
    return all
  }
}

const sameName = (one: string, other: string): boolean =>
  one.length === other.length && one.toLowerCase() === other.toLowerCase()
