import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { readMigrations } from '#db/migrator'
import { startApp } from '#support/app'
import { openCluster } from './cluster.ts'

const FOLDER = fileURLToPath(new URL('../../../migrations/app', import.meta.url))

test('migrateAppDatabase() brings the database of an older app to the newest version', async () => {
  await using app = await startApp()
  const migrations = await readMigrations(FOLDER)
  const later = { name: 'later', text: 'create table stead.later ()', checksum: 'later' }
  const newer = await openCluster(new Secret(inject('clusterUrl')), {
    migrations: [...migrations, { ...later, version: migrations.length + 1 }],
  })
  expect(newer.schemaVersion).toBe(migrations.length + 1)

  await newer.migrateAppDatabase(app.appId)
  await newer.close()

  const [row] = await app.sql("select to_regclass('stead.later')::text as name")
  expect(row).toEqual({ name: 'stead.later' })
})

test('an app that an older program made is migrated before its first request', async () => {
  await using app = await startApp()
  const { platform, apps } = app.instance.services
  const newest = (await apps.find(app.appId))?.schemaVersion ?? 0
  expect(newest).toBeGreaterThan(0)
  await platform.query`update apps set schema_version = 0 where id = ${app.appId}`
  apps.forget(app.appId)

  expect((await app.owner.get(`/v1/${app.appId}/config`)).status).toBe(200)

  expect((await apps.find(app.appId))?.schemaVersion).toBe(newest)
})
