/** Statements of the catalog: types with forms and media of their own, roles with settings of their own, PostGIS. */

/** Schemas that nobody reaches through a data API. */
export const OURS = `n.nspname not in ('information_schema', 'stead') and n.nspname !~ '^pg_'`

/**
 * Of what was made in this database: what PostgreSQL brings along has lower numbers. The names of its thousands of
 * functions need not be looked at, which was half of the time that the catalog of a small database took.
 */
export const isMade = (oid: string): string => `${oid} >= 16384`

/** Domains whose implicit casts from and to JSON or text are functions: by the domain's name. */
export const REPRESENTATIONS = `select coalesce(json_agg(json_build_array(name, to_json, from_json, from_text)), '[]')
  from (
    select format_type(d.oid, null) as name,
      max(f) filter (where castsource = d.oid and casttarget = 'json'::regtype) as to_json,
      max(f) filter (where casttarget = d.oid and castsource = 'json'::regtype) as from_json,
      max(f) filter (where casttarget = d.oid and castsource = 'text'::regtype) as from_text
    from pg_type d
    join pg_namespace n on n.oid = d.typnamespace
    join pg_cast k on (k.castsource = d.oid or k.casttarget = d.oid) and k.castcontext = 'i'
    cross join lateral (select format('%I.%I', pn.nspname, p.proname) from pg_proc p
      join pg_namespace pn on pn.oid = p.pronamespace where p.oid = k.castfunc) as function(f)
    where d.typtype = 'd' and ${isMade('d.oid')} and ${OURS} group by d.oid) as r`

/** Domains that are named like a media type. */
export const isMedia = (type: string): string =>
  `${type}.typname ~* '^([a-z0-9.-]+/[a-z0-9.+-]+|[*]/[*])$'`

/** Aggregates over rows whose result is a document. */
export const HANDLERS = `select coalesce(json_agg(json_build_object(
    'schema', n.nspname, 'name', p.proname, 'mediaType', d.typname,
    'binary', d.typbasetype = 'bytea'::regtype, 'relation', case when c.oid is not null
      then json_build_object('schema', cn.nspname, 'name', c.relname) end)
    order by n.nspname, p.proname), '[]')
  from pg_aggregate g
  join pg_proc p on p.oid = g.aggfnoid
  join pg_namespace n on n.oid = p.pronamespace
  join pg_type d on d.oid = p.prorettype and d.typtype = 'd'
  join pg_type a on a.oid = p.proargtypes[0]
  left join pg_class c on c.oid = a.typrelid and c.relkind in ('r', 'p', 'v', 'm', 'f')
  left join pg_namespace cn on cn.oid = c.relnamespace
  where p.pronargs = 1 and ${isMade('p.oid')} and ${isMade('d.oid')} and ${OURS} and ${isMedia('d')}
    and (c.oid is not null or a.oid = 'anyelement'::regtype)`

/** Settings of a function that hold for the whole of its call's transaction, not within the function only. */
export const isHoisted = (name: string): string =>
  `${name} in ('statement_timeout', 'plan_filter.statement_cost_limit', 'default_transaction_isolation')`

/**
 * Of roles, for this database before any: what anybody may set, or the login of the data API by a grant,
 * and what does not say who they are. All settings are listed, which takes a millisecond or five, only where some is set.
 * Last, of no role, the isolation that every transaction has.
 */
export const ROLE_SETTINGS = `select coalesce(json_agg(json_build_array(role, name, value)), '[]') from (
    (select distinct on (1, 2) r.rolname as role, split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
    from pg_db_role_setting d
    join pg_roles r on r.oid = d.setrole
    cross join unnest(d.setconfig) as c
    cross join lateral (select name, context from pg_settings where name = split_part(c, '=', 1) offset 0) as s
    where d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
      and (s.context = 'user'
        or has_parameter_privilege(to_regrole(quote_ident(current_database() || '_api')), s.name, 'set'))
      and s.name !~ '^(role|session_authorization|search_path|row_security|(?!default_transaction_isolation$).*transaction.*)$'
    order by 1, 2, d.setdatabase desc)
    union all select '', 'default_transaction_isolation', current_setting('default_transaction_isolation')) as own`

/** The schema in which PostGIS is. */
export const GEO_JSON = `select coalesce((select json_build_array(n.nspname) from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    where p.proname = 'st_asgeojson' and p.proargtypes[0] = 'record'::regtype limit 1), '[]')`
