/** After the instance secret has changed, the embedded cluster's own password follows. */
import { invalid } from '#core/errors'
import { Secret } from '#core/secret'
import { type Database, openDatabase } from '#db/database'
import { ident, quoteLiteral, raw } from '#db/sql'
import { sqlstateOf } from '#db/sqlstate'

/** What PostgreSQL answers to a wrong password. */
const INVALID_PASSWORD = '28P01'

/**
 * @param url of the cluster, with the password as it should be
 * @param earlier passwords it may have instead
 * @throws `invalid` secret_unknown: none of them opens it
 */
export async function renewPassword(
  url: Secret,
  password: Secret,
  earlier: readonly Secret[],
): Promise<void> {
  if (await opens(url)) return
  for (const one of earlier) {
    if (await opens(withPassword(url, one), (database) => setPassword(database, url, password))) {
      return
    }
  }
  throw invalid(
    'secret_unknown',
    'Cannot start: the data folder was made with another instance secret. Put its file instance-secret back, or give that secret in STEAD_SECRET; to change it, give the earlier one in STEAD_PREVIOUS_SECRETS',
  )
}

/** False when the password is wrong. */
async function opens(url: Secret, work?: (database: Database) => Promise<void>): Promise<boolean> {
  const database = openDatabase(url, { max: 1 })
  try {
    await database.query`select 1`
    await work?.(database)
    return true
  } catch (error) {
    if (sqlstateOf(error) === INVALID_PASSWORD) return false
    throw error
  } finally {
    await database.close()
  }
}

async function setPassword(database: Database, url: Secret, password: Secret): Promise<void> {
  const role = decodeURIComponent(new URL(url.reveal()).username)
  const words = raw(`password ${quoteLiteral(password.reveal())}`)
  await database.query`alter role ${ident(role)} ${words}`
}

function withPassword(url: Secret, password: Secret): Secret {
  const changed = new URL(url.reveal())
  changed.password = password.reveal()
  return new Secret(changed.href)
}
