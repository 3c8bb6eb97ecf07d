-- Deployed functions and what they did. No role of the app may see this schema: the server reads it itself.

create schema functions;
revoke all on schema functions from public;

create table functions.functions (
  id uuid primary key,
  name text not null unique,
  description text,
  code text not null,
  -- Grows with every deploy: a process that runs an older number is not used again.
  version integer not null default 1,
  -- A JSON object, encrypted under the instance secret; its keys stand beside it.
  env text,
  env_keys text[] not null default '{}',
  timeout_ms integer not null,
  memory_limit_mb integer not null,
  agent_tool boolean not null,
  agent_tool_description text,
  agent_tool_mode text not null check (agent_tool_mode in ('read_only', 'read_write')),
  agent_tool_exposed_to text not null check (agent_tool_exposed_to in ('developer_only', 'end_user')),
  allow_service_key_impersonation boolean not null,
  invocation_count bigint not null default 0,
  error_count bigint not null default 0,
  total_duration_ms double precision not null default 0,
  last_invoked_at timestamptz,
  last_status integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deployed_at timestamptz not null default now(),
  -- A deleted function keeps its name, its id and its logs, and can be deployed again.
  deleted_at timestamptz
);

create table functions.triggers (
  function_id uuid not null references functions.functions on delete cascade,
  type text not null check (type in ('http', 'cron', 's3_upload', 'webhook', 'websocket')),
  config jsonb not null,
  -- Of a webhook; encrypted under the instance secret.
  secret text,
  enabled boolean not null,
  primary key (function_id, type)
);

create table functions.invocations (
  id uuid primary key,
  -- The order in which they were written down, for those who follow the log.
  seq bigint generated always as identity,
  function_id uuid not null references functions.functions on delete cascade,
  started_at timestamptz not null,
  trigger text not null,
  status text not null check (status in ('completed', 'rejected', 'skipped_duplicate')),
  method text not null,
  path text not null,
  status_code integer not null,
  duration_ms double precision not null,
  memory_mb double precision not null,
  error text,
  stack text,
  -- Why there was no response: error, timeout, memory, crash or load.
  reason text,
  start text not null,
  console jsonb not null,
  -- Characters of console, error and stack: a page of the log holds only so many.
  chars integer not null,
  source_event_id text
);
create index invocations_function on functions.invocations (function_id, started_at desc);
create index invocations_seq on functions.invocations (function_id, seq);
create index invocations_age on functions.invocations (started_at);

-- Inherited by every function of the app.
create table functions.app_env (
  only_row boolean primary key default true check (only_row),
  env text,
  env_keys text[] not null default '{}',
  updated_at timestamptz
);
insert into functions.app_env default values;

-- Claims of ctx.idempotency. Functions that run as the service may look at them and remove them.
create table public._idempotency_keys (
  key text not null,
  scope text not null,
  processed_at timestamptz not null default now(),
  expires_at timestamptz,
  primary key (scope, key)
);
alter table public._idempotency_keys enable row level security;
revoke all on public._idempotency_keys from public, anon, authenticated, service_role;
grant select, insert, delete on public._idempotency_keys to service_role;
