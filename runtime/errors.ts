/** Errors in and out of the wire. */
import type { WireError } from './protocol.ts'

const BLOB = /blob:null\/[0-9a-f-]{36}/g
const STACK_CHARS = 8_000
const MESSAGE_CHARS = 10_000

/** Anything may be thrown. The module's own address reads as `function.ts`, the runtime's frames are left out. */
export function toWireError(thrown: unknown): WireError {
  try {
    if (!(thrown instanceof Error))
      return { name: 'Error', message: cut(describe(thrown), MESSAGE_CHARS) }
    const message = cut(clean(String(thrown.message)), MESSAGE_CHARS)
    return { name: String(thrown.name), message, stack: cleanStack(thrown.stack) }
  } catch {
    return { name: 'Error', message: 'The function threw a value that cannot be read' }
  }
}

const clean = (text: string): string => text.replace(BLOB, 'function.ts')
const cut = (text: string, chars: number): string => text.slice(0, chars)

function cleanStack(stack: unknown): string | undefined {
  if (typeof stack !== 'string') return undefined
  const lines = stack.split('\n').filter((line) => !line.includes(import.meta.dirname as string))
  return cut(clean(lines.join('\n')), STACK_CHARS)
}

function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  return Deno.inspect(thrown)
}

/** An error that the server answered: it reads like one thrown by the call itself. */
export function fromWireError({ message, code }: WireError): Error {
  const error = new Error(message)
  if (code !== undefined) Object.assign(error, { code })
  return error
}
