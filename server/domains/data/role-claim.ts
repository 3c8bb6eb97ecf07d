/** Where in a token's claims the role stands, in PostgREST's path language: `.app.roles[0]`, `.groups[?(@ ^== "db_")][3:]`. */
import { invalid } from '#core/errors'

type Step = (value: unknown) => unknown

/** What a token that names its role elsewhere than a path says. */
export type RoleClaim = (claims: Readonly<Record<string, unknown>>) => string | undefined

export const DEFAULT_ROLE_PATH = '.role'

const STEP =
  /\.(?:"(?<quoted>[^"]+)"|(?<key>[\w$@-]+))|\[(?<index>\d+)\]|\[\?\(@ *(?<operator>\^==|==\^|\*==|==|!=) *"(?<text>[^"]*)"\)\]|\[(?<from>-?\d*):(?<to>-?\d*)\]/y

/** @throws `invalid` role_claim_path */
export function roleClaim(path: string): RoleClaim {
  const steps: Step[] = []
  const pattern = new RegExp(STEP)
  while (pattern.lastIndex < path.length) {
    const at = pattern.lastIndex
    const { groups } = pattern.exec(path) ?? {}
    if (!groups) throw unreadable(path, at)
    steps.push(stepOf(groups))
  }
  if (steps.length === 0) throw unreadable(path, 0)
  return (claims) => {
    let value: unknown = claims
    for (const step of steps) value = step(value)
    return typeof value === 'string' || value === undefined ? value : JSON.stringify(value)
  }
}

const unreadable = (path: string, at: number) =>
  invalid(
    'role_claim_path',
    `Cannot read "${path}" as a path to the role, from character ${at + 1}`,
    {
      hint: 'Write keys like .app.roles, places like [0] and conditions like [?(@ == "author")].',
    },
  )

function stepOf(groups: Readonly<Record<string, string | undefined>>): Step {
  const { quoted, key = quoted, index, operator, text = '', from, to } = groups
  if (key !== undefined) return (value) => keyOf(value, key)
  if (index !== undefined) return (value) => itemsOf(value)[Number(index)]
  if (operator !== undefined) {
    const holds = COMPARISONS[operator] ?? (() => false)
    return (value) => itemsOf(value).find((one) => typeof one === 'string' && holds(one, text))
  }
  return (value) => (typeof value === 'string' ? sliced(value, from, to) : undefined)
}

const keyOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? ((value as Record<string, unknown>)[key] ?? undefined)
    : undefined

const itemsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const COMPARISONS: Record<string, (one: string, text: string) => boolean> = {
  '==': (one, text) => one === text,
  '!=': (one, text) => one !== text,
  '^==': (one, text) => one.startsWith(text),
  '==^': (one, text) => one.endsWith(text),
  '*==': (one, text) => one.includes(text),
}

const sliced = (text: string, from = '', to = ''): string | undefined =>
  text.slice(from === '' ? 0 : Number(from), to === '' ? undefined : Number(to)) || undefined
