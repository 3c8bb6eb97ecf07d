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
