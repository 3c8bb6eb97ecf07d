-- Keys that a user of an app, or its owner, makes for a program: bound by their scopes, and good for that app only.

alter table credentials drop constraint credentials_kind_check;
alter table credentials add constraint credentials_kind_check
  check (kind in ('platform_key', 'app_key', 'session', 'client_key'));

-- Whom a client key acts as: a user in the app's own database. No user: nobody in particular.
alter table credentials add column user_id uuid;
alter table credentials add column requests_per_minute integer check (requests_per_minute > 0);
alter table credentials add constraint credentials_client_key
  check (kind <> 'client_key' or app_id is not null);
