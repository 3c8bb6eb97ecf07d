/** A PostgreSQL that the operator named: asked once, before anything is built on it. */
import { AppError, unavailable } from '#core/errors'
import type { Secret } from '#core/secret'
import { type Database, openDatabase } from '#db/database'
import { sqlstateOf } from '#db/sqlstate'
import type { Config } from '../config.ts'

const LEAST_VERSION = 15

const INSUFFICIENT_PRIVILEGE = '42501'

/** Such as what pg_hba.conf does not admit. */
const NO_ENTRY = '28000'

const CONNECT_MS = 10_000

/** A cluster as the settings name it. */
type Given = {
  url: Secret
  /** What to look at when it cannot be used. */
  check: string
}

type Settings = Pick<Config, 'databaseUrl' | 'regions'>

function givenClusters({ databaseUrl, regions }: Settings): Given[] {
  const shared = 'Check STEAD_DATABASE_URL, or leave it out for the embedded PostgreSQL'
  const own = regions.flatMap(({ name, url }) =>
    url ? [{ url, check: `Check the address of ${name} in STEAD_REGIONS` }] : [],
  )
  return databaseUrl ? [{ url: databaseUrl, check: shared }, ...own] : own
}

/**
 * Asks every PostgreSQL that the settings name.
 * @throws `unavailable` database_unusable: a sentence for the operator, without the password
 */
export async function requireUsableClusters(settings: Settings): Promise<void> {
  for (const given of givenClusters(settings)) await requireUsable(given)
}

async function requireUsable({ url, check }: Given): Promise<void> {
  const database = openDatabase(url, { max: 1, acquireMs: CONNECT_MS })
  try {
    const { version, mayCreate } = await look(database)
    if (version < LEAST_VERSION) {
      throw unusable([url], `it is PostgreSQL ${version}`, `Use ${LEAST_VERSION} or newer`)
    }
    if (!mayCreate) throw unusable([url], 'its role may not create databases and roles', SUPERUSER)
  } catch (error) {
    if (error instanceof AppError) throw error
    throw unusable([url], ...(mendOf(url, error as Error) ?? [wordsOf(error as Error), check]))
  } finally {
    await database.close()
  }
}

const SUPERUSER =
  "Stead makes databases, roles and event triggers: use a superuser, such as one made there with: create role stead superuser login password '…'"

/** Without the advice that Node adds for its own users. */
const wordsOf = ({ message }: Error): string => message.split(';')[0] ?? message

/** Certificates that nobody who is known has signed, as Node calls them. */
const UNKNOWN_SIGNER =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*ISSUER.*|UNABLE_TO_VERIFY_.*)$/

/** Why, and what to change in the address, where the failure tells. */
function mendOf(url: Secret, error: Error & { code?: string }): [string, string] | undefined {
  const { searchParams, password } = new URL(url.reveal())
  if (UNKNOWN_SIGNER.test(error.code ?? '')) {
    const advice =
      'Name the certificate that signed it in the address: &sslrootcert=/path/to/ca.pem'
    return [wordsOf(error), advice]
  }
  if (sqlstateOf(error) === NO_ENTRY && !searchParams.has('sslmode')) {
    const advice =
      'Where only encrypted connections are let in, add ?sslmode=require to the address'
    return [error.message, advice]
  }
  const asksForPassword = password === '' && error.message.startsWith('SASL')
  return asksForPassword ? ['it asks for a password', 'Put one into the address'] : undefined
}

type Facts = { version: number; mayCreate: boolean }

async function look({ query }: Database): Promise<Facts> {
  const [facts] = await query<Facts>`
    select current_setting('server_version_num')::int / 10000 as version,
           rolsuper or (rolcreatedb and rolcreaterole) as may_create
    from pg_roles where rolname = current_user`
  return facts ?? { version: 0, mayCreate: false }
}

function unusable(urls: readonly Secret[], why: string, advice: string): AppError {
  const hosts = new Set(urls.map((url) => URL.parse(url.reveal())?.host || 'the database'))
  const message = `Cannot start: PostgreSQL at ${[...hosts].join(' or ')} cannot be used: ${why}. ${advice}`
  return unavailable('database_unusable', message)
}

/** What a cluster refused while the instance was built on it, as a sentence; any other error as it is. */
export function deniedBy(settings: Settings, error: unknown): unknown {
  const given = givenClusters(settings)
  if (given.length === 0 || sqlstateOf(error) !== INSUFFICIENT_PRIVILEGE) return error
  return unusable(
    given.map(({ url }) => url),
    (error as Error).message,
    SUPERUSER,
  )
}
