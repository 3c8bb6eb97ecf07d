-- Who builds, what they own, and every secret a caller may show.

create table accounts (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  name text not null,
  created_at timestamptz not null default now()
);

create table workspaces (
  id uuid primary key default gen_random_uuid(),
  slug text not null unique,
  name text not null,
  created_at timestamptz not null default now()
);

create table members (
  workspace_id uuid not null references workspaces on delete cascade,
  account_id uuid not null references accounts on delete cascade,
  role text not null check (role in ('owner', 'admin', 'developer', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (workspace_id, account_id)
);
create index members_account on members (account_id);

create table apps (
  id text primary key check (id ~ '^app_[0-9a-z]{12}$'),
  -- How clients that know apps as tenants name it.
  tenant_id uuid not null unique default gen_random_uuid(),
  workspace_id uuid not null references workspaces,
  owner_id uuid not null references accounts,
  name text not null,
  subdomain text not null unique,
  region text not null,
  db_name text not null,
  -- How many migrations of the app family its database has; 0 while there is none.
  schema_version integer not null default 0,
  is_default boolean not null default false,
  state text not null default 'provisioning'
    check (state in ('provisioning', 'ready', 'failed', 'deleting', 'migrating')),
  state_error text,
  access_mode text not null default 'public' check (access_mode in ('public', 'authenticated')),
  visibility text not null default 'private' check (visibility in ('private', 'public')),
  listed boolean not null default true,
  paused_at timestamptz,
  paused_reason text,
  allowed_origins text[] not null default array['http://localhost:3000'],
  storage_config jsonb not null
    default '{"maxFileSizeMb": 10, "publicReadEnabled": false, "allowedContentTypes": ["*/*"]}',
  jwt_config jsonb not null default '{"accessTokenTtl": "15m", "refreshTokenTtlDays": 7}',
  -- Everything else an app has set, one key per concern.
  settings jsonb not null default '{}',
  auth_hook_function text,
  template_source_app_id text,
  repo_latest_snapshot text,
  fork_count integer not null default 0 check (fork_count >= 0),
  -- Signing keys, encrypted under the instance secret.
  keys text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index apps_name on apps (workspace_id, region, name);
create unique index apps_default on apps (is_default) where is_default;

create table credentials (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('platform_key', 'app_key', 'session')),
  -- The first characters, for people; never enough to be the secret.
  prefix text not null,
  hash bytea not null unique check (length(hash) = 32),
  name text not null,
  account_id uuid references accounts on delete cascade,
  workspace_id uuid references workspaces on delete cascade,
  app_id text references apps on delete cascade,
  scopes text[] not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null default now()
);
create index credentials_account on credentials (account_id, created_at desc);
create index credentials_app on credentials (app_id);

create table audit_events (
  id uuid primary key default gen_random_uuid(),
  -- No reference: the record outlives the app.
  app_id text,
  category text not null,
  event_type text not null,
  action text not null,
  resource_type text,
  resource_id text,
  actor_type text not null,
  actor_id text,
  event_data jsonb not null default '{}',
  ip_address text,
  user_agent text,
  success boolean not null default true,
  error_message text,
  correlation_id text,
  created_at timestamptz not null default now()
);
create index audit_events_app on audit_events (app_id, created_at desc);

-- Caches in other processes forget what changed as soon as the change is committed.
create function announce_change() returns trigger language plpgsql as $$
declare
  id text := to_jsonb(coalesce(new, old)) ->> 'id';
begin
  perform pg_notify('stead_' || tg_table_name, id);
  return null;
end $$;

create trigger announce after update or delete on apps
  for each row execute function announce_change();

-- Recording the last use changes nothing that a cache holds.
create trigger announce_update after update of scopes, expires_at, revoked_at on credentials
  for each row execute function announce_change();
create trigger announce_delete after delete on credentials
  for each row execute function announce_change();
