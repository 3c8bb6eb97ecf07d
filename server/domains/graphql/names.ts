/** Names of GraphQL, from names of PostgreSQL. */

/** Words end at `_` and `-`, and then at camel humps too; a name without those is one word. */
function wordsOf(name: string): string[] {
  const plain = name.replaceAll(/[^A-Za-z0-9]+/g, '_')
  if (!plain.includes('_')) return [plain.toLowerCase()]
  return plain
    .split('_')
    .flatMap((part) => part.split(/(?<=[a-z0-9])(?=[A-Z])/))
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase())
}

export const upperFirst = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

/** A name may not begin with a digit, and not be empty. */
const legal = (name: string): string => (/^[A-Za-z]/.test(name) ? name : `_${name}`)

/** `order_items` → `orderItems` */
export function camelCase(name: string): string {
  const [first = '', ...rest] = wordsOf(name)
  return legal(first + rest.map(upperFirst).join(''))
}

/** `order_items` → `OrderItems` */
export const pascalCase = (name: string): string => legal(wordsOf(name).map(upperFirst).join(''))

/** `categories` → `category`, `users` → `user`; others stay. */
export function singular(name: string): string {
  if (name.endsWith('ies')) return `${name.slice(0, -3)}y`
  return name.endsWith('s') && name.length > 1 ? name.slice(0, -1) : name
}

/** `author_id` → `author` */
export const stem = (column: string): string => column.replace(/_id$/, '') || column

/** Gives every name once. */
export class Names {
  readonly #taken: Set<string>

  constructor(reserved: Iterable<string> = []) {
    this.#taken = new Set(reserved)
  }

  isFree(name: string): boolean {
    return !this.#taken.has(name)
  }

  /** `name`, else with the suffix, else with a number after it. */
  take(name: string, suffix = ''): string {
    let free = this.#taken.has(name) ? name + suffix : name
    for (let number = 2; this.#taken.has(free); number++) free = `${name}${suffix}${number}`
    this.#taken.add(free)
    return free
  }
}
