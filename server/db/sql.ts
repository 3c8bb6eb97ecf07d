/** The `sql` tag: text with parameters, composable, and never a spliced value. */

/** A piece of SQL whose values are parameters. Pieces nest. */
export class Fragment {
  readonly strings: readonly string[]
  readonly values: readonly unknown[]

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings
    this.values = values
  }
}

/** A piece of SQL: sql`select ${1}` sends `select $1` with the value beside it. */
export function sql(strings: TemplateStringsArray, ...values: unknown[]): Fragment {
  return new Fragment(strings, values)
}

/** Text taken as it is. For constants of ours and for text that `quoteIdent` made; never for input. */
export const raw = (text: string): Fragment => new Fragment([text], [])

/** A name as PostgreSQL quotes it: `we"ird` becomes `"we""ird"`. NUL cannot be part of a name. */
export const quoteIdent = (name: string): string =>
  `"${name.replaceAll('\0', '').replaceAll('"', '""')}"`

/** A literal as PostgreSQL quotes it, for the few statements (DDL) that take no parameters. */
export function quoteLiteral(text: string): string {
  const body = text.replaceAll('\0', '').replaceAll("'", "''")
  return body.includes('\\') ? ` E'${body.replaceAll('\\', '\\\\')}'` : `'${body}'`
}

/** A quoted name, dots between the parts: ident('public', 'posts') is `"public"."posts"`. */
export const ident = (...path: string[]): Fragment => raw(path.map(quoteIdent).join('.'))

/** The pieces in order with `separator` between them; `sql` of nothing when there are none. */
export function join(pieces: readonly Fragment[], separator = ', '): Fragment {
  if (pieces.length === 0) return raw('')
  return new Fragment(['', ...pieces.slice(1).map(() => separator), ''], pieces)
}

export type Compiled = { text: string; values: unknown[] }

/** The text with `$1…` and the values in that order. */
export function compile(fragment: Fragment): Compiled {
  const out: Compiled = { text: '', values: [] }
  append(fragment, out)
  return out
}

function append({ strings, values }: Fragment, out: Compiled): void {
  strings.forEach((text, index) => {
    out.text += text
    if (index >= values.length) return
    const value = values[index]
    if (value instanceof Fragment) append(value, out)
    else out.text += `$${out.values.push(value)}`
  })
}
