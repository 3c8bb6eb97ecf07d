/** A database with a bit of everything that the OpenAPI document describes. */
export const DATABASE = `
  create type mood as enum ('sad', 'happy');
  create domain label as varchar(20) check (value <> '');
  create type pair as (a int, b text);
  create table authors (id int primary key generated always as identity, name label not null unique, mood mood not null default 'sad');
  create table things (
    id uuid primary key default gen_random_uuid(), author_id int references authors,
    small smallint, whole int not null default -3, big bigint, exact numeric(12, 3), near real, far double precision,
    yes boolean not null default true, word text not null default 'it''s', code char(3), moods mood[], lists int[] not null default '{}',
    day date, clock time, made timestamptz not null default now(), plain timestamp, took interval,
    facts jsonb, raw json, bytes bytea, place pair, span int4range, "limit" int, "odd name" text, address inet, number oid, price money,
    twice int generated always as (whole * 2) stored);
  comment on table things is 'Whatever there is';
  comment on column things.word is 'What it is called';
  create table couples (a int, b int, note text, primary key (a, b));
  create view loud as select id, upper(word) as word from things;
  create schema other; grant usage on schema other to service_role;
  create table other.rows (id int primary key); grant all on other.rows to service_role;
  create function add_them(a int, b int default 2) returns int immutable language sql as 'select a + b';
  comment on function add_them is E'Adds\\nTwo numbers';
  create function join_all(variadic words text[]) returns text immutable language sql as $$ select array_to_string(words, ' ') $$;
  create function all_things(low int) returns setof things stable language sql as 'select * from things where whole >= low';
  create function one_thing() returns things stable language sql as 'select * from things limit 1';
  create function author_of(key int) returns authors stable language sql as 'select * from authors where id = key';
  create function only_out(out word text) stable language sql as $$ select 'w' $$;
  create function same_list(words text[]) returns text[] immutable language sql as 'select words';
  create function either(a int) returns int immutable language sql as 'select a';
  create function either(a text) returns text immutable language sql as 'select a';
  create function tallies() returns table (kind text, n bigint) stable language sql as $$ values ('a', 1::bigint), (null, 2) $$;
  create function moods() returns setof mood stable language sql as $$ values ('sad'::mood), ('happy') $$;
  create function nothing() returns void language sql as 'select';
  create function echo(json) returns json immutable language sql as 'select $1';
  create function many(a int) returns text immutable language sql as $$ select 'int' $$;
  create function many(a text, b text) returns int immutable language sql as 'select 1';
  create function tells_nobody() returns int language sql as 'select 1';
  revoke execute on function tells_nobody() from public, anon, authenticated, service_role;
  insert into authors (name) values ('Ada');
  insert into things (author_id, small, big, exact, near, far, code, moods, lists, day, clock, plain, took, facts, raw, bytes, place,
      span, "limit", "odd name", address, number, price)
    values (1, 1, 9007199254740993, 1.25, 1.5, 2.5, 'abc', '{sad}', '{1,2}', '2026-01-31', '10:00', now(), '1 day', '{"a": 1}', '[1]',
      '\\x00', (1, 'x'), '[1,3)', 4, 'odd', '10.0.0.1', 1, 2);
  insert into things default values;
  insert into couples values (1, 2)`
