-- What scripts and policies written for Fluxbase call besides. Who switches row security must own the table.

create function auth.enable_rls(table_name text, schema_name text default 'public') returns void
language plpgsql set search_path = '' as $$
begin
  execute format('alter table %I.%I enable row level security', schema_name, table_name);
end
$$;

create function auth.disable_rls(table_name text, schema_name text default 'public') returns void
language plpgsql set search_path = '' as $$
begin
  execute format('alter table %I.%I disable row level security', schema_name, table_name);
end
$$;

-- A tenant is a database here, so usually none is set, and then only what is no tenant's is within reach.
create function auth.has_tenant_access(resource_tenant_id uuid) returns boolean language sql stable as $$
  select resource_tenant_id is not distinct from nullif(current_setting('app.current_tenant_id', true), '')::uuid
$$;
