/** Who is asking, as PostgreSQL sees it: a role and the claims that policies read. */
import type { BatchStatement } from './batch.ts'
import type { Database, Tx } from './database.ts'
import { compile, type Fragment, sql } from './sql.ts'

/** The cluster-wide roles a request may run as. */
export type DbRole = 'anon' | 'authenticated' | 'service_role'

/** `role` is the application's word for the caller, which may differ from the database role. */
export type Claims = { role: string; sub?: string; email?: string; [claim: string]: unknown }

/** Made once per credential and reused. */
export type Identity = {
  readonly role: string
  readonly claims: Claims
  /** The settings as SQL, for an ordinary transaction. */
  readonly settings: Fragment
  /** The same as the first statement of a batch: the rest of the batch runs as this identity. */
  readonly statement: BatchStatement
}

const textOr = (claim: unknown): string => (typeof claim === 'string' ? claim : '')

/** @param role a database role that the login role may become; never text from a user's profile */
export function identityOf(role: string, claims: Claims): Identity {
  const sub = textOr(claims.sub)
  const email = textOr(claims.email)
  const settings = sql`select set_config('role', ${role}, true),
    set_config('request.jwt.claims', ${JSON.stringify(claims)}, true),
    set_config('request.jwt.claim.sub', ${sub}, true), set_config('app.user_id', ${sub}, true),
    set_config('app.role', ${claims.role}, true), set_config('app.user_email', ${email}, true)`
  const { text, values } = compile(settings)
  const statement = { name: 'stead_identity', text, values: values as string[] }
  return { role, claims, settings, statement }
}

export const ANONYMOUS: Identity = identityOf('anon', { role: 'anon' })

export const SERVICE: Identity = identityOf('service_role', { role: 'service_role' })

/** A transaction in which every statement runs as `identity`. */
export function asIdentity<T>(
  database: Database,
  identity: Identity,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  return database.transaction(async (tx) => {
    await tx`${identity.settings}`
    return work(tx)
  })
}
