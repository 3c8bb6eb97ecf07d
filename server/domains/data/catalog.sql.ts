/** Reads a database's catalog in one round trip. */
import { createHash } from 'node:crypto'
import type { BatchResult, BatchStatement } from '#db/batch'
import type { Database } from '#db/database'
import type { Catalog } from './catalog.ts'
import { buildCatalog, type CatalogRows } from './catalog-rows.ts'
import {
  GEO_JSON,
  HANDLERS,
  isHoisted,
  isMade,
  isMedia,
  OURS,
  REPRESENTATIONS,
  ROLE_SETTINGS,
} from './catalog-types.sql.ts'

/** One moment for all: a table without its columns is of no use. PostgreSQL takes it only before any query. */
const SNAPSHOT = `set transaction_isolation = 'repeatable read'`

/** Names are written with their schema unless they are PostgreSQL's own. */
const PATH = `select set_config('search_path', 'pg_catalog', true),
  set_config('statement_timeout', '30s', true),
  set_config('join_collapse_limit', '1', true), set_config('from_collapse_limit', '1', true)`

const VERSION = 'select version::text from stead.catalog_version'

const RELATIONS = `select coalesce(json_agg(json_build_object(
    'oid', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
    'rowSecurity', c.relrowsecurity,
    'partitioned', c.relkind = 'p', 'partition', c.relispartition,
    'writes', json_build_object('insert', w & 8 <> 0, 'update', w & 4 <> 0, 'delete', w & 16 <> 0), 'description', d.description)
    order by n.nspname, c.relname), '[]')
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  cross join lateral (select case when c.relkind in ('r', 'p') then 28
    when c.relkind = 'm' then 0 else pg_relation_is_updatable(c.oid, true) end) as updatable(w)
  left join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${isMade('c.oid')} and ${OURS}`

/** The type under a domain, and under the domain that it may be made of. */
const BASE_TYPE = `case when ct.typtype <> 'd' then ct.oid else (
    with recursive under(oid, kind) as (
      select t.oid, t.typtype from pg_type t where t.oid = ct.typbasetype
      union all
      select t.oid, t.typtype from under u join pg_type d on d.oid = u.oid join pg_type t on t.oid = d.typbasetype
      where u.kind = 'd'
    ) select u.oid from under u where u.kind <> 'd') end`

const COLUMNS = `select coalesce(json_agg(json_build_array(
    a.attrelid::text, a.attname, format_type(a.atttypid, a.atttypmod), bt.typname, bt.typcategory,
    a.attnotnull,
    case when a.attidentity <> '' then
      (select format('nextval(%L::regclass)', dep.objid::regclass::text) from pg_depend dep
       where dep.classid = 'pg_class'::regclass and dep.refclassid = 'pg_class'::regclass
         and dep.refobjid = a.attrelid and dep.refobjsubid = a.attnum and dep.deptype = 'i' limit 1)
      when a.attgenerated = '' then coalesce(pg_get_expr(def.adbin, def.adrelid), ct.typdefault) end,
    a.attgenerated <> '' or a.attidentity = 'a', a.attidentity <> '', a.attnum, d.description,
    format_type(bt.oid, null), case when bt.typtype = 'e' then
      (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = bt.oid) end,
    case when bt.typcategory = 'A' then (select e.typtype from pg_type e where e.oid = bt.typelem) end)
    order by a.attrelid, a.attnum), '[]')
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_type ct on ct.oid = a.atttypid
  join pg_type bt on bt.oid = ${BASE_TYPE}
  left join pg_attrdef def on def.adrelid = a.attrelid and def.adnum = a.attnum
  left join pg_description d on d.objoid = a.attrelid and d.classoid = 'pg_class'::regclass
    and d.objsubid = a.attnum
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${isMade('c.oid')} and ${isMade('a.attrelid')}
    and ${OURS} and a.attnum > 0 and not a.attisdropped`

/** Foreign keys; those that a partition inherits are its parent's. */
const FOREIGN_KEYS = `select coalesce(json_agg(json_build_array(
    k.conrelid::text, k.conname, fn.nspname, fc.relname,
    (select json_agg(a.attname order by u.i) from unnest(k.conkey) with ordinality u(num, i)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num),
    (select json_agg(a.attname order by u.i) from unnest(k.confkey) with ordinality u(num, i)
      join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num))
    order by k.conrelid, k.conname), '[]')
  from pg_constraint k
  join pg_class fc on fc.oid = k.confrelid
  join pg_namespace fn on fn.oid = fc.relnamespace
  where k.contype = 'f' and k.conparentid = 0`

