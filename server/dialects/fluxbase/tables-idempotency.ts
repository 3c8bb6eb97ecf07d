/** `Idempotency-Key`: a write that is sent again is answered again, and done once. */
import type { Caller } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { type KeptAnswer, once } from '#domains/data'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import type { Answer } from './errors.ts'
import type { Body } from './tables-body.ts'

/** What Fluxbase says where it is not rows that are written. */
export const IDEMPOTENCY_ANSWERS: Record<string, Answer> = {
  idempotency_key: [400, 'INVALID_INPUT'],
  idempotency_key_mismatch: [422, 'IDEMPOTENCY_KEY_MISMATCH'],
  idempotency_body_mismatch: [422, 'IDEMPOTENCY_REQUEST_BODY_MISMATCH'],
  idempotency_in_progress: [409, 'IDEMPOTENCY_REQUEST_IN_PROGRESS'],
}

/** Headers of an answer that belong to what was done. */
const KEPT = [
  'content-type',
  'content-range',
  'x-affected-count',
  'preference-applied',
  'location',
  'allow',
] as const

export type Write = {
  c: Http
  ctx: AppContext
  body: Pick<Body, 'type' | 'text'>
  respond: () => Promise<Response>
}

/** @throws `invalid` idempotency_…, `conflict` idempotency_in_progress */
export async function doneOnce({ c, ctx, body, respond }: Write): Promise<Response> {
  const key = headerOf(c, 'idempotency-key')
  if (key === undefined) return respond()
  let made: Response | undefined
  const answer = await once({
    database: ctx.databases.platform,
    caller: callerKey(ctx),
    key: key.trim(),
    request: `${c.req.method} ${c.req.url.replace(/^[a-z]+:\/\/[^/]*/, '')}`,
    body: `${body.type}\n${await body.text()}`,
    now: ctx.clock,
    attempt: async () => {
      made = await respond()
      return kept(made)
    },
  })
  return made && !answer.replayed ? made : replayed(c, answer)
}

async function kept(response: Response): Promise<KeptAnswer> {
  const found = KEPT.flatMap((name) => {
    const value = response.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  const body = response.body === null ? null : await response.clone().text()
  return { status: response.status, headers: Object.fromEntries(found), body }
}

const replayed = (c: Http, { status, headers, body }: KeptAnswer): Response =>
  c.newResponse(body, status as 200, { ...headers, 'Idempotency-Replayed': 'true' })

/** People without a name are told apart by where they are. */
function callerKey({ caller, ip }: AppContext): string {
  return `${caller.kind} ${idOf(caller) ?? ip ?? ''}`
}

function idOf(caller: Caller): string | undefined {
  switch (caller.kind) {
    case 'user':
      return caller.userId
    case 'app_key':
    case 'client_key':
      return caller.credentialId
    case 'account':
      return caller.accountId
    case 'anonymous':
      return undefined
  }
}
