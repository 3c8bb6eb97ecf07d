import type { Tx } from '#db/database'
import { type Fragment, join, sql } from '#db/sql'
import { COLUMNS, type Credential } from './credentials.sql.ts'

/** The keys of an app that somebody may look at; `of` as in `Owner`. */
export type Reach = { appId: string; of: Owner }

/** Whose keys: a user's, those that act as nobody (null), or everybody's. */
export type Owner = { userId: string | null } | 'everybody'

export type Page = { limit: number; offset: number }

export type ClientKeyPatch = {
  name?: string | undefined
  description?: string | null | undefined
  scopes?: readonly string[] | undefined
  requestsPerMinute?: number | undefined
}

const within = ({ appId, of }: Reach): Fragment =>
  of === 'everybody'
    ? sql`kind = 'client_key' and app_id = ${appId}`
    : sql`kind = 'client_key' and app_id = ${appId} and user_id is not distinct from ${of.userId}`

/** Newest first, and how many there are in all. */
export async function selectClientKeys(
  tx: Tx,
  reach: Reach,
  { limit, offset }: Page,
): Promise<{ keys: Credential[]; total: number }> {
  const keys = await tx<Credential>`
    select ${COLUMNS} from credentials where ${within(reach)}
    order by created_at desc, id limit ${limit} offset ${offset}`
  return { keys, total: await countClientKeys(tx, reach) }
}

export async function countClientKeys(tx: Tx, reach: Reach): Promise<number> {
  const [counted] = await tx<{ total: number }>`
    select count(*)::int as total from credentials where ${within(reach)}`
  return counted?.total ?? 0
}

type OneKey = Reach & { id: string }

export async function selectClientKey(tx: Tx, key: OneKey): Promise<Credential | undefined> {
  const [row] = await tx<Credential>`
    select ${COLUMNS} from credentials where ${within(key)} and id = ${key.id}`
  return row
}

/** What is not given stays. */
export async function updateClientKey(
  tx: Tx,
  key: OneKey,
  { name, description, scopes, requestsPerMinute }: ClientKeyPatch,
): Promise<Credential | undefined> {
  const changes = [
    sql`updated_at = now()`,
    ...(name === undefined ? [] : [sql`name = ${name}`]),
    ...(description === undefined ? [] : [sql`description = ${description}`]),
    ...(scopes === undefined ? [] : [sql`scopes = ${scopes}`]),
    ...(requestsPerMinute === undefined ? [] : [sql`requests_per_minute = ${requestsPerMinute}`]),
  ]
  const [row] = await tx<Credential>`
    update credentials set ${join(changes)} where ${within(key)} and id = ${key.id} returning ${COLUMNS}`
  return row
}

/** The first time counts. */
export async function markRevoked(tx: Tx, key: OneKey): Promise<Credential | undefined> {
  const [row] = await tx<Credential>`
    update credentials set revoked_at = coalesce(revoked_at, now()),
      updated_at = case when revoked_at is null then now() else updated_at end
    where ${within(key)} and id = ${key.id} returning ${COLUMNS}`
  return row
}

export async function deleteClientKeyRow(tx: Tx, key: OneKey): Promise<Credential | undefined> {
  const [row] = await tx<Credential>`
    delete from credentials where ${within(key)} and id = ${key.id} returning ${COLUMNS}`
  return row
}

export async function deleteClientKeyRows(tx: Tx, reach: Reach): Promise<void> {
  await tx`delete from credentials where ${within(reach)}`
}
