import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { Secret } from '#core/secret'
import { type Database, openDatabase } from '#db/database'
import { keepRows, keptRows, loadCatalog, readRows } from './catalog.sql.ts'
import { CatalogCache } from './catalog-cache.ts'
import { relationshipsOf } from './relationships.ts'

let database: Database

const name = `catalog_${randomBytes(6).toString('hex')}`

const SCHEMA = `create schema stead;
create table stead.catalog_version (version bigint); insert into stead.catalog_version values (1);
create table stead.kept_catalog (only_row boolean primary key default true, version bigint, program text, texts text[]);
create domain positive as int check (value > 0); create domain tiny as positive check (value < 10);
create table people (id int primary key generated always as identity, name varchar(20) not null default 'x',
  age tiny, twice int generated always as (2) stored, parent int references people, unique (name, age));
create table tags (id int primary key);
create table people_tags (person int references people, tag int references tags, primary key (person, tag));
create table profiles (person int primary key references people);
create view adults as select id as person_id, name from people where age > 5;
create function label(people) returns text language sql as 'select $1.name';
create function search(q text, variadic words text[]) returns table (a int, b text) language sql as 'select 1, q'`

beforeAll(async () => {
  const cluster = inject('clusterUrl')
  const client = new pg.Client({ connectionString: cluster })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  const url = new URL(cluster)
  url.pathname = `/${name}`
  database = openDatabase(new Secret(url.href), { max: 2 })
  await database.session((session) => session.query(SCHEMA))
})

afterAll(async () => {
  await database.close()
  const client = new pg.Client({ connectionString: inject('clusterUrl') })
  await client.connect()
  await client.query(`drop database ${name} with (force)`)
  await client.end()
})

test('loadCatalog tells columns with types under domains, defaults, keys, and nothing of ours', async () => {
  const catalog = await loadCatalog(database)
  expect(catalog.schemas).toEqual(['public'])
  const people = catalog.relation('public', 'people')
  expect(people).toMatchObject({ kind: 'table', primaryKey: ['id'], rowSecurity: false })
  expect(people?.uniques).toEqual([['id'], ['name', 'age']])
  expect(people?.columns.get('id')).toMatchObject({
    identity: true,
    generated: true,
    notNull: true,
  })
  expect(people?.columns.get('name')).toMatchObject({
    type: 'character varying(20)',
    baseType: 'varchar',
    defaultSql: "'x'::character varying",
  })
  expect(people?.columns.get('age')).toMatchObject({
    type: 'public.tiny',
    baseType: 'int4',
    category: 'N',
  })
  expect(people?.columns.get('twice')).toMatchObject({ generated: true, defaultSql: null })
})

test('loadCatalog tells functions with their arguments and results', async () => {
  const catalog = await loadCatalog(database)
  expect(catalog.routines('public', 'search')).toMatchObject([
    {
      arguments: [
        { name: 'q', type: 'text', required: true, variadic: false },
        { name: 'words', type: 'text[]', required: false, variadic: true },
      ],
      setOf: true,
      composite: true,
      outputs: [
        { name: 'a', type: 'integer' },
        { name: 'b', type: 'text' },
      ],
    },
  ])
})

test('relationships go both ways, through junctions, to one where unique, and through views', async () => {
  const catalog = await loadCatalog(database)
  const found = (table: string) => {
    const relation = catalog.relation('public', table)
    if (!relation) throw new Error(`no ${table}`)
    return relationshipsOf(catalog, relation)
      .map(({ cardinality, to }) => `${cardinality} ${to.name}`)
      .toSorted()
  }
  expect(found('tags')).toEqual([
    'many-to-many adults',
    'many-to-many people',
    'one-to-many people_tags',
  ])
  expect(found('profiles')).toEqual(['one-to-one adults', 'one-to-one people'])
  expect(found('people')).toEqual(
    expect.arrayContaining([
      'many-to-many tags',
      'many-to-one people',
      'one-to-many people',
      'one-to-one profiles',
    ]),
  )
})

test('loadCatalog tells of one moment: a table has all of its columns or is not there', async () => {
  let over = false
  const changes = (async () => {
    while (!over) {
      await database.query`create table brief (id int primary key, a text)`
      await database.query`drop table brief`
    }
  })()
  for (let round = 0; round < 10; round++) {
    const brief = (await loadCatalog(database)).relation('public', 'brief')
    expect([undefined, 2]).toContain(brief?.columns.size)
    expect([undefined, 1]).toContain(brief?.primaryKey.length)
  }
  over = true
  await changes
})

