/** An app whose data API is set this way and that, with roles of its own. */
import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { startApp, type TestApp } from '#support/app'

export let app: TestApp

/** Roles belong to the whole cluster, which other tests share. */
export const suffix = randomBytes(4).toString('hex')
export const GUEST = `guest_${suffix}`
export const AUTHOR = `author_${suffix}`
export const SECRET = 'a key of thirty-two characters, x'

export const DEFAULTS = {
  db_schemas: ['public'],
  db_anon_role: 'anon',
  db_pre_request: null,
  db_extra_search_path: ['public'],
  db_max_rows: null,
  db_aggregates_enabled: false,
  db_plan_enabled: false,
  jwt_secret: null,
  jwt_aud: null,
  jwt_role_claim_key: '.role',
  openapi_mode: 'follow-privileges',
  openapi_security_active: false,
  db_root_spec: null,
  server_timing_enabled: false,
}

export const configure = async (settings: object) => {
  const res = await app.owner.patch(`/v1/${app.appId}/config/data-api`, settings)
  return { status: res.status, body: (await res.json()) as Record<string, unknown> }
}

export const token = (claims: Record<string, unknown>, secret = SECRET) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))

export const get = async (path: string, bearer?: string, headers: Record<string, string> = {}) => {
  const client = bearer === undefined ? app.nobody : app.as(bearer)
  const res = await client.get(`/rest/v1${path}`, headers)
  return { status: res.status, headers: res.headers, body: (await res.json()) as unknown }
}

/** An app for the tests of one file, with its settings as they were before each of them. */
export function useDataApi(): void {
  beforeAll(async () => {
    app = await startApp()
    await app.sql(`
      create role ${GUEST} nologin; create role ${AUTHOR} nologin;
      create schema shop;
      create table shop.things (id int primary key, name text);
      insert into shop.things select i, 'thing ' || i from generate_series(1, 5) i;
      create table public.letters (id int primary key);
      create function public.who() returns text language sql stable as 'select current_user::text';
      create function public.claim(name text) returns text language sql stable as
        $$ select current_setting('request.jwt.claims', true)::json ->> name $$;
      create function public.watch() returns void language plpgsql as $$ begin
        if current_setting('request.jwt.claims')::json ->> 'banned' = 'yes' then
          raise exception 'You are banned'; end if;
        perform set_config('response.headers', '[{"X-Watched": "yes"}]', true); end $$;
      grant usage on schema shop, public to ${GUEST}, ${AUTHOR}, anon;
      grant all on shop.things to ${GUEST}, anon`)
  })

  beforeEach(async () => {
    await configure(DEFAULTS)
  })

  afterAll(async () => {
    await configure(DEFAULTS)
    await app.sql(`drop owned by ${GUEST}, ${AUTHOR}; drop role ${GUEST}; drop role ${AUTHOR}`)
    await app[Symbol.asyncDispose]()
  })
}
