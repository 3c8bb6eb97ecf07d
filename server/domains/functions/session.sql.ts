import type { BatchStatement } from '#db/batch'
import type { Client } from '#db/database'
import type { Identity } from '#db/identity'
import { compile, sql } from '#db/sql'

type Opening = { text: string; values: readonly (string | null)[] }

/** Runs before a statement: what comes after it is of this identity, and takes so many ms at most. */
export function openingOf({ settings }: Identity, timeoutMs: number): Opening {
  const limited = sql`${settings}, set_config('statement_timeout', ${String(timeoutMs)}, true)`
  const { text, values } = compile(limited)
  return { text, values: values as string[] }
}

/** The next statement takes so many ms at most. */
export const limitOf = (timeoutMs: number): Opening => ({
  text: `select set_config('statement_timeout', $1, true)`,
  values: [String(timeoutMs)],
})

export async function begin(client: Client, { text, values }: Opening): Promise<void> {
  await client.query('begin')
  await client.query(text, [...values])
}

/** False when the transaction had failed, so that it was undone. */
export async function commit(client: Client): Promise<boolean> {
  const { command } = await client.query('commit')
  return command !== 'ROLLBACK'
}

/** True when the key is claimed now for the first time. */
export const claimOf = (key: string, scope: string, ttlSeconds: number | null): BatchStatement => ({
  name: 'stead_claim',
  text: `insert into public._idempotency_keys (key, scope, expires_at)
    values ($1, $2, now() + $3::float8 * interval '1 second')
    on conflict do nothing returning true`,
  values: [key, scope, ttlSeconds === null ? null : String(ttlSeconds)],
})
