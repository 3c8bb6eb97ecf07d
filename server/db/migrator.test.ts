import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { type Database, openDatabase } from './database.ts'
import { migrate, readMigrations } from './migrator.ts'
import { ident } from './sql.ts'

const name = `migrator_${randomBytes(6).toString('hex')}`
const folder = mkdtempSync(join(tmpdir(), 'stead-migrations-'))
let admin: Database
let database: Database

beforeAll(async () => {
  const url = new URL(inject('clusterUrl'))
  admin = openDatabase(new Secret(url.href), { max: 1 })
  await admin.query`create database ${ident(name)}`
  url.pathname = name
  database = openDatabase(new Secret(url.href), { max: 8 })
})

afterAll(async () => {
  await database.close()
  await admin.query`drop database ${ident(name)}`
  await admin.close()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  await database.query`drop schema if exists stead cascade`
  await database.query`drop table if exists log, a, b`
})

/** A folder with these files and no others. */
function files(contents: Record<string, string>): string {
  const path = mkdtempSync(join(folder, 'family-'))
  for (const [file, text] of Object.entries(contents)) writeFileSync(join(path, file), text)
  return path
}

const TWO = { '0001_a.sql': 'create table a ()', '0002_b.sql': 'create table b ()' }

async function tables(): Promise<string[]> {
  const rows = await database.query<{ tablename: string }>`
    select tablename from pg_tables where schemaname = 'public' order by 1`
  return rows.map(({ tablename }) => tablename)
}

describe('readMigrations', () => {
  test('gives the files of a folder first to last and takes no notice of others', async () => {
    const found = await readMigrations(files({ ...TWO, 'README.md': '' }))
    expect(found.map((one) => [one.version, one.name])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  })

  test.each([
    ['a number that is too narrow', '2_b.sql', '0002'],
    ['a number that is too wide', '00002_b.sql', '0001'],
    ['a gap', '0003_b.sql', '0002'],
    ['a number that is taken', '0001_b.sql', '0002'],
    ['a name in capitals', '0002_B.sql', '0002'],
    ['no number', 'b.sql', '0002'],
  ])('refuses %s', async (_, file, expected) => {
    const path = files({ '0001_a.sql': 'select 1', [file]: 'select 1' })
    await expect(readMigrations(path)).rejects.toThrow(`expected ${expected}_name.sql`)
  })

  test('accepts both families of the product', async () => {
    for (const family of ['platform', 'app']) {
      const found = await readMigrations(`migrations/${family}`)
      expect(found.length).toBeGreaterThan(0)
    }
  })
})

describe('migrate', () => {
  test('applies what is missing, in order, and nothing twice', async () => {
    const all = await readMigrations(files(TWO))
    expect(await migrate(database, all.slice(0, 1))).toEqual([1])
    expect(await migrate(database, all)).toEqual([2])
    expect(await migrate(database, all)).toEqual([])
    expect(await tables()).toEqual(['a', 'b'])
  })

  test('runs each file once when many runners start together', async () => {
    const all = await readMigrations(
      files({
        '0001_log.sql': 'create table log (version int)',
        '0002_first.sql': 'insert into log values (2); select pg_sleep(0.05)',
        '0003_second.sql': 'insert into log values (3)',
      }),
    )
    const runs = await Promise.all(Array.from({ length: 6 }, () => migrate(database, all)))
    expect(runs.flat()).toEqual([1, 2, 3])
    expect(await database.query`select version from log order by 1`).toEqual([
      { version: 2 },
      { version: 3 },
    ])
  })

  test('keeps nothing of a file that fails, and goes on from there once it is mended', async () => {
    const broken = { ...TWO, '0002_b.sql': 'create table b (); select 1/0' }
    await expect(migrate(database, await readMigrations(files(broken)))).rejects.toThrow(/zero/)
    expect(await tables()).toEqual(['a'])
    expect(await migrate(database, await readMigrations(files(TWO)))).toEqual([2])
  })

  test('refuses a file that changed after it ran', async () => {
    await migrate(database, await readMigrations(files(TWO)))
    const changed = await readMigrations(files({ ...TWO, '0001_a.sql': 'create table a (x int)' }))
    await expect(migrate(database, changed)).rejects.toMatchObject({
      code: 'migration_changed',
      message: expect.stringContaining('migration 1'),
    })
  })

  test('refuses a database that a newer program has migrated', async () => {
    const all = await readMigrations(files(TWO))
    await migrate(database, all)
    await expect(migrate(database, all.slice(0, 1))).rejects.toMatchObject({
      code: 'database_newer',
    })
    expect(await tables()).toEqual(['a', 'b'])
  })

  test('lets the next runner in after one has failed', async () => {
    const broken = await readMigrations(files({ '0001_a.sql': 'select 1/0' }))
    const all = await readMigrations(files(TWO))
    const ends = await Promise.allSettled([
      migrate(database, broken),
      migrate(database, broken),
      migrate(database, all),
    ])
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect(await tables()).toEqual(['a', 'b'])
  })
})
