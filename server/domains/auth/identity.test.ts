import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { identityIn } from '#domains/accounts'
import { databaseUrl } from '#domains/apps'
import { Secret } from '#core/secret'
import { listen } from '#db/notifications'
import { compile } from '#db/sql'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp({ env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
})

afterAll(() => app[Symbol.asyncDispose]())

type Session = { user: { id: string; email: string }; access_token: string }

let made = 0

async function enter(path: string, body: object): Promise<Session> {
  const res = await app.nobody.post(path, body)
  expect(res.ok).toBe(true)
  return (await res.json()) as Session
}

const signUp = () =>
  enter('/api/v1/auth/signup', { email: `user${++made}@example.com`, password: 'correct horse' })

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

/** A token that somebody else signed with the secret of the default app. */
async function minted(claims: object): Promise<string> {
  const { apps } = app.instance.services
  const { secret } = apps.keysOf(await apps.default())
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = `${part({ alg: 'HS256' })}.${part(claims)}`
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}

/** What SQL under the caller's identity answers, run as the app's data API would. */
async function askAs(token: string, question: string): Promise<Record<string, unknown>[]> {
  const { apps, identifier } = app.instance.services
  const found = await apps.find(app.appId)
  const caller = await identifier.identify(token, found)
  if (!found || caller.kind === 'account') throw new Error('not of the app')
  const { api } = apps.databasesOf(found)
  return api.session(async (client) => {
    await client.query('begin')
    const { text, values } = compile(identityIn(caller, found).settings)
    await client.query(text, values)
    const answer = await client.query(question).catch((error: Error) => error)
    await client.query('rollback')
    if (answer instanceof Error) throw answer
    return answer.rows as Record<string, unknown>[]
  })
}

test('auth.uid() and the claims in SQL are those of the token', async () => {
  const { user, access_token: access } = await signUp()
  const question = `select auth.uid() uid, auth.role() role, auth.email() email, current_user db_role,
    public.current_user_id() id, auth.jwt() ->> 'session_id' session`
  expect(await askAs(access, question)).toEqual([
    {
      uid: user.id,
      role: 'authenticated',
      email: user.email,
      db_role: 'authenticated',
      id: user.id,
      session: claimsOf(access).session_id,
    },
  ])
  expect(await askAs(app.anonKey, 'select auth.uid() uid, current_user db_role')).toEqual([
    { uid: null, db_role: 'anon' },
  ])
  const custom = await minted({ role: 'service_role', sub: user.id })
  expect(await askAs(custom, 'select current_user db_role')).toEqual([{ db_role: 'service_role' }])
})

test('SQL has the further words of Fluxbase: for policies, and to switch them on and off', async () => {
  const { user, access_token: access } = await signUp()
  const words = `select auth.current_user_id() id, auth.current_user_role() role, auth.is_authenticated() signed,
    auth.is_admin() admin, auth.has_tenant_access(null) own, auth.has_tenant_access(auth.uid()) other`
  expect(await askAs(access, words)).toEqual([
    {
      id: user.id,
      role: 'authenticated',
      signed: true,
      admin: false,
      own: true,
      other: false,
    },
  ])
  await app.sql(`create table "Odd ""name" (id int);
    grant select on "Odd ""name" to authenticated`)
  const isOn = async () =>
    (await app.sql(`select relrowsecurity as "on" from pg_class where relname = 'Odd "name'`))[0]
  await app.sql(`select auth.enable_rls('Odd "name')`)
  expect(await isOn()).toEqual({ on: true })
  const disable = `select auth.disable_rls('Odd "name', 'public')`
  await expect(askAs(access, disable)).rejects.toThrow(/must be owner/)
  await app.sql(disable)
  expect(await isOn()).toEqual({ on: false })
})

test('a role of the application never becomes a role of the database', async () => {
  const { user } = await signUp()
  await app.sql(`update auth.users set role = 'postgres' where id = $1`, [user.id])
  const { access_token: access } = await enter('/api/v1/auth/signin', {
    email: user.email,
    password: 'correct horse',
  })
  expect(await askAs(access, 'select current_user db_role, auth.role() role')).toEqual([
    { db_role: 'authenticated', role: 'postgres' },
  ])
  const elevate = app.sql(`update auth.users set role = 'service_role' where id = $1`, [user.id])
  await expect(elevate).rejects.toThrow(/check constraint/)
})

