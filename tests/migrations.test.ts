import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { databaseUrl, openCluster } from '#domains/apps'
import { Secret } from '#core/secret'
import { openDatabase } from '#db/database'
import { migrate, readMigrations } from '#db/migrator'
import { dumpSchema } from '../tools/schema-dump.ts'

const cluster = new Secret(inject('clusterUrl'))
const NAMES = { platform: 'dump_platform', app: 'dump_app' }

const folder = (family: string): string =>
  fileURLToPath(new URL(`../migrations/${family}`, import.meta.url))

async function inCluster(statements: readonly string[]): Promise<void> {
  const admin = openDatabase(cluster, { max: 1 })
  await admin.session(async (client) => {
    for (const statement of statements) await client.query(statement)
  })
  await admin.close()
}

const drops = Object.values(NAMES).map((name) => `drop database if exists ${name} with (force)`)

beforeAll(async () => {
  const opened = await openCluster(cluster, { migrations: await readMigrations(folder('app')) })
  await opened.close()
  await inCluster([
    ...drops,
    ...Object.values(NAMES).map((name) => `create database ${name} template template0`),
  ])
})

afterAll(() => inCluster(drops))

test.each(['platform', 'app'] as const)(
  'migrations/%s.schema.txt shows what the migrations result in',
  async (family) => {
    const url = databaseUrl(cluster, NAMES[family])
    const database = openDatabase(url, { max: 1 })
    await migrate(database, await readMigrations(folder(family)))
    await database.close()
    const dump = await dumpSchema(url.reveal())
    const kept = fileURLToPath(new URL(`../migrations/${family}.schema.txt`, import.meta.url))
    if (process.env.STEAD_WRITE_SCHEMA) writeFileSync(kept, dump)
    expect(dump, 'run: npm run schema-dump').toBe(readFileSync(kept, 'utf8'))
  },
)
