/** What every dialect's handlers find on the request. */
import type { HttpBindings } from '@hono/node-server'
import type { Context as HonoContext } from 'hono'
import type { Log } from '#core/log'
import type { NodeAnswer } from './node-answer.ts'

export type Env = {
  Bindings: Pick<HttpBindings, 'incoming'> & {
    outgoing: NodeAnswer
    /** From the caller's `X-Request-ID` or made here; always on the response. */
    requestId: string
    log: Log
  }
}

export type Http = HonoContext<Env>
