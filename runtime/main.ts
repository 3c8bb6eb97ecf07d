/** Start of an isolate: connect, lock down, take one module, run its handler for every `start`. */
import { captureConsole, type LogOwner } from './console.ts'
import { settleCall } from './context.ts'
import { toWireError } from './errors.ts'
import {
  continueInvocation,
  current,
  failInvocation,
  type Handler,
  type Isolate,
  startInvocation,
} from './invocation.ts'
import { lockDown } from './lockdown.ts'
import { importHandler } from './module.ts'
import type { ToIsolate, WireLimits } from './protocol.ts'
import { warmUp } from './warm-up.ts'
import { makeWire, toBytes, type Wire } from './wire.ts'

const [path = '', purpose] = Deno.args
const isStandby = purpose === 'standby'
const conn = await Deno.connect({ transport: 'unix', path })
await Deno.permissions.revoke({ name: 'read' })
await Deno.permissions.revoke({ name: 'write' })
const wire = makeWire(conn)
const exit = Deno.exit
lockDown()

/** Until the server has said its limits, and for what is written outside every invocation. */
let limits: WireLimits = {
  windowBytes: 0,
  maxFrameBytes: 0,
  logEntries: 0,
  logChars: 0,
  waitUntilMs: 0,
}
const nobody: LogOwner = { c: null, entries: 0 }
captureConsole({ wire, limits: () => limits, owner: () => current.getStore() ?? nobody })
hearFailures(wire)
if (isStandby) await warmUp(limits)

let isolate: Isolate | undefined
wire.send({ t: 'ready' })
for await (const [frame, body] of wire.frames()) receive(frame, body)
exit(0)

function receive(frame: ToIsolate, body: Uint8Array): void {
  if (frame.t === 'load') {
    limits = frame.limits
    isolate = { wire, limits, handler: load(body) }
    isolate.handler.catch(() => undefined)
  } else if (frame.t === 'start' && isolate) startInvocation(isolate, frame, body)
  else if (frame.t === 'answer') settleCall(frame.n, body, frame.error)
  else if (frame.t === 'ping') wire.send({ t: 'pong', n: frame.n })
  else if (frame.t !== 'start') continueInvocation(frame, body)
}

async function load(source: Uint8Array): Promise<Handler> {
  try {
    const { handler } = await importHandler(source)
    wire.send({ t: 'loaded', handler: handler !== undefined })
    if (handler) return handler
  } catch (error) {
    const wired = toWireError(error)
    const syntax = wired.name === 'SyntaxError' || wired.message.startsWith('SyntaxError:')
    wire.send({ t: 'unloadable', syntax, error: wired })
    throw error
  }
  throw new TypeError('Function must export a handler function')
}

/**
 * A rejection nobody handles fails the invocation it came from. Any other error that nobody handles ends the process,
 * as its state can no longer be trusted; the reason goes ahead.
 */
function hearFailures(wire: Wire): void {
  globalThis.addEventListener('unhandledrejection', (event) => {
    const live = current.getStore()
    if (!live) return wire.send({ t: 'fatal', error: toWireError(event.reason) })
    event.preventDefault()
    if (!live.answered) return failInvocation(live, event.reason)
    const { message, stack } = toWireError(event.reason)
    wire.send(
      { t: 'log', c: live.c, level: 'error', at: Date.now() },
      toBytes(`Unhandled rejection: ${stack ?? message}`),
    )
  })
  globalThis.addEventListener('error', (event) => {
    wire.send({ t: 'fatal', error: toWireError(event.error) })
  })
}