/** Unique indexes over whole columns without a condition, the primary key first. */
const KEYS = `select coalesce(json_agg(json_build_array(i.indrelid::text, i.indisprimary,
    (select json_agg(a.attname order by u.i) from unnest(i.indkey::int2[]) with ordinality u(num, i)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num where u.i <= i.indnkeyatts)
    ) order by i.indrelid, i.indisprimary desc), '[]')
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  where i.indisunique and i.indpred is null and i.indexprs is null and i.indisvalid
    and ${isMade('i.indrelid')} and ${OURS}`

/** Which column of which table a view's column is, as the view's own rule tells. */
const PROJECTIONS = `select coalesce(json_agg(json_build_array(oid, schema, name, columns)), '[]') from (
    select w.ev_class::text as oid, bn.nspname as schema, c.relname as name,
      json_agg(distinct jsonb_build_array(a.attname, va.attname)) as columns
    from (
      select w.ev_class, w.ev_action from pg_rewrite w
      join pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm') and ${isMade('v.oid')}
      join pg_namespace n on n.oid = v.relnamespace
      where w.ev_type = '1' and ${OURS} offset 0
    ) as w
    cross join lateral regexp_matches(w.ev_action::text,
      ':resno (\\d+) :resname (\\S+) :ressortgroupref \\d+ :resorigtbl (\\d+) :resorigcol (\\d+) :resjunk false',
      'g') as t(entry)
    join pg_attribute va on va.attrelid = w.ev_class and va.attnum = entry[1]::int2
    join pg_class c on c.oid = entry[3]::oid
    join pg_namespace bn on bn.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = entry[4]::int2
    where entry[3] <> '0' and va.attname = replace(entry[2], '\\', '')
    group by 1, 2, 3) as p`

const ROUTINES = `select coalesce(json_agg(json_build_object('oid', p.oid::text,
    'schema', n.nspname, 'name', p.proname, 'volatility', p.provolatile, 'setOf', p.proretset,
    'returnType', format_type(p.prorettype, null), 'returnBaseType', t.typname,
    'composite', t.typtype = 'c' or rb.typtype = 'c' or t.typname = 'record',
    'relation', case when coalesce(rb.typtype, t.typtype) = 'c' and rc.relkind in ('r', 'p', 'v', 'm', 'f')
      then json_build_object('schema', rn.nspname, 'name', rc.relname) end,
    'rowOf', (select json_build_object('schema', an.nspname, 'name', ac.relname)
      from pg_type at join pg_class ac on ac.oid = at.typrelid
      join pg_namespace an on an.oid = ac.relnamespace
      where p.pronargs = 1 and at.oid = p.proargtypes[0] and ac.relkind in ('r', 'p', 'v', 'm', 'f')),
    'handles', case when t.typtype = 'd' and not p.proretset and ${isMedia('t')}
      then json_build_object('mediaType', t.typname, 'binary', t.typbasetype = 'bytea'::regtype) end,
    'settings', coalesce((select json_object_agg(split_part(s, '=', 1), substr(s, strpos(s, '=') + 1))
      from unnest(p.proconfig) s where ${isHoisted("split_part(s, '=', 1)")}), '{}'),
    'rows', p.prorows, 'names', coalesce(p.proargnames, '{}'), 'modes', p.proargmodes::text[],
    'types', (select json_agg(format_type(u.type, null) order by u.i)
      from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality u(type, i)),
    'defaults', p.pronargdefaults, 'variadic', p.provariadic <> 0, 'description', d.description)
    order by n.nspname, p.proname, p.oid), '[]')
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_type t on t.oid = p.prorettype
  left join pg_type rb on rb.oid = t.typbasetype and t.typtype = 'd'
  left join pg_class rc on rc.oid = coalesce(rb.typrelid, t.typrelid)
  left join pg_namespace rn on rn.oid = rc.relnamespace
  left join pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass
  where p.prokind = 'f' and ${isMade('p.oid')} and ${OURS} and t.typname not in ('trigger', 'event_trigger')`

const ASKS = `'request\\.(headers|method|path|cookies)'`

/**
 * Leaves behind in its transaction what the next read would find there: settings, and temporary tables; or a notice, which
 * would be lost if the next read failed. What a function has in its own `set` clause ends with it. Without `local`, only
 * what every transaction of ours is told anew counts.
 */
