/** After the instance secret has changed, the login roles' passwords, which derive from it, follow. */
import { selectDatabases } from './apps.sql.ts'
import type { Apps } from './apps.ts'
import { loginPassword } from './databases.ts'

/** Every app's roles get the passwords of the present secret. May run again and again. */
export async function renewLogins({ needs: { platform, regions, keyring } }: Apps): Promise<void> {
  for (const { dbName, region } of await selectDatabases(platform.query)) {
    await regions.cluster(region)?.renewLogins(dbName, (role) => loginPassword(keyring, role))
  }
}
