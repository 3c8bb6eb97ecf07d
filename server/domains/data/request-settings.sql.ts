/** What functions may read about the request, and the time zone a caller prefers. */
import { createHash } from 'node:crypto'
import type { BatchStatement } from '#db/batch'
import { LruCache } from '#core/lru-cache'

/** The request as SQL may see it; names in lower case. */
export type RequestFacts = {
  method: string
  path: string
  headers: Readonly<Record<string, string>>
  cookies: Readonly<Record<string, string>>
}

export function requestStatement(facts: RequestFacts): BatchStatement {
  return {
    name: 'stead_data_request',
    text: `select set_config('request.method', $1, true), set_config('request.path', $2, true),
      set_config('request.headers', $3, true), set_config('request.cookies', $4, true)`,
    values: [
      facts.method,
      facts.path,
      JSON.stringify(facts.headers),
      JSON.stringify(facts.cookies),
    ],
  }
}

export const timeZoneStatement = (zone: string): BatchStatement => ({
  name: 'stead_data_zone',
  text: `select set_config('timezone', $1, true)`,
  values: [zone],
})

/** @param call the function's quoted name */
export function preRequestStatement(call: string): BatchStatement {
  let statement = preRequests.get(call)
  if (!statement) {
    const hash = createHash('sha256').update(call).digest('base64url')
    const name = `stead_pre_${hash.slice(0, 22)}`
    statement = { name, text: `select ${call}()`, values: [], repeated: true }
    preRequests.set(call, statement)
  }
  return statement
}

const preRequests = new LruCache<BatchStatement>(1_000)

/** Deferred constraints speak now, before a rehearsal is undone. */
export const CONSTRAINTS_NOW: BatchStatement = { text: 'set constraints all immediate', values: [] }
