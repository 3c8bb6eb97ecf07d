/**
 * The schema that a family of migrations results in, as text that a reviewer can read:
 * `npm run schema-dump` writes migrations/platform.schema.txt and migrations/app.schema.txt.
 */
import pg from 'pg'

/** One line each, sorted; the object's kind, name and definition. */
const LINES = `
with spaces as (
  select oid, nspname from pg_namespace
  where nspname !~ '^pg_' and nspname <> 'information_schema'
), relations as (
  select c.oid, c.relkind, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
    format('%s.%s', s.nspname, c.relname) as name
  from pg_class c join spaces s on s.oid = c.relnamespace where c.relkind in ('r', 'v', 'S')
)
select name || '|0 ' || case relkind when 'r' then 'table' when 'v' then 'view' else 'sequence' end
  || case when relrowsecurity then ' with row security' else '' end
  || case when relforcerowsecurity then ' forced' else '' end
  || coalesce(' acl ' || array_to_string(relacl, ' '), '') as line
from relations
union all
select name || '|1 column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
  || case when a.attnotnull then ' not null' else '' end
  || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  || case when a.attidentity <> '' then ' identity' else '' end
  || coalesce(' acl ' || array_to_string(a.attacl, ' '), '')
from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where r.relkind = 'r'
union all
select name || '|2 constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
from relations r join pg_constraint k on k.conrelid = r.oid where k.contype <> 'n'
union all
select name || '|3 index ' || pg_get_indexdef(i.indexrelid)
from relations r join pg_index i on i.indrelid = r.oid
where not exists (select from pg_constraint k where k.conindid = i.indexrelid)
union all
select name || '|4 policy ' || p.polname || ' ' || p.polcmd::text || ' to '
  || coalesce((select string_agg(rolname, ', ' order by rolname) from pg_roles where oid = any (p.polroles)), 'public')
  || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '')
  || coalesce(' with check ' || pg_get_expr(p.polwithcheck, p.polrelid), '')
from relations r join pg_policy p on p.polrelid = r.oid
union all
select name || '|5 ' || pg_get_triggerdef(t.oid)
from relations r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
union all
select format('%s.%s', s.nspname, p.proname) || '|6 function(' || pg_get_function_identity_arguments(p.oid)
  || ') returns ' || pg_get_function_result(p.oid)
  || case when p.prosecdef then ' security definer' else '' end
  || coalesce(' acl ' || array_to_string(p.proacl, ' '), '')
  || ' body ' || md5(p.prosrc)
from pg_proc p join spaces s on s.oid = p.pronamespace
union all
select format('schema %s', nspname) || '|7' || coalesce(' acl ' || array_to_string(n.nspacl, ' '), '')
from pg_namespace n where n.oid in (select oid from spaces)
union all
select format('event trigger %s', evtname) || '|8 on ' || evtevent || ' calls ' || evtfoid::regproc::text
from pg_event_trigger`

/** All rights on a table have one more since PostgreSQL 17, which nobody is given by itself. */
const MAINTAIN = ['=arwdDxtm/', '=arwdDxt/'] as const

/** @param url of a database that holds the migrations and nothing else */
export async function dumpSchema(url: string): Promise<string> {
  // A superuser called stead would find the functions of that schema without its name.
  const client = new pg.Client({ connectionString: url, options: '-c search_path=public' })
  await client.connect()
  const ordered = `select line from (${LINES}) all_lines order by line collate "C"`
  const { rows } = await client.query<{ line: string }>(ordered).finally(() => client.end())
  const owner = new URL(url).username
  const lines = rows.map(({ line }) => line.replace(/\|\d ?/, ' ').replaceAll(...MAINTAIN))
  return `${lines.map((line) => line.replaceAll(`/${owner}`, '').replaceAll(`${owner}=`, 'owner=')).join('\n')}\n`
}
