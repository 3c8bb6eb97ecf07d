-- The people who sign in to the app, their sessions, and the short-lived secrets that are mailed to them.
-- Secrets are kept as hashes, in columns that nobody who arrives through the API may select.

-- The app's owner writes policies with the functions of this schema; its tables stay closed.
grant usage on schema auth to public;

create table auth.users (
  id uuid primary key default gen_random_uuid(),
  email text not null check (email = lower(email)),
  -- argon2id; null for people who sign in without a password.
  password_hash text,
  email_verified boolean not null default false,
  -- The application's word. The database role of a signed-in person is `authenticated` whatever stands here.
  role text not null default 'authenticated'
    check (role not in ('', 'anon', 'service_role', 'tenant_service')),
  display_name text,
  avatar_url text,
  -- How the person came: `email`, or the name of an identity provider with the id that it knows them by.
  provider text not null default 'email',
  provider_uid text,
  -- What the person may change themselves, and what only the app may.
  user_metadata jsonb not null default '{}' check (jsonb_typeof(user_metadata) = 'object'),
  app_metadata jsonb not null default '{}' check (jsonb_typeof(app_metadata) = 'object'),
  totp_secret text,
  totp_enabled boolean not null default false,
  backup_codes text[] not null default '{}',
  failed_login_attempts integer not null default 0,
  -- Locked until that time, or until somebody unlocks when there is no time.
  is_locked boolean not null default false,
  locked_until timestamptz,
  last_sign_in_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index users_email on auth.users (email);
create index users_newest on auth.users (created_at desc, id desc);

alter table auth.users enable row level security;
create policy own_row on auth.users for select to authenticated
  using (id = (select auth.uid()) or (select auth.is_admin()));
grant select (id, email, email_verified, role, display_name, avatar_url, provider, provider_uid, user_metadata,
  app_metadata, totp_enabled, is_locked, locked_until, last_sign_in_at, created_at, updated_at)
  on auth.users to authenticated, service_role;
grant delete on auth.users to service_role;

-- The app's own tables may point at people. Checking such a reference runs the implicit cast of the column that
-- points, if it needs one, as the owner of the table pointed at. That is Stead itself: so nobody else makes casts.
grant references (id) on auth.users to public;

create function stead.refuse_cast() returns event_trigger
language plpgsql set search_path = '' as $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    raise insufficient_privilege using message = 'permission denied to create a cast';
  end if;
end $$;

create event trigger stead_refuse_cast on ddl_command_start when tag in ('CREATE CAST')
  execute function stead.refuse_cast();

-- One per sign-in. Deleting the row ends the session: its refresh token and every access token made for it.
create table auth.sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  -- SHA-256 of the refresh token that is good now.
  refresh_token_hash bytea not null unique check (length(refresh_token_hash) = 32),
  expires_at timestamptz not null,
  refreshed_at timestamptz,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default clock_timestamp()
);
create index sessions_user on auth.sessions (user_id, created_at desc);

alter table auth.sessions enable row level security;
create policy own_sessions on auth.sessions for select to authenticated
  using (user_id = (select auth.uid()));
grant select (id, user_id, expires_at, refreshed_at, ip_address, user_agent, created_at)
  on auth.sessions to authenticated, service_role;

-- Refresh tokens that were good once: one that comes back was copied by somebody.
create table auth.spent_refresh_tokens (
  hash bytea primary key check (length(hash) = 32),
  session_id uuid not null references auth.sessions on delete cascade,
  spent_at timestamptz not null,
  reused_at timestamptz
);
create index spent_refresh_tokens_session on auth.spent_refresh_tokens (session_id, spent_at);
alter table auth.spent_refresh_tokens enable row level security;

-- Secrets that are good once and for a short time, such as the nonce that a change of password may carry.
create table auth.one_time_tokens (
  id uuid primary key default gen_random_uuid(),
  purpose text not null,
  user_id uuid references auth.users on delete cascade,
  -- Where it was sent; there may be no user of that address yet.
  email text,
  hash bytea not null check (length(hash) = 32),
  attempts integer not null default 0,
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default now()
);
create index one_time_tokens_hash on auth.one_time_tokens (hash, purpose);
create index one_time_tokens_user on auth.one_time_tokens (user_id, purpose);
alter table auth.one_time_tokens enable row level security;
