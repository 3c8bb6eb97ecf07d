-- What was applied to the app's schema through the API.

create table stead.schema_migrations (
  id integer generated always as identity primary key,
  name text not null,
  sql_up text not null,
  sql_down text,
  checksum text not null,
  applied_at timestamptz not null default now()
);
