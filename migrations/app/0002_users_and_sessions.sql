-- The people who sign in to the app.

create table auth.users (
  id uuid primary key default gen_random_uuid(),
  email text not null check (email = lower(email)),
  password_hash text,
  email_verified boolean not null default false,
  role text not null default 'authenticated',
  user_metadata jsonb not null default '{}',
  app_metadata jsonb not null default '{}',
  failed_login_attempts integer not null default 0,
  is_locked boolean not null default false,
  locked_until timestamptz,
  last_sign_in_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index users_email on auth.users (email);
