import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { readMigrations } from '#db/migrator'
import { startApp } from '#support/app'
import { openCluster } from './cluster.ts'
import { loginPassword } from './databases.ts'

const FOLDER = fileURLToPath(new URL('../../../migrations/app', import.meta.url))

test('an app that an older program made gets the missing migrations before its first request', async () => {
  await using app = await startApp()
  const { platform, apps, keyring } = app.instance.services
  const migrations = await readMigrations(FOLDER)
  const { id } = await app.createApp()
  const older = await openCluster(new Secret(inject('clusterUrl')), migrations.slice(0, -1))
  await apps.closeDatabases(id)
  await older.createAppDatabase(id, (role) => loginPassword(keyring, role))
  await older.close()
  await platform.query`update apps set schema_version = ${migrations.length - 1} where id = ${id}`
  apps.forget(id)

  expect((await app.owner.get(`/v1/${id}/config`)).status).toBe(200)

  const [row] = await app.sql('select max(version) as version from stead.migrations', [], id)
  expect(row).toEqual({ version: migrations.length })
  expect((await apps.find(id))?.schemaVersion).toBe(migrations.length)
})