const LEAVES = `'${[
  'set_config',
  '\\m(re)?set\\s+(local|session|role|constraints|all|search_path|statement_timeout|transaction)\\M',
  '\\m(re)?set\\s+(app|request|response)\\.',
  '\\m(create|replace|local|global|into)\\s+temp(orary)?\\M',
  '\\mpg_temp\\M',
  'notify',
].join('|')}'`

/** In most databases nothing of this stands anywhere: then the long pattern need not be compiled. */
const HINTS = `'set_config|set\\s|temp|notify'`

/** Of an expression as PostgreSQL keeps it, whether it calls a function that reads or sets what is meant here: to write it out takes longer. */
const calls = (expression: string): string => `${expression}::text ~ ':funcid (2077|2078|3294) '`

/** What is written in the database and run by requests: functions, policies, views, defaults, checks. */
const CODE = `select code, code ~ 'current_setting\\s*\\(\\s*[^'' ]' as asks_any,
      p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype) as is_read
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join lateral (select concat_ws(' ', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
      pg_get_expr(p.proargdefaults, 0)) as code) as body
    where ${isMade('p.oid')} and ${OURS}
  union all select concat(pg_get_expr(polqual, polrelid), ' ', pg_get_expr(polwithcheck, polrelid)), false, true from pg_policy
  union all select pg_get_viewdef(c.oid), false, true from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'v' and ${isMade('c.oid')} and ${OURS}
  union all select pg_get_expr(adbin, adrelid), false, false from pg_attrdef where ${isMade('adrelid')} and ${calls('adbin')}
  union all select pg_get_expr(conbin, conrelid), false, true from pg_constraint
    where contype = 'c' and ${isMade('oid')} and ${calls('conbin')}`

const HABITS = `select json_build_object(
    'readsRequest', coalesce(bool_or(asks_any or code ~ ${ASKS}), false),
    'leavesSettings', coalesce(bool_or(is_read and case when code ~* ${HINTS} then code ~* ${LEAVES} end), false))
  from (${CODE}) as written`

/** What the schema alone decides. */
const QUERIES = [
  RELATIONS,
  COLUMNS,
  FOREIGN_KEYS,
  KEYS,
  ROUTINES,
  HABITS,
  PROJECTIONS,
  REPRESENTATIONS,
  HANDLERS,
  GEO_JSON,
]

const unnamed = (text: string): BatchStatement => ({ text, values: [] })

const STATEMENTS = [SNAPSHOT, PATH, VERSION, ROLE_SETTINGS, ...QUERIES].map(unnamed)

/** The present number of schema changes, as text. */
export async function readVersion(platform: Database): Promise<string> {
  const [result] = await platform.batch([{ name: 'stead_version', text: VERSION, values: [] }])
  return result?.rows[0]?.[0] ?? ''
}

const firstOf = (result: BatchResult | undefined): string => result?.rows[0]?.[0] ?? '[]'

/** Reads the catalog. */
export async function readRows(platform: Database): Promise<CatalogRows> {
  const [, , version, settings, ...results] = await platform.batch(STATEMENTS)
  const texts = results.map(firstOf)
  return { version: firstOf(version), texts, roleSettings: firstOf(settings) }
}

export const loadCatalog = async (platform: Database): Promise<Catalog> =>
  buildCatalog(await readRows(platform))

/** Of other statements, those of another program, the rows would be other ones. */
const PROGRAM = createHash('sha256').update(QUERIES.join('\0')).digest('hex')

const FIND = `select v.version::text, ${QUERIES.map((_, at) => `k.texts[${at + 1}]`).join(', ')}
  from stead.catalog_version v join stead.kept_catalog k using (version) where k.program = '${PROGRAM}'`

/** The rows as somebody read and kept them, if the schema is still the one that they tell of. */
export async function keptRows(platform: Database): Promise<CatalogRows | undefined> {
  const [found, settings] = await platform.batch([unnamed(FIND), unnamed(ROLE_SETTINGS)])
  const [version, ...texts] = found?.rows[0] ?? []
  if (typeof version !== 'string' || !texts.every((text) => text !== null)) return undefined
  return { version, texts, roleSettings: firstOf(settings) }
}

const KEEP = `insert into stead.kept_catalog (version, program, texts)
  values ($1, '${PROGRAM}', array[${QUERIES.map((_, at) => `$${at + 2}`).join(', ')}]::text[])
  on conflict (only_row) do update
    set version = excluded.version, program = excluded.program, texts = excluded.texts`

/** Lets whoever comes to this database next begin with these rows. */
export async function keepRows(platform: Database, { version, texts }: CatalogRows): Promise<void> {
  await platform.batch([{ text: KEEP, values: [version, ...texts] }])
}