test('CatalogCache answers at once from what it has, and newer() only when the version changed', async () => {
  const cache = new CatalogCache()
  const [first, second] = await Promise.all([cache.get('a', database), cache.get('a', database)])
  expect(first).toBe(second)
  expect(cache.get('a', database)).toBe(first)
  expect(await cache.newer('a', database, first)).toBeUndefined()
  await database.query`create table fresh (a int)`
  await database.query`update stead.catalog_version set version = version + 1`
  const newer = await cache.newer('a', database, first)
  expect(newer?.relation('public', 'fresh')).toBeDefined()
  expect(cache.get('a', database)).toBe(newer)
  cache.forget('a')
  expect(await cache.get('a', database)).not.toBe(newer)
})

test('CatalogCache keeps nobody waiting for changes to end', async () => {
  const cache = new CatalogCache()
  const first = await cache.get('a', database)
  const change = () => database.query`update stead.catalog_version set version = version + 1`
  await change()
  let over = false
  const changes = (async () => {
    while (!over) {
      await change()
      cache.invalidate('a')
    }
  })()
  const newer = await cache.newer('a', database, first)
  over = true
  await changes
  expect(BigInt(newer?.version ?? '')).toBeGreaterThan(BigInt(first.version))
})

/** Rows that tell of a table that is not there: who shows it has begun with what was kept. */
const keepMade = async (): Promise<void> => {
  const rows = await readRows(database)
  const [relations = '[]', ...others] = rows.texts
  const made = relations.replace(
    '[',
    '[{"oid":"1","schema":"public","name":"made_up","kind":"r"}, ',
  )
  await keepRows(database, { ...rows, texts: [made, ...others] })
}

test('a cold CatalogCache begins with what another kept, as long as the schema is the same', async () => {
  const first = new CatalogCache()
  await first.get('a', database)
  await first.close()
  const [kept] = await database.query<{ version: string }>`select version from stead.kept_catalog`
  const [now] = await database.query<{ version: string }>`select version from stead.catalog_version`
  expect(kept?.version).toBe(now?.version)
  expect(await keptRows(database)).toEqual(await readRows(database))

  await keepMade()
  const second = await new CatalogCache().get('a', database)
  expect(second.relation('public', 'made_up')).toBeDefined()
  expect(second.relation('public', 'people')?.primaryKey).toEqual(['id'])
  await database.query`update stead.catalog_version set version = version + 1`
  const third = await new CatalogCache().get('a', database)
  expect(third.relation('public', 'made_up')).toBeUndefined()
})

test('kept rows of another program, or broken ones, are as if there were none', async () => {
  await keepMade()
  await database.query`update stead.kept_catalog set program = 'another'`
  const other = await new CatalogCache().get('a', database)
  expect(other.relation('public', 'made_up')).toBeUndefined()
  await keepMade()
  for (const texts of ['{}', '{"{"}', `{${Array(10).fill('"[{"').join()}}`]) {
    await database.query`update stead.kept_catalog set texts = ${texts}`
    const broken = await new CatalogCache().get('a', database)
    expect(broken.relation('public', 'people')?.columns.size).toBe(5)
  }
})

test('a catalog that began with kept rows is read anew while it is in use', async () => {
  await keepMade()
  const cache = new CatalogCache({ rereadMs: 0 })
  expect((await cache.get('a', database)).relation('public', 'made_up')).toBeDefined()
  await expect
    .poll(async () => (await cache.get('a', database)).relation('public', 'made_up'))
    .toBeUndefined()
})

test('a catalog that could not be read anew is read at the next request', async () => {
  await keepMade()
  const cache = new CatalogCache({ rereadMs: 0 })
  await cache.get('a', database)
  const gone = openDatabase(new Secret(inject('clusterUrl')))
  await gone.close()
  expect((await cache.get('a', gone)).relation('public', 'made_up')).toBeDefined()
  await expect
    .poll(async () => (await cache.get('a', database)).relation('public', 'made_up'))
    .toBeUndefined()
})

test('a catalog that was warmed is not yet in use, and never older than a second when it is', async () => {
  const used: string[] = []
  const cache = new CatalogCache({ onFirstUse: (appId) => used.push(appId) })
  cache.warm('a', database)
  await expect.poll(() => cache.usedAt('a')).toBeGreaterThan(0)
  expect(used).toEqual([])
  const later = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 2000)
  await database.query`create table since (a int)`
  await database.query`update stead.catalog_version set version = version + 1`
  expect((await cache.get('a', database)).relation('public', 'since')).toBeDefined()
  later.mockRestore()
  expect(used).toEqual(['a'])
})

test('the first use of an app is told once, when it has come to a catalog', async () => {
  const used: string[] = []
  const cache = new CatalogCache({ onFirstUse: (appId) => used.push(appId) })
  const gone = openDatabase(new Secret(inject('clusterUrl')))
  await gone.close()
  await expect(cache.get('a', gone)).rejects.toThrow()
  expect(used).toEqual([])
  await Promise.all([cache.get('a', database), cache.get('a', database)])
  await cache.get('a', database)
  expect(used).toEqual(['a'])
})

