-- What the server last read of this database's catalog: who comes next begins with it while the version is the same.

create table stead.kept_catalog (
  only_row boolean primary key default true check (only_row),
  -- As in stead.catalog_version.
  version bigint not null,
  -- A digest of the statements that read it.
  program text not null,
  -- What each of them gave.
  texts text[] not null
);