test('SQL shows users their own row without secrets, the anon role nothing, and nobody a hash', async () => {
  const { user, access_token: access } = await signUp()
  await signUp()
  expect(await askAs(access, 'select id, email from auth.users')).toEqual([
    { id: user.id, email: user.email },
  ])
  expect(await askAs(access, 'select user_id from auth.sessions')).toEqual([{ user_id: user.id }])
  const all = await askAs(app.serviceKey, 'select id from auth.users')
  expect(all.length).toBeGreaterThan(1)
  const denied = [
    [app.anonKey, 'select id from auth.users'],
    [app.anonKey, 'select id from auth.sessions'],
    [access, 'select password_hash from auth.users'],
    [access, 'select refresh_token_hash from auth.sessions'],
    [access, 'select hash from auth.spent_refresh_tokens'],
    [access, 'select hash from auth.one_time_tokens'],
    [access, `update auth.users set role = 'editor'`],
    [access, 'delete from auth.sessions'],
    [app.serviceKey, 'select password_hash from auth.users'],
  ] as const
  for (const [token, question] of denied) {
    await expect(askAs(token, question), question).rejects.toThrow(/permission denied/)
  }
})

test('tables of the app may point at users, and what they point with goes when the user goes', async () => {
  const { user } = await signUp()
  const { apps } = app.instance.services
  const { owner } = apps.databasesOf(await apps.default())
  await owner.query`create table public.notes (
    id int primary key, owner uuid not null default auth.uid() references auth.users on delete cascade)`
  await owner.query`insert into public.notes values (1, ${user.id})`
  await expect(owner.query`select email from auth.users`).rejects.toThrow(/permission denied/)
  const path = `/v1/${app.appId}/admin/auth/users/${user.id}`
  expect((await app.owner.delete(path)).status).toBe(200)
  expect(await app.sql('select from public.notes')).toEqual([])
})

test('every process is told which session ended', async () => {
  const { services } = app.instance
  const [control] = await services.platform.query<{
    name: string
  }>`select current_database() as name`
  const told: string[] = []
  const listener = listen({
    url: databaseUrl(new Secret(inject('clusterUrl')), control?.name ?? ''),
    channels: ['stead_sessions'],
    onMessage: (_, payload) => told.push(payload),
    onGap: () => {},
    log: services.log,
  })
  await listener.ready
  const { user, access_token: first } = await signUp()
  await app.as(first).post('/api/v1/auth/signout')
  const { access_token: second } = await enter('/api/v1/auth/signin', {
    email: user.email,
    password: 'correct horse',
  })
  await app.as(second).post(`/auth/${app.appId}/logout`)
  await expect
    .poll(() => told)
    .toEqual([`${app.appId} ${String(claimsOf(first).session_id)}`, `${app.appId} ${user.id}`])
  await listener.close()
})

test('what an app hangs on its users never runs as Stead itself', async () => {
  const { user } = await signUp()
  const { apps } = app.instance.services
  const { owner } = apps.databasesOf(await apps.default())
  await owner.query`create table public.witness (who text)`
  await owner.query`grant insert on public.witness to public`
  await owner.query`create table public.pets (owner uuid references auth.users on delete cascade)`
  await owner.query`create function public.testify() returns trigger language plpgsql as $$ begin
    insert into public.witness select rolname from pg_roles
      where rolsuper and rolname in (current_user, session_user);
    insert into public.witness values ('ran');
    return old;
  end $$`
  await owner.query`create trigger early before delete on public.pets
    for each row execute function public.testify()`
  await owner.query`create trigger late after delete on public.pets
    for each row execute function public.testify()`
  await owner.query`insert into public.pets values (${user.id})`
  const path = `/v1/${app.appId}/admin/auth/users/${user.id}`
  expect((await app.owner.delete(path)).status).toBe(200)
  expect(await app.sql('select who from public.witness')).toEqual([{ who: 'ran' }, { who: 'ran' }])
  await owner.query`create type public.lookalike as (id uuid)`
  await owner.query`create function public.as_uuid(public.lookalike) returns uuid
    language sql as 'select $1.id'`
  const cast = owner.query`create cast (public.lookalike as uuid)
    with function public.as_uuid(public.lookalike) as implicit`
  await expect(cast).rejects.toThrow(/permission denied to create a cast/)
})
