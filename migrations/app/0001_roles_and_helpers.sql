-- What every app database starts with: the words that policies use, who may see the public schema,
-- and the bell that rings when the schema changes. The roles are the cluster's and exist already.

create schema auth;
grant usage on schema auth to anon, authenticated, service_role;
grant usage on schema public to anon, authenticated, service_role;

-- Claims of the caller; SQL null when nobody asks through the API.
create function auth.jwt() returns jsonb language sql stable as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

create function auth.uid() returns uuid language sql stable as $$
  select nullif(coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  ), '')::uuid
$$;

create function auth.role() returns text language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role', 'anon')
$$;

create function auth.email() returns text language sql stable as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
$$;

create function auth.current_user_id() returns uuid language sql stable as $$
  select auth.uid()
$$;

create function auth.current_user_role() returns text language sql stable as $$
  select auth.role()
$$;

create function auth.is_authenticated() returns boolean language sql stable as $$
  select auth.uid() is not null
$$;

create function auth.is_admin() returns boolean language sql stable as $$
  select auth.role() = 'admin'
$$;

-- The caller's id as text; null for nobody. Butterbase's policies compare with it.
create function public.current_user_id() returns text language sql stable as $$
  select nullif(current_setting('request.jwt.claim.sub', true), '')
$$;

-- One row: how often the schema changed. Caches compare it before they say that something is absent.
create table stead.catalog_version (
  only_row boolean primary key default true check (only_row),
  version bigint not null
);
insert into stead.catalog_version (version) values (1);

create function stead.ring() returns void
language plpgsql security definer set search_path = '' as $$
begin
  update stead.catalog_version set version = version + 1;
  perform pg_notify('stead_ddl', '');
end $$;

-- Temporary objects are a session's own affair and ring nothing.
create function stead.on_schema_change() returns event_trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (
    select from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp'
  ) then
    perform stead.ring();
  end if;
end $$;

create function stead.on_schema_drop() returns event_trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then
    perform stead.ring();
  end if;
end $$;

create event trigger stead_schema_changed on ddl_command_end execute function stead.on_schema_change();
create event trigger stead_schema_dropped on sql_drop execute function stead.on_schema_drop();

-- What is made in the public schema is the service's alone until the owner grants it to others.
alter default privileges in schema public grant all on tables to service_role;
alter default privileges in schema public grant all on sequences to service_role;