test('settings of roles are never kept: no version tells when they change', async () => {
  const role = `role_${name}`
  await database.session(async (session) => {
    await session.query(`create role ${role}`)
    try {
      await keepRows(database, await readRows(database))
      await session.query(`alter role ${role} set statement_timeout = '7s'`)
      const catalog = await new CatalogCache().get('a', database)
      expect(catalog.roleSettings.get(role)?.timeoutMs).toBe(7000)
    } finally {
      await session.query(`drop role ${role}`)
    }
  })
})

test.each<[string, string, { readsRequest: boolean; sharesTransactions: boolean }]>([
  ['nothing', 'select', { readsRequest: false, sharesTransactions: true }],
  [
    'a function that reads headers',
    `create function habit() returns text language sql stable begin atomic
      select current_setting('request.headers', true); end`,
    { readsRequest: true, sharesTransactions: true },
  ],
  [
    'a default that reads headers',
    `create table habit (by text default current_setting('request.headers', true))`,
    { readsRequest: true, sharesTransactions: true },
  ],
  [
    'a function that sets something',
    `create function habit() returns void language plpgsql as $$ begin SET LOCAL mine.word = 'x'; end $$`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a view that sets something',
    `create view habit as select set_config('mine.word', 'x', true)`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a function that sets something unless it is told',
    `create function habit(word text default set_config('mine.word', 'x', true)) returns text language sql return word`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a function that asks for headers unless it is told',
    `create function habit(by text default current_setting('request.headers', true)) returns text language sql return by`,
    { readsRequest: true, sharesTransactions: true },
  ],
  [
    'a function that forgets who asks',
    `create function habit() returns void language plpgsql as $$ begin reset role; end $$`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a function that says for good who asks',
    `create function habit() returns void language plpgsql as $$ begin set app.user_id = 'x'; end $$`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a function that changes rows',
    `create function habit() returns void language plpgsql as
      $$ begin update temp set app_id = 'x', transactions = 2; end $$`,
    { readsRequest: false, sharesTransactions: true },
  ],
  [
    'a function that makes a temporary table',
    `create function habit() returns void language plpgsql as
      $$ begin create temp table if not exists found on commit drop as select 1 as a; end $$`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a domain whose check sets something',
    `create domain habit as text check (set_config('mine.word', value, true) is not null)`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a function that tells others',
    `create function habit() returns void language sql as $$ select pg_notify('seen', 'x') $$`,
    { readsRequest: false, sharesTransactions: false },
  ],
  [
    'a trigger, which no read meets,',
    `create function habit() returns trigger language plpgsql as $$ begin perform pg_notify('seen',
      set_config('mine.word', current_setting('request.headers', true), true)); return new; end $$`,
    { readsRequest: true, sharesTransactions: true },
  ],
  [
    'an isolation of its own',
    `set default_transaction_isolation = 'repeatable read'`,
    { readsRequest: false, sharesTransactions: false },
  ],
])('loadCatalog tells what %s asks of transactions', async (_, sql, expected) => {
  const url = new URL(inject('clusterUrl'))
  url.pathname = `/${name}`
  const alone = openDatabase(new Secret(url.href), { max: 1, sessions: 1 })
  try {
    await alone.batch([{ text: 'create schema habits', values: [] }])
    await alone.batch([{ text: `set search_path = habits`, values: [] }])
    await alone.batch([{ text: sql, values: [] }])
    const { readsRequest, sharesTransactions } = await loadCatalog(alone)
    expect({ readsRequest, sharesTransactions }).toEqual(expected)
  } finally {
    await alone.batch([{ text: 'drop schema habits cascade', values: [] }])
    await alone.close()
  }
})

/** How long it takes is measured by bench/scale.ts. */
test('a catalog of many tables loads whole, and others have turns meanwhile', async () => {
  const columns = Array.from({ length: 9 }, (_, at) => `c${at} text`).join(', ')
  await database.session((session) =>
    session.query(`do $$ begin for i in 1..400 loop
      execute format('create table wide_%s (id int primary key, ${columns})', i); end loop; end $$`),
  )
  let turns = 0
  let over = false
  const turn = (): void => {
    turns += 1
    if (!over) setImmediate(turn)
  }
  turn()
  const catalog = await loadCatalog(database)
  over = true
  expect(turns).toBeGreaterThan(3)
  const wide = catalog.relationsOf('public').filter(({ name }) => name.startsWith('wide_'))
  expect(wide.length).toBe(400)
  expect(wide.every((one) => one.columns.size === 10 && one.primaryKey[0] === 'id')).toBe(true)
})
