-- What was applied to the app's schema through the API, and which tables' rows travel with a clone.
-- The app's owner role writes both in the transaction that changes the schema.

create table stead.schema_migrations (
  id integer generated always as identity primary key,
  name text not null,
  sql_up text not null,
  sql_down text,
  checksum text not null,
  applied_at timestamptz not null default now()
);

create table stead.seed_tables (
  table_name text primary key
);

-- The tables that Stead's own login creates in the public schema (somebody works there by hand) go to the
-- owner of the database, so that later changes through the API may touch them. Views stay: they read with
-- the rights of whoever owns them, and may show what the app's owner must not see.
create function stead.adopt() returns event_trigger
language plpgsql security definer set search_path = '' as $$
declare
  adopter name := (select r.rolname from pg_catalog.pg_database d
    join pg_catalog.pg_roles r on r.oid = d.datdba
    where d.datname = pg_catalog.current_database());
  made record;
begin
  for made in
    select c.object_identity from pg_event_trigger_ddl_commands() c
    join pg_catalog.pg_class t on t.oid = c.objid
    where c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and c.schema_name = 'public'
      and not c.in_extension and c.object_type = 'table'
      and t.relowner = pg_catalog.to_regrole(pg_catalog.quote_ident(current_user))
      and adopter <> current_user
  loop
    execute pg_catalog.format('alter table %s owner to %I', made.object_identity, adopter);
  end loop;
end $$;

create event trigger stead_adopt on ddl_command_end
  when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
  execute function stead.adopt();
