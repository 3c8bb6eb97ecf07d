/** For a process on standby: everything a first call would load and compile has run once before. */
import { type Isolate, startInvocation } from './invocation.ts'
import { importHandler } from './module.ts'
import type { FromIsolate, WireLimits } from './protocol.ts'
import { makeWire, toBytes, type Wire } from './wire.ts'

const SOURCE = `
type Ctx = { env: Record<string, string> }
export default async function handler(req: Request, ctx: Ctx): Promise<Response> {
  const url = new URL(req.url)
  const body: unknown = await req.json()
  if (url.pathname === '/text') return new Response('text', { headers: { 'content-type': 'text/plain' } })
  return Response.json({ body, env: Object.keys(ctx.env) }, { status: 200 })
}`
const RUNS = 20
const NOWHERE = {
  read: () => Promise.resolve(null),
  write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
}

export async function warmUp(limits: WireLimits): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const { handler } = await importHandler(`${SOURCE}//${round}`)
    for (let run = 0; handler && run < RUNS; run++) {
      await dryRun((wire) => ({ wire, limits, handler: Promise.resolve(handler) }), run)
    }
  }
}

/** One invocation whose answer goes nowhere. */
function dryRun(isolateOn: (wire: Wire) => Isolate, run: number): Promise<void> {
  return new Promise((done) => {
    const real = makeWire(NOWHERE)
    const send = (frame: FromIsolate, body?: Uint8Array) => {
      real.send(frame, body)
      if (frame.t === 'done') done()
    }
    const wire: Wire = { ...real, send }
    const url = `http://localhost/${run % 2 ? 'text' : 'json'}?a=1`
    const headers: [string, string][] = [['content-type', 'application/json']]
    const request = { method: 'POST', url, headers, body: 'whole' } as const
    startInvocation(
      isolateOn(wire),
      { c: `warm-${run}`, request, context: { env: {} } },
      toBytes('{"a":1}'),
    )
  })
}
