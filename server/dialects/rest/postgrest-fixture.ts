/** A shop of small tables, which shows corners of PostgREST’s language. */
import { afterAll, beforeAll } from 'vitest'
import { startApp, type TestApp } from '#support/app'

export let app: TestApp

const SCHEMA = `
create table makers (id int primary key, name text not null);
create table goods (id int primary key, maker_id int references makers, name text not null,
  price numeric not null default 1, tags jsonb);
create table shelves (id int primary key, label text);
create table placed (good_id int references goods, shelf_id int references shelves,
  primary key (good_id, shelf_id));
insert into makers values (1, 'Abel'), (2, 'Bea');
insert into goods values (1, 1, 'pen', 2, '{"ink-colour": {"a b": 7}}'), (2, 1, 'pad', 3, null),
  (3, 2, 'cup', 5, null);
insert into shelves values (1, 'low'), (2, 'high');
insert into placed values (1, 1), (1, 2), (3, 2);
create view goods_seen as select id, maker_id, name from goods;
create view goods_seen_twice as select id as good, maker_id as maker, name from goods_seen;
create view placed_seen as select good_id, shelf_id from placed;
create view sums as select maker_id, sum(price) as total from goods group by maker_id;
create function shout(goods) returns text stable language sql as $$ select upper($1.name) $$;

create domain "text/x-note" as text;
create domain "image/x-dot" as bytea;
create domain "*/*" as text;
create function note() returns "text/x-note" stable language sql as $$ select 'a note' $$;
create function dot() returns "image/x-dot" stable language sql as $$ select '\\x00ff'::bytea $$;
create function whatever() returns "*/*" stable language sql as $$ select 'yes' $$;
create function add_line("text/x-note", makers) returns "text/x-note" immutable language sql
  as $$ select concat($1, $2.id, ':', $2.name, ';')::"text/x-note" $$;
create aggregate lines(makers) (sfunc = add_line, stype = "text/x-note", initcond = '');

create table logs (day int, note text, primary key (day)) partition by range (day);
create table logs_all partition of logs for values from (0) to (1000);

create function touch() returns void language sql as $$ select 1 $$;
create function pair(out left_side int, out right_side int) language sql as $$ select 1, 2 $$;
create function sole(out answer int) language sql as $$ select 42 $$;
create function letters(code char(3), bits bit(2)) returns text language sql
  as $$ select code || bits::text $$;
create function fail_with(header text) returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"78","message":"with"}',
    detail = json_build_object('status', 402, 'headers', json_build_object('X-Why', header))::text; end $$;
create function fail_so(status int) returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"77","message":"so","details":"d","hint":"h"}',
    detail = format('{"status":%s,"status_text":"Quite So \u00e9","headers":{"X-So":"1"}}', status); end $$`

export type Sent = {
  method?: string
  body?: object | string | undefined
  headers?: Record<string, string>
}

export async function ask(path: string, { method = 'GET', body, headers }: Sent = {}) {
  const res = await app.as(app.serviceKey).request(method, `/rest/v1${path}`, body, headers)
  const bytes = Buffer.from(await res.arrayBuffer())
  const text = bytes.toString()
  const isJson = /^[^;]*json/.test(res.headers.get('content-type') ?? '') && text !== ''
  const { status, statusText, headers: told } = res
  return { status, statusText, headers: told, bytes, body: isJson ? JSON.parse(text) : text }
}

export const bodyOf = async (path: string, sent?: Sent) => (await ask(path, sent)).body as unknown
export const accepting = (accept: string): Sent => ({ headers: { accept } })

/** Starts an app with the shop before the tests of a file, and ends it after them. */
export function useShop(): void {
  beforeAll(async () => {
    app = await startApp()
    await app.sql(SCHEMA)
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
