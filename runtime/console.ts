/** `console` of a function: bounded entries that belong to the invocation in which they were written. */
import type { LogLevel, WireLimits } from './protocol.ts'
import { toBytes, toJson, type Wire } from './wire.ts'

/** The one to whom an entry belongs; null before the first invocation. */
export type LogOwner = { c: string | null; entries: number }

const LEVELS: Record<string, LogLevel> = {
  log: 'log',
  info: 'info',
  warn: 'warn',
  error: 'error',
  debug: 'debug',
  trace: 'debug',
  dir: 'log',
  table: 'log',
}

type Capture = { wire: Wire; limits: () => WireLimits; owner: () => LogOwner }

export function captureConsole({ wire, limits, owner }: Capture): void {
  const now = Date.now
  for (const [method, level] of Object.entries(LEVELS)) {
    const write = (...args: unknown[]) => {
      const { logEntries, logChars } = limits()
      const to = owner()
      if (to.entries >= logEntries) return
      to.entries++
      wire.send({ t: 'log', c: to.c, level, at: now() }, toBytes(format(args, logChars)))
    }
    Object.defineProperty(console, method, {
      value: write,
      configurable: true,
      writable: true,
      enumerable: true,
    })
  }
}

/** Strings as they are, errors with their stack, the rest as JSON; joined by a space. */
function format(args: unknown[], chars: number): string {
  let text = ''
  for (const arg of args) {
    if (text.length >= chars) break
    text += text === '' && arg === args[0] ? one(arg) : ` ${one(arg)}`
  }
  return text.slice(0, chars)
}

function one(arg: unknown): string {
  if (typeof arg === 'string') return arg
  try {
    if (arg instanceof Error) return String(arg.stack ?? arg)
    return toJson(arg) ?? String(arg)
  } catch {
    return safeInspect(arg)
  }
}

function safeInspect(arg: unknown): string {
  try {
    return Deno.inspect(arg)
  } catch {
    return '[unreadable]'
  }
}
