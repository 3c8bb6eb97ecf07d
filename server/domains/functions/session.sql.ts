import type { BatchStatement } from '#db/batch'
import type { Client } from '#db/database'
import type { Identity } from '#db/identity'
import { compile, type Fragment, sql } from '#db/sql'

const settingsOf = ({ settings }: Identity, timeoutMs: number): Fragment =>
  sql`${settings}, set_config('statement_timeout', ${String(timeoutMs)}, true)`

/** First statement of a batch: what comes after it runs as this identity, for so many ms at most. */
export function openingOf(identity: Identity, timeoutMs: number): BatchStatement {
  const { text, values } = compile(settingsOf(identity, timeoutMs))
  return { text, values: values as string[] }
}

export async function begin(client: Client, identity: Identity, timeoutMs: number): Promise<void> {
  await client.query('begin')
  const { text, values } = compile(settingsOf(identity, timeoutMs))
  await client.query(text, values)
}

export async function limitNextStatement(client: Client, timeoutMs: number): Promise<void> {
  await client.query(`select set_config('statement_timeout', $1, true)`, [String(timeoutMs)])
}

/** False when the transaction had failed, so that it was undone. */
export async function commit(client: Client): Promise<boolean> {
  const { command } = await client.query('commit')
  return command !== 'ROLLBACK'
}

/** The session as if nothing had run in it. */
export async function makeNew(client: Client): Promise<void> {
  await client.query('rollback')
  await client.query('discard all')
}

/** True when the key is claimed now for the first time. */
export const claimOf = (key: string, scope: string, ttlSeconds: number | null): BatchStatement => ({
  name: 'stead_claim',
  text: `insert into public._idempotency_keys (key, scope, expires_at)
    values ($1, $2, now() + $3::float8 * interval '1 second')
    on conflict do nothing returning true`,
  values: [key, scope, ttlSeconds === null ? null : String(ttlSeconds)],
})
