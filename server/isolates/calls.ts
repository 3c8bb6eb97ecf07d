/** Answers what a function asks for. The one who asks is known by the capability, never by what it says. */
import { z } from 'zod'
import { AppError } from '#core/errors'
import type { Log } from '#core/log'
import type { WireError } from '../../runtime/protocol.ts'
import type { CallReply, HostCalls, Transaction } from './types.ts'

/** `ctx.invoke` may go so deep; the next hop is refused. */
const MAX_DEPTH = 4
/** Each holds a connection. */
const MAX_TRANSACTIONS = 4
const MAX_UNDER_WAY = 128

const headers = z.array(z.tuple([z.string(), z.string()]))
const role = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), id: z.string().min(1) }),
  z.object({ kind: z.literal('anon') }),
])
const WIRE_CALL = z.discriminatedUnion('op', [
  z.object({ op: z.literal('query'), sql: z.string(), tx: z.int().optional() }),
  z.object({ op: z.literal('begin'), as: role }),
  z.object({ op: z.enum(['commit', 'rollback']), tx: z.int() }),
  z.object({
    op: z.literal('claim'),
    key: z.string().min(1).max(255),
    scope: z.string(),
    ttlSeconds: z.int().positive().nullable(),
  }),
  z.object({
    op: z.literal('invoke'),
    name: z.string(),
    method: z.string(),
    headers,
    hasBody: z.boolean(),
  }),
])
const PARAMETERS = z.array(z.string().nullable())

type Call = z.infer<typeof WIRE_CALL>
export type CallAnswer = { body?: Uint8Array; error?: WireError }

/** Takes the place of a transaction until it is there: nothing can be done with it, nor is there anything to roll back. */
const OPENING = Symbol('opening')

/** The calls of one invocation. After `end` every call is refused and what was open is rolled back. */
export class CallDesk {
  readonly #host: HostCalls
  readonly #depth: number
  readonly #log: Log
  readonly #transactions = new Map<number, Transaction | typeof OPENING>()
  #nextTransaction = 1
  #underWay = 0
  #ended = false

  constructor({ host, depth, log }: { host: HostCalls; depth: number; log: Log }) {
    this.#host = host
    this.#depth = depth
    this.#log = log
  }

  async answer(call: unknown, body: Uint8Array): Promise<CallAnswer> {
    if (this.#ended) return refuse('The invocation has ended: its context can no longer be used')
    if (this.#underWay >= MAX_UNDER_WAY)
      return refuse(`Too many calls at once (limit ${MAX_UNDER_WAY})`)
    const parsed = WIRE_CALL.safeParse(call)
    if (!parsed.success) return refuse(`Malformed call: ${z.prettifyError(parsed.error)}`)
    this.#underWay++
    try {
      return await this.#run(parsed.data, body)
    } catch (error) {
      return { error: this.#explain(error, parsed.data.op) }
    } finally {
      this.#underWay--
    }
  }

  end(): void {
    this.#ended = true
    for (const id of this.#transactions.keys()) void this.#rollback(id)
  }

  async #run(call: Call, body: Uint8Array): Promise<CallAnswer> {
    switch (call.op) {
      case 'query':
        return json(await this.#query(call, body))
      case 'begin':
        return json(await this.#begin(call.as))
      case 'commit':
        return json(await this.#host.commit(this.#take(call.tx)))
      case 'rollback':
        return json(await this.#rollback(call.tx))
      case 'claim':
        return json(await this.#host.claimIdempotency(call))
      case 'invoke':
        return { body: replyBytes(await this.#invoke(call, body)) }
    }
  }

  #query({ sql, tx }: Call & { op: 'query' }, body: Uint8Array) {
    const parameters = PARAMETERS.parse(JSON.parse(Buffer.from(body).toString()))
    if (tx === undefined) return this.#host.query(sql, parameters)
    return this.#host.query(sql, parameters, this.#find(tx))
  }

  async #begin(as: (Call & { op: 'begin' })['as']): Promise<number> {
    const id = this.#nextTransaction++
    if (this.#transactions.size >= MAX_TRANSACTIONS) {
      throw new PublicError(`Too many open transactions (limit ${MAX_TRANSACTIONS})`)
    }
    this.#transactions.set(id, OPENING)
    try {
      const transaction = await this.#host.begin(as)
      this.#transactions.set(id, transaction)
    } catch (error) {
      this.#transactions.delete(id)
      throw error
    }
    if (this.#ended) await this.#rollback(id)
    return id
  }

  #invoke(call: Call & { op: 'invoke' }, body: Uint8Array): Promise<CallReply> {
    const depth = this.#depth + 1
    if (depth > MAX_DEPTH) {
      throw new PublicError(`ctx.invoke loop limit exceeded (depth ${depth} > ${MAX_DEPTH})`)
    }
    const { name, method, headers: list } = call
    return this.#host.invoke({
      name,
      method,
      headers: list,
      body: call.hasBody ? body : null,
      depth,
    })
  }

  /** One that opens is left to `#begin`, which sees whether the invocation has ended. Never rejects. */
  async #rollback(id: number): Promise<void> {
    const transaction = this.#transactions.get(id)
    if (transaction === undefined || transaction === OPENING) return
    this.#transactions.delete(id)
    try {
      await this.#host.rollback(transaction)
    } catch (err) {
      this.#log.warn({ err }, 'A function transaction could not be rolled back')
    }
  }

  #find(id: number): Transaction {
    const transaction = this.#transactions.get(id)
    if (transaction === undefined || transaction === OPENING)
      throw new PublicError('The transaction has ended')
    return transaction
  }

  #take(id: number): Transaction {
    const transaction = this.#find(id)
    this.#transactions.delete(id)
    return transaction
  }

  /** What we and the database say on purpose is public; of the rest only that it failed. */
  #explain(error: unknown, op: string): WireError {
    if (error instanceof PublicError || error instanceof AppError) {
      return {
        name: 'Error',
        message: error.message,
        code: error instanceof AppError ? error.code : undefined,
      }
    }
    if (error instanceof Error && 'code' in error && /^[0-9A-Z]{5}$/.test(String(error.code))) {
      return { name: 'Error', message: error.message, code: String(error.code) }
    }
    this.#log.error({ err: error, op }, 'A call of a function failed')
    return { name: 'Error', message: 'The call failed on our side' }
  }
}

class PublicError extends Error {}

const refuse = (message: string): CallAnswer => ({ error: { name: 'Error', message } })

const json = (value: unknown): CallAnswer => ({ body: Buffer.from(JSON.stringify(value ?? null)) })

/** `u32 length, WireReply as JSON, bytes`, as `runtime/context.ts` reads it. */
function replyBytes({ status, headers: list, body }: CallReply): Uint8Array {
  const head = Buffer.from(JSON.stringify({ status, headers: list, hasBody: body !== null }))
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(head.length)
  return Buffer.concat([length, head, body ?? Buffer.alloc(0)])
}
