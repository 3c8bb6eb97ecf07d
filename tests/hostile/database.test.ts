/** What an app's own login roles can reach in the cluster, and what Stead runs of theirs. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app[Symbol.asyncDispose]())

type Login = { role: 'api' | 'user' | 'owner'; database?: string }

/** One statement as a login role of the default app. */
async function as({ role, database = app.appId }: Login, text: string): Promise<unknown[]> {
  const { apps, keyring } = app.instance.services
  const url = new URL(apps.databaseUrlOf(await apps.default()).reveal())
  url.username = `${app.appId}_${role}`
  url.password = keyring.sign('database-login', url.username)
  url.pathname = `/${database}`
  const client = new pg.Client(url.href)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('the login roles of an app connect to the database of that app and to no other of Stead', async () => {
  const other = await app.createApp('neighbour')
  const [template] = await app.sql(
    `select datname as name from pg_database where starts_with(datname, 'stead_template') limit 1`,
  )
  const [control] = await app.instance.services.platform.query`select current_database() as name`
  const others = [String(control?.name), other.id, String(template?.name)]
  for (const role of ['api', 'user', 'owner'] as const) {
    for (const database of others) {
      await expect(as({ role, database }, 'select 1')).rejects.toMatchObject({ code: '42501' })
    }
    expect(await as({ role }, 'select 1 as one')).toEqual([{ one: 1 }])
  }
})

test('a function of the owner that fits better than PostgreSQL’s own is not run as Stead', async () => {
  await as(
    { role: 'owner' },
    `create table public.loot (taken_by text);
    create function public.hashtextextended(text, integer) returns bigint language plpgsql as $$
      begin insert into public.loot values (current_user); return 1; end $$;
    create function public.lower(name) returns text language plpgsql as $$
      begin insert into public.loot values (current_user); return 'x'; end $$`,
  )
  const deployed = await app.owner.post(`/v1/${app.appId}/functions`, {
    name: 'plain',
    code: 'export default () => new Response()',
  })
  expect(deployed.status).toBe(200)
  expect((await app.owner.get(`/v1/${app.appId}/schema`)).status).toBe(200)
  expect((await app.owner.get('/api/v1/tables')).status).toBe(200)
  expect(await app.sql('select * from public.loot')).toEqual([])
})

test('what the operator makes by hand: tables go to the app’s owner, views do not', async () => {
  await app.sql(`create table public.by_hand (id int primary key)`)
  await app.sql(`create view public.people as select id, email from auth.users`)
  await app.sql(`create materialized view public.counted as select count(*) from auth.users`)
  const owners = await app.sql(
    `select relname as name, pg_get_userbyid(relowner) <> current_user as given from pg_class
    where relname in ('by_hand', 'people', 'counted') order by 1`,
  )
  expect(owners).toEqual([
    { name: 'by_hand', given: true },
    { name: 'counted', given: false },
    { name: 'people', given: false },
  ])
  expect(await app.sql('select * from public.people')).toEqual([])
  const read = as({ role: 'owner' }, 'select * from public.people')
  await expect(read).rejects.toMatchObject({ code: '42501' })
})
